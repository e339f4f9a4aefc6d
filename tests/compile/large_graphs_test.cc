// Graphs of many nodes: no kernel grows without end.

#include <cmath>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "compile/build.h"
#include "runtime/executor.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

BuildResult built(const std::string& text) {
  auto result = build(read_graph(text), {});
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

// As DenseNet does: copies differ in nothing but sizes and distances, which are integers of one kernel.
TEST(LargeGraphs, ConcatsOfAllEarlierValuesShareTheirCopies) {
  constexpr int kNodes = 40;
  std::string text = "graph @main(%x: f32[2,3,5]) {\n", results;
  std::string parts;
  for (int i = 0; i < kNodes; ++i) {
    text += fmt::format(
        "  %k{0}: f32[] = constant() {{value = tensor(f32[] [{0}])}}\n"
        "  %v{0}: f32[2,3,5] = add(%x, %k{0})\n",
        i);
    parts += fmt::format("{}%v{}", i == 0 ? "" : ", ", i);
    text += fmt::format("  %c{0}: f32[2,{1},5] = concat({2}) {{axis = 1}}\n", i, 3 * (i + 1), parts);
    results += fmt::format("{}%c{}", i == 0 ? "" : ", ", i);
  }
  const BuildResult result = built(text + "  return " + results + "\n}\n");
  std::set<std::size_t> code;
  for (const KernelCode& kernel : result.program->kernels) code.insert(kernel.offset);
  EXPECT_LT(code.size(), 3 * kNodes);
  EXPECT_GT(result.program->steps.size(), kNodes * kNodes / 3);

  std::vector<float> numbers(30);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i) / 8;
  Context context(*Executor::create(result.program), nullptr);
  const std::vector<RuntimeValue> inputs = {RuntimeValue(Tensor::f32s({2, 3, 5}, numbers))};
  const auto found = context.run(inputs);
  ASSERT_TRUE(found.has_value()) << found.error().message();
  for (int i = 0; i < kNodes; ++i) {
    const std::span<const float> y = (*found)[static_cast<std::size_t>(i)].tensor().as<float>();
    std::vector<float> want;
    for (std::size_t n = 0; n < 2; ++n)
      for (int k = 0; k <= i; ++k)
        for (std::size_t j = 0; j < 15; ++j) want.push_back(numbers[15 * n + j] + static_cast<float>(k));
    ASSERT_EQ(std::vector<float>(y.begin(), y.end()), want) << i;
  }
}

}  // namespace
}  // namespace burnish::test
