// Elementwise operators as ONNX nodes.

#include <map>
#include <numbers>

#include <fmt/format.h>

#include "import/onnx/exporter.h"

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
  if (op == "expm1") e.emit("Sub", {e.emit("Exp", in), number(1)}, {}, out);
  else if (op == "log1p") e.emit("Log", {e.emit("Add", {in[0], number(1)})}, {}, out);
  else if (op == "log2") e.emit("Mul", {e.emit("Log", in), number(std::numbers::log2e)}, {}, out);
  else if (op == "exp2") e.emit("Exp", {e.emit("Mul", {in[0], number(std::numbers::ln2)})}, {}, out);
  else if (op == "rsqrt") e.emit("Reciprocal", {e.emit("Sqrt", in)}, {}, out);
  else if (op == "trunc") e.emit("Mul", {e.emit("Sign", in), e.emit("Floor", {e.emit("Abs", in)})}, {}, out);
  else if (op == "ne") e.emit("Not", {e.emit("Equal", in)}, {}, out);
  else if (op == "mod_trunc") e.emit("Mod", in, NodeWriter().integer("fmod", 1), out);
  else if (op == "shift_left" || op == "shift_right") {
    e.emit("BitShift", in, NodeWriter().text("direction", op == "shift_left" ? "LEFT" : "RIGHT"), out);
  } else if (op == "mod_floor" && is_float(dtype)) {
    const std::string whole = e.emit("Floor", {e.emit("Div", in)});
    e.emit("Sub", {in[0], e.emit("Mul", {whole, in[1]})}, {}, out);
  } else if (op == "mod_floor") {
    e.emit("Mod", in, {}, out);
  } else if (op == "silu") {
    const double alpha = NodeView(n).real("alpha");
    const std::string inner = alpha == 1 ? in[0] : e.emit("Mul", {in[0], number(alpha)});
    e.emit("Mul", {in[0], e.emit("Sigmoid", {inner})}, {}, out);
  }
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
  constexpr std::string_view kSeveral[] = {"expm1", "log1p",     "log2",       "exp2",        "rsqrt",     "trunc",
                                           "ne",    "mod_trunc", "shift_left", "shift_right", "mod_floor", "silu"};
  for (std::string_view name : kSeveral) {
    if (name == op) return several;
  }
  for (const Plain& row : kPlain) {
    if (row.ours == op) return plain;
  }
  return nullptr;
}

}  // namespace burnish::onnx
