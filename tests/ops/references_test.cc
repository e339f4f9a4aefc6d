// What references give where samples do not reach.

#include <gtest/gtest.h>

#include "ops/operator.h"
#include "runtime/executor.h"

namespace burnish {
namespace {

Tensor parse_tensor(const std::string& text) {
  auto attribute = parse_attribute("tensor(" + text + ")");
  if (attribute) return std::get<Tensor>(*attribute);
  ADD_FAILURE() << attribute.error().message();
  return {};
}

Result<Tensor> evaluate(const std::string& sample, std::vector<RuntimeValue> inputs = {}) {
  auto graph = TRY(ops::sample_graph({sample}));
  return TRY(interpret(*graph, inputs))[0].tensor();
}

void expect(const std::string& sample, std::vector<RuntimeValue> inputs, const std::string& wanted) {
  SCOPED_TRACE(sample);
  const auto found = evaluate(sample, std::move(inputs));
  ASSERT_TRUE(found) << found.error().message();
  const Tensor tensor = parse_tensor(wanted);
  ASSERT_EQ(found->type().text(), tensor.type().text());
  for (int64_t i = 0; i < tensor.elements(); ++i) EXPECT_EQ(found->real_at(i), tensor.real_at(i)) << i;
}

void expect_refused(const std::string& sample, std::vector<RuntimeValue> inputs = {}) {
  SCOPED_TRACE(sample);
  const auto found = evaluate(sample, std::move(inputs));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::refused);
}

std::string type_of(const std::string& sample) {
  const auto graph = ops::sample_graph({sample});
  return graph ? (*graph)->outputs()[0].value->type().text() : graph.error().message();
}

TEST(References, NothingIsTakenOfAnEmptyAxis) {
  for (const std::string size : {"0", "N"}) {
    const std::string x = "x: i32[" + size + "], ", axes =
                                                        ", a: i64[1] = [0], t: i64[1] = [-1]; "
                                                        "y = dynamic_slice(x, s, e, a, t)";
    const RuntimeValue empty = *Tensor::allocate(DType::i32, {0});
    expect(x + "s: i64[1] = [-1], e: i64[1] = [-9223372036854775807]" + axes, {empty}, "i32[0] []");
    expect(x + "s: i64[1], e: i64[1]" + axes, {empty, Tensor::i64s({{-1}}), Tensor::i64s({{INT64_MIN}})}, "i32[0] []");
    expect(x + "s: i64[1], e: i64[1]" + axes, {empty, Tensor::i64s({{5}}), Tensor::i64s({{-1}})}, "i32[0] []");
  }
  const RuntimeValue three = parse_tensor("i32[3] [1, 2, 3]");
  const std::string flip =
      "x: i32[N], s: i64[1] = [-1], e: i64[1] = [-9223372036854775807], a: i64[1] = [0], t: i64[1] = "
      "[-1]; y = dynamic_slice(x, s, e, a, t)";
  expect(flip, {three}, "i32[3] [3, 2, 1]");
  EXPECT_EQ(type_of(flip), "i32[N]");
}

TEST(References, SlicesOfLongAxes) {
  const std::string tail = "; y = dynamic_slice(x, s, e)";
  EXPECT_EQ(type_of("x: u8[2147483700], s: i64[1] = [2147483650], e: i64[1] = [2147483660]" + tail), "u8[10]");
  EXPECT_EQ(type_of("x: u8[2147483700], s: i64[1] = [-2147483660], e: i64[1] = [-2147483650]" + tail), "u8[10]");
  EXPECT_EQ(type_of("x: u8[2147483700], s: i64[1] = [1], e: i64[1] = [2147483647]" + tail), "u8[2147483699]");
  EXPECT_EQ(type_of("x: u8[N], s: i64[1] = [1], e: i64[1] = [2147483647]" + tail),
            type_of("x: u8[N], s: i64[1] = [1], e: i64[1] = [9223372036854775807]" + tail));
}

TEST(References, StepsThatAreTooLarge) {
  const auto number = [](int64_t n) { return " = [" + std::to_string(n) + "]"; };
  for (const int64_t delta : {INT64_MIN + 1, INT64_MAX})
    expect_refused("a: i64[] = [0], b: i64[] = [-5], d: i64[]" + number(delta) + "; y = range(a, b, d)");
  expect_refused("a: i64[] = [0], b: i64[] = [-5], d: i64[] = [-9223372036854775808]; y = range(a, b, d)");
  expect_refused("x: f32[4]; y = slice(x) {starts = dims[0], sizes = dims[1], steps = [-9223372036854775808]}",
                 {*Tensor::allocate(DType::f32, {4})});
}

// As ONNX Runtime: what negative amounts leave is what is repeated.
TEST(References, PadsThatTakeAwayAndRepeat) {
  const RuntimeValue x = parse_tensor("i32[5] [0, 1, 2, 3, 4]");
  const auto padded = [](const std::string& pads, const std::string& mode) {
    return "x: i32[5], p: i64[2] = [" + pads + "]; y = dynamic_pad(x, p) {mode = \"" + mode + "\"}";
  };
  expect(padded("-1, 3", "wrap"), {x}, "i32[7] [1, 2, 3, 4, 1, 2, 3]");
  expect(padded("-2, 4", "wrap"), {x}, "i32[7] [2, 3, 4, 2, 3, 4, 2]");
  expect(padded("4, -2", "wrap"), {x}, "i32[7] [2, 0, 1, 2, 0, 1, 2]");
  expect(padded("2, -2", "reflect"), {x}, "i32[5] [2, 1, 0, 1, 2]");
  expect(padded("4, -2", "edge"), {x}, "i32[7] [0, 0, 0, 0, 0, 1, 2]");
  expect(padded("-2, 4", "constant"), {x}, "i32[7] [2, 3, 4, 0, 0, 0, 0]");
  expect_refused(padded("-6, 7", "wrap"), {x});
}

TEST(References, SymmetricHalfPixels) {
  const RuntimeValue x = parse_tensor("f32[5] [0, 1, 2, 3, 4]");
  const std::string how = "coordinates = \"half_pixel_symmetric\", nearest = \"floor\"}";
  expect("x: f32[5]; y = resize(x) {sizes = dims[2], scales = [0.5], " + how, {x}, "f32[2] [1, 3]");
  expect("x: f32[5], s: f64[] = [0.5]; y = resize_axis(x, s) {axis = 0, size = dims[2], " + how, {x}, "f32[2] [1, 3]");
}

TEST(References, RoisOfAnotherLength) {
  for (const int64_t n : {0, 1, 3})
    expect_refused(
        "x: f32[4], s: f64[] = [1.5], r: f64[N]; y = resize_axis(x, s, r) {axis = 0, size = dims[6], mode = "
        "\"linear\", coordinates = \"tf_crop_and_resize\"}",
        {*Tensor::allocate(DType::f32, {4}), *Tensor::allocate(DType::f64, {n})});
}

TEST(References, GramsOfAnyLength) {
  constexpr int kLength = 300000;
  std::string zeros = "0";
  for (int i = 1; i < kLength; ++i) zeros += ", 0";
  const std::string n = std::to_string(kLength);
  const RuntimeValue x = *Tensor::allocate(DType::i64, {3});
  expect("x: i64[3]; y = tf_idf_vectorizer(x) {mode = \"TF\", shortest = " + n + ", longest = " + n +
             ", skips = 0, starts = [" + zeros + "], columns = [0], numbers = [" + zeros + "]}",
         {x}, "f32[1] [0]");
}

}  // namespace
}  // namespace burnish
