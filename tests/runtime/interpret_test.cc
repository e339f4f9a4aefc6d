#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "runtime/executor.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

std::vector<RuntimeValue> values_of(std::string_view text, std::vector<RuntimeValue> inputs,
                                    const RunOptions& options = {}) {
  auto graph = read_graph(text);
  auto result = interpret(*graph, inputs, options);
  EXPECT_TRUE(result) << (result ? "" : result.error().message());
  return result ? std::move(*result) : std::vector<RuntimeValue>();
}

Tensor f32(std::vector<int64_t> dims, std::vector<float> values) { return Tensor::f32s(std::move(dims), values); }
Tensor boolean(bool value) { return Tensor::scalar(DType::boolean, value); }
Tensor i64(int64_t value) { return Tensor::scalar(DType::i64, static_cast<double>(value)); }

TEST(Interpret, BindsSymbolsFromInputs) {
  const auto y = values_of(R"(graph @main(%x: f32[N,2], %z: f32[N + 1]) {
  %s: i64[2] = dims() {values = dims[N, 2*N]}
  %r: f32[2*N] = reshape(%x) {shape = dims[2*N]}
  return %s, %r
})",
                           {f32({3, 2}, {1, 2, 3, 4, 5, 6}), f32({4}, {0, 0, 0, 0})});
  EXPECT_EQ(y[0].tensor().text(), "i64[2] [3, 6]");
  EXPECT_EQ(y[1].tensor().dims(), (std::vector<int64_t>{6}));
}

TEST(Interpret, InputsMustAgreeWithEachOther) {
  auto graph = read_graph("graph @main(%x: f32[N], %z: f32[N + 1]) {\n  return %x, %z\n}");
  const std::vector<RuntimeValue> inputs = {f32({2}, {1, 2}), f32({2}, {1, 2})};
  const auto result = interpret(*graph, inputs);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::usage);
  EXPECT_NE(result.error().message().find("'z'"), std::string::npos) << result.error().message();
}

TEST(Interpret, OutputsAreTheCallersAlone) {
  const Tensor x = f32({2}, {1, 2});
  const auto y = values_of(
      "graph @main(%x: f32[2]) {\n  %c: f32[2] = constant() {value = tensor(f32[2] [5, 6])}\n"
      "  %i: f32[2] = identity(%x)\n  return %x, %i, %c, %c\n}",
      {x});
  ASSERT_EQ(y.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NE(y[i].tensor().data(), x.data());
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(y[i].tensor().data(), y[j].tensor().data());
  }
  EXPECT_TRUE(y[0].tensor().identical(x));
  EXPECT_TRUE(y[1].tensor().identical(x));
  EXPECT_TRUE(y[2].tensor().identical(y[3].tensor()));
}

TEST(Interpret, LateSizesBindSymbols) {
  const auto y = values_of(R"(graph @main(%x: f32[4]) {
  %i: i64[1,K] = non_zero(%x)
  %k: i64[] = dims() {values = dims[K], scalar = 1}
  return %i, %k
})",
                           {f32({4}, {0, 3, 0, 4})});
  EXPECT_EQ(y[0].tensor().text(), "i64[1,2] [1, 3]");
  EXPECT_EQ(y[1].tensor().int_at(0), 2);
}

TEST(Interpret, DeclaredSizesMustHold) {
  auto graph = parse_graph("graph @main(%x: f32[4]) {\n  %i: i64[1,3] = non_zero(%x)\n  return %i\n}").value();
  ops::bind_operators(*graph);
  const std::vector<RuntimeValue> inputs = {f32({4}, {0, 3, 0, 4})};
  const auto result = interpret(*graph, inputs);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::refused);
  EXPECT_NE(result.error().message().find("i64[1,2]"), std::string::npos) << result.error().message();
}

TEST(Interpret, Branches) {
  constexpr std::string_view kText = R"(graph @main(%c: bool[], %x: f32[3]) {
  %y: f32[3] = if(%c) then() {
    %a: f32[3] = neg(%x)
    return %a
  } else() {
    %b: f32[3] = add(%x, %x)
    return %b
  }
  return %y
})";
  EXPECT_EQ(values_of(kText, {boolean(true), f32({3}, {1, 2, 3})})[0].tensor().text(), f32({3}, {-1, -2, -3}).text());
  EXPECT_EQ(values_of(kText, {boolean(false), f32({3}, {1, 2, 3})})[0].tensor().text(), f32({3}, {2, 4, 6}).text());
}

constexpr std::string_view kLoop = R"(graph @main(%trip: i64[], %go: bool[], %x: f32[3], %limit: f32[]) {
  %y: f32[3], %all: f32[T,3] = loop(%trip, %go, %x) body(%i: i64[], %c: bool[], %v: f32[3]) {
    %w: f32[3] = add(%v, %x)
    %f: f32[] = reduce(%w) {kind = "max", axes = [0], keep = 0}
    %on: bool[] = lt(%f, %limit)
    return %on, %w, %w
  }
  return %y, %all
})";

TEST(Interpret, LoopsCountTripsAndAskTheirCondition) {
  const auto run = [&](int64_t trips, bool go, float limit) {
    return values_of(kLoop, {i64(trips), boolean(go), f32({3}, {1, 2, 3}), Tensor::scalar(DType::f32, limit)});
  };
  auto y = run(3, true, 1000);
  EXPECT_EQ(y[0].tensor().text(), f32({3}, {4, 8, 12}).text());
  EXPECT_EQ(y[1].tensor().text(), f32({3, 3}, {2, 4, 6, 3, 6, 9, 4, 8, 12}).text());
  y = run(100, true, 8);  // 6, then 9 stops
  EXPECT_EQ(y[0].tensor().text(), f32({3}, {3, 6, 9}).text());
  EXPECT_EQ(y[1].tensor().dims(), (std::vector<int64_t>{2, 3}));
  for (const auto& none : {run(0, true, 1000), run(5, false, 1000), run(-4, true, 1000)}) {
    EXPECT_EQ(none[0].tensor().text(), f32({3}, {1, 2, 3}).text());
    EXPECT_EQ(none[1].tensor().dims(), (std::vector<int64_t>{0, 3}));
  }
}

TEST(Interpret, LoopsWithoutTripCountOrCondition) {
  constexpr std::string_view kText = R"(graph @main(%x: i64[]) {
  %one: i64[] = constant() {value = tensor(i64[] [1])}
  %ten: i64[] = constant() {value = tensor(i64[] [10])}
  %y: i64[] = loop(_, _, %x) body(%i: i64[], %c: bool[], %v: i64[]) {
    %w: i64[] = add(%v, %one)
    %on: bool[] = lt(%w, %ten)
    return %on, %w
  }
  return %y
})";
  EXPECT_EQ(values_of(kText, {i64(2)})[0].tensor().int_at(0), 10);
  EXPECT_EQ(values_of(kText, {i64(20)})[0].tensor().int_at(0), 21);  // the first iteration runs unasked
}

TEST(Interpret, LoopsWhoseCarriedValueGrows) {
  const auto y = values_of(R"(graph @main(%trip: i64[], %x: f32[2]) {
  %y: f32[s1] = loop(%trip, _, %x) body(%i: i64[], %c: bool[], %v: f32[s0]) {
    %w: f32[s0 + 2] = concat(%v, %x) {axis = 0}
    return %c, %w
  }
  return %y
})",
                           {i64(3), f32({2}, {1, 2})});
  EXPECT_EQ(y[0].tensor().text(), f32({8}, {1, 2, 1, 2, 1, 2, 1, 2}).text());
}

TEST(Interpret, NestedLoopsReadOuterValues) {
  const auto y = values_of(R"(graph @main(%n: i64[], %x: i64[]) {
  %y: i64[] = loop(%n, _, %x) body(%i: i64[], %c: bool[], %v: i64[]) {
    %w: i64[] = loop(%n, _, %v) body(%j: i64[], %d: bool[], %u: i64[]) {
      %p: i64[] = add(%u, %i)
      %q: i64[] = add(%p, %x)
      return %d, %q
    }
    return %c, %w
  }
  return %y
})",
                           {i64(3), i64(100)});
  EXPECT_EQ(y[0].tensor().int_at(0), 100 + 9 * 100 + 3 * (0 + 1 + 2));
}

TEST(Interpret, LoopsAreBounded) {
  auto graph = read_graph(kLoop);
  RunOptions options;
  options.max_loop_iterations = 1000;
  const std::vector<RuntimeValue> inputs = {i64(1 << 30), boolean(true), f32({3}, {0, 0, 0}),
                                            Tensor::scalar(DType::f32, 1)};
  auto result = interpret(*graph, inputs, options);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find("1000 iterations"), std::string::npos);
  options = {};
  options.max_bytes = 4096;
  result = interpret(*graph, inputs, options);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find("4096 bytes"), std::string::npos);
  options = {};
  int left = 5000;
  options.cancelled = [&] { return --left < 0; };
  result = interpret(*graph, inputs, options);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find("cancelled"), std::string::npos);
}

TEST(Interpret, UnknownOperatorsAreNamed) {
  auto graph = parse_graph("graph @main(%x: f32[1]) {\n  %y: f32[1] = onnx.custom.Foo(%x)\n  return %y\n}").value();
  ops::bind_operators(*graph);
  const std::vector<RuntimeValue> inputs = {f32({1}, {1})};
  const auto result = interpret(*graph, inputs);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::refused);
  EXPECT_NE(result.error().message().find("onnx.custom.Foo"), std::string::npos);
}

TEST(Interpret, OneNode) {
  auto graph = read_graph("graph @main(%x: f32[2]) {\n  %y: f32[2] = neg(%x)\n  return %y\n}");
  const RuntimeValue x = f32({2}, {1, -2});
  const RuntimeValue* inputs[] = {&x};
  const auto result = interpret(*graph->nodes().front(), inputs, {});
  ASSERT_TRUE(result);
  EXPECT_EQ((*result)[0].tensor().text(), f32({2}, {-1, 2}).text());
}

// Found by fuzzing: operands and attributes of sizes that nothing had asked for.
TEST(Interpret, WhatFuzzingFoundIsRefused) {
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/infer")) {
    SCOPED_TRACE(entry.path());
    auto graph = parse_graph(*read_file(entry.path().string()));
    ASSERT_TRUE(graph.has_value()) << graph.error().message();
    ops::bind_operators(**graph);
    const Status inferred = ops::infer(**graph);
    ASSERT_FALSE(inferred.has_value());
    EXPECT_EQ(inferred.error().code, ErrorCode::refused);
  }
}

}  // namespace
}  // namespace burnish::test
