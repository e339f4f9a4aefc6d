#include "schedule/copies.h"

#include <gtest/gtest.h>

namespace burnish {
namespace {

Storage dense(const Dims& dims) {
  return dense_storage(Format::plain(DType::f32, static_cast<int64_t>(dims.size())), dims);
}

TEST(Copies, APartOfAConcatIsRows) {
  const Dims part = {2, 3, 4, 5}, whole = {2, 10, 4, 5};
  const auto copy = copy_of(Type::tensor(DType::f32, part), dense(part), dense(whole));
  EXPECT_EQ(copy.sizes.at("rows"), Dim(2));
  EXPECT_EQ(copy.sizes.at("length"), Dim(60));
  EXPECT_EQ(copy.sizes.at("from"), Dim(60));
  EXPECT_EQ(copy.sizes.at("to"), Dim(200));
  const auto other = copy_of(Type::tensor(DType::f32, {2, 1, 4, 5}), dense({2, 1, 4, 5}), dense(whole));
  EXPECT_EQ(other.kernel, copy.kernel);
  EXPECT_EQ(other.storages, copy.storages);
}

TEST(Copies, SizesMayBeSymbols) {
  const Dim n = Dim::symbol("N");
  const Dims part = {4, n}, whole = {4, n + 3};
  const auto copy = copy_of(Type::tensor(DType::f32, part), dense(part), dense(whole));
  EXPECT_EQ(copy.sizes.at("rows"), Dim(4));
  EXPECT_EQ(copy.sizes.at("to"), n + 3);
  const auto all = copy_of(Type::tensor(DType::f32, part), dense(part), dense(part));
  EXPECT_EQ(all.sizes.size(), 1U);
  EXPECT_EQ(all.sizes.at("length"), 4 * n);
}

TEST(Copies, OneElementIsARow) {
  const Dims dims = {1, 1};
  const auto copy = copy_of(Type::tensor(DType::f32, dims), dense(dims), dense({4, 4}));
  EXPECT_EQ(copy.sizes.at("length"), Dim(1));
}

TEST(Copies, OtherOrdersPiecesAndShortRowsAreNoRows) {
  const Dims dims = {2, 3, 4, 5};
  const Type type = Type::tensor(DType::f32, dims);
  EXPECT_TRUE(copy_of(type, dense(dims), dense_storage(Format::channels_last(DType::f32, 4), dims)).sizes.empty());
  EXPECT_TRUE(copy_of(type, dense(dims), dense({2, 3, 6, 7})).sizes.empty());
  Format blocked = Format::plain(DType::f32, 4);
  blocked.blocks = {1, 2, 1, 1};
  EXPECT_TRUE(copy_of(type, dense(dims), dense_storage(blocked, dims)).sizes.empty());
  EXPECT_TRUE(copy_of(Type::tensor(DType::f32, {9, 4}), dense({9, 4}), dense({9, 8})).sizes.empty());
}

TEST(Copies, WhatNoCodeComputesWithIsBits) {
  for (const DType dtype : all_dtypes()) {
    if (dtype == DType::string) continue;
    const Dims dims = {3, 40};
    const Storage storage = dense_storage(Format::plain(dtype, 2), dims);
    Storage wide = storage;
    wide.strides[0] = 80;
    const Copy copy = copy_of(Type::tensor(dtype, dims), storage, wide);
    const DType moved = copy.kernel.nest.operands[0].type.dtype;
    EXPECT_EQ(copy.sizes.at("length"), Dim(dtype == DType::c128 ? 80 : 40)) << name(dtype);
    EXPECT_EQ(byte_size(moved), std::min<std::size_t>(byte_size(dtype), 8)) << name(dtype);
    EXPECT_EQ(copy.storages[1].format.dtype, moved) << name(dtype);
  }
}

}  // namespace
}  // namespace burnish
