// Random graphs through references and the engine: as built, with one optional pass or scheduling step off, on every
// processor level, with 1 and 2 threads. `./dev random-graphs` runs many more.

#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "ops/operator.h"
#include "tests/compile/graph_checks.h"
#include "tests/support/graph_difference.h"

namespace burnish::test {
namespace {

constexpr uint64_t kSeeds = 60;

TEST(RandomGraphs, EngineAgreesWithReferences) {
  int failures = 0, ran = 0;
  for (uint64_t seed = 0; seed < kSeeds && failures < 5; ++seed) {
    const RandomGraph random = random_graph(seed);
    const auto variants = variants_of(seed);
    const Outcome outcome = check(random, variants);
    ran += !outcome.refused;
    if (outcome.different.empty()) continue;
    ++failures;
    const auto small = minimise(random, [&](const RandomGraph& g) { return !check(g, variants).different.empty(); });
    ADD_FAILURE() << "seed " << seed << ": " << outcome.different << "\nminimised: " << check(small, variants).different
                  << "\n"
                  << print(*small.graph);
  }
  EXPECT_GT(ran, static_cast<int>(kSeeds) / 2) << "most graphs were refused by the references";
}

}  // namespace
}  // namespace burnish::test
