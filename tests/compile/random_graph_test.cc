// Random graphs through references and the engine: as built, with one optional pass or scheduling step off, on every
// processor level, with 1 and 2 threads. BURNISH_RANDOM_GRAPHS=first-last runs other seeds than the fixed ones.

#include "tests/support/random_graph.h"

#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "compile/build.h"
#include "compile/pipeline.h"
#include "runtime/executor.h"

namespace burnish::test {
namespace {

constexpr uint64_t kFixedSeeds = 60;

struct Variant {
  std::string cpu, off;
  int threads = 1;
  std::string text() const { return fmt::format("--cpu {} --disable '{}' with {} threads", cpu, off, threads); }
};

// Rotates over processor levels and over what may be switched off, so that all are met again and again.
std::vector<Variant> variants(uint64_t seed) {
  static const std::vector<std::string> cpus = [] {
    std::vector<std::string> list;
    for (const char* cpu : {"x86-64-v2", "x86-64-v3", "x86-64-v4"})
      if (host_cpu().supports(*parse_cpu(cpu))) list.emplace_back(cpu);
    return list;
  }();
  static const std::vector<std::string> passes = [] {
    std::vector<std::string> list = {"fuse.epilogues", "fuse.prologues", "place.in_place", "place.concats"};
    for (const PassRow& row : pass_table())
      if (!row.required) list.push_back(row.full_name());
    return list;
  }();
  return {{cpus.back(), "", 2}, {cpus[seed % cpus.size()], passes[seed % passes.size()], 1}};
}

// Empty, or what went wrong.
std::string run(const RandomGraph& random, const Variant& variant, std::span<const RuntimeValue> expected) {
  BuildOptions options;
  options.cpu = variant.cpu;
  options.threads = 1;
  if (!variant.off.empty()) options.disabled = {variant.off};
  auto built = build(random.graph->clone(), options);
  if (!built) return "build: " + built.error().message();
  auto executor = Executor::create(built->program);
  if (!executor) return "executor: " + executor.error().message();
  ThreadPool pool(variant.threads);
  Context context(*executor, &pool);
  for (int round = 0; round < 2; ++round) {
    const auto results = context.run(random.inputs);
    if (!results) return "run: " + results.error().message();
    if (auto d = first_difference(*results, expected, tolerance_of(*random.graph)); !d.empty()) return d;
  }
  return {};
}

std::string check(const RandomGraph& random, uint64_t seed) {
  const auto expected = interpret(*random.graph, random.inputs);
  if (!expected) return {};  // a sample's random numbers may be out of its domain
  for (const Variant& variant : variants(seed))
    if (std::string what = run(random, variant, *expected); !what.empty()) return what + "\n" + variant.text();
  return {};
}

TEST(RandomGraphs, EngineAgreesWithReferences) {
  uint64_t first = 0, last = kFixedSeeds - 1;
  if (const char* range = std::getenv("BURNISH_RANDOM_GRAPHS")) {
    ASSERT_EQ(std::sscanf(range, "%lu-%lu", &first, &last), 2) << "BURNISH_RANDOM_GRAPHS=first-last";
  }
  int failures = 0, ran = 0;
  for (uint64_t seed = first; seed <= last && failures < 5; ++seed) {
    const RandomGraph random = random_graph(seed, 2 + static_cast<int>(seed % 24));
    ran += interpret(*random.graph, random.inputs).has_value();
    const std::string what = check(random, seed);
    if (what.empty()) continue;
    ++failures;
    const RandomGraph small = minimise(random, [&](const RandomGraph& g) { return !check(g, seed).empty(); });
    ADD_FAILURE() << "seed " << seed << ": " << what << "\nminimised: " << check(small, seed) << "\n"
                  << print(*small.graph);
  }
  EXPECT_GT(ran, static_cast<int>(last - first + 1) / 2) << "most graphs were refused by the interpreter";
}

}  // namespace
}  // namespace burnish::test
