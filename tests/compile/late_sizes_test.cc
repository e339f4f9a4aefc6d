// Operators whose sizes are data: as kernels, against the interpreter.

#include <cmath>

#include <gtest/gtest.h>

#include "compile/build.h"
#include "runtime/executor.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

Tensor counted(DType dtype, std::vector<int64_t> dims) {
  Tensor t = *Tensor::allocate(dtype, std::move(dims));
  for (int64_t i = 0; i < t.elements(); ++i) {
    if (number_class(dtype) == NumberClass::real) Accessor<double>(dtype).store(t.mutable_data(), i, 1 + 0.5 * i);
    else if (dtype == DType::boolean) Accessor<bool>(dtype).store(t.mutable_data(), i, i % 3 == 0);
    else Accessor<int64_t>(dtype).store(t.mutable_data(), i, 1 + i);
  }
  return t;
}

Tensor integers(std::vector<int64_t> values) { return Tensor::i64s(values); }

struct Built {
  std::unique_ptr<Graph> graph;
  std::unique_ptr<Context> context;
};

Built built(std::string_view text) {
  Built b{read_graph(text), nullptr};
  if (b.graph == nullptr) return b;
  auto result = build(b.graph->clone(), {});
  EXPECT_TRUE(result.has_value()) << result.error().message();
  if (!result) return b;
  EXPECT_EQ(result->reference_nodes, 0) << text;
  b.context = std::make_unique<Context>(*Executor::create(result->program), nullptr);
  return b;
}

void agrees(const Built& b, std::vector<RuntimeValue> inputs) {
  ASSERT_NE(b.context, nullptr);
  const auto expected = interpret(*b.graph, inputs);
  ASSERT_TRUE(expected.has_value()) << expected.error().message();
  const auto results = b.context->run(inputs);
  ASSERT_TRUE(results.has_value()) << results.error().message();
  ASSERT_EQ(results->size(), expected->size());
  for (std::size_t i = 0; i < results->size(); ++i) {
    const Tensor &got = (*results)[i].tensor(), &want = (*expected)[i].tensor();
    ASSERT_EQ(got.dims(), want.dims());
    for (int64_t k = 0; k < got.elements(); ++k) {
      const double found = got.real_at(k), wanted = want.real_at(k);
      if (std::isnan(found) && std::isnan(wanted)) continue;
      ASSERT_NEAR(found, wanted, 1e-4 * std::max(1.0, std::abs(wanted))) << k;
    }
  }
}

void is_refused(const Built& b, std::vector<RuntimeValue> inputs) {
  ASSERT_NE(b.context, nullptr);
  EXPECT_FALSE(interpret(*b.graph, inputs).has_value());
  EXPECT_FALSE(b.context->run(inputs).has_value());
}

TEST(LateSizes, ReductionsOverAxesThatAreData) {
  const Tensor x = counted(DType::f32, {2, 3, 4});
  for (const char* kind : {"sum", "product", "min", "max"}) {
    SCOPED_TRACE(kind);
    const std::string head = "graph @main(%x: f32[2,3,4], %axes: i64[2]) { %y = dynamic_reduce(%x, %axes) {kind = \"";
    for (const char* keep : {"0", "1"}) {
      const Built b = built(head + kind + "\", keep = " + keep + "} return %y }");
      agrees(b, {x, integers({0, 2})});
      agrees(b, {x, integers({-1, 1})});
      agrees(b, {x, integers({1, 0})});
      is_refused(b, {x, integers({0, 3})});
      is_refused(b, {x, integers({-4, 1})});
    }
  }
}

TEST(LateSizes, ListsOfAxesOfAnyLength) {
  const Tensor x = counted(DType::i32, {3, 5});
  const Built b = built(
      "graph @main(%x: i32[3,5], %axes: i64[N]) { %y: i32[*] = dynamic_reduce(%x, %axes) {kind = \"sum\"} "
      "return %y }");
  agrees(b, {x, integers({})});
  agrees(b, {x, integers({1})});
  agrees(b, {x, integers({0, 1})});
  const Built noop = built(
      "graph @main(%x: i32[3,5], %axes: i64[N]) { %y: i32[*] = dynamic_reduce(%x, %axes) {kind = \"max\", "
      "noop_with_empty_axes = 1} return %y }");
  agrees(noop, {x, integers({})});
  agrees(noop, {x, integers({-2})});
}

TEST(LateSizes, WhatIsComputedFromThem) {
  const Built b = built(R"(graph @main(%x: f32[N,6], %axes: i64[1]) {
    %s = dynamic_reduce(%x, %axes) {kind = "sum"}
    %n: i64[] = size_of(%s)
    %d: i64[2] = shape_of(%s)
    %e = exp(%s)
    %y = mul(%e, %x)
    return %y, %n, %d
  })");
  for (int64_t n : {1, 4}) {
    const Tensor x = counted(DType::f32, {n, 6});
    agrees(b, {x, integers({0})});
    agrees(b, {x, integers({1})});
  }
}

TEST(LateSizes, Slices) {
  const Tensor x = counted(DType::f32, {5, 7});
  const Built plain = built(
      "graph @main(%x: f32[5,7], %s: i64[2], %e: i64[2]) { %y = dynamic_slice(%x, %s, %e) return "
      "%y }");
  agrees(plain, {x, integers({1, 2}), integers({4, 6})});
  agrees(plain, {x, integers({-3, 0}), integers({-1, 1000})});
  agrees(plain, {x, integers({4, 3}), integers({2, 3})});
  agrees(plain, {x, integers({INT64_MIN, -100}), integers({INT64_MAX, INT64_MIN})});
  const Built stepped = built(R"(graph @main(%x: f32[5,N], %s: i64[1], %e: i64[1], %a: i64[1], %t: i64[1]) {
    %y = dynamic_slice(%x, %s, %e, %a, %t) return %y })");
  for (int64_t step : {1, 2, 3, 9, -1, -2, -5})
    for (int64_t axis : {0, 1, -1})
      for (int64_t start : {0, 3, -1, 20, -20})
        for (int64_t end : {0, 4, -2, 20, -20})
          agrees(stepped, {x, integers({start}), integers({end}), integers({axis}), integers({step})});
  for (int64_t step : {1, -1, -2})
    for (int64_t start : {0, -1, 20, -20})
      agrees(stepped,
             {counted(DType::f32, {5, 0}), integers({start}), integers({-20}), integers({1}), integers({step})});
  is_refused(stepped, {x, integers({0}), integers({2}), integers({0}), integers({0})});
  is_refused(stepped, {x, integers({0}), integers({2}), integers({2}), integers({1})});
}

TEST(LateSizes, Pads) {
  const Tensor x = counted(DType::f32, {3, 4});
  for (const char* mode : {"constant", "edge", "reflect", "wrap"}) {
    SCOPED_TRACE(mode);
    const Built b = built(std::string("graph @main(%x: f32[3,4], %p: i64[4]) { %y = dynamic_pad(%x, %p) {mode = \"") +
                          mode + "\"} return %y }");
    agrees(b, {x, integers({1, 0, 0, 2})});
    agrees(b, {x, integers({0, 2, 3, -1})});
    agrees(b, {x, integers({-1, 5, 0, 5})});
    agrees(b, {x, integers({-1, -2, 4, 3})});
    agrees(b, {x, integers({7, 5, -2, -1})});
    is_refused(b, {x, integers({-1, 0, -3, 0})});
  }
  const Built b = built(R"(graph @main(%x: f32[3,4], %p: i64[2], %v: f32[], %a: i64[1]) {
    %y = dynamic_pad(%x, %p, %v, %a) return %y })");
  agrees(b, {x, integers({2, 1}), Tensor::scalar(DType::f32, 7), integers({-1})});
  agrees(b, {x, integers({-1, 1}), Tensor::scalar(DType::f32, 7), integers({0})});
}

TEST(LateSizes, Views) {
  const Tensor x = counted(DType::f32, {2, 3, 4});
  const Built reshape = built("graph @main(%x: f32[2,3,4], %s: i64[3]) { %y = dynamic_reshape(%x, %s) return %y }");
  agrees(reshape, {x, integers({4, 3, 2})});
  agrees(reshape, {x, integers({0, -1, 2})});
  agrees(reshape, {x, integers({-1, 1, 1})});
  is_refused(reshape, {x, integers({5, -1, 1})});
  is_refused(reshape, {x, integers({2, 3, 5})});
  const Built open = built("graph @main(%x: f32[A,B], %s: i64[2]) { %y = dynamic_reshape(%x, %s) return %y }");
  for (const std::vector<int64_t>& dims : std::vector<std::vector<int64_t>>{{1, 1}, {0, 3}, {2, 3}})
    is_refused(open, {counted(DType::f32, dims), integers({-1, -1})});
  const Built unsqueeze = built("graph @main(%x: f32[2,3,4], %a: i64[2]) { %y = dynamic_unsqueeze(%x, %a) return %y }");
  agrees(unsqueeze, {x, integers({0, 4})});
  agrees(unsqueeze, {x, integers({-1, 1})});
  is_refused(unsqueeze, {x, integers({0, 5})});
  const Built broadcast = built("graph @main(%x: f32[3,1], %s: i64[3]) { %y = dynamic_broadcast(%x, %s) return %y }");
  agrees(broadcast, {counted(DType::f32, {3, 1}), integers({2, 1, 6})});
  agrees(broadcast, {counted(DType::f32, {3, 1}), integers({1, 3, 1})});
  is_refused(broadcast, {counted(DType::f32, {3, 1}), integers({1, 2, 1})});
}

TEST(LateSizes, Makers) {
  const Built tile = built("graph @main(%x: i32[2,N], %r: i64[2]) { %y: i32[*] = dynamic_tile(%x, %r) return %y }");
  agrees(tile, {counted(DType::i32, {2, 3}), integers({2, 2})});
  agrees(tile, {counted(DType::i32, {2, 1}), integers({1, 0})});
  const Built fill = built("graph @main(%s: i64[2]) { %y = fill(%s) {value = tensor(f32[1] [2.5])} return %y }");
  agrees(fill, {integers({2, 5})});
  agrees(fill, {integers({0, 5})});
  is_refused(fill, {integers({-1, 5})});
  const Built whole =
      built("graph @main(%a: i64[], %b: i64[], %c: i64[]) { %y: i64[*] = range(%a, %b, %c) return %y }");
  const auto number = [](double n) { return Tensor::scalar(DType::i64, n); };
  for (int64_t step : {1, 2, 5, -1, -3})
    for (int64_t end : {-7, 0, 2, 11}) agrees(whole, {number(2), number(end), number(step)});
  is_refused(whole, {number(0), number(1), number(0)});
  constexpr int64_t kLow = INT64_MIN, kHigh = INT64_MAX;
  for (int64_t end : {-5, 5}) agrees(whole, {number(0), number(end), integers({kLow}).reshaped({})});
  is_refused(whole, {integers({kLow}).reshaped({}), integers({kHigh}).reshaped({}), number(1)});
  const Built real = built("graph @main(%a: f32[], %b: f32[], %c: f32[]) { %y = range(%a, %b, %c) return %y }");
  const auto decimal = [](double n) { return Tensor::scalar(DType::f32, n); };
  agrees(real, {decimal(0.5), decimal(4), decimal(0.75)});
  agrees(real, {decimal(0.5), decimal(-4), decimal(0.75)});
  const Built hot = built("graph @main(%i: i64[4], %d: i64[], %v: f32[2]) { %y = one_hot(%i, %d, %v) return %y }");
  agrees(hot, {integers({0, 2, 1, 5}), number(3), counted(DType::f32, {2})});
}

TEST(LateSizes, Splits) {
  const Built b = built(R"(graph @main(%x: f32[3,6], %s: i64[2]) { %a, %b = split_by(%x, %s) {axis = -1}
    return %b, %a })");
  const Tensor x = counted(DType::f32, {3, 6});
  agrees(b, {x, integers({2, 4})});
  agrees(b, {x, integers({6, 0})});
  is_refused(b, {x, integers({2, 3})});
  is_refused(b, {x, integers({-1, 7})});
}

TEST(LateSizes, Grids) {
  const Built b = built(R"(graph @main(%t: f32[2,2,3], %s: i64[4]) { %y = affine_grid(%t, %s) {align_corners = 1}
    return %y })");
  agrees(b, {counted(DType::f32, {2, 2, 3}), integers({2, 3, 4, 5})});
  agrees(b, {counted(DType::f32, {2, 2, 3}), integers({2, 1, 1, 2})});
}

TEST(LateSizes, TheLargestOfNothing) {
  for (const char* op : {"arg_max", "arg_min"}) {
    const Built b =
        built(std::string("graph @main(%x: f32[M,N]) { %y: i64[*] = ") + op + "(%x) {axis = 1} return %y }");
    agrees(b, {counted(DType::f32, {2, 3})});
    agrees(b, {counted(DType::f32, {0, 0})});
    is_refused(b, {counted(DType::f32, {2, 0})});
  }
  for (const char* type : {"f32[2,N]", "f32[2,0]"}) {
    const Built b = built(std::string("graph @main(%x: ") + type + ") { %y = hardmax(%x) return %y }");
    agrees(b, {counted(DType::f32, {2, 0})});
  }
}

TEST(LateSizes, TheLargest) {
  const Built b = built(R"(graph @main(%x: f32[3,9], %k: i64[1]) {
    %v, %i: i64[*] = top_k(%x, %k)
    return %v, %i })");
  Tensor x = counted(DType::f32, {3, 9});
  for (int64_t i = 0; i < 27; ++i) x.mutable_as<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i * 7 % 11);
  x.mutable_as<float>()[4] = std::nanf("");
  for (int64_t k : {0, 1, 4, 9}) agrees(b, {x, integers({k})});
  is_refused(b, {x, integers({10})});
  is_refused(b, {x, integers({-1})});
}

Tensor reals(DType dtype, std::initializer_list<double> values) {
  Tensor t = *Tensor::allocate(dtype, {static_cast<int64_t>(values.size())});
  int64_t i = 0;
  for (double v : values) Accessor<double>(dtype).store(t.mutable_data(), i++, v);
  return t;
}

TEST(LateSizes, ResizesByScales) {
  const Tensor x = counted(DType::f32, {1, 2, 5, 6});
  for (const char* mode : {"nearest", "linear", "cubic"})
    for (const char* rest :
         {"", ", antialias = 1", ", exclude_outside = 1", ", coordinates = \"align_corners\"",
          ", coordinates = \"half_pixel_symmetric\"", ", coordinates = \"pytorch_half_pixel\"",
          ", coordinates = \"asymmetric\", nearest = \"floor\"", ", coordinates = \"asymmetric\", nearest = \"simple\"",
          ", coordinates = \"tf_half_pixel_for_nn\""}) {
      SCOPED_TRACE(std::string(mode) + rest);
      const Built b = built(std::string("graph @main(%x: f32[1,2,5,6], %s: f32[4]) { %y = dynamic_resize(%x, _, %s) "
                                        "{mode = \"") +
                            mode + "\"" + rest + "} return %y }");
      agrees(b, {x, reals(DType::f32, {1, 1, 0.6, 1.5})});
      agrees(b, {x, reals(DType::f32, {1, 1, 2, 0.3})});
      agrees(b, {x, reals(DType::f32, {1, 1, 1, 1})});
    }
}

TEST(LateSizes, ResizesToSizes) {
  const Tensor x = counted(DType::f32, {1, 2, 5, 6});
  for (const char* policy : {"stretch", "not_larger", "not_smaller"}) {
    SCOPED_TRACE(policy);
    const Built b = built(std::string("graph @main(%x: f32[1,2,5,6], %s: i64[2]) { %y = dynamic_resize(%x, _, _, %s) "
                                      "{mode = \"linear\", axes = [3, 2], policy = \"") +
                          policy + "\"} return %y }");
    agrees(b, {x, integers({4, 9})});
    agrees(b, {x, integers({6, 5})});
    is_refused(b, {x, integers({-1, -5})});
  }
  const Built crop = built(R"(graph @main(%x: f32[1,1,4,4], %r: f32[4], %s: i64[2]) {
    %y = dynamic_resize(%x, %r, _, %s) {axes = [2, 3], mode = "linear", coordinates = "tf_crop_and_resize",
    extrapolation = 10.0} return %y })");
  agrees(crop, {counted(DType::f32, {1, 1, 4, 4}), reals(DType::f32, {0.4, 0.6, 1.2, 1.7}), integers({3, 3})});
}

TEST(LateSizes, FiltersThatResizeHasNoKernelFor) {
  for (const char* rest : {"mode = \"linear\", antialias = 1", "mode = \"cubic\", exclude_outside = 1",
                           "coordinates = \"half_pixel_symmetric\"",
                           "mode = \"linear\", coordinates = \"tf_crop_and_resize\", roi = [0.0, 0.25, 1.0, 1.5]"}) {
    SCOPED_TRACE(rest);
    const Built b = built(std::string("graph @main(%x: f32[N,7]) { %y = resize(%x) {sizes = dims[N + 2, 4], ") + rest +
                          "} return %y }");
    for (int64_t n : {1, 5}) agrees(b, {counted(DType::f32, {n, 7})});
  }
  const Built whole = built(
      "graph @main(%x: i32[6,7]) { %y: i32[*] = resize(%x) {sizes = dims[9, 4], mode = \"linear\"} "
      "return %y }");
  agrees(whole, {counted(DType::i32, {6, 7})});
}

TEST(LateSizes, InsideOfLoops) {
  const Built b = built(R"(graph @main(%x: f32[6], %n: i64[]) {
    %first: f32[2] = slice(%x) {starts = dims[0], sizes = dims[2], steps = [1]}
    %all: f32[2] = loop(%n, _, %first) body(%i: i64[], %c: bool[], %s: f32[2]) {
      %two: i64[1] = constant() {value = tensor(i64[1] [2])}
      %at: i64[1] = reshape(%i) {shape = dims[1]}
      %to: i64[1] = add(%at, %two)
      %part = dynamic_slice(%x, %at, %to)
      %sum: f32[2] = add(%part, %s)
      return %c, %sum
    }
    return %all
  })");
  for (int64_t n : {0, 1, 4}) agrees(b, {counted(DType::f32, {6}), Tensor::scalar(DType::i64, static_cast<double>(n))});
}

}  // namespace
}  // namespace burnish::test
