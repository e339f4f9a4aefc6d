// Arithmetic, comparison, logic: one value out for one value in.

#include <cmath>
#include <limits>

#include "import/onnx/node_context.h"

namespace burnish::onnx {
namespace {

// Before opset 7, B was aligned with A by an `axis` attribute, and only when `broadcast` asked for it.
Result<Value*> align_legacy(NodeContext& c) {
  Value* b = c.in(1);
  const int64_t axis = c.integer("axis", -1);
  if (c.integer("broadcast", 0) == 0 || axis == -1) return b;
  const int64_t rank_a = TRY(c.rank(0)), rank_b = TRY(c.rank(1));
  const int64_t start = TRY(c.axis(axis, rank_a));
  Ints axes;
  for (int64_t i = start + rank_b; i < rank_a; ++i) axes.push_back(i - start);
  return axes.empty() ? b : c.op("unsqueeze", {b}, {{"axes", axes}});
}

// The row's target is found again by name, so that one handler serves all binary operators.
Status binary(NodeContext& c, std::string_view target) {
  TRY(need_inputs(c, 2));
  Value* b = c.opset() < 7 ? TRY(align_legacy(c)) : c.in(1);
  c.give(c.op(target, {c.in(0), b}));
  return {};
}

template <const char* target>
Status legacy(NodeContext& c) {
  return binary(c, target);
}

constexpr char kAdd[] = "add", kSub[] = "sub", kMul[] = "mul", kDiv[] = "div", kAnd[] = "logical_and",
               kOr[] = "logical_or", kXor[] = "logical_xor", kEq[] = "eq", kLt[] = "lt", kGt[] = "gt";

// The exponent may have another dtype than the base, whose dtype the result has. Integers to a float are real numbers cut
// off: f32 would round the integers themselves.
Status power(NodeContext& c) {
  TRY(need_inputs(c, 2));
  Value* exponent = c.opset() < 7 ? TRY(align_legacy(c)) : c.in(1);
  if (is_integer(c.dtype(0)) && is_float(c.dtype(1))) {
    c.give(c.cast(c.op("pow", {c.cast(c.in(0), DType::f64), c.cast(exponent, DType::f64)}), c.dtype(0)));
  } else {
    c.give(c.op("pow", {c.in(0), c.cast(exponent, c.dtype(0))}));
  }
  return {};
}

Status modulo(NodeContext& c) {
  TRY(need_inputs(c, 2));
  c.give(c.op(c.integer("fmod", 0) != 0 ? "mod_trunc" : "mod_floor", {c.in(0), c.in(1)}));
  return {};
}

Status bit_shift(NodeContext& c) {
  TRY(need_inputs(c, 2));
  const std::string direction = c.string("direction", "");
  if (direction != "LEFT" && direction != "RIGHT") return c.error("attribute 'direction' is neither LEFT nor RIGHT");
  c.give(c.op(direction == "LEFT" ? "shift_left" : "shift_right", {c.in(0), c.in(1)}));
  return {};
}

// Sum, Max, Min of any number of inputs: folded from the left.
Result<Value*> fold(NodeContext& c, std::string_view target) {
  if (c.input_count() == 0) return c.error("has no inputs");
  TRY(need_inputs(c, c.input_count()));
  Value* total = c.in(0);
  for (std::size_t i = 1; i < c.input_count(); ++i) total = c.op(target, {total, c.in(i)});
  return total;
}

template <const char* target>
Status variadic(NodeContext& c) {
  c.give(TRY(fold(c, target)));
  return {};
}
constexpr char kMax[] = "max", kMin[] = "min";

Status mean(NodeContext& c) {
  Value* total = TRY(fold(c, "add"));
  if (c.input_count() == 1) c.give(total);
  else c.give(c.op("div", {total, c.number(c.in(0), static_cast<double>(c.input_count()))}));
  return {};
}

Status is_infinite(NodeContext& c) {
  TRY(need_inputs(c, 1));
  const bool negative = c.integer("detect_negative", 1) != 0, positive = c.integer("detect_positive", 1) != 0;
  Value* any = c.op("is_inf", {c.in(0)});
  if (negative && positive) {
    c.give(any);
  } else {
    // With neither sign asked for, nothing can be both below and above zero.
    Value* zero = c.number(c.in(0), 0);
    Value* sign = negative ? c.op("lt", {c.in(0), zero}) : c.op("gt", {c.in(0), zero});
    if (!negative && !positive) sign = c.op("logical_and", {sign, c.op("lt", {c.in(0), zero})});
    c.give(c.op("logical_and", {any, sign}));
  }
  return {};
}

// Of integers, too: that of the real numbers, cut off.
Status error_function(NodeContext& c) {
  TRY(need_inputs(c, 1));
  if (!is_integer(c.dtype(0))) {
    c.give(c.op("erf", {c.in(0)}));
    return {};
  }
  Value* real = c.op("erf", {c.op("cast", {c.in(0)}, {{"dtype", DType::f64}})});
  c.give(c.op("cast", {real}, {{"dtype", c.dtype(0)}}));
  return {};
}

// Opset 11 made the limits inputs.
Status clip(NodeContext& c) {
  TRY(need_inputs(c, 1));
  Value *low = c.in(1), *high = c.in(2);
  if (c.opset() < 11) {
    if (c.has_attribute("min")) low = c.number(c.in(0), c.real("min", 0));
    if (c.has_attribute("max")) high = c.number(c.in(0), c.real("max", 0));
  }
  c.give(low == nullptr && high == nullptr ? c.in(0) : c.op("clip", {c.in(0), low, high}));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"Abs", 1, nullptr, "abs", "-consumed_inputs"},
    {"Neg", 1, nullptr, "neg", "-consumed_inputs"},
    {"Sign", 9, nullptr, "sign"},
    {"Exp", 1, nullptr, "exp", "-consumed_inputs"},
    {"Log", 1, nullptr, "log", "-consumed_inputs"},
    {"Sqrt", 1, nullptr, "sqrt", "-consumed_inputs"},
    {"Reciprocal", 1, nullptr, "reciprocal", "-consumed_inputs"},
    {"Sin", 7, nullptr, "sin"},
    {"Cos", 7, nullptr, "cos"},
    {"Tan", 7, nullptr, "tan"},
    {"Asin", 7, nullptr, "asin"},
    {"Acos", 7, nullptr, "acos"},
    {"Atan", 7, nullptr, "atan"},
    {"Sinh", 9, nullptr, "sinh"},
    {"Cosh", 9, nullptr, "cosh"},
    {"Tanh", 1, nullptr, "tanh", "-consumed_inputs"},
    {"Asinh", 9, nullptr, "asinh"},
    {"Acosh", 9, nullptr, "acosh"},
    {"Atanh", 9, nullptr, "atanh"},
    {"Erf", 9, error_function, {}},
    {"Sigmoid", 1, nullptr, "sigmoid", "-consumed_inputs"},
    {"Floor", 1, nullptr, "floor", "-consumed_inputs"},
    {"Ceil", 1, nullptr, "ceil", "-consumed_inputs"},
    {"Round", 11, nullptr, "round_even"},
    {"Not", 1, nullptr, "logical_not"},
    {"BitwiseNot", 18, nullptr, "bit_not"},
    {"IsNaN", 9, nullptr, "is_nan"},
    {"IsInf", 10, is_infinite, {}},
    {"Add", 1, legacy<kAdd>, {}, "-consumed_inputs"},
    {"Sub", 1, legacy<kSub>, {}, "-consumed_inputs"},
    {"Mul", 1, legacy<kMul>, {}, "-consumed_inputs"},
    {"Div", 1, legacy<kDiv>, {}, "-consumed_inputs"},
    {"Pow", 1, power, {}},
    {"Mod", 10, modulo, {}},
    {"And", 1, legacy<kAnd>, {}},
    {"Or", 1, legacy<kOr>, {}},
    {"Xor", 1, legacy<kXor>, {}},
    {"Equal", 1, legacy<kEq>, {}},
    {"Less", 1, legacy<kLt>, {}},
    {"Greater", 1, legacy<kGt>, {}},
    {"LessOrEqual", 12, nullptr, "le"},
    {"GreaterOrEqual", 12, nullptr, "ge"},
    {"BitwiseAnd", 18, nullptr, "bit_and"},
    {"BitwiseOr", 18, nullptr, "bit_or"},
    {"BitwiseXor", 18, nullptr, "bit_xor"},
    {"BitShift", 11, bit_shift, {}},
    {"Where", 9, nullptr, "select"},
    {"Sum", 1, variadic<kAdd>, {}, "-consumed_inputs"},
    {"Max", 1, variadic<kMax>, {}, "-consumed_inputs"},
    {"Min", 1, variadic<kMin>, {}, "-consumed_inputs"},
    {"Mean", 1, mean, {}, "-consumed_inputs"},
    {"Clip", 1, clip, {}, "-consumed_inputs"},
};

}  // namespace

std::span<const OperatorRow> elementwise_rows() { return kRows; }

}  // namespace burnish::onnx
