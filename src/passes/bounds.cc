#include "passes/bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "passes/match.h"

namespace burnish::passes {

namespace {

constexpr double kUnknown = -std::numeric_limits<double>::infinity();
constexpr int kDepth = 8;               // of the producers that are asked
constexpr int64_t kElements = 1 << 16;  // of a constant that is read through

bool plain_positive(double bound) { return bound >= 0 && !std::signbit(bound); }

double lesser(double a, double b) {
  if (a == b) return std::signbit(a) ? a : b;
  return std::min(a, b);
}

double least_of_constant(const Tensor& tensor) {
  if (!is_float(tensor.dtype()) || tensor.elements() > kElements) return kUnknown;
  double bound = -kUnknown;
  for (int64_t i = 0; i < tensor.elements(); ++i)
    if (const double v = tensor.real_at(i); !std::isnan(v)) bound = lesser(bound, v);
  return bound;
}

// Which of two zeros max and min give is not told: 0 only where both bounds exclude -0.
double least_of_max(double a, double b) {
  const double bound = std::max(a, b);
  if (bound != 0) return bound;
  return plain_positive(a) && plain_positive(b) ? 0.0 : -0.0;
}

// The softmax's: one summand is exp(0).
bool sums_shifted_exponentials(const Node& sum) {
  static const Pattern pattern =
      parse_pattern(R"(reduce(exp(sub(x, reduce(x) {kind = "max", axes = $a, keep = 1}))) {kind = "sum", axes = $a})");
  return match(pattern, sum.result()).has_value();
}

double least(const Value* value, int depth);

double least_of_node(const Node& node, int depth) {
  const std::string& op = node.op();
  const auto of = [&](std::size_t i) { return least(node.operand(i), depth - 1); };
  const auto if_positive = [&](std::size_t i, double bound) { return plain_positive(of(i)) ? bound : kUnknown; };
  if (op == "abs" || op == "exp" || op == "exp2" || op == "sigmoid" || op == "softmax") return 0;
  if (op == "broadcast" || op == "reshape" || op == "transpose" || op == "identity" || op == "slice") return of(0);
  if (op == "cast") {
    // Rounding keeps order and sign, but a number may become 0.
    const NumberClass from = number_class(node.operand(0)->type().dtype);
    if (from == NumberClass::real) return if_positive(0, 0);
    return from == NumberClass::boolean || from == NumberClass::unsigned_int ? 0 : kUnknown;
  }
  if (op == "add") return of(0) + of(1);
  if (op == "mul" && node.operand(0) == node.operand(1)) return 0;
  if (op == "mul" || op == "div") return plain_positive(of(0)) && plain_positive(of(1)) ? 0 : kUnknown;
  if (op == "pow") {
    const auto exponent = splat(node.operand(1));
    return exponent && std::fmod(*exponent, 2) == 0 ? 0 : if_positive(0, 0);
  }
  // Of a negative number the root is NaN, of -0 it is -0.
  if (op == "sqrt") return plain_positive(of(0)) ? std::sqrt(of(0)) : -0.0;
  if (op == "relu") return -0.0;
  if (op == "max") return least_of_max(of(0), of(1));
  if (op == "min") return lesser(of(0), of(1));
  if (op == "clip") {
    const double low = node.operand(1) == nullptr ? kUnknown : least_of_max(of(0), of(1));
    return node.operand_count() < 3 || node.operand(2) == nullptr ? low : lesser(low, of(2));
  }
  if (op == "reduce_sum_square" || op == "reduce_l1" || op == "reduce_l2") return 0;
  if (op == "reduce_mean") return if_positive(0, 0);
  if (op == "reduce" && string_attribute(node, "kind") == "sum")
    return sums_shifted_exponentials(node) ? 1 : if_positive(0, 0);
  return kUnknown;
}

double least(const Value* value, int depth) {
  if (value == nullptr || depth == 0 || !value->type().is_tensor() || !is_float(value->type().dtype)) return kUnknown;
  if (const Tensor* constant = constant_of(value)) return least_of_constant(*constant);
  const Node* node = value->producer();
  if (node == nullptr || value->index() != 0) return kUnknown;
  const double bound = least_of_node(*node, depth);
  return std::isnan(bound) ? kUnknown : bound;
}

}  // namespace

FloatRange float_range(DType dtype) {
  switch (dtype) {
    case DType::f64: return {std::numeric_limits<double>::min(), std::numeric_limits<double>::max()};
    case DType::f32: return {0x1p-126, 0x1.fffffep127};
    case DType::bf16: return {0x1p-126, 0x1.fep127};
    case DType::f16: return {0x1p-14, 65504};
    default: return {std::numeric_limits<double>::infinity(), 0};
  }
}

double rounded(DType dtype, double value) {
  const Accessor<double> accessor(dtype);
  alignas(double) std::byte bytes[sizeof(double)];
  accessor.store(bytes, 0, value);
  return accessor.load(bytes, 0);
}

double least(const Value* value) { return least(value, kDepth); }
bool never_negative(const Value* value) { return plain_positive(least(value)); }

}  // namespace burnish::passes
