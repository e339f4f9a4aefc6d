// Elementwise operators as ONNX nodes.

#include <map>
#include <numbers>

#include <fmt/format.h>

#include "import/onnx/exporter.h"
#include "import/onnx/tensors.h"

namespace burnish::onnx {
namespace {

std::vector<std::string> operands(Exporter& e, const Node& node) {
  std::vector<std::string> names;
  for (const Value* v : node.operands()) names.push_back(e.name(v));
  return names;
}

// Scalar functions that ONNX spells with several nodes.
Status several(Exporter& e, const Node& n) {
  const std::string out = e.name(n.result());
  const auto in = operands(e, n);
  const DType dtype = n.operand(0)->type().dtype;
  const auto number = [&](double value) { return e.scalar(dtype, value); };
  const std::string& op = n.op();
  if (op == "log2") e.emit("Mul", {e.emit("Log", in), number(std::numbers::log2e)}, {}, out);
  else if (op == "exp2") e.emit("Pow", {number(2), in[0]}, {}, out);
  else if (op == "rsqrt") e.emit("Reciprocal", {e.emit("Sqrt", in)}, {}, out);
  else if (op == "trunc") e.emit("Mul", {e.emit("Sign", in), e.emit("Floor", {e.emit("Abs", in)})}, {}, out);
  else if (op == "ne") e.emit("Not", {e.emit("Equal", in)}, {}, out);
  else if (op == "mod_trunc") e.emit("Mod", in, NodeWriter().integer("fmod", 1), out);
  else if (op == "mod_floor") {
    e.emit("Mod", in, {}, out);
  } else if (op == "silu") {
    const double alpha = NodeView(n).real("alpha");
    const std::string inner = alpha == 1 ? in[0] : e.emit("Mul", {in[0], number(alpha)});
    e.emit("Mul", {in[0], e.emit("Sigmoid", {inner})}, {}, out);
  }
  return {};
}

// ONNX shifts unsigned numbers only, by less than their width. What is shifted right from a negative number is filled with
// ones: the same as inverting it before and after.
Status shift(Exporter& e, const Node& n) {
  const DType dtype = n.operand(0)->type().dtype;
  const auto bits = static_cast<int64_t>(bit_width(dtype));
  const bool right = n.op() == "shift_right", is_signed = number_class(dtype) == NumberClass::signed_int;
  const DType bare = !is_signed   ? dtype
                     : bits == 8  ? DType::u8
                     : bits == 16 ? DType::u16
                     : bits == 32 ? DType::u32
                                  : DType::u64;
  const auto number = [&](int64_t value) { return e.scalar(dtype, static_cast<double>(value)); };
  const auto cast = [&](const std::string& x, DType to) {
    return e.emit("Cast", {x}, NodeWriter().integer("to", static_cast<int64_t>(to_onnx(to))));
  };
  std::string x = e.name(n.operand(0)), by = e.name(n.operand(1)), inside, sign;
  const Node* known = n.operand(1)->producer();
  const Tensor* amount = known != nullptr && known->op() == "constant" ? &NodeView(*known).tensor("value") : nullptr;
  if (amount == nullptr || amount->elements() != 1 || amount->int_at(0) < 0 || amount->int_at(0) >= bits) {
    inside = e.emit("Less", {by, number(bits)});
    if (is_signed) inside = e.emit("And", {inside, e.emit("GreaterOrEqual", {by, number(0)})});
    by = e.emit("Where", {inside, by, number(0)});
  }
  if (right && is_signed) {
    sign = e.emit("Where", {e.emit("Less", {x, number(0)}), number(-1), number(0)});
    x = e.emit("BitwiseXor", {x, sign});
  }
  if (is_signed) x = cast(x, bare), by = cast(by, bare);
  x = e.emit("BitShift", {x, by}, NodeWriter().text("direction", right ? "RIGHT" : "LEFT"));
  if (is_signed) x = cast(x, dtype);
  if (!sign.empty()) x = e.emit("BitwiseXor", {x, sign});
  if (!inside.empty()) x = e.emit("Where", {inside, x, sign.empty() ? number(0) : sign});
  e.emit("Identity", {x}, {}, e.name(n.result()));
  return {};
}

// One node of the same operands and no attributes.
struct Plain {
  std::string_view ours, theirs;
};
constexpr Plain kPlain[] = {
    {"neg", "Neg"},
    {"abs", "Abs"},
    {"sign", "Sign"},
    {"exp", "Exp"},
    {"log", "Log"},
    {"sqrt", "Sqrt"},
    {"reciprocal", "Reciprocal"},
    {"sin", "Sin"},
    {"cos", "Cos"},
    {"tan", "Tan"},
    {"asin", "Asin"},
    {"acos", "Acos"},
    {"atan", "Atan"},
    {"sinh", "Sinh"},
    {"cosh", "Cosh"},
    {"tanh", "Tanh"},
    {"asinh", "Asinh"},
    {"acosh", "Acosh"},
    {"atanh", "Atanh"},
    {"erf", "Erf"},
    {"sigmoid", "Sigmoid"},
    {"floor", "Floor"},
    {"ceil", "Ceil"},
    {"round_even", "Round"},
    {"logical_not", "Not"},
    {"bit_not", "BitwiseNot"},
    {"is_nan", "IsNaN"},
    {"is_inf", "IsInf"},
    {"add", "Add"},
    {"sub", "Sub"},
    {"mul", "Mul"},
    {"div", "Div"},
    {"pow", "Pow"},
    {"min", "Min"},
    {"max", "Max"},
    {"logical_and", "And"},
    {"logical_or", "Or"},
    {"logical_xor", "Xor"},
    {"bit_and", "BitwiseAnd"},
    {"bit_or", "BitwiseOr"},
    {"bit_xor", "BitwiseXor"},
    {"eq", "Equal"},
    {"lt", "Less"},
    {"le", "LessOrEqual"},
    {"gt", "Greater"},
    {"ge", "GreaterOrEqual"},
    {"select", "Where"},
    {"clip", "Clip"},
    {"identity", "Identity"},
};

Status plain(Exporter& e, const Node& n) {
  for (const Plain& row : kPlain) {
    if (row.ours == n.op()) e.emit(row.theirs, operands(e, n), {}, e.name(n.result()));
  }
  return {};
}

}  // namespace

NodeExport find_elementwise_export(std::string_view op) {
  if (op == "shift_left" || op == "shift_right") return shift;
  constexpr std::string_view kSeveral[] = {"log2", "exp2", "rsqrt", "trunc", "ne", "mod_trunc", "mod_floor", "silu"};
  for (std::string_view name : kSeveral) {
    if (name == op) return several;
  }
  for (const Plain& row : kPlain) {
    if (row.ours == op) return plain;
  }
  return nullptr;
}

}  // namespace burnish::onnx
