// The evaluator that emitted code is compared with, on numbers worked out by hand.

#include "tests/support/evaluate_nest.h"

#include <array>
#include <limits>

#include <gtest/gtest.h>

#include "loop/nest.h"

namespace burnish {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

template <class... Pointers>
void run(std::string_view text, const SymbolTable& symbols, const std::vector<Storage>& given, Pointers*... operands) {
  auto nest = parse_nest(text);
  ASSERT_TRUE(nest) << nest.error().message();
  auto fine = verify(*nest);
  ASSERT_TRUE(fine) << fine.error().message();
  std::vector<Storage> storages = given;
  if (storages.empty())
    for (const auto& o : nest->operands)
      storages.push_back(dense_storage(Format::plain(o.type.dtype, o.type.rank()), o.type.dims));
  const std::vector<void*> pointers = {operands...};
  auto done = evaluate(*nest, storages, pointers, symbols);
  ASSERT_TRUE(done) << done.error().message();
}

TEST(Evaluate, SumsRowsOfASizeKnownAtRunTime) {
  std::array<float, 6> x = {1, 2, 3, 4, 5, 6};
  std::array<float, 2> y = {};
  run("nest(i: 2, k: N) outer(i) { in x: f32[2,N]\n out y: f32[2]\n %0: f32 = x[i, k]\n t0 = sum[k] %0\n %1: f32 = t0 "
      "y[i] = %1 }",
      {{"N", 3}}, {}, x.data(), y.data());
  EXPECT_EQ(y, (std::array<float, 2>{6, 15}));
}

TEST(Evaluate, GuardsAndComputedIndices) {
  std::array<float, 3> x = {10, 20, 30};
  std::array<int32_t, 5> ids = {2, -4, 0, 99, 1};
  std::array<float, 5> clamped = {}, guarded = {};
  run("nest(i: 5) outer(i) { in x: f32[3]\n in ids: i32[5]\n out y: f32[5]\n out z: f32[5]\n %0: i32 = ids[i] "
      "%1: f32 = x[%0] y[i] = %1 %2: f32 = x[%0] else -1 z[i] = %2 }",
      {}, {}, x.data(), ids.data(), clamped.data(), guarded.data());
  EXPECT_EQ(clamped, (std::array<float, 5>{30, 10, 10, 30, 20}));
  EXPECT_EQ(guarded, (std::array<float, 5>{30, -1, 10, -1, 20}));
}

TEST(Evaluate, WritesBordersAndUnfinishedBlocks) {
  const Type type = Type::tensor(DType::f32, {Dim(3), Dim(2)});
  Format blocked = Format::plain(DType::f32, 2), bordered = blocked;
  blocked.blocks = {2, 1};
  blocked.fill = 9;
  bordered.border = {0, 1};
  bordered.fill = 7;
  std::array<float, 6> x = {1, 2, 3, 4, 5, 6};
  std::array<float, 8> y = {};
  std::array<float, 12> z = {};
  run("nest(i: 3, j: 2) outer(i, j) { in x: f32[3,2]\n out y: f32[3,2]\n out z: f32[3,2]\n %0: f32 = x[i, j] "
      "y[i, j] = %0 z[i, j] = %0 }",
      {},
      {dense_storage(Format::plain(DType::f32, 2), type.dims), dense_storage(blocked, type.dims),
       dense_storage(bordered, type.dims)},
      x.data(), y.data(), z.data());
  EXPECT_EQ(y, (std::array<float, 8>{1, 3, 2, 4, 5, 9, 6, 9}));
  EXPECT_EQ(z, (std::array<float, 12>{7, 1, 2, 7, 7, 3, 4, 7, 7, 5, 6, 7}));
}

TEST(Evaluate, CheckedIndices) {
  constexpr std::string_view kText =
      "nest(i: 2) outer(i) { in x: f32[N]\n in ids: i64[2]\n out y: f32[2]\n %0: i64 = ids[i] %1: i64 = 3 "
      "%2: i64 = add(%0, %1) %3: i64 = checked(%2, %0, N) %4: f32 = x[%3] else 0 y[i] = %4 }";
  std::array<float, 3> x = {10, 20, 30};
  std::array<int64_t, 2> ids = {-3, -1};
  std::array<float, 2> y = {};
  run(kText, {{"N", 3}}, {}, x.data(), ids.data(), y.data());
  EXPECT_EQ(y, (std::array<float, 2>{10, 30}));
  const Nest nest = *parse_nest(kText);
  std::vector<Storage> storages;
  for (const auto& o : nest.operands)
    storages.push_back(dense_storage(Format::plain(o.type.dtype, o.type.rank()), o.type.dims));
  ids[1] = 2;
  const std::vector<void*> pointers = {x.data(), ids.data(), y.data()};
  const auto done = evaluate(nest, storages, pointers, {{"N", 3}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::refused);
  EXPECT_NE(done.error().what.find("index 2 is out of range: -3 to 2"), std::string::npos) << done.error().what;
}

TEST(Evaluate, NothingWithoutMemory) {
  auto nest = parse_nest("nest(i: 2) outer(i) { in x: f32[2]\n out y: f32[2]\n %0: f32 = x[i] y[i] = %0 }");
  ASSERT_TRUE(nest);
  EXPECT_FALSE(evaluate(*nest, {}, {}, {}));
}

TEST(Scalars, IntegersNeverTrap) {
  auto apply_to = [](Scalar f, int64_t a, int64_t b, bool is_unsigned = false) {
    const int64_t arguments[] = {a, b};
    return apply(f, arguments, is_unsigned);
  };
  constexpr int64_t kLow = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(apply_to(Scalar::div, 7, 0), 0);
  EXPECT_EQ(apply_to(Scalar::div, kLow, -1), kLow);
  EXPECT_EQ(apply_to(Scalar::mod_trunc, kLow, -1), 0);
  EXPECT_EQ(apply_to(Scalar::div, -7, 2), -3);
  EXPECT_EQ(apply_to(Scalar::mod_floor, -7, 2), 1);
  EXPECT_EQ(apply_to(Scalar::mod_trunc, -7, 2), -1);
  EXPECT_EQ(apply_to(Scalar::div, -1, 2, true), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(apply_to(Scalar::pow, 3, 4), 81);
  EXPECT_EQ(apply_to(Scalar::pow, -1, -3), -1);
  EXPECT_EQ(apply_to(Scalar::max, -1, 1, true), -1);
}

TEST(Scalars, RealNumbersAtTheEdges) {
  auto apply_to = [](Scalar f, double a, double b = 0) {
    const double arguments[] = {a, b};
    return apply(f, arguments);
  };
  EXPECT_TRUE(std::isnan(apply_to(Scalar::min, std::nan(""), 1)));
  EXPECT_TRUE(std::isnan(apply_to(Scalar::max, 1, std::nan(""))));
  EXPECT_EQ(apply_to(Scalar::round_even, 2.5), 2);
  EXPECT_EQ(apply_to(Scalar::sign, -kInf), -1);
  EXPECT_EQ(apply_to(Scalar::mod_floor, -5.5, 2), 0.5);
  EXPECT_EQ(apply_to(Scalar::sigmoid, -kInf), 0);
}

TEST(Scalars, NamesReadBack) {
  for (int i = 0; i < kScalarCount; ++i) {
    const ScalarInfo& row = info(static_cast<Scalar>(i));
    EXPECT_EQ(parse_scalar(row.name), row.function);
  }
  for (int i = 0; i <= static_cast<int>(Reduction::logical_or); ++i)
    EXPECT_EQ(parse_reduction(name(static_cast<Reduction>(i))), static_cast<Reduction>(i));
  EXPECT_FALSE(parse_scalar("nothing"));
  EXPECT_FALSE(parse_reduction("mean"));
}

}  // namespace
}  // namespace burnish
