// Numbers as text.

#include <gtest/gtest.h>

#include "ops/operator.h"
#include "runtime/executor.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

// The digits that tell a number from its neighbours of the same dtype, and no more: as onnx's evaluator (NumPy) prints.
TEST(Cast, TextHasTheDigitsOfItsOwnDtype) {
  const std::tuple<DType, double, const char*> cases[] = {
      {DType::f64, 0.1, "0.1"},       {DType::f32, 0.1, "0.1"},      {DType::f16, 0.1, "0.1"},
      {DType::bf16, 0.1, "0.1"},      {DType::f8e4m3fn, 0.1, "0.1"}, {DType::f64, 0.1F, "0.10000000149011612"},
      {DType::f16, 0.3333, "0.3333"}, {DType::f16, -2.5, "-2.5"},    {DType::f16, 1024, "1024"},
      {DType::f16, 0, "0"},           {DType::bf16, 3, "3"},         {DType::f16, INFINITY, "INF"}};
  for (const auto& [dtype, value, text] : cases) {
    const std::string type(name(dtype));
    const auto graph =
        read_graph("graph @main(%x: " + type + "[]) {\n  %y: string[] = cast(%x) {dtype = string}\n  return %y\n}\n");
    ASSERT_TRUE(graph);
    const auto y = interpret(*graph, std::vector<RuntimeValue>{Tensor::scalar(dtype, value)});
    ASSERT_TRUE(y) << y.error().message();
    EXPECT_EQ((*y)[0].tensor().as<std::string>()[0], text) << type;
  }
}

}  // namespace
}  // namespace burnish::test
