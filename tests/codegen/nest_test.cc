// Nests of the kinds that networks have.

#include <cmath>

#include <gtest/gtest.h>

#include "schedule/copies.h"
#include "tests/codegen/nest_harness.h"

namespace burnish {
namespace {

Storage stored(const Type& type, std::vector<int> order, std::vector<int64_t> blocks = {},
               std::vector<int64_t> border = {}, double fill = 0) {
  Format f = Format::plain(type.dtype, type.rank());
  f.order = std::move(order);
  f.blocks = std::move(blocks);
  f.border = std::move(border);
  f.fill = fill;
  return dense_storage(f, type.dims);
}

TEST(Nest, Elementwise) {
  for (int n : {0, 1, 3, 8, 15, 16, 17, 100, 1000, 5000, 9001}) {
    std::string d = std::to_string(n);
    expect_matches_evaluator(
        {nest_kernel("nest(i: " + d + ") outer(i) { in x: f32[" + d + "]\n in z: f32[" + d + "]\n out y: f32[" + d +
                     "]\n %0: f32 = x[i] %1: f32 = z[i] %2: f32 = mul(%0, %1) %3: f32 = exp(%2) y[i] = %3 }"),
         {},
         {},
         1e-6});
  }
}

TEST(Nest, SizesOfTheRun) {
  for (int64_t n : {1, 7, 33, 500}) {
    expect_matches_evaluator(
        {nest_kernel("nest(i: N, j: 24) outer(i, j) { in x: f32[N,24]\n in b: f32[24]\n out y: f32[N,24]\n"
                     "%0: f32 = x[i, j] %1: f32 = b[j] %2: f32 = add(%0, %1) %3: f32 = size(N) %4: f32 = div(%2, %3) "
                     "y[i, j] = %4 }"),
         {},
         {{"N", n}}});
    expect_matches_evaluator({nest_kernel("nest(i: 5, j: N) outer(i) { in x: f32[5,N]\n out y: f32[5]\n"
                                          "%0: f32 = x[i, j] t0 = sum[j] %0 %1: f32 = t0 y[i] = %1 }"),
                              {},
                              {{"N", n}},
                              1e-5});
  }
}

constexpr const char* kSoftmax = R"(
  %0: f32 = x[i, j, k]
  t0 = max[k] %0
  %1: f32 = t0
  %2: f32 = sub(%0, %1)
  %3: f32 = exp(%2)
  t1 = sum[k] %3
  %4: f32 = t1
  %5: f32 = div(%3, %4)
  y[i, j, k] = %5 for k
})";

TEST(Nest, SoftmaxAlongAnyAxis) {
  for (int n : {1, 5, 16, 49, 128, 1000}) {
    const std::string d = std::to_string(n);
    const std::string head =
        "nest(i: 3, j: 7, k: " + d + ") outer(i, j) {\n in x: f32[3,7," + d + "]\n out y: f32[3,7," + d + "]\n";
    Kernel kernel = nest_kernel(head + kSoftmax);
    expect_matches_evaluator({kernel, {}, {}, 1e-6});
    // The row is what lies apart in memory.
    const Type type = kernel.nest.operands[0].type;
    expect_matches_evaluator({kernel, {stored(type, {0, 2, 1}), stored(type, {0, 2, 1})}, {}, 1e-6});
    expect_matches_evaluator({kernel, {stored(type, {2, 1, 0}), stored(type, {0, 1, 2})}, {}, 1e-6});
  }
}

TEST(Nest, SoftmaxInPlace) {
  Kernel kernel = nest_kernel(
      std::string("nest(i: 3, j: 7, k: 50) outer(i, j) {\n in x: f32[3,7,50]\n out y: f32[3,7,50]\n") + kSoftmax);
  EXPECT_TRUE(may_share(kernel.nest, 0, 1));
  Kernel reversed =
      nest_kernel("nest(i: 9) outer(i) { in x: f32[9]\n out y: f32[9]\n %0: f32 = x[-1*i + 8] y[i] = %0 }");
  EXPECT_FALSE(may_share(reversed.nest, 0, 1));
  expect_matches_evaluator({reversed});
}

TEST(Nest, LayerNorm) {
  for (int n : {3, 64, 100, 768}) {
    const std::string d = std::to_string(n);
    expect_matches_evaluator({nest_kernel("nest(i: 6, k: " + d + ") outer(i) {\n in x: f32[6," + d + "]\n in g: f32[" +
                                          d + "]\n out y: f32[6," + d +
                                          R"(]
      %0: f32 = x[i, k]
      t0 = sum[k] %0
      %1: f32 = t0
      %2: f32 = size()" + d + R"()
      %3: f32 = div(%1, %2)
      %4: f32 = sub(%0, %3)
      %5: f32 = mul(%4, %4)
      t1 = sum[k] %5
      %6: f32 = t1
      %7: f32 = div(%6, %2)
      %8: f32 = 1e-05
      %9: f32 = add(%7, %8)
      %10: f32 = rsqrt(%9)
      %11: f32 = mul(%4, %10)
      %12: f32 = g[k]
      %13: f32 = mul(%11, %12)
      y[i, k] = %13 for k
    })"),
                              {},
                              {},
                              1e-4});
  }
}

TEST(Nest, ReductionsOfEveryKind) {
  for (const char* kind : {"sum", "product", "min", "max"})
    for (const char* dtype : {"f32", "f64", "i32", "i64", "u8", "i8"}) {
      const std::string t = dtype;
      expect_matches_evaluator(
          {nest_kernel("nest(i: 5, j: 6, k: 37) outer(j) {\n in x: " + t + "[5,6,37]\n out y: " + t + "[6]\n %0: " + t +
                       " = x[i, j, k]\n t0 = " + kind + "[i, k] %0\n %1: " + t + " = t0\n y[j] = %1 }"),
           {},
           {},
           1e-5,
           0.5,
           2.2});
      expect_matches_evaluator(
          {nest_kernel("nest(i: 35, k: 37) outer(k) {\n in x: " + t + "[35,37]\n out y: " + t + "[37]\n %0: " + t +
                       " = x[i, k]\n t0 = " + kind + "[i] %0\n %1: " + t + " = t0\n y[k] = %1 }"),
           {},
           {},
           1e-5,
           0.5,
           2.2});
    }
  for (const char* kind : {"logical_and", "logical_or"})
    expect_matches_evaluator({nest_kernel(
        std::string("nest(i: 50, k: 3) outer(i) {\n in x: bool[50,3]\n out y: bool[50]\n %0: bool = x[i, k]\n t0 = ") +
        kind + "[k] %0\n %1: bool = t0\n y[i] = %1 }")});
}

TEST(Nest, PoolingWithPads) {
  Kernel kernel = nest_kernel(R"(nest(n: 2, c: 19, h: 7, w: 9, p: 3, q: 3) outer(n, c, h, w) {
    in x: f32[2,19,13,17]
    out y: f32[2,19,7,9]
    %0: f32 = x[n, c, 2*h + p - 1, 2*w + q - 1] else -inf
    t0 = max[p, q] %0
    %1: f32 = t0
    y[n, c, h, w] = %1
  })");
  const Type x = kernel.nest.operands[0].type, y = kernel.nest.operands[1].type;
  expect_matches_evaluator({kernel});
  expect_matches_evaluator({kernel, {stored(x, {0, 2, 3, 1}), stored(y, {0, 2, 3, 1})}});
  expect_matches_evaluator({kernel, {stored(x, {0, 2, 3, 1}), stored(y, {0, 2, 3, 1}, {}, {0, 0, 1, 2}, -1)}});
}

TEST(Nest, GatherIsClamped) {
  // Rows, with indices far outside; and single elements.
  expect_matches_evaluator(
      {nest_kernel("nest(i: 11, k: 40) outer(i, k) {\n in ids: i64[11]\n in t: f32[30,40]\n out y: f32[11,40]\n"
                   "%0: i64 = ids[i] %1: f32 = t[%0, k] y[i, k] = %1 }"),
       {},
       {},
       0,
       -2,
       2,
       {{0, 29, 3, -5, 1e15, 30, -1e15, 7}}});
  expect_matches_evaluator({nest_kernel("nest(i: 50) outer(i) {\n in ids: i32[50]\n in t: f32[30]\n out y: f32[50]\n"
                                        "%0: i32 = ids[i] %1: f32 = t[%0] y[i] = %1 }"),
                            {},
                            {},
                            0,
                            -2,
                            2,
                            {{0, 29, 3, -5, 1e9, 30, -1e9, 7, 12}}});
  expect_matches_evaluator({nest_kernel("nest(i: 50) outer(i) {\n in ids: i32[50]\n in t: u8[M]\n out y: u8[50]\n"
                                        "%0: i32 = ids[i] %1: u8 = t[%0 + 1] else 9 y[i] = %1 }"),
                            {},
                            {{"M", 0}}});
}

TEST(Nest, TransposesAndViews) {
  for (const char* dtype : {"f32", "f64", "u8", "f16", "bool"})
    for (auto [n, m] : {std::pair(40, 70), std::pair(8, 8), std::pair(3, 100), std::pair(65, 5), std::pair(16, 33)}) {
      const std::string d = std::to_string(n) + "," + std::to_string(m), t = dtype;
      expect_matches_evaluator(
          {nest_kernel("nest(b: 2, i: " + std::to_string(n) + ", j: " + std::to_string(m) +
                       ") outer(b, i, j) {\n in x: " + t + "[2," + d + "]\n out y: " + t + "[2," + std::to_string(m) +
                       "," + std::to_string(n) + "]\n %0: " + t + " = x[b, i, j]\n y[b, j, i] = %0 }")});
    }
  // Every second column of something wider.
  Kernel kernel = nest_kernel(
      "nest(i: 12, j: 20) outer(i, j) {\n in x: f32[12,20]\n out y: f32[12,20]\n %0: f32 = x[i, j]\n %1: f32 = "
      "neg(%0)\n y[i, j] = %1 }");
  Storage view = dense_storage(Format::plain(DType::f32, 2), kernel.nest.operands[0].type.dims);
  view.strides = {Dim(64), Dim(2)};
  Storage wide = view;
  wide.strides = {Dim(33), Dim(1)};
  expect_matches_evaluator({kernel, {view, wide}});
  expect_matches_evaluator({kernel, {wide, view}});
}

TEST(Nest, BlockedAndBorderedFormats) {
  for (int channels : {16, 19, 8, 3}) {
    const Type type = Type::tensor(DType::f32, {Dim(2), Dim(channels), Dim(5), Dim(6)});
    Kernel kernel = copy_kernel(type);
    const Storage plain = stored(type, {0, 1, 2, 3}), last = stored(type, {0, 2, 3, 1});
    const Storage blocked = stored(type, {0, 1, 2, 3}, {1, 8, 1, 1}),
                  wide = stored(type, {0, 1, 2, 3}, {1, 16, 1, 1}, {}, 3);
    const Storage bordered = stored(type, {0, 2, 3, 1}, {}, {0, 0, 2, 1}, 7),
                  both = stored(type, {1, 0, 3, 2}, {4, 8, 1, 1}, {0, 0, 1, 1}, 2);
    for (const Storage& from : {plain, last, blocked, wide, bordered, both})
      for (const Storage& to : {plain, last, blocked, wide, bordered, both})
        expect_matches_evaluator({kernel, {from, to}});
  }
}

TEST(Nest, BlockedSumOverChannels) {
  Kernel kernel = nest_kernel(
      "nest(n: 2, c: 19, s: 11) outer(n, s) {\n in x: f32[2,19,11]\n out y: f32[2,11]\n %0: f32 = x[n, c, s]\n t0 = "
      "sum[c] %0\n %1: f32 = t0\n y[n, s] = %1 }");
  const Type x = kernel.nest.operands[0].type, y = kernel.nest.operands[1].type;
  expect_matches_evaluator({kernel, {stored(x, {0, 1, 2}, {1, 8, 1}), stored(y, {0, 1})}, {}, 1e-5});
}

TEST(Nest, DtypesAndCasts) {
  for (const char* from : {"f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool"})
    for (const char* to : {"f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool"}) {
      const std::string f = from, t = to;
      const bool negative = f[0] != 'u' && t[0] != 'u';
      expect_matches_evaluator({nest_kernel("nest(i: 45) outer(i) {\n in x: " + f + "[45]\n out y: " + t +
                                            "[45]\n %0: " + f + " = x[i]\n %1: " + t + " = cast(%0)\n y[i] = %1 }"),
                                {},
                                {},
                                0,
                                negative ? -100.0 : 0.0,
                                100});
    }
}

TEST(Nest, SelectAndPositions) {
  expect_matches_evaluator({nest_kernel(R"(nest(i: 9, j: 30) outer(i, j) {
    in x: f32[9,30]
    in m: bool[9,1]
    out y: f32[9,30]
    out z: bool[9,30]
    %0: f32 = x[i, j]
    %1: i64 = axis(j)
    %2: i64 = axis(i)
    %3: bool = gt(%1, %2)
    %4: bool = m[i, 0]
    %5: bool = logical_and(%3, %4)
    %6: f32 = -1
    %7: f32 = select(%5, %6, %0)
    y[i, j] = %7
    z[i, j] = %5
  })")});
}

TEST(Nest, RemaindersAreExact) {
  const double inf = INFINITY;
  const std::vector<double> a = {5.5,   -5.5,  5.5, -5.5, 0,  -0.0, 1e30,     -1e30,     3e38,  1e-40, -1e-42, 7,
                                 1e10f, -1e10, inf, 1,    -1, 0.25, 16777217, 123456789, 1e-45, -3,    9,      -9};
  const std::vector<double> b = {2,     2,    -2, -2,  3,   3,     7, 0.3f, 1e-38, 1e-45, 3e-44, 0,
                                 1e-5f, 3.7f, 2,  inf, inf, 1e-3f, 1, 1000, 1e-45, NAN,   -3,    3};
  for (const char* dtype : {"f32", "f64", "f16", "bf16"})
    for (const char* function : {"mod_floor", "mod_trunc"}) {
      const std::string t = dtype;
      expect_matches_evaluator({nest_kernel("nest(i: 51) outer(i) {\n in a: " + t + "[51]\n in b: " + t +
                                            "[51]\n out y: " + t + "[51]\n %0: " + t + " = a[i]\n %1: " + t +
                                            " = b[i]\n %2: " + t + " = " + function + "(%0, %1)\n y[i] = %2 }"),
                                {},
                                {},
                                0,
                                0,
                                0,
                                {a, b}});
    }
  // The widest quotient that there is.
  expect_matches_evaluator({nest_kernel("nest(i: 9) outer(i) {\n in a: f64[9]\n in b: f64[9]\n out y: f64[9]\n %0: f64 "
                                        "= a[i]\n %1: f64 = b[i]\n %2: f64 = mod_trunc(%0, %1)\n y[i] = %2 }"),
                            {},
                            {},
                            0,
                            0,
                            0,
                            {{1.7e308, -1.7e308, 1e300}, {5e-324, 3e-320, 1.1e-308}}});
}

TEST(Nest, PowersOfIntegers) {
  for (const char* dtype : {"i8", "i32", "i64", "u8", "u16", "u64"}) {
    const std::string t = dtype;
    const bool is_signed = t[0] == 'i';
    expect_matches_evaluator(
        {nest_kernel("nest(i: 51) outer(i) {\n in a: " + t + "[51]\n in b: " + t + "[51]\n out y: " + t +
                     "[51]\n %0: " + t + " = a[i]\n %1: " + t + " = b[i]\n %2: " + t + " = pow(%0, %1)\n y[i] = %2 }"),
         {},
         {},
         0,
         0,
         0,
         {{3, 2, 7, 0, 0, 1, 10, is_signed ? -1.0 : 5, is_signed ? -1.0 : 6, is_signed ? -3.0 : 2},
          {4, 10, 1, 0, 3, 100, 2, is_signed ? -3.0 : 1, 4, is_signed ? -2.0 : 7, 0}}});
  }
}

TEST(Nest, RefusesWhatHasNoCode) {
  Kernel kernel = nest_kernel(
      "nest(i: 9) outer(i) {\n in x: f64[9]\n out y: f64[9]\n %0: f64 = x[i]\n %1: f64 = erf(%0)\n y[i] = %1 }");
  std::string why;
  EXPECT_TRUE(nest_tactics(kernel, host_cpu(), &why).empty());
  EXPECT_EQ(why, "no code for erf of f64");
}

}  // namespace
}  // namespace burnish
