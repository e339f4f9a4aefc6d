#pragma once
// The table behind loop/scalar.h, for those who need it at compile time.

#include <array>

#include "loop/scalar.h"

namespace burnish {
namespace scalar_table {
using enum Scalar;
inline constexpr auto kSame = ScalarResult::same;
inline constexpr auto kBool = ScalarResult::boolean;

inline constexpr std::array<ScalarInfo, kScalarCount> kRows = {{
    {neg, "neg", 1, kSame, "-x", 1, false},
    {abs, "abs", 1, kSame, "|x|", 1, false},
    {sign, "sign", 1, kSame, "-1, 0 or 1 by the sign of x; NaN for NaN", 3, false},
    {exp, "exp", 1, kSame, "e^x", 12, false},
    {expm1, "expm1", 1, kSame, "e^x - 1, exact near 0", 16, false},
    {log, "log", 1, kSame, "natural logarithm of x", 16, false},
    {log1p, "log1p", 1, kSame, "log(1 + x), exact near 0", 18, false},
    {log2, "log2", 1, kSame, "logarithm of x to base 2", 16, false},
    {exp2, "exp2", 1, kSame, "2^x", 11, false},
    {sqrt, "sqrt", 1, kSame, "square root of x", 6, false},
    {rsqrt, "rsqrt", 1, kSame, "1 / sqrt(x)", 10, false},
    {reciprocal, "reciprocal", 1, kSame, "1 / x", 5, false},
    {sin, "sin", 1, kSame, "sine of x in radians", 20, false},
    {cos, "cos", 1, kSame, "cosine of x in radians", 20, false},
    {tan, "tan", 1, kSame, "tangent of x in radians", 28, false},
    {asin, "asin", 1, kSame, "arc sine of x", 22, false},
    {acos, "acos", 1, kSame, "arc cosine of x", 22, false},
    {atan, "atan", 1, kSame, "arc tangent of x", 20, false},
    {sinh, "sinh", 1, kSame, "hyperbolic sine of x", 22, false},
    {cosh, "cosh", 1, kSame, "hyperbolic cosine of x", 20, false},
    {tanh, "tanh", 1, kSame, "hyperbolic tangent of x", 18, false},
    {asinh, "asinh", 1, kSame, "inverse hyperbolic sine of x", 28, false},
    {acosh, "acosh", 1, kSame, "inverse hyperbolic cosine of x", 28, false},
    {atanh, "atanh", 1, kSame, "inverse hyperbolic tangent of x", 24, false},
    {erf, "erf", 1, kSame, "error function: 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x", 20, false},
    {sigmoid, "sigmoid", 1, kSame, "1 / (1 + e^-x)", 18, false},
    {floor, "floor", 1, kSame, "largest whole number not above x", 1, false},
    {ceil, "ceil", 1, kSame, "smallest whole number not below x", 1, false},
    {round_even, "round_even", 1, kSame, "nearest whole number, halves to the even one", 1, false},
    {trunc, "trunc", 1, kSame, "x without its fraction", 1, false},
    {logical_not, "logical_not", 1, kBool, "not x", 1, false},
    {bit_not, "bit_not", 1, kSame, "every bit of x inverted", 1, false},
    {is_nan, "is_nan", 1, kBool, "whether x is NaN", 1, false},
    {is_inf, "is_inf", 1, kBool, "whether x is infinite, of either sign", 2, false},
    {add, "add", 2, kSame, "a + b; integers wrap", 1, true},
    {sub, "sub", 2, kSame, "a - b; integers wrap", 1, false},
    {mul, "mul", 2, kSame, "a * b; integers wrap", 1, true},
    {div, "div", 2, kSame, "a / b; integers truncate toward zero, and x / 0 = 0 for them", 5, false},
    {mod_floor, "mod_floor", 2, kSame, "a - b * floor(a / b), the sign of b; 0 for an integer b of 0", 8, false},
    {mod_trunc, "mod_trunc", 2, kSame, "a - b * trunc(a / b), the sign of a; 0 for an integer b of 0", 8, false},
    {pow, "pow", 2, kSame, "a^b; integers wrap", 36, false},
    {min, "min", 2, kSame, "the smaller of a and b; NaN if either is", 2, true},
    {max, "max", 2, kSame, "the larger of a and b; NaN if either is", 2, true},
    {atan2, "atan2", 2, kSame, "angle of the point (x = b, y = a)", 26, false},
    {logical_and, "logical_and", 2, kBool, "a and b", 1, true},
    {logical_or, "logical_or", 2, kBool, "a or b", 1, true},
    {logical_xor, "logical_xor", 2, kBool, "exactly one of a and b", 1, true},
    {bit_and, "bit_and", 2, kSame, "bits set in both", 1, true},
    {bit_or, "bit_or", 2, kSame, "bits set in either", 1, true},
    {bit_xor, "bit_xor", 2, kSame, "bits set in exactly one", 1, true},
    {shift_left, "shift_left", 2, kSame, "a * 2^b, bits beyond the width are lost; 0 for b outside 0 .. width - 1", 1,
     false},
    {shift_right, "shift_right", 2, kSame,
     "floor(a / 2^b); for b outside 0 .. width - 1 only sign bits remain (0, or -1 for a negative a)", 1, false},
    {eq, "eq", 2, kBool, "a = b", 1, true},
    {ne, "ne", 2, kBool, "a differs from b", 1, true},
    {lt, "lt", 2, kBool, "a < b", 1, false},
    {le, "le", 2, kBool, "a <= b", 1, false},
    {gt, "gt", 2, kBool, "a > b", 1, false},
    {ge, "ge", 2, kBool, "a >= b", 1, false},
    {select, "select", 3, kSame, "a where the condition holds, else b", 1, false},
}};

constexpr bool in_order() {
  for (int i = 0; i < kScalarCount; ++i)
    if (static_cast<int>(kRows[static_cast<std::size_t>(i)].function) != i) return false;
  return true;
}
static_assert(in_order());
}  // namespace scalar_table

constexpr const ScalarInfo& scalar_row(Scalar function) {
  return scalar_table::kRows[static_cast<std::size_t>(function)];
}

}  // namespace burnish
