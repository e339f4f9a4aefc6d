// Nodes that give back what they got.

#include <algorithm>

#include "passes/match.h"
#include "passes/passes.h"

namespace burnish::passes {

namespace {

// Every value of `from` has its own image in `to`, so that a cast there and on equals one cast.
bool lossless(DType from, DType to) {
  if (from == to) return true;
  NumberClass a = number_class(from), b = number_class(to);
  if (a == NumberClass::boolean)
    return b == NumberClass::signed_int || b == NumberClass::unsigned_int || b == NumberClass::real;
  if (a == NumberClass::signed_int) {
    if (b == NumberClass::signed_int) return bit_width(to) >= bit_width(from);
    if (b != NumberClass::real) return false;
  } else if (a == NumberClass::unsigned_int) {
    if (b == NumberClass::unsigned_int) return bit_width(to) >= bit_width(from);
    if (b == NumberClass::signed_int) return bit_width(to) > bit_width(from);
    if (b != NumberClass::real) return false;
  } else if (a != NumberClass::real) {
    return false;
  } else {
    return (to == DType::f64 && bit_width(from) <= 32) || (to == DType::f32 && bit_width(from) <= 16);
  }
  // Integers in a significand.
  int bits = to == DType::f64 ? 53 : to == DType::f32 ? 24 : to == DType::f16 ? 11 : 0;
  return bit_width(from) <= bits;
}

bool all_equal(const Ints& values, int64_t wanted) {
  return std::ranges::all_of(values, [&](int64_t v) { return v == wanted; });
}

bool all_zero(const Dims& values) {
  return std::ranges::all_of(values, [](const Dim& d) { return d == Dim(0); });
}

bool is_noop(const Node& node) {
  const std::string& op = node.op();
  const Value* x = node.operand(0);
  if (x == nullptr) return false;
  if (op == "identity" || op == "dropout") return true;
  // The rest give back their operand when its type is the result's: `replace` checks that. Unknown ranks say nothing.
  if (!x->type().is_ranked_tensor()) return false;
  if (op == "broadcast" || op == "reshape" || op == "squeeze" || op == "unsqueeze" || op == "flatten") return true;
  if (op == "cast") return true;
  if (op == "transpose") return std::ranges::is_sorted(integers(node, "permutation"));
  if (op == "slice") return all_zero(dims_attribute(node, "starts")) && all_equal(integers(node, "steps"), 1);
  if (op == "pad") return all_zero(dims_attribute(node, "before")) && all_zero(dims_attribute(node, "after"));
  if (op == "reduce") return integers(node, "axes").empty();
  if (op == "tile")
    return std::ranges::all_of(dims_attribute(node, "repeats"), [](const Dim& d) { return d == Dim(1); });
  if (op == "concat" || op == "sum" || op == "mean") return node.operand_count() == 1;
  if (op == "pool" && string_attribute(node, "mode") == "max")
    return all_equal(integers(node, "kernel"), 1) && all_equal(integers(node, "strides"), 1) &&
           all_equal(integers(node, "pads"), 0);
  if (op == "clip") return node.operand(1) == nullptr && node.operand(2) == nullptr;
  return false;
}

// Operands of concat that have no elements.
bool drop_empty_operands(Node& node) {
  if (node.op() != "concat") return false;
  int64_t axis = integer(node, "axis");
  std::vector<Value*> kept;
  for (Value* v : node.operands()) {
    if (!v->type().is_ranked_tensor()) return false;
    int64_t rank = v->type().rank(), at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank) return false;
    if (!(v->type().dims[static_cast<std::size_t>(at)] == Dim(0))) kept.push_back(v);
  }
  if (kept.empty() || kept.size() == node.operand_count()) return false;
  node.set_operands(kept);
  return true;
}

// cast(cast(x)) where the inner one loses nothing.
bool skip_inner_cast(Node& node) {
  Node* inner = node.op() == "cast" ? producer(node.operand(0), "cast") : nullptr;
  if (inner == nullptr || !lossless(inner->operand(0)->type().dtype, inner->result()->type().dtype)) return false;
  // A cast that wraps or saturates may depend on the class that it starts from.
  DType from = inner->operand(0)->type().dtype, middle = inner->result()->type().dtype;
  if (number_class(from) != number_class(middle) && !lossless(from, node.result()->type().dtype)) return false;
  // A text has as many digits as tell the numbers of its dtype apart.
  if (node.result()->type().dtype == DType::string && from != middle && number_class(from) == NumberClass::real)
    return false;
  node.set_operand(0, inner->operand(0));
  return true;
}

}  // namespace

Result<bool> remove_noops(Graph& graph, const PassContext&) {
  bool changed = false;
  for (Node* node : all_nodes(graph)) {
    if (node->result_count() == 0 || node->result() == nullptr || node->result()->unused()) continue;
    if (drop_empty_operands(*node)) changed = true;
    if (skip_inner_cast(*node)) changed = true;
    if (is_noop(*node) && replace(node, node->operand(0))) changed = true;
  }
  return changed;
}

}  // namespace burnish::passes
