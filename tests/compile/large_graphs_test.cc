// Graphs of many nodes: no kernel grows without end.

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "compile/build.h"
#include "ops/operator.h"
#include "runtime/executor.h"

namespace burnish {
namespace {

BuildResult built(const std::string& text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.has_value()) << graph.error().message();
  ops::bind_operators(**graph);
  auto result = build(std::move(*graph), {});
  EXPECT_TRUE(result.has_value()) << result.error().message();
  return std::move(*result);
}

Tensor run(const BuildResult& result, Tensor input) {
  Context context(*Executor::create(result.program), nullptr);
  const std::vector<RuntimeValue> inputs = {RuntimeValue(std::move(input))};
  const auto results = context.run(inputs);
  EXPECT_TRUE(results.has_value()) << results.error().message();
  return (*results)[0].tensor();
}

TEST(LargeGraphs, AChainOfPointwiseNodesBecomesSeveralKernels) {
  constexpr int kNodes = 1500;
  std::string text = "graph @main(%v0: f32[N,8]) {\n";
  for (int i = 0; i < kNodes; ++i)
    text += fmt::format("  %v{}: f32[N,8] = {}(%v{})\n", i + 1, i % 2 == 0 ? "sin" : "neg", i);
  const BuildResult result = built(text + fmt::format("  return %v{}\n}}\n", kNodes));
  EXPECT_GT(result.kernels, 2);
  EXPECT_LT(result.kernels, kNodes / 20);
  const Tensor y = run(result, Tensor::f32s({1, 8}, std::vector<float>{0, 1, 2, 3, -1, -2, -3, 0.5F}));
  double want = 1;
  for (int i = 0; i < kNodes; ++i) want = i % 2 == 0 ? std::sin(want) : -want;
  EXPECT_NEAR(y.as<float>()[1], want, 1e-5);
}

TEST(LargeGraphs, ASumOfManyNodesReadsAFewAtATime) {
  constexpr int kNodes = 600;
  std::string text = "graph @main(%x: f32[4]) {\n";
  for (int i = 0; i < kNodes; ++i)
    text += fmt::format(
        "  %c{0}: f32[4] = constant() {{value = tensor(f32[4] [{0}, 1, 2, 3])}}\n"
        "  %v{0}: f32[4] = mul(%x, %c{0})\n",
        i);
  text += "  %s0: f32[4] = neg(%v0)\n";
  for (int i = 1; i < kNodes; ++i) text += fmt::format("  %s{}: f32[4] = add(%s{}, %v{})\n", i, i - 1, i);
  const BuildResult result = built(text + fmt::format("  return %s{}\n}}\n", kNodes - 1));
  for (const auto& step : result.program->steps) EXPECT_LE(step.inputs.size() + step.outputs.size(), 32U);
  const Tensor y = run(result, Tensor::f32s({4}, std::vector<float>{1, 1, 1, 0}));
  EXPECT_EQ(y.as<float>()[0], kNodes * (kNodes - 1) / 2);
  EXPECT_EQ(y.as<float>()[1], kNodes - 2);
}

}  // namespace
}  // namespace burnish
