#include "schedule/copies.h"

#include <gtest/gtest.h>

namespace burnish {
namespace {

Storage dense(const Dims& dims) {
  return dense_storage(Format::plain(DType::f32, static_cast<int64_t>(dims.size())), dims);
}

TEST(Copies, APartOfAConcatIsRows) {
  const Dims part = {2, 3, 4, 5}, whole = {2, 10, 4, 5};
  const auto copy = row_copy(Type::tensor(DType::f32, part), dense(part), dense(whole));
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(copy->sizes.at("rows"), Dim(2));
  EXPECT_EQ(copy->sizes.at("length"), Dim(60));
  EXPECT_EQ(copy->sizes.at("from"), Dim(60));
  EXPECT_EQ(copy->sizes.at("to"), Dim(200));
  const auto other = row_copy(Type::tensor(DType::f32, {2, 1, 4, 5}), dense({2, 1, 4, 5}), dense(whole));
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->kernel, copy->kernel);
  EXPECT_EQ(other->storages, copy->storages);
}

TEST(Copies, SizesMayBeSymbols) {
  const Dim n = Dim::symbol("N");
  const Dims part = {4, n}, whole = {4, n + 3};
  const auto copy = row_copy(Type::tensor(DType::f32, part), dense(part), dense(whole));
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(copy->sizes.at("rows"), Dim(4));
  EXPECT_EQ(copy->sizes.at("to"), n + 3);
  const auto all = row_copy(Type::tensor(DType::f32, part), dense(part), dense(part));
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->sizes.size(), 1U);
  EXPECT_EQ(all->sizes.at("length"), 4 * n);
}

TEST(Copies, OneElementIsARow) {
  const Dims dims = {1, 1};
  const auto copy = row_copy(Type::tensor(DType::f32, dims), dense(dims), dense({4, 4}));
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(copy->sizes.at("length"), Dim(1));
}

TEST(Copies, OtherOrdersAndPiecesAreNoRows) {
  const Dims dims = {2, 3, 4, 5};
  const Type type = Type::tensor(DType::f32, dims);
  EXPECT_FALSE(row_copy(type, dense(dims), dense_storage(Format::channels_last(DType::f32, 4), dims)));
  EXPECT_FALSE(row_copy(type, dense(dims), dense({2, 3, 6, 7})));
  Format blocked = Format::plain(DType::f32, 4);
  blocked.blocks = {1, 2, 1, 1};
  EXPECT_FALSE(row_copy(type, dense(dims), dense_storage(blocked, dims)));
}

}  // namespace
}  // namespace burnish
