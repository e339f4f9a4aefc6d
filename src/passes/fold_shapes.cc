// Operators that read sizes as data become the ones that have them as attributes, once inference knows the numbers (or
// expressions of symbols); views become reshapes.

#include <algorithm>

#include "base/checked.h"
#include "ops/support/slicing.h"
#include "passes/match.h"
#include "passes/passes.h"
#include "passes/symbols.h"

namespace burnish::passes {

namespace {

using Fold = Result<Value*> (*)(Node&, Builder&, const BoundSymbols&);  // null: not yet

const std::optional<Dims>& contents(const Value* value) {
  static const std::optional<Dims> kNone;
  return value == nullptr ? kNone : value->contents();
}

std::optional<Ints> numbers(const Value* value) {
  const auto& known = contents(value);
  return known ? constants(*known) : std::nullopt;
}

// The result's dims, where a node may name them.
const Dims* nameable(const Node& node, const BoundSymbols& bound) {
  const Type& type = node.result()->type();
  return type.is_ranked_tensor() && bound.allow(type.dims, node) ? &type.dims : nullptr;
}

Result<Value*> to_reshape(Node& node, Builder& builder, const BoundSymbols& bound) {
  const Dims* shape = nameable(node, bound);
  if (shape == nullptr || !node.operand(0)->type().is_ranked_tensor()) return nullptr;
  return builder.op("reshape", {node.operand(0)}, {{"shape", *shape}});
}

Result<Value*> to_broadcast(Node& node, Builder& builder, const BoundSymbols& bound) {
  const Dims* shape = nameable(node, bound);
  if (shape == nullptr || !node.operand(0)->type().is_ranked_tensor()) return nullptr;
  // Each dim of the operand must surely be 1 or the result's.
  const Dims& from = node.operand(0)->type().dims;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const Dim& to = (*shape)[shape->size() - from.size() + i];
    if (!(from[i] == Dim(1)) && equal(from[i], to) != Truth::yes) return nullptr;
  }
  return builder.op("broadcast", {node.operand(0)}, {{"shape", *shape}});
}

Result<Value*> fold_fill(Node& node, Builder& builder, const BoundSymbols& bound) {
  const Dims* shape = nameable(node, bound);
  if (shape == nullptr) return nullptr;
  auto value = attribute_or_default(node, "value");
  const Tensor* tensor = value ? std::get_if<Tensor>(&*value) : nullptr;
  if (tensor == nullptr || tensor->elements() != 1) return nullptr;
  return builder.op("broadcast", {builder.constant(tensor->reshaped({}))}, {{"shape", *shape}});
}

Result<Value*> fold_slice(Node& node, Builder& builder, const BoundSymbols& bound) {
  const Type &from = node.operand(0)->type(), &to = node.result()->type();
  const auto &starts = contents(node.operand(1)), &ends = contents(node.operand(2));
  if (!from.is_ranked_tensor() || !to.is_ranked_tensor() || !starts || !ends) return nullptr;
  Ints axes, steps;
  for (std::size_t i = 0; i < starts->size(); ++i) {
    axes.push_back(static_cast<int64_t>(i));
    steps.push_back(1);
  }
  if (node.operand(3) != nullptr) {
    auto given = numbers(node.operand(3));
    if (!given) return nullptr;
    axes = *given;
  }
  if (node.operand(4) != nullptr) {
    auto given = numbers(node.operand(4));
    if (!given) return nullptr;
    steps = *given;
  }
  if (axes.size() != starts->size() || steps.size() != starts->size()) return nullptr;
  Dims begin(from.dims.size(), Dim(0));
  Ints stride(from.dims.size(), 1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    int64_t axis = axes[i] < 0 ? axes[i] + from.rank() : axes[i];
    if (axis < 0 || axis >= from.rank() || steps[i] == 0) return nullptr;
    auto a = static_cast<std::size_t>(axis);
    stride[a] = slice_step(steps[i]);
    if (to.dims[a] == Dim(0)) continue;  // nothing is taken: any start will do
    const auto first = slice_start((*starts)[i], steps[i], from.dims[a]);
    if (!first) return nullptr;
    begin[a] = *first;
  }
  if (!bound.allow(begin, node) || !bound.allow(to.dims, node)) return nullptr;
  return builder.op("slice", {node.operand(0)}, {{"starts", begin}, {"sizes", to.dims}, {"steps", stride}});
}

Result<Value*> fold_pad(Node& node, Builder& builder, const BoundSymbols& bound) {
  const Type& from = node.operand(0)->type();
  const auto& pads = contents(node.operand(1));
  if (!from.is_ranked_tensor() || !pads) return nullptr;
  auto rank = from.dims.size();
  Ints axes;
  for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  if (node.operand(3) != nullptr) {
    auto given = numbers(node.operand(3));
    if (!given) return nullptr;
    axes = *given;
  }
  if (pads->size() != 2 * axes.size()) return nullptr;
  Dims before(rank, Dim(0)), after(rank, Dim(0)), starts(rank, Dim(0)), sizes = from.dims;
  bool crops = false;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    int64_t axis = axes[i] < 0 ? axes[i] + from.rank() : axes[i];
    if (axis < 0 || axis >= from.rank()) return nullptr;
    auto a = static_cast<std::size_t>(axis);
    for (bool front : {true, false}) {
      const Dim& amount = (*pads)[front ? i : i + axes.size()];
      if (amount.range().low >= 0) {
        (front ? before : after)[a] = amount;
      } else if (amount.range().high <= 0) {  // negative: takes away
        crops = true;
        if (front) starts[a] = Dim(0) - amount;
        sizes[a] = sizes[a] + amount;
      } else {
        return nullptr;
      }
    }
  }
  std::string mode = string_attribute(node, "mode");
  for (const Dims* dims : {&before, &after, &starts, &sizes})
    if (!bound.allow(*dims, node)) return nullptr;
  Value* x = node.operand(0);
  if (crops) {
    for (const Dim& size : sizes)
      if (size.range().low < 0) return nullptr;
    x = builder.op("slice", {x}, {{"starts", starts}, {"sizes", sizes}, {"steps", Ints(rank, 1)}});
  }
  AttributeMap attributes{{"before", before}, {"after", after}, {"mode", mode}};
  if (Value* fill = node.operand(2)) {
    if (fill->type().is_ranked_tensor() && fill->type().rank() > 0)
      fill = builder.op("reshape", {fill}, {{"shape", Dims{}}});
    return builder.op("pad", {x, fill}, attributes);
  }
  return builder.op("pad", {x}, attributes);
}

Result<Value*> fold_tile(Node& node, Builder& builder, const BoundSymbols& bound) {
  const auto& repeats = contents(node.operand(1));
  if (!repeats || !node.operand(0)->type().is_ranked_tensor() || !bound.allow(*repeats, node)) return nullptr;
  return builder.op("tile", {node.operand(0)}, {{"repeats", *repeats}});
}

Result<Value*> fold_range(Node& node, Builder& builder, const BoundSymbols& bound) {
  const Dims* shape = nameable(node, bound);
  DType dtype = node.result()->type().dtype;
  if (shape == nullptr || constant_of(node.operand(0)) == nullptr || constant_of(node.operand(2)) == nullptr)
    return nullptr;
  if (!is_integer(dtype)) return nullptr;  // floats: start + i * delta rounds otherwise than this would
  Value* positions = builder.op("iota", {}, {{"shape", *shape}, {"axis", int64_t{0}}, {"dtype", dtype}});
  auto flat = [&](Value* v) { return v->type().rank() == 0 ? v : builder.op("reshape", {v}, {{"shape", Dims{}}}); };
  return builder.op("add", {builder.op("mul", {positions, flat(node.operand(2))}), flat(node.operand(0))});
}

Result<Value*> fold_reduce(Node& node, Builder& builder, const BoundSymbols&) {
  const Type& from = node.operand(0)->type();
  if (!from.is_ranked_tensor()) return nullptr;
  Ints axes;
  bool given = false;
  if (node.operand(1) != nullptr) {
    auto known = numbers(node.operand(1));
    // An operand without elements means the same as none.
    const Type& type = node.operand(1)->type();
    if (!known && !(type.is_ranked_tensor() && type.rank() == 1 && type.dims[0] == Dim(0))) return nullptr;
    if (known) axes = *known;
    given = !axes.empty();
  }
  if (!given && integer(node, "noop_with_empty_axes") != 0) return node.operand(0);
  if (!given)
    for (int64_t i = 0; i < from.rank(); ++i) axes.push_back(i);
  for (int64_t& axis : axes) {
    if (axis < 0) axis += from.rank();
    if (axis < 0 || axis >= from.rank()) return nullptr;
  }
  std::ranges::sort(axes);
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  std::string kind = string_attribute(node, "kind");
  int64_t keep = integer(node, "keep", 1);
  if (parse_reduction(kind))
    return builder.op("reduce", {node.operand(0)}, {{"kind", kind}, {"axes", axes}, {"keep", keep}});
  if (ops::find("reduce_" + kind) == nullptr) return nullptr;
  return builder.op("reduce_" + kind, {node.operand(0)}, {{"axes", axes}, {"keep", keep}});
}

// gather with one known index: a slice without the axis.
Result<Value*> fold_gather(Node& node, Builder& builder, const BoundSymbols& bound) {
  const Type& from = node.operand(0)->type();
  auto index = numbers(node.operand(1));
  const Dims* shape = nameable(node, bound);
  if (!index || index->size() != 1 || !from.is_ranked_tensor() || shape == nullptr) return nullptr;
  int64_t axis = integer(node, "axis");
  if (axis < 0) axis += from.rank();
  if (axis < 0 || axis >= from.rank()) return nullptr;
  auto a = static_cast<std::size_t>(axis);
  int64_t at = (*index)[0];
  auto size = from.dims[a].constant();
  if (at < 0 && size) at += *size;
  // Out of range stays a gather, which reports it when it runs.
  if (at < 0 || from.dims[a].range().low <= at) return nullptr;
  Dims starts(from.dims.size(), Dim(0)), sizes = from.dims;
  starts[a] = Dim(at);
  sizes[a] = Dim(1);
  if (!bound.allow(sizes, node)) return nullptr;
  Value* slice =
      builder.op("slice", {node.operand(0)}, {{"starts", starts}, {"sizes", sizes}, {"steps", Ints(sizes.size(), 1)}});
  return builder.op("reshape", {slice}, {{"shape", *shape}});
}

struct Row {
  std::string_view op;
  Fold fold;
};
constexpr Row kRows[] = {
    {"dynamic_reshape", to_reshape},     {"dynamic_squeeze", to_reshape},
    {"dynamic_unsqueeze", to_reshape},   {"squeeze", to_reshape},
    {"unsqueeze", to_reshape},           {"flatten", to_reshape},
    {"dynamic_broadcast", to_broadcast}, {"fill", fold_fill},
    {"dynamic_slice", fold_slice},       {"dynamic_pad", fold_pad},
    {"dynamic_tile", fold_tile},         {"range", fold_range},
    {"dynamic_reduce", fold_reduce},     {"gather", fold_gather},
};

// Several results: one slice each.
Result<bool> fold_split(Node& node, const BoundSymbols& bound) {
  if (node.op() != "split_by" && node.op() != "split") return false;
  const Type& from = node.operand(0)->type();
  if (!from.is_ranked_tensor()) return false;
  int64_t axis = integer(node, "axis");
  if (axis < 0) axis += from.rank();
  if (axis < 0 || axis >= from.rank()) return false;
  auto a = static_cast<std::size_t>(axis);
  for (std::size_t i = 0; i < node.result_count(); ++i) {
    if (node.result(i) == nullptr) return false;  // an omitted result hides where the next one starts
    const Type& type = node.result(i)->type();
    if (!type.is_ranked_tensor() || type.rank() != from.rank() || !bound.allow(type.dims, node)) return false;
  }
  Builder builder(*node.graph(), &node, node.source());
  Dims starts(from.dims.size(), Dim(0));
  for (std::size_t i = 0; i < node.result_count(); ++i) {
    Value* result = node.result(i);
    Value* part = builder.op("slice", {node.operand(0)},
                             {{"starts", starts}, {"sizes", result->type().dims}, {"steps", Ints(starts.size(), 1)}});
    TRY(builder.finish());
    starts[a] += result->type().dims[a];
    if (!result->unused()) node.graph()->replace_uses(result, part);
  }
  return true;
}

}  // namespace

Result<bool> fold_shapes(Graph& graph, const PassContext&) {
  BoundSymbols bound(graph);
  bool changed = false;
  for (Node* node : all_nodes(graph)) {
    bool used = false;
    for (std::size_t r = 0; r < node->result_count(); ++r)
      used |= node->result(r) != nullptr && !node->result(r)->unused();
    if (!used) continue;
    if (TRY(fold_split(*node, bound))) {
      changed = true;
      continue;
    }
    const Row* row = std::ranges::find(kRows, node->op(), &Row::op);
    if (row == std::end(kRows) || node->result() == nullptr) continue;
    Builder builder(*node->graph(), node, node->source());
    Value* value = TRY(row->fold(*node, builder, bound));
    TRY(builder.finish());
    if (value != nullptr && replace(node, value)) changed = true;
  }
  return changed;
}

}  // namespace burnish::passes
