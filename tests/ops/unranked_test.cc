// Operands whose rank only a run tells, on references.

#include "tests/support/unranked.h"

#include <gtest/gtest.h>

#include "runtime/executor.h"

namespace burnish::test {
namespace {

Runner interpreted() {
  return [](const Graph& graph) -> RunGraph {
    return [&graph](std::span<const RuntimeValue> inputs) {
      RunOptions options;
      options.max_bytes = 1 << 26;
      return interpret(graph, inputs, options);
    };
  };
}

TEST(Unranked, SamplesWithTensorsOfOtherRanksAndSizes) {
  int answers = 0;
  for (const Operator* definition : ops::all())
    for (const Sample& sample : definition->samples) answers += check_unranked(sample, interpreted());
  EXPECT_GT(answers, 2000);
}

// Attributes that infer refuses for operands whose types are known.
TEST(Unranked, AttributesThatDoNotFitTheTensors) {
  for (const char* sample : {
           "x: f32[2,3], n: i64[3]; y = reverse_sequence(x, n) {batch_axis = 5, time_axis = 0}",
           "x: f32[2,3], n: i64[3]; y = reverse_sequence(x, n) {batch_axis = 1, time_axis = -9}",
           "x: f32[3,3], n: i64[3] in [1, 3]; y = reverse_sequence(x, n) {batch_axis = 1, time_axis = 1}",
           "x: f32[2,3,4], u: f32[2,1,4]; y = tensor_scatter(x, u) {axis = 7}",
           "x: f32[2,3,4], u: f32[2,1,4]; y = tensor_scatter(x, u) {axis = 0}",
           "x: f32[]; y = resize(x) {sizes = dims[1, 2, 3, 4], mode = \"linear\"}",
           "x: f32[1,4,3,3], w: f32[2,4,2,2], o: f32[1,8,2,2]; y = deform_conv(x, w, o) {strides = [1, 1], dilations = "
           "[1, 1], pads = [0, 0, 0, 0], offset_groups = 0}",
           "x: f32[1,0,3], w: f32[2,0,2]; y = convolution(x, w) {strides = [1], dilations = [1], pads = [0, 0], groups "
           "= 0}",
           "x: f32[1,2,3], w: f32[2,0,2]; y = convolution_transpose(x, w) {strides = [1], dilations = [1], pads = [0, "
           "0], output_padding = [0], groups = 0}",
           "x: f32[2,4,1], n: i64[0]; y = dft(x, n)",
           "x: f32[2,4,1], n: i64[] = [4], a: i64[0]; y = dft(x, n, a)",
       })
    check_unranked({sample}, interpreted());
}

}  // namespace
}  // namespace burnish::test
