#pragma once
// The scalar functions: one table for references, code generators and the text form. Semantics follow ONNX's elementwise
// operators (source: onnx.ai operator pages); integers wrap.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace burnish {

enum class Scalar : uint8_t {
  // unary
  neg,
  abs,
  sign,
  exp,
  expm1,
  log,
  log1p,
  log2,
  exp2,
  sqrt,
  rsqrt,
  reciprocal,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  erf,
  sigmoid,
  floor,
  ceil,
  round_even,
  trunc,
  logical_not,
  bit_not,
  is_nan,
  is_inf,
  // binary
  add,
  sub,
  mul,
  div,
  mod_floor,
  mod_trunc,
  pow,
  min,
  max,
  atan2,
  logical_and,
  logical_or,
  logical_xor,
  bit_and,
  bit_or,
  bit_xor,
  shift_left,
  shift_right,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  // ternary
  select,  // select(condition, a, b)
};
inline constexpr int kScalarCount = static_cast<int>(Scalar::select) + 1;

// What the result's dtype is: that of the operands, or bool.
enum class ScalarResult : uint8_t { same, boolean };

struct ScalarInfo {
  Scalar function;
  std::string_view name;
  int arity;
  ScalarResult result;
  std::string_view formula;  // for docs
  // Rough cost in f32 vector instructions; feeds the cost model.
  float cost;
  bool commutative;
};
const ScalarInfo& info(Scalar function);
std::optional<Scalar> parse_scalar(std::string_view name);

enum class Reduction : uint8_t { sum, product, min, max, logical_and, logical_or };
std::string_view name(Reduction reduction);
std::optional<Reduction> parse_reduction(std::string_view name);

}  // namespace burnish
