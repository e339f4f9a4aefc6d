#include "ir/dtype.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace burnish {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  uint8_t bytes;
  uint8_t bits;
  NumberClass number_class;
};
using enum NumberClass;
constexpr Row kRows[] = {
    {DType::f64, "f64", 8, 64, real},          {DType::f32, "f32", 4, 32, real},
    {DType::f16, "f16", 2, 16, real},          {DType::bf16, "bf16", 2, 16, real},
    {DType::f8e4m3fn, "f8e4m3fn", 1, 8, real}, {DType::f8e4m3fnuz, "f8e4m3fnuz", 1, 8, real},
    {DType::f8e5m2, "f8e5m2", 1, 8, real},     {DType::f8e5m2fnuz, "f8e5m2fnuz", 1, 8, real},
    {DType::f8e8m0, "f8e8m0", 1, 8, real},     {DType::f4e2m1, "f4e2m1", 1, 4, real},
    {DType::i64, "i64", 8, 64, signed_int},    {DType::i32, "i32", 4, 32, signed_int},
    {DType::i16, "i16", 2, 16, signed_int},    {DType::i8, "i8", 1, 8, signed_int},
    {DType::i4, "i4", 1, 4, signed_int},       {DType::i2, "i2", 1, 2, signed_int},
    {DType::u64, "u64", 8, 64, unsigned_int},  {DType::u32, "u32", 4, 32, unsigned_int},
    {DType::u16, "u16", 2, 16, unsigned_int},  {DType::u8, "u8", 1, 8, unsigned_int},
    {DType::u4, "u4", 1, 4, unsigned_int},     {DType::u2, "u2", 1, 2, unsigned_int},
    {DType::boolean, "bool", 1, 1, boolean},   {DType::c64, "c64", 8, 64, complex},
    {DType::c128, "c128", 16, 128, complex},   {DType::string, "string", sizeof(std::string), 0, string},
};
static_assert(std::size(kRows) == kDTypeCount);
constexpr bool rows_in_order() {
  for (int i = 0; i < kDTypeCount; ++i)
    if (static_cast<int>(kRows[i].dtype) != i) return false;
  return true;
}
static_assert(rows_in_order());
const Row& row(DType d) { return kRows[static_cast<int>(d)]; }

// A small float: sign bit (unless e8m0), exponent, mantissa.
struct Small {
  int exponent_bits, mantissa_bits, bias;
  bool has_infinity;   // IEEE-like: the largest exponent holds infinities and NaNs
  bool unsigned_zero;  // fnuz: 0x80 is the only NaN, no negative zero
  double largest;
};
Small small(DType d) {
  switch (d) {
    case DType::f8e4m3fn: return {4, 3, 7, false, false, 448};
    case DType::f8e4m3fnuz: return {4, 3, 8, false, true, 240};
    case DType::f8e5m2: return {5, 2, 15, true, false, 57344};
    case DType::f8e5m2fnuz: return {5, 2, 16, false, true, 57344};
    default: return {2, 1, 1, false, false, 6};  // f4e2m1
  }
}

// Rounds |value| to a multiple of 2^step, half to even.
double round_to_step(double value, int step) { return std::ldexp(std::nearbyint(std::ldexp(value, -step)), step); }

}  // namespace

std::string_view name(DType d) { return row(d).name; }
std::optional<DType> parse_dtype(std::string_view text) {
  for (const Row& r : kRows)
    if (r.name == text) return r.dtype;
  return std::nullopt;
}
std::size_t byte_size(DType d) { return row(d).bytes; }
int bit_width(DType d) { return row(d).bits; }
NumberClass number_class(DType d) { return row(d).number_class; }
std::span<const DType> all_dtypes() {
  static const std::array<DType, kDTypeCount> all = [] {
    std::array<DType, kDTypeCount> a{};
    for (int i = 0; i < kDTypeCount; ++i) a[static_cast<std::size_t>(i)] = static_cast<DType>(i);
    return a;
  }();
  return all;
}

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 31, mantissa = bits & 0x3ff;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | (mantissa << 13));
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t float_to_half(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return sign | 0x7e00;
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return sign;
  int e;
  std::frexp(magnitude, &e);  // magnitude = m * 2^e, m in [0.5, 1)
  const int exponent = std::max(e - 1, -14);
  const double rounded = round_to_step(magnitude, exponent - 10);
  if (rounded >= 65520.0 || rounded > 65504.0) return sign | 0x7c00;
  if (rounded < std::ldexp(1.0, -14)) return sign | static_cast<uint16_t>(std::ldexp(rounded, 24));
  std::frexp(rounded, &e);
  const auto mantissa = static_cast<uint16_t>(std::ldexp(rounded, 10 - (e - 1))) & 0x3ff;
  return sign | static_cast<uint16_t>((e - 1 + 15) << 10) | static_cast<uint16_t>(mantissa);
}

float bfloat_to_float(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t float_to_bfloat(double value) {
  if (std::isnan(value)) return 0x7fc0;
  const double magnitude = std::fabs(value);
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (magnitude == 0) return sign;
  if (std::isinf(magnitude)) return sign | 0x7f80;
  int e;
  std::frexp(magnitude, &e);
  const double rounded = round_to_step(magnitude, std::max(e - 1, -126) - 7);
  if (rounded > static_cast<double>(std::numeric_limits<float>::max())) return sign | 0x7f80;
  return sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(rounded)) >> 16);
}

double small_float_to_double(DType dtype, uint8_t bits) {
  if (dtype == DType::f8e8m0) {
    return bits == 0xff ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, static_cast<int>(bits) - 127);
  }
  const Small s = small(dtype);
  const int width = 1 + s.exponent_bits + s.mantissa_bits;
  const bool negative = (bits >> (width - 1)) & 1;
  const int exponent = (bits >> s.mantissa_bits) & ((1 << s.exponent_bits) - 1);
  const int mantissa = bits & ((1 << s.mantissa_bits) - 1);
  const int top = (1 << s.exponent_bits) - 1;
  if (s.unsigned_zero && bits == 0x80) return std::numeric_limits<double>::quiet_NaN();
  if (s.has_infinity && exponent == top) {
    if (mantissa) return std::numeric_limits<double>::quiet_NaN();
    return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  if (dtype == DType::f8e4m3fn && exponent == top && mantissa == 7) return std::numeric_limits<double>::quiet_NaN();
  const double magnitude = exponent == 0
                               ? std::ldexp(mantissa, 1 - s.bias - s.mantissa_bits)
                               : std::ldexp(mantissa + (1 << s.mantissa_bits), exponent - s.bias - s.mantissa_bits);
  return negative ? -magnitude : magnitude;
}

uint8_t double_to_small_float(DType dtype, double value, bool saturate) {
  if (dtype == DType::f8e8m0) {  // a power of two; rounds up in magnitude like ONNX's default round mode "up"
    if (std::isnan(value) || value < 0) return 0xff;
    if (value == 0) return 0;
    if (std::isinf(value)) return saturate ? 0xfe : 0xff;
    int e;
    const double m = std::frexp(value, &e);
    const int exponent = (m == 0.5 ? e - 1 : e) + 127;
    if (exponent > 254) return saturate ? 0xfe : 0xff;
    return static_cast<uint8_t>(std::max(exponent, 0));
  }
  const Small s = small(dtype);
  const int width = 1 + s.exponent_bits + s.mantissa_bits;
  const auto sign = static_cast<uint8_t>(std::signbit(value) ? 1 << (width - 1) : 0);
  const auto nan = static_cast<uint8_t>(s.unsigned_zero          ? 0x80
                                        : dtype == DType::f8e5m2 ? (sign | 0x7f)
                                                                 : (sign | 0x7f));
  const double magnitude = std::fabs(value);
  const auto largest = static_cast<uint8_t>(dtype == DType::f8e4m3fn ? 0x7e
                                            : dtype == DType::f8e5m2 ? 0x7b
                                            : dtype == DType::f4e2m1 ? 0x07
                                                                     : 0x7f);
  if (std::isnan(value)) return dtype == DType::f4e2m1 ? 0x08 : nan;  // f4 has no NaN: ONNX makes it -0
  double rounded = magnitude;
  if (std::isfinite(magnitude) && magnitude > 0) {
    int e;
    std::frexp(magnitude, &e);
    rounded = round_to_step(magnitude, std::max(e - 1, 1 - s.bias) - s.mantissa_bits);
  }
  if (rounded > s.largest) {
    if (saturate || dtype == DType::f4e2m1) return sign | largest;
    return s.has_infinity ? static_cast<uint8_t>(sign | 0x7c) : nan;
  }
  if (rounded == 0) return s.unsigned_zero ? 0 : sign;
  int e;
  std::frexp(rounded, &e);
  const int exponent = e - 1 + s.bias;
  if (exponent <= 0) return sign | static_cast<uint8_t>(std::ldexp(rounded, s.bias - 1 + s.mantissa_bits));
  const int mantissa = static_cast<int>(std::ldexp(rounded, s.mantissa_bits - (e - 1))) & ((1 << s.mantissa_bits) - 1);
  return sign | static_cast<uint8_t>((exponent << s.mantissa_bits) | mantissa);
}

}  // namespace burnish
