#pragma once
// Element types. In memory every element takes a whole number of bytes: bool one, and the 2- and 4-bit types one each
// (unpacked, sign-extended); files that pack them are unpacked on reading.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace burnish {

enum class DType : uint8_t {
  f64,
  f32,
  f16,
  bf16,
  f8e4m3fn,
  f8e4m3fnuz,
  f8e5m2,
  f8e5m2fnuz,
  f8e8m0,
  f4e2m1,
  i64,
  i32,
  i16,
  i8,
  i4,
  i2,
  u64,
  u32,
  u16,
  u8,
  u4,
  u2,
  boolean,
  c64,
  c128,
  string,
};
inline constexpr int kDTypeCount = static_cast<int>(DType::string) + 1;

// How a reference computes with a dtype: one class, one arithmetic.
enum class NumberClass : uint8_t { real, signed_int, unsigned_int, boolean, complex, string };

std::string_view name(DType dtype);  // "f32", "bool", ...
std::optional<DType> parse_dtype(std::string_view name);
std::size_t byte_size(DType dtype);  // of one element in memory; sizeof(std::string) for string
int bit_width(DType dtype);          // of the logical element; 0 for string
NumberClass number_class(DType dtype);
inline bool is_float(DType dtype) { return number_class(dtype) == NumberClass::real; }
inline bool is_integer(DType dtype) {
  return number_class(dtype) == NumberClass::signed_int || number_class(dtype) == NumberClass::unsigned_int;
}
std::span<const DType> all_dtypes();

// Conversions with ONNX's rounding (to nearest, half to even). `saturate` applies to the f8 and f4 types: out of range
// becomes the largest finite value instead of NaN or infinity.
float half_to_float(uint16_t bits);
uint16_t float_to_half(double value);
float bfloat_to_float(uint16_t bits);
uint16_t float_to_bfloat(double value);
double small_float_to_double(DType dtype, uint8_t bits);
uint8_t double_to_small_float(DType dtype, double value, bool saturate = true);

}  // namespace burnish
