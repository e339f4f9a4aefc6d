// Attributes, tensors and types as text.

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "ir/graph.h"
#include "ir/lexer.h"

namespace burnish {
namespace {

// Reads back as the same kind and the same bits.
void expect_round_trip(const Attribute& attribute, std::string_view expected = {}) {
  const std::string written = text(attribute);
  if (!expected.empty()) {
    EXPECT_EQ(written, expected);
  }
  auto read = parse_attribute(written);
  ASSERT_TRUE(read) << written << ": " << read.error().message();
  Graph a, b;
  a.add_node("f", {}, {{"a", attribute}}, {});
  b.add_node("f", {}, {{"a", *read}}, {});
  EXPECT_EQ(difference(a, b), "") << written;
}

TEST(AttributeText, TellsEveryKindApart) {
  expect_round_trip(int64_t{3}, "3");
  expect_round_trip(3.0, "3.0");
  expect_round_trip(-0.0, "-0.0");
  expect_round_trip(1e-05, "1e-05");
  expect_round_trip(1e20, "1e+20");
  expect_round_trip(1e15, "1000000000000000.0");
  expect_round_trip(std::numeric_limits<double>::infinity(), "inf");
  expect_round_trip(-std::numeric_limits<double>::infinity(), "-inf");
  expect_round_trip(std::numeric_limits<double>::quiet_NaN(), "nan");
  expect_round_trip(std::bit_cast<double>(0xfff8000000000123), "0xfff8000000000123");
  expect_round_trip(std::numeric_limits<double>::denorm_min());
  expect_round_trip(std::numeric_limits<double>::max());
  expect_round_trip(std::numeric_limits<int64_t>::min(), "-9223372036854775808");
  expect_round_trip(std::numeric_limits<int64_t>::max(), "9223372036854775807");
  expect_round_trip(std::string("a\"b"), R"("a\"b")");
  expect_round_trip(std::string("\0\xff", 2));
  expect_round_trip(Ints{1, -2}, "[1, -2]");
  expect_round_trip(Ints{}, "[]");
  expect_round_trip(Floats{1, 0.5}, "[1.0, 0.5]");
  expect_round_trip(Floats{}, "reals[]");
  expect_round_trip(Floats{std::nan(""), -0.0, std::bit_cast<double>(0x7ff0000000000001)});
  expect_round_trip(Strings{"a", "", "b, ]"}, R"(["a", "", "b, ]"])");
  expect_round_trip(Strings{}, "strings[]");
  for (const DType dtype : all_dtypes()) expect_round_trip(dtype, name(dtype));
  expect_round_trip(Dims{Dim::symbol("N"), 4}, "dims[N, 4]");
  expect_round_trip(Dims{}, "dims[]");
  expect_round_trip(Dims{min(Dim::symbol("N"), 3) * 2 - floordiv(Dim::symbol("H") - 1, 2), -1});
  expect_round_trip(Tensor::f32s({2}, std::vector<float>{1, 2}), "tensor(f32[2] [1, 2])");
  expect_round_trip(Type::tensor(DType::f32, {Dim::symbol("N")}), "type(f32[N])");
}

TEST(AttributeText, Types) {
  const Type kTypes[] = {
      Type::tensor(DType::f32, {Dim::symbol("N"), 3}),
      Type::tensor(DType::boolean, {}),
      Type::unranked(DType::string),
      Type::sequence(Type::unranked(DType::f16)),
      Type::optional(Type::sequence(Type::tensor(DType::i4, {2}))),
      Type::map(DType::string, Type::tensor(DType::i64, {})),
      Type::token(),
  };
  for (const Type& type : kTypes) {
    const auto read = parse_type(type.text());
    ASSERT_TRUE(read) << type.text() << ": " << read.error().message();
    EXPECT_EQ(*read, type) << type.text();
    expect_round_trip(type);
  }
  EXPECT_EQ(*parse_type(" sequence < f32 [ N , 3 ] > "), Type::sequence(*parse_type("f32[N,3]")));
  for (const char* wrong :
       {"", "f32", "f32[", "f32[]]", "f32[,]", "f32[2,]", "f32[*", "sequence<>", "map<f32[2]>", "tokens"})
    EXPECT_FALSE(parse_type(wrong)) << wrong;
}

// Every bit pattern of the narrow dtypes, and odd ones of the wide.
TEST(AttributeText, TensorsKeepTheirBits) {
  std::mt19937_64 random(1);
  for (const DType dtype : all_dtypes()) {
    if (dtype == DType::string) continue;
    const std::size_t size = byte_size(dtype);
    const int64_t count = size == 1 ? 256 : size == 2 ? 65536 : 4000;
    Tensor all = *Tensor::allocate(dtype, {count});
    auto* bytes = reinterpret_cast<uint8_t*>(all.mutable_data());
    for (int64_t i = 0; i < count; ++i) {
      uint64_t pattern[2] = {random(), random()};
      if (size <= 2) pattern[0] = static_cast<uint64_t>(i);
      if (size >= 4 && i % 4 == 0) {  // what arithmetic gives: numbers of few digits, and their negatives
        const double number = static_cast<double>(static_cast<int>(random() % 2001) - 1000) / 8;
        visit_number_class(dtype, [&]<class N>(N) {
          if constexpr (!std::is_same_v<N, std::string>)
            Accessor<N>(dtype).store(reinterpret_cast<std::byte*>(pattern), 0, static_cast<N>(number));
        });
      }
      if (size >= 4 && i % 16 == 1) pattern[0] |= 0x7ff000007f800000, pattern[1] |= 0x7ff000007f800000;  // NaNs
      std::memcpy(bytes + static_cast<std::size_t>(i) * size, pattern, size);
    }
    const std::string written = attribute_text(all, count);
    const auto read = parse_attribute(written);
    ASSERT_TRUE(read) << name(dtype) << ": " << read.error().message();
    EXPECT_TRUE(std::get<Tensor>(*read).identical(all)) << name(dtype);
    // The usual ones are written as numbers.
    EXPECT_EQ(attribute_text(Tensor::scalar(dtype, 1), 16).find("0x"), std::string::npos) << name(dtype);
  }
}

TEST(AttributeText, TensorsOfEveryShape) {
  expect_round_trip(Tensor::scalar(DType::f32, 0.5), "tensor(f32[] [0.5])");
  expect_round_trip(*Tensor::allocate(DType::f32, {0, 3}), "tensor(f32[0,3] [])");
  expect_round_trip(Tensor::scalar(DType::c64, 2), "tensor(c64[] [(2, 0)])");
  expect_round_trip(Tensor::scalar(DType::boolean, 1), "tensor(bool[] [1])");
  Tensor words = *Tensor::allocate(DType::string, {3});
  words.mutable_as<std::string>()[0] = "], \"";
  words.mutable_as<std::string>()[2] = "Straße\n";
  expect_round_trip(words, R"(tensor(string[3] ["], \"", "", "Straße\n"]))");

  const auto same = [](std::string_view a, std::string_view b) {
    const auto x = parse_attribute(a), y = parse_attribute(b);
    ASSERT_TRUE(x && y) << a;
    EXPECT_EQ(std::get<Tensor>(*x), std::get<Tensor>(*y)) << a;
  };
  same("tensor(f32[] 0.5)", "tensor(f32[] [0.5])");
  same("tensor(bool[2] [true, false])", "tensor(bool[2] [1, 0])");
  same("tensor(i64[2,3] [[1, 2, 3], [4, 5, 6]])", "tensor(i64[2,3] [1, 2, 3, 4, 5, 6])");
  same("tensor(i8[1,2,1] [[[1], [2]]])", "tensor(i8[1,2,1] [1, 2])");
  same("tensor(u64[] 18446744073709551615)", "tensor(u64[] 0xffffffffffffffff)");
  for (const char* wrong :
       {"tensor(i64[2,2] [[1, 2, 3], [4]])", "tensor(i64[2] [[1, 2]])", "tensor(i64[2] 1)", "tensor(f32[2] [1 2])",
        "tensor(f32[*] [1])", "tensor(token [1])", "tensor(i64[] 1.0)", "tensor(string[] a)", "tensor(bool[] 2)"})
    EXPECT_FALSE(parse_attribute(wrong)) << wrong;
}

TEST(AttributeText, ListsOfOneKind) {
  EXPECT_EQ(std::get<Floats>(*parse_attribute("[1, 2.5]")), (Floats{1, 2.5}));
  for (const char* wrong :
       {"[1, \"a\"]", "[\"a\", 1]", "[1,]", "[", "[[1]]", "reals[1.0]", "dims[", "+1", "--1", "1 2"})
    EXPECT_FALSE(parse_attribute(wrong)) << wrong;
}

TEST(AttributeText, KindsHaveNames) {
  EXPECT_EQ(name(AttributeKind::integer), "integer");
  EXPECT_EQ(name(AttributeKind::reals), "reals");
  EXPECT_EQ(name(AttributeKind::type), "type");
}

}  // namespace
}  // namespace burnish
