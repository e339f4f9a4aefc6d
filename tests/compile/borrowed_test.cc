// Results that share memory with what a reference step read, and outlive it. Tensors are large enough that freed memory is
// unmapped: reading it ends the test.

#include <gtest/gtest.h>

#include "compile/build.h"
#include "runtime/executor.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

constexpr int64_t kCount = int64_t{1} << 18;

std::vector<RuntimeValue> run(std::string_view text, std::span<const RuntimeValue> inputs) {
  auto graph = read_graph(text);
  if (!graph) return {};
  BuildOptions options;
  options.fallback = Fallback::allow;
  const auto built = build(std::move(graph), options);
  EXPECT_TRUE(built.has_value()) << built.error().message();
  if (!built) return {};
  Context context(*Executor::create(built->program), nullptr);
  auto results = context.run(inputs);
  EXPECT_TRUE(results.has_value()) << results.error().message();
  return results ? std::move(*results) : std::vector<RuntimeValue>();
}

Tensor full(float value) {
  Tensor t = *Tensor::allocate(DType::f32, {kCount});
  std::ranges::fill(t.mutable_as<float>(), value);
  return t;
}

void expect_all(std::span<const float> values, float value) {
  ASSERT_TRUE(std::ranges::all_of(values, [&](float v) { return v == value; }))
      << values.front() << " " << values.back();
}

TEST(Borrowed, SequenceOfValuesThatALoopCarries) {
  const std::vector<RuntimeValue> inputs = {full(1), full(1), Tensor::scalar(DType::i64, 6)};
  const auto results = run(R"(graph @main(%x: f32[262144], %one: f32[262144], %n: i64[]) {
    %q0: sequence<f32[*]> = sequence_empty() {dtype = f32}
    %a: f32[262144], %q: sequence<f32[*]> = loop(%n, _, %x, %q0) body(%i: i64[], %c: bool[], %b: f32[262144], %r: sequence<f32[*]>) {
      %b2: f32[262144] = add(%b, %one)
      %r2: sequence<f32[*]> = sequence_insert(%r, %b)
      return %c, %b2, %r2
    }
    %z: f32[*] = concat_from_sequence(%q) {axis = 0, new_axis = 1}
    return %z, %a
  })",
                           inputs);
  ASSERT_EQ(results.size(), 2U);
  expect_all(results[1].tensor().as<float>(), 7);
  const auto rows = results[0].tensor().as<float>();
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(6 * kCount));
  for (std::size_t row = 0; row < 6; ++row) expect_all(rows.subspan(row * kCount, kCount), 1 + static_cast<float>(row));
}

TEST(Borrowed, ValuesThatALoopCollectsOrCarriesInAnotherShape) {
  const std::vector<RuntimeValue> inputs = {full(1), full(1), Tensor::i64s(std::vector<int64_t>{2, kCount / 2}),
                                            Tensor::scalar(DType::i64, 5)};
  const auto results = run(R"(graph @main(%x: f32[262144], %one: f32[262144], %s: i64[k], %n: i64[]) {
    %w0: f32[*] = dynamic_reshape(%x, %s)
    %a: f32[262144], %w: f32[*], %all: f32[*] = loop(%n, _, %x, %w0) body(%i: i64[], %c: bool[], %b: f32[262144], %v: f32[*]) {
      %b2: f32[262144] = add(%b, %one)
      %v2: f32[*] = dynamic_reshape(%b, %s)
      return %c, %b2, %v2, %v2
    }
    return %w, %a, %all
  })",
                           inputs);
  ASSERT_EQ(results.size(), 3U);
  expect_all(results[0].tensor().as<float>(), 5);
  expect_all(results[1].tensor().as<float>(), 6);
  const auto rows = results[2].tensor().as<float>();
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(5 * kCount));
  for (std::size_t row = 0; row < 5; ++row) expect_all(rows.subspan(row * kCount, kCount), 1 + static_cast<float>(row));
}

TEST(Borrowed, AnOutputInAnotherShapeStaysWhenTheOtherIsDropped) {
  const std::vector<RuntimeValue> inputs = {full(1), Tensor::i64s(std::vector<int64_t>{-1})};
  auto results = run(R"(graph @main(%x: f32[262144], %s: i64[k]) {
    %y: f32[262144] = neg(%x)
    %z: f32[*] = dynamic_reshape(%y, %s)
    return %z, %y
  })",
                     inputs);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_NE(results[0].tensor().data(), results[1].tensor().data());
  results.pop_back();
  expect_all(results[0].tensor().as<float>(), -1);
}

}  // namespace
}  // namespace burnish::test
