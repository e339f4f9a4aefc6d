// Operands whose rank only a run tells, on an engine.

#include "tests/support/unranked.h"

#include <gtest/gtest.h>

#include "compile/build.h"
#include "runtime/executor.h"

namespace burnish::test {
namespace {

TEST(Unranked, SamplesWithTensorsOfOtherRanksAndSizes) {
  int answers = 0;
  const auto engine = [](const Graph& graph) -> RunGraph {
    auto built = build(graph.clone(), {});
    if (!built) {
      EXPECT_NE(built.error().code, ErrorCode::internal) << built.error().message();
      return nullptr;
    }
    auto executor = Executor::create(built->program);
    if (!executor) {
      ADD_FAILURE() << executor.error().message();
      return nullptr;
    }
    return [context = std::make_shared<Context>(*executor, nullptr)](std::span<const RuntimeValue> inputs) {
      RunOptions options;
      options.max_bytes = 1 << 26;
      return context->run(inputs, options);
    };
  };
  for (const Operator* definition : ops::all())
    for (const Sample& sample : definition->samples) answers += check_unranked(sample, engine);
  EXPECT_GT(answers, 2000);
}

}  // namespace
}  // namespace burnish::test
