// The text form of nests, what verify refuses, and which outputs may lie in an input's memory.

#include <gtest/gtest.h>

#include "ir/graph.h"
#include "loop/kernel.h"

namespace burnish {
namespace {

constexpr const char* kSoftmax = R"(nest(i: N, j: 64, k: 128) outer(i, j) {
  in x: f32[N,64,128]
  out y: f32[N,64,128]
  %0: f32 = x[i, j, k]
  t0 = max[k] %0
  %1: f32 = t0
  %2: f32 = sub(%0, %1)
  %3: f32 = exp(%2)
  t1 = sum[k] %3
  %4: f32 = t1
  %5: f32 = div(%3, %4)
  y[i, j, k] = %5 for k
}
)";

constexpr const char* kEverything = R"(nest(i: 2*N, "k/1": 7, j: 5) outer(i, j) {
  in ids: i64[2*N]
  in "conv1/weight:0": f32[M,9,5]
  in m: bool[1,5]
  out y: f32[2*N,5]
  out z: f16[2*N,5]
  %0: i64 = ids[i]
  %1: f32 = "conv1/weight:0"[%0, 1*j + "k/1" - 2, j] else -inf
  t0 = max["k/1"] %1
  %2: f32 = t0
  %3: bool = m[0, j]
  %4: f32 = size(2*N + 1)
  %5: i32 = axis(j)
  %6: f32 = cast(%5)
  %7: f32 = select(%3, %2, %6)
  %8: f32 = 1e-05
  %9: f32 = nan
  %10: f32 = mul(%7, %4)
  %11: f32 = add(%10, %8)
  y[i, j] = %11
  %12: f16 = cast(%9)
  z[-1*i + (2*N - 1), j] = %12
  %13: i64 = checked(%0, %0, min(N, M) + 1)
  %14: f32 = "conv1/weight:0"[%13, 0, j]
  y[i, j] = %14
}
)";

Nest read(std::string_view text) {
  auto nest = parse_nest(text);
  EXPECT_TRUE(nest) << (nest ? "" : nest.error().message());
  return nest ? *nest : Nest{};
}

TEST(NestText, ReadsWhatItPrints) {
  for (const char* text : {kSoftmax, kEverything}) {
    const Nest nest = read(text);
    auto fine = verify(nest);
    EXPECT_TRUE(fine) << fine.error().message();
    const std::string printed = print(nest);
    // A coefficient of 1 is not written, statements move up to where their results are wanted; then nothing changes.
    EXPECT_EQ(print(read(printed)), printed);
  }
  EXPECT_EQ(print(read(kSoftmax)), kSoftmax);
  EXPECT_EQ(read(kSoftmax), read(print(read(kSoftmax))));
}

TEST(NestText, ErrorsSayWhere) {
  const std::pair<const char*, const char*> bad[] = {
      {"", "'nest' is missing"},
      {"nest(i: 3", "missing"},
      {"nest(i: 3) outer(k) {}", "no axis is called k"},
      {"nest(i: 3) outer(i) { %1: f32 = 2 }", "the next expression is %0"},
      {"nest(i: 3) outer(i) { %0: f33 = 2 }", "is not a dtype"},
      {"nest(i: 3) outer(i) { %0: f32 = add(%0, %0) }", "not an earlier expression"},
      {"nest(i: 3) outer(i) { %0: f32 = twice(%0) }", "no scalar function"},
      {"nest(i: 3) outer(i) { x[i] = %0 }", "no operand is called x"},
      {"nest(i: 3) outer(i) { t1 = sum[i] %0 }", "the next statement's result is t0"},
      {"nest(i: 3) outer(i) { %0: f32 = 1\n t0 = mean[i] %0 }", "not a reduction"},
      {"nest(i: 3) outer(i) { %0: i64 = 1 %1: i64 = checked(%0, %0) }", "','"},
      {"nest(i: 3) outer(i) {} more", "something follows"},
      {"nest(i: 3) outer(i) {\n  in x: f32[3\n}", "nest, line 2"},
  };
  for (const auto& [text, reason] : bad) {
    auto nest = parse_nest(text);
    ASSERT_FALSE(nest) << text;
    EXPECT_NE(nest.error().message().find(reason), std::string::npos) << text << ": " << nest.error().message();
  }
  // Cut anywhere: an error or a nest, never a crash.
  const std::string whole = kEverything;
  for (std::size_t n = 0; n < whole.size(); ++n) (void)parse_nest(std::string_view(whole).substr(0, n));
}

void expect_refused(std::string_view text, std::string_view reason) {
  const Nest nest = read(text);
  auto fine = verify(nest);
  ASSERT_FALSE(fine) << text;
  EXPECT_NE(fine.error().message().find(reason), std::string::npos) << fine.error().message();
}

TEST(NestVerify, RefusesWhatMeansNothing) {
  expect_refused("nest(i: 3) outer(i) { in x: f32[2]\n out y: f32[3]\n %0: f32 = x[i] y[i] = %0 }", "x");
  expect_refused("nest(i: 3) outer(i) { in x: f32[3]\n out y: f32[3]\n %0: f64 = x[i] y[i] = %0 }", "as f64");
  expect_refused("nest(i: 3) outer(i) { in x: f32[3]\n out y: f64[3]\n %0: f32 = x[i] y[i] = %0 }", "stores f32");
  expect_refused("nest(i: 3) outer(i) { in x: f32[3]\n out y: f32[3]\n %0: f32 = x[i] x[i] = %0 }", "input x");
  expect_refused("nest(i: 3) outer(i) { out y: f32[3]\n %0: f32 = y[i] y[i] = %0 }", "loads the output");
  expect_refused("nest(i: 3, k: 4) outer(i) { in x: f32[3,4]\n out y: f32[3]\n %0: f32 = x[i, k] y[i] = %0 }",
                 "outside its loop");
  expect_refused("nest(i: 3, k: 4) outer(i) { in x: f32[3,4]\n out y: f32[3]\n %0: f32 = t0 y[i] = %0 }",
                 "reads a store");
  expect_refused(
      "nest(i: 3) outer(i) { in x: f32[3]\n in z: f64[3]\n out y: f32[3]\n %0: f32 = x[i] %1: f64 = z[i] "
      "%2: f32 = add(%0, %1) y[i] = %2 }",
      "add of");
  expect_refused(
      "nest(i: 3) outer(i) { in x: f32[3]\n out y: f32[3]\n %0: f32 = x[i] %1: f32 = select(%0, %0, %0) y[i] = %1 }",
      "no bool");
  expect_refused(
      "nest(i: 3) outer(i) { in x: i64[3]\n out y: i32[3]\n %0: i64 = x[i] %1: i32 = checked(%0, %0, 3) y[i] = %1 }",
      "checked i32");
  expect_refused(
      "nest(i: 3) outer(i) { in x: i64[3]\n in f: f32[3]\n out y: i64[3]\n %0: i64 = x[i] %1: f32 = f[i] "
      "%2: i64 = checked(%0, %1, 3) y[i] = %2 }",
      "checks the f32");
}

TEST(NestShare, InPlaceWhereEveryElementIsReadBeforeItIsOverwritten) {
  EXPECT_TRUE(may_share(read(kSoftmax), 0, 1));
  // y[i] = x[i] + b[i]: either operand.
  const Nest sum = read(
      "nest(i: 9) outer(i) { in x: f32[9]\n in b: f32[9]\n out y: f32[9]\n %0: f32 = x[i] %1: f32 = b[i] "
      "%2: f32 = add(%0, %1) y[i] = %2 }");
  EXPECT_TRUE(may_share(sum, 0, 2));
  EXPECT_TRUE(may_share(sum, 1, 2));
  // Other places of x, other types, two stores.
  EXPECT_FALSE(
      may_share(read("nest(i: 9) outer(i) { in x: f32[9]\n out y: f32[9]\n %0: f32 = x[-1*i + 8] y[i] = %0 }"), 0, 1));
  // Both stores in one pass over j: the first reads what the second has overwritten.
  EXPECT_FALSE(may_share(read("nest(i: 4, j: 9) outer(i) { in x: f32[4,9]\n out y: f32[4,9]\n out z: f32[4,9]\n"
                              "%0: f32 = x[i, -1*j + 8] %1: f32 = x[i, j] y[i, j] = %0 for j z[i, j] = %1 for j }"),
                         0, 2));
  EXPECT_FALSE(may_share(
      read("nest(i: 9) outer(i) { in x: f32[9]\n out y: i32[9]\n %0: f32 = x[i] %1: i32 = cast(%0) y[i] = %1 }"), 0,
      1));
  EXPECT_FALSE(may_share(
      read("nest(i: 3, j: 3) outer(i, j) { in x: f32[3,3]\n out y: f32[3,3]\n %0: f32 = x[j, i] y[i, j] = %0 }"), 0,
      1));
  // What is reduced after the store would read results.
  EXPECT_FALSE(may_share(
      read("nest(i: 3, k: 4) outer(i) { in x: f32[3,4]\n out y: f32[3,4]\n out z: f32[3]\n %0: f32 = x[i, k]\n"
           "y[i, k] = %0 for k\n t1 = sum[k] %0\n %1: f32 = t1 z[i] = %1 }"),
      0, 1));
}

TEST(Kernel, OperandsOfTheAnchorComeFirst) {
  Kernel kernel;
  Problem problem;
  problem.family = "matmul";
  problem.operands = {Type::tensor(DType::f32, {Dim(4), Dim(8)}), Type::tensor(DType::f32, {Dim(8), Dim(6)})};
  problem.result = Type::tensor(DType::f32, {Dim(4), Dim(6)});
  kernel.anchor = problem;
  const int bias = kernel.nest.add_operand("b", Type::tensor(DType::f32, {Dim(6)}));
  const int y = kernel.nest.add_operand("y", problem.result, true);
  const int i = kernel.nest.add_axis("i", 4), j = kernel.nest.add_axis("i", 6);
  EXPECT_EQ(kernel.nest.axes[1].name, "i_2");
  kernel.nest.outer = {i, j};
  kernel.nest.store(y, {at(i), at(j)},
                    kernel.nest.apply(Scalar::add, {kernel.nest.anchor(DType::f32), kernel.nest.load(bias, {at(j)})}));
  EXPECT_TRUE(verify(kernel.nest));
  EXPECT_EQ(kernel.operand_count(), 4u);
  EXPECT_EQ(kernel.operand_type(1), problem.operands[1]);
  EXPECT_EQ(kernel.operand_type(2), kernel.nest.operands[0].type);
  EXPECT_FALSE(kernel.is_output(2));
  EXPECT_TRUE(kernel.is_output(3));
  EXPECT_NE(print(kernel).find("matmul(f32[4,8], f32[8,6]) -> f32[4,6]"), std::string::npos);
}

}  // namespace
}  // namespace burnish
