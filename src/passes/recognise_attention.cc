// Attention as exporters write it. What differs between them:
//   the scale     on the scores (tf2onnx, older PyTorch: div by sqrt(d)), or its root on q and on k^T (PyTorch's
//                 scaled_dot_product_attention), or on one of them
//   the mask      added (BERT's), or chosen by select against a large negative number (GPT-2's), before or after the scale;
//                 what select hides may be anything, NaN too, and stays hidden
//   the guard     select(is_nan(p), 0, p) against rows that are masked as a whole (PyTorch)

#include "passes/recognise_attention.h"

#include <algorithm>
#include <cmath>

namespace burnish::passes {

namespace {

// Below this a score has no weight beside any other, and added to any score of sense it stays itself.
constexpr double kMasked = -1e30;

// x times a number: takes the number off.
Value* without_scale(Value* value, double* scale) {
  for (;;) {
    Node* node = value->producer();
    if (node == nullptr || node->operand_count() != 2) return value;
    bool mul = node->op() == "mul", div = node->op() == "div";
    if (!mul && !div) return value;
    std::optional<double> number = splat(node->operand(1));
    Value* rest = node->operand(0);
    if (!number && mul) number = splat(node->operand(0)), rest = node->operand(1);
    if (!number || !std::isfinite(*number) || *number == 0 || !(rest->type() == value->type())) return value;
    *scale *= mul ? *number : 1 / *number;
    value = rest;
  }
}

struct Found {
  Node* scores = nullptr;  // matmul(q, k^T)
  double scale = 1;
  Value* bias = nullptr;
  bool masked = false;       // where the bias is very low, nobody asks for the score
  bool masked_rows = false;  // a row may be minus infinity as a whole
};

constexpr std::size_t kLookedAt = 64;  // values that a bias is made of

bool has_infinite(const Tensor& tensor) {
  for (int64_t i = 0; i < tensor.elements(); ++i)
    if (!std::isfinite(tensor.real_at(i))) return true;
  return false;
}

// Each value is looked at once, whatever number of ways leads to it, and a long chain is given up.
bool may_be_infinite(const Value* bias) {
  std::vector<const Value*> seen{bias};
  const auto look_at = [&](const Value* value) {
    if (std::ranges::find(seen, value) == seen.end()) seen.push_back(value);
  };
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (i == kLookedAt) return true;
    const Node* node = seen[i]->producer();
    if (node == nullptr) return true;
    if (const Tensor* constant = constant_of(seen[i])) {
      if (has_infinite(*constant)) return true;
    } else if (node->op() == "select") {
      look_at(node->operand(1));
      look_at(node->operand(2));
    } else if (node->op() == "broadcast" || node->op() == "reshape" || node->op() == "transpose" ||
               node->op() == "slice" || node->op() == "identity") {
      look_at(node->operand(0));
    } else {
      return true;
    }
  }
  return false;
}

// From the operand of softmax back to the product of q and k^T. New nodes go where the builder stands.
bool find_scores(Value* value, double outer, int depth, Builder& builder, Found* found) {
  if (depth > 8 || reader_count(value) != 1) return false;
  double scale = outer;
  Value* inner = without_scale(value, &scale);
  if (inner != value && reader_count(inner) != 1) return false;
  Node* node = inner->producer();
  if (node == nullptr) return false;
  if (node->op() == "matmul") {
    found->scores = node;
    found->scale *= scale;
    return true;
  }
  Value* bias = nullptr;
  Value* next = nullptr;
  if (node->op() == "add") {
    for (std::size_t i : {0, 1}) {
      if (!(node->operand(i)->type() == inner->type())) continue;
      if (!find_scores(node->operand(i), scale, depth + 1, builder, found)) continue;
      next = node->operand(i);
      bias = node->operand(1 - i);
      found->masked_rows |= may_be_infinite(bias);
      if (scale != 1) bias = builder.op("mul", {bias, builder.scalar(bias->type().dtype, scale)});
      if (found->bias != nullptr) bias = builder.op("add", {found->bias, bias});
      break;
    }
  } else if (node->op() == "select") {
    for (std::size_t i : {1, 2}) {
      auto low = splat(node->operand(3 - i));
      if (!low || !(*low * scale <= kMasked) || !(node->operand(i)->type() == inner->type())) continue;
      if (!find_scores(node->operand(i), scale, depth + 1, builder, found)) continue;
      next = node->operand(i);
      DType dtype = inner->type().dtype;
      Value* shown = found->bias != nullptr ? found->bias : builder.scalar(dtype, 0);
      Value* lowest = builder.scalar(dtype, *low * scale);
      bias = builder.op("select", {node->operand(0), i == 1 ? shown : lowest, i == 1 ? lowest : shown});
      found->masked = true;
      found->masked_rows |= may_be_infinite(bias);
      break;
    }
  }
  if (next == nullptr || bias == nullptr) return false;
  found->bias = bias;
  return true;
}

// 0 on and below the diagonal, masked above.
bool is_causal(const Value* bias) {
  const Tensor* t = constant_of(bias);
  if (t == nullptr || t->rank() < 2 || !is_float(t->dtype())) return false;
  int64_t columns = t->dims().back(), rows = t->dims()[t->dims().size() - 2];
  if (rows != columns || rows * columns != t->elements() || rows < 2) return false;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double v = t->real_at(i * columns + j);
      if (j <= i ? v != 0 : v > kMasked) return false;
    }
  return true;
}

// A bias that hides the future is an attribute, known to the kernels, and needs no memory.
Result<bool> drop_causal_bias(Node* attention) {
  if (!is_causal(attention->operand(3)) || !attention->operand(0)->type().is_ranked_tensor() ||
      !attention->operand(1)->type().is_ranked_tensor())
    return false;
  const Dims &q = attention->operand(0)->type().dims, &k = attention->operand(1)->type().dims;
  const Dim rows(constant_of(attention->operand(3))->dims().back());
  if (!(q[q.size() - 2] == rows) || !(k[k.size() - 2] == rows)) return false;
  AttributeMap attributes = attention->attributes();
  attributes.insert_or_assign("causal", int64_t{1});
  attributes.erase("masked");
  Builder builder(*attention->graph(), attention, attention->source());
  Value* y = builder.op("attention", attention->operands().first(3), std::move(attributes));
  TRY(builder.finish());
  return replace(attention, y);
}

const Pattern& guarded_pattern() {
  static const Pattern kPattern = parse_pattern("select(is_nan(p), 0, p)");
  return kPattern;
}

// The guard against rows without weight, once it is seen that there are none.
Result<bool> drop_guard(Node* select) {
  auto guard = match(guarded_pattern(), select->result());
  Node* attention = guard ? producer(guard->value("p"), "attention") : nullptr;
  if (attention == nullptr || (attention->operand(3) != nullptr && may_be_infinite(attention->operand(3))))
    return false;
  return replace(select, guard->value("p"));
}

bool same_leading(const Type& a, const Type& b) {
  if (!a.is_ranked_tensor() || !b.is_ranked_tensor() || a.rank() != b.rank() || a.rank() < 2) return false;
  for (std::size_t i = 0; i + 2 < a.dims.size(); ++i)
    if (!(a.dims[i] == b.dims[i])) return false;
  return a.dtype == b.dtype;
}

}  // namespace

Result<bool> recognise_attention(Node* product) {
  if (product->op() == "attention") return drop_causal_bias(product);
  if (product->op() == "select") return drop_guard(product);
  if (product->op() != "matmul") return false;
  Value *p = product->operand(0), *v = product->operand(1);
  bool guarded = false;
  if (auto guard = match(guarded_pattern(), p)) {
    if (!closed(*guard)) return false;
    p = guard->value("p");
    guarded = true;
    // Its readers: is_nan and select.
    if (p->is_output() || p->users().size() != 2) return false;
  } else if (reader_count(p) != 1) {
    return false;
  }
  Node* softmax = producer(p, "softmax");
  if (softmax == nullptr || !p->type().is_ranked_tensor()) return false;
  int64_t axis = integer(*softmax, "axis", -1);
  if (axis != -1 && axis != p->type().rank() - 1) return false;

  Builder builder(*product->graph(), product, product->source());
  Found found;
  if (!find_scores(softmax->operand(0), 1, 0, builder, &found)) return false;
  Value* q = without_scale(found.scores->operand(0), &found.scale);
  Value* kt = without_scale(found.scores->operand(1), &found.scale);
  if (!same_leading(q->type(), kt->type()) || !same_leading(q->type(), v->type())) return false;
  if (!is_float(q->type().dtype)) return false;
  if (found.bias != nullptr) {
    const Type& bias = found.bias->type();
    if (!bias.is_ranked_tensor() || bias.dtype != q->type().dtype || bias.rank() > q->type().rank()) return false;
  }

  Ints swap;
  for (int64_t i = 0; i < kt->type().rank(); ++i) swap.push_back(i);
  std::swap(swap[swap.size() - 1], swap[swap.size() - 2]);
  Value* k = builder.op("transpose", {kt}, {{"permutation", swap}});
  AttributeMap attributes{{"scale", found.scale}};
  std::vector<Value*> operands{q, k, v};
  if (found.bias != nullptr) operands.push_back(found.bias);
  if (found.masked) attributes.emplace("masked", int64_t{1});
  builder.set_source(softmax->source().empty() ? product->source() : softmax->source() + " + " + product->source());
  Value* y = builder.op("attention", operands, std::move(attributes));
  // A row without any weight gives NaN in all its columns, which the guard makes zeros.
  if (guarded && found.masked_rows && !is_causal(found.bias))
    y = builder.op("select", {builder.op("is_nan", {y}), builder.scalar(q->type().dtype, 0), y});
  TRY(builder.finish());
  return replace(product, y);
}

}  // namespace burnish::passes
