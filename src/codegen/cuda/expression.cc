#include "codegen/cuda/expression.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "codegen/nest/scalars.h"

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }
bool is_unsigned(DType dtype) { return number_class(dtype) == NumberClass::unsigned_int || dtype == DType::boolean; }

// A power that multiplications can do.
bool small_power(double exponent) { return std::trunc(exponent) == exponent && std::fabs(exponent) <= 16; }

bool of_reals_only(Scalar function) {
  switch (function) {
    case Scalar::exp:
    case Scalar::expm1:
    case Scalar::log:
    case Scalar::log1p:
    case Scalar::log2:
    case Scalar::exp2:
    case Scalar::sqrt:
    case Scalar::rsqrt:
    case Scalar::reciprocal:
    case Scalar::sin:
    case Scalar::cos:
    case Scalar::tan:
    case Scalar::asin:
    case Scalar::acos:
    case Scalar::atan:
    case Scalar::sinh:
    case Scalar::cosh:
    case Scalar::tanh:
    case Scalar::asinh:
    case Scalar::acosh:
    case Scalar::atanh:
    case Scalar::erf:
    case Scalar::sigmoid:
    case Scalar::is_nan:
    case Scalar::is_inf:
    case Scalar::atan2: return true;
    default: return false;
  }
}

bool of_integers_only(Scalar function) {
  switch (function) {
    case Scalar::bit_not:
    case Scalar::bit_and:
    case Scalar::bit_or:
    case Scalar::bit_xor:
    case Scalar::shift_left:
    case Scalar::shift_right: return true;
    default: return false;
  }
}

bool supports(Scalar function, DType dtype) {
  if (!cuda_supports(dtype)) return false;
  if (is_float(dtype)) return !of_integers_only(function);
  if (of_reals_only(function)) return false;
  return dtype != DType::boolean || takes_booleans(function);
}

std::string real_text(Scalar function, DType dtype, std::span<const std::string> arguments) {
  const std::string& a = arguments[0];
  const std::string& b = arguments.size() > 1 ? arguments[1] : a;
  const bool wide = dtype == DType::f64;
  const std::string_view f = wide ? "" : "f";
  const std::string_view one = wide ? "1.0" : "1.0f", zero = wide ? "0.0" : "0.0f";
  switch (function) {
    case Scalar::neg: return "-" + a;
    case Scalar::abs: return fmt::format("fabs{}({})", f, a);
    case Scalar::sign: return fmt::format("real_sign({})", a);
    case Scalar::rsqrt: return fmt::format("rsqrt{}({})", f, a);
    case Scalar::reciprocal: return fmt::format("{} / {}", one, a);
    case Scalar::sigmoid: return fmt::format("{} / ({} + exp{}(-{}))", one, one, f, a);
    case Scalar::round_even: return fmt::format("rint{}({})", f, a);
    case Scalar::exp:
    case Scalar::expm1:
    case Scalar::log:
    case Scalar::log1p:
    case Scalar::log2:
    case Scalar::exp2:
    case Scalar::sqrt:
    case Scalar::sin:
    case Scalar::cos:
    case Scalar::tan:
    case Scalar::asin:
    case Scalar::acos:
    case Scalar::atan:
    case Scalar::sinh:
    case Scalar::cosh:
    case Scalar::tanh:
    case Scalar::asinh:
    case Scalar::acosh:
    case Scalar::atanh:
    case Scalar::erf:
    case Scalar::floor:
    case Scalar::ceil:
    case Scalar::trunc: return fmt::format("{}{}({})", info(function).name, f, a);
    case Scalar::atan2:
    case Scalar::pow: return fmt::format("{}{}({}, {})", info(function).name, f, a, b);
    case Scalar::logical_not: return fmt::format("{} == {}", a, zero);
    case Scalar::is_nan: return fmt::format("{} != {}", a, a);
    case Scalar::is_inf: return fmt::format("infinite({})", a);
    case Scalar::add: return a + " + " + b;
    case Scalar::sub: return a + " - " + b;
    case Scalar::mul: return a + " * " + b;
    case Scalar::div: return a + " / " + b;
    case Scalar::mod_floor: return fmt::format("real_mod_floor({}, {})", a, b);
    case Scalar::mod_trunc: return fmt::format("real_mod({}, {})", a, b);
    case Scalar::logical_and: return fmt::format("{} != {} && {} != {}", a, zero, b, zero);
    case Scalar::logical_or: return fmt::format("{} != {} || {} != {}", a, zero, b, zero);
    case Scalar::logical_xor: return fmt::format("({} != {}) != ({} != {})", a, zero, b, zero);
    default: break;
  }
  CHECK(false, std::string(info(function).name) + " of real numbers");
}

std::string whole_text(Scalar function, DType dtype, std::span<const std::string> arguments) {
  const std::string& a = arguments[0];
  const std::string& b = arguments.size() > 1 ? arguments[1] : a;
  const std::string_view type = register_type(dtype);
  const auto bits = [&](std::string_view op) { return fmt::format("({})({} {} {})", type, a, op, b); };
  switch (function) {
    case Scalar::neg: return fmt::format("wrap_neg({})", a);
    case Scalar::abs: return fmt::format("whole_abs({})", a);
    case Scalar::sign: return fmt::format("whole_sign({})", a);
    case Scalar::floor:
    case Scalar::ceil:
    case Scalar::round_even:
    case Scalar::trunc: return a;
    case Scalar::bit_not: return dtype == DType::boolean ? "!" + a : fmt::format("({})~{}", type, a);
    case Scalar::logical_not: return a + " == 0";
    case Scalar::add: return fmt::format("wrap_add({}, {})", a, b);
    case Scalar::sub: return fmt::format("wrap_sub({}, {})", a, b);
    case Scalar::mul: return fmt::format("wrap_mul({}, {})", a, b);
    case Scalar::div: return fmt::format("whole_div({}, {})", a, b);
    case Scalar::mod_trunc: return fmt::format("whole_mod_trunc({}, {})", a, b);
    case Scalar::mod_floor: return fmt::format("whole_mod_floor({}, {})", a, b);
    case Scalar::pow: return fmt::format("whole_pow({}, {})", a, b);
    case Scalar::logical_and: return fmt::format("{} != 0 && {} != 0", a, b);
    case Scalar::logical_or: return fmt::format("{} != 0 || {} != 0", a, b);
    case Scalar::logical_xor: return fmt::format("({} != 0) != ({} != 0)", a, b);
    case Scalar::bit_and: return bits("&");
    case Scalar::bit_or: return bits("|");
    case Scalar::bit_xor: return bits("^");
    case Scalar::shift_left: return fmt::format("shift_left({}, {})", a, b);
    case Scalar::shift_right: return fmt::format("shift_right({}, {})", a, b);
    default: break;
  }
  CHECK(false, std::string(info(function).name) + " of integers");
}

}  // namespace

bool cuda_supports(DType dtype) { return !register_type(dtype).empty(); }

std::string cuda_why_not(const Nest& nest) {
  for (const auto& e : nest.expressions) {
    if (!cuda_supports(e.dtype)) return fmt::format("no code for {}", name(e.dtype));
    if (e.kind != Kind::apply) continue;
    const DType dtype = nest.expressions[static_cast<std::size_t>(e.arguments.back())].dtype;
    if (!supports(e.function, dtype)) return fmt::format("no code for {} of {}", info(e.function).name, name(dtype));
  }
  return {};
}

std::string_view register_type(DType dtype) {
  switch (dtype) {
    case DType::f64: return "double";
    case DType::f32:
    case DType::f16:
    case DType::bf16: return "float";
    case DType::i64: return "long long";
    case DType::i32: return "int";
    case DType::i16: return "short";
    case DType::i8: return "signed char";
    case DType::u64: return "unsigned long long";
    case DType::u32: return "unsigned";
    case DType::u16: return "unsigned short";
    case DType::u8: return "unsigned char";
    case DType::boolean: return "bool";
    default: return {};
  }
}

std::string_view memory_type(DType dtype) {
  if (is_half(dtype)) return "unsigned short";
  return dtype == DType::boolean ? "unsigned char" : register_type(dtype);
}

std::string from_memory(std::string value, DType dtype) {
  if (dtype == DType::f16) return "from_half(" + value + ")";
  if (dtype == DType::bf16) return "from_bfloat(" + value + ")";
  return dtype == DType::boolean ? value + " != 0" : value;
}

std::string to_memory(std::string value, DType dtype) {
  if (dtype == DType::f16) return "to_half(" + value + ")";
  return dtype == DType::bf16 ? "to_bfloat(" + value + ")" : value;
}

std::string constant_text(double value, DType dtype) {
  if (is_float(dtype)) {
    if (dtype == DType::f16) value = static_cast<double>(half_to_float(float_to_half(value)));
    if (dtype == DType::bf16) value = static_cast<double>(bfloat_to_float(float_to_bfloat(value)));
    const bool wide = dtype == DType::f64;
    if (!wide) value = static_cast<double>(static_cast<float>(value));
    if (std::isnan(value)) return wide ? "__longlong_as_double(0x7ff8000000000000ll)" : "__int_as_float(0x7fc00000)";
    if (std::isinf(value)) {
      if (wide) return fmt::format("__longlong_as_double(0x{}ff0000000000000ll)", value < 0 ? "f" : "7");
      return fmt::format("__int_as_float(0x{}f800000)", value < 0 ? "f" : "7");
    }
    std::string digits = wide ? fmt::format("{}", value) : fmt::format("{}", static_cast<float>(value));
    if (digits.find_first_of(".e") == std::string::npos) digits += ".0";
    if (!wide) digits += "f";
    return digits[0] == '-' ? "(" + digits + ")" : digits;
  }
  if (dtype == DType::boolean) return value != 0 ? "true" : "false";
  // The nearest number that the dtype has.
  const int width = static_cast<int>(byte_size(dtype) * 8);
  const double above = std::ldexp(1.0, is_unsigned(dtype) ? width : width - 1);
  if (is_unsigned(dtype)) {
    const uint64_t most = UINT64_MAX >> (64 - width);
    const uint64_t bits = !(value > 0) ? 0 : value >= above ? most : static_cast<uint64_t>(value);
    return fmt::format("({}){}ull", register_type(dtype), bits);
  }
  int64_t bits = 0;
  if (value >= above) bits = INT64_MAX >> (64 - width);
  else if (value < -above) bits = INT64_MIN >> (64 - width);
  else if (!std::isnan(value)) bits = static_cast<int64_t>(value);
  if (bits == INT64_MIN) return "(-9223372036854775807ll - 1)";
  if (bits == INT32_MIN && dtype == DType::i32) return "(-2147483647 - 1)";
  const std::string digits = fmt::format("{}{}", bits, dtype == DType::i64 ? "ll" : "");
  if (byte_size(dtype) < 4) return fmt::format("({}){}", register_type(dtype), digits);
  return bits < 0 ? "(" + digits + ")" : digits;
}

std::string convert_text(std::string value, DType from, DType to) {
  if (from == to) return value;
  if (to == DType::boolean) return value + (is_float(from) ? " != 0.0f" : " != 0");
  if (is_float(from)) {
    if (!is_float(to)) return fmt::format("whole<{}>({})", register_type(to), value);
    if (is_half(to)) return from_memory(to_memory(std::move(value), to), to);
  }
  if (is_half(to)) {
    std::string number = fmt::format("(float){}", value);
    return from_memory(to_memory(std::move(number), to), to);
  }
  return register_type(from) == register_type(to) ? value : fmt::format("({}){}", register_type(to), value);
}

std::string apply_text(Scalar function, DType dtype, std::span<const std::string> arguments) {
  const auto compare = [&](std::string_view op) { return fmt::format("{} {} {}", arguments[0], op, arguments[1]); };
  switch (function) {
    case Scalar::select: return fmt::format("{} ? {} : {}", arguments[0], arguments[1], arguments[2]);
    case Scalar::min: return fmt::format("least({}, {})", arguments[0], arguments[1]);
    case Scalar::max: return fmt::format("most({}, {})", arguments[0], arguments[1]);
    case Scalar::eq: return compare("==");
    case Scalar::ne: return compare("!=");
    case Scalar::lt: return compare("<");
    case Scalar::le: return compare("<=");
    case Scalar::gt: return compare(">");
    case Scalar::ge: return compare(">=");
    default: return is_float(dtype) ? real_text(function, dtype, arguments) : whole_text(function, dtype, arguments);
  }
}

std::string apply_text(const Nest& nest, const ScalarExpression& apply, std::span<const std::string> arguments) {
  const auto& last = nest.expressions[static_cast<std::size_t>(apply.arguments.back())];
  if (apply.function == Scalar::pow && last.kind == Kind::constant && small_power(last.value) &&
      (is_float(last.dtype) || last.value >= 0)) {
    std::string power = fmt::format("power_of<{}>({})", std::llabs(std::llround(last.value)), arguments[0]);
    if (last.value >= 0) return power;
    return (last.dtype == DType::f64 ? "1.0 / " : "1.0f / ") + power;
  }
  return apply_text(apply.function, last.dtype, arguments);
}

std::string identity_text(Reduction reduction, DType dtype) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  switch (reduction) {
    case Reduction::sum:
    case Reduction::logical_or: return constant_text(0, dtype);
    case Reduction::product:
    case Reduction::logical_and: return constant_text(1, dtype);
    case Reduction::min: return constant_text(kInf, dtype);
    case Reduction::max: break;
  }
  return dtype == DType::boolean ? "false" : constant_text(-kInf, dtype);
}

std::string_view combiner(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum: return "Sum()";
    case Reduction::product: return "Product()";
    case Reduction::min: return "Least()";
    case Reduction::max: return "Most()";
    case Reduction::logical_and: return "All()";
    case Reduction::logical_or: break;
  }
  return "Any()";
}

}  // namespace burnish
