// Sizes that only a run can tell. What makes them is small integer arithmetic: it becomes nodes of its own, a `bind` gives
// the results names, and the operator becomes the one that has its sizes as attributes. So all of it has kernels.

#include <algorithm>
#include <limits>
#include <set>

#include "ops/support/compose.h"
#include "passes/match.h"
#include "passes/passes.h"
#include "passes/symbols.h"

namespace burnish::passes {

namespace {

using ops::Compose;

const Dims* dims_of(const Value* value) {
  return value != nullptr && value->type().is_ranked_tensor() ? &value->type().dims : nullptr;
}

// Elements of a list, where their number is known.
std::optional<int64_t> length(const Value* list) {
  const Dims* dims = dims_of(list);
  if (dims == nullptr || dims->size() != 1) return std::nullopt;
  return dims->front().constant();
}

// Writes the arithmetic before a node. Lists are i64[n].
class Late {
 public:
  Late(Node& node, Builder& builder) : node_(node), c_(builder), builder_(builder) {}

  Compose& compose() { return c_; }

  Value* sizes(const Dims& dims) {
    if (const auto numbers = constants(dims)) return c_.integers(*numbers);
    return c_.op("dims", {}, {{"values", dims}});
  }
  Value* list(Value* x) { return c_.cast(x, DType::i64); }
  Value* row(Value* x) { return x == nullptr ? x : c_.reshape(x, Dims{1, x->type().dims[0]}); }
  Value* column(Value* x) { return x == nullptr ? x : c_.reshape(x, Dims{x->type().dims[0], 1}); }
  Value* constant(Tensor tensor) { return builder_.constant(std::move(tensor)); }
  Value* eq(Value* a, double b) { return c_.binary(Scalar::eq, a, c_.number(a, b)); }
  Value* lt(Value* a, double b) { return c_.binary(Scalar::lt, a, c_.number(a, b)); }
  Value* either(Value* a, Value* b) { return c_.binary(Scalar::logical_or, a, b); }
  Value* choose(Value* condition, Value* a, double b) { return c_.select(condition, a, c_.number(a, b)); }
  Value* choose(Value* condition, double a, Value* b) { return c_.select(condition, c_.number(b, a), b); }

  // Axes that count from the end count from the start.
  Value* normal(Value* axes, int64_t rank) {
    axes = list(axes);
    return c_.select(lt(axes, 0), c_.add(axes, static_cast<double>(rank)), axes);
  }
  // [entries, rank]: which entry is which axis.
  Value* matches(Value* axes, int64_t rank) {
    return c_.binary(Scalar::eq, column(normal(axes, rank)), row(c_.integers(ops::range_of(0, rank))));
  }
  Value* any(Value* matches) { return c_.reduce("logical_or", matches, {0}, false); }
  // Is there an entry that is no axis?
  Value* strange(Value* matches) {
    Value* known = c_.reduce("logical_or", matches, {1}, false);
    return c_.reduce("logical_or", c_.unary(Scalar::logical_not, known), {0}, false);
  }
  // Per axis: its entry of the list, else the number. 'matches' absent: the list has one entry for each axis.
  Value* per_axis(Value* entries, Value* matches, double otherwise) {
    entries = list(entries);
    if (matches == nullptr) return entries;
    Value* found = c_.reduce("sum", choose(matches, column(entries), 0), {0}, false);
    return choose(any(matches), found, otherwise);
  }
  // The entries for which `kept` holds, in order, as a list of `count`; the rest are zeros.
  Value* compact(Value* entries, Value* kept, int64_t count) {
    Value* place = c_.op("cumulative", {c_.cast(kept, DType::i64)},
                         {{"axis", int64_t{0}}, {"kind", std::string("sum")}, {"exclusive", int64_t{1}}});
    Value* here = c_.binary(Scalar::eq, row(place), column(c_.integers(ops::range_of(0, count))));
    here = c_.binary(Scalar::logical_and, here, row(kept));
    return c_.reduce("sum", choose(here, row(entries), 0), {1}, false);
  }
  // A list whose entries are wrong where the condition holds: no size is negative, so that the run ends with an error.
  Value* refuse(Value* condition, Value* entries) { return choose(condition, -1, entries); }

  Dim fresh(std::string_view hint, int64_t low = 0) { return node_.graph()->fresh_symbol(hint, {low, Range::kMax}); }
  Dims fresh(std::string_view hint, std::size_t count, int64_t low = 0) {
    Dims dims;
    for (std::size_t i = 0; i < count; ++i) dims.push_back(fresh(hint, low));
    return dims;
  }
  void bind(Value* entries, Dims dims) { c_.op("bind", {entries}, {{"sizes", std::move(dims)}}); }
  void bind(std::initializer_list<std::pair<Value*, Dims>> lists) {
    std::vector<Value*> parts;
    Dims all;
    for (const auto& [entries, dims] : lists) {
      parts.push_back(entries);
      all.insert(all.end(), dims.begin(), dims.end());
    }
    bind(c_.concat(parts, 0), std::move(all));
  }

 private:
  Node& node_;
  Compose c_;
  Builder& builder_;
};

// What the node's result becomes; null: it stays as it is. `bound`: the sizes have got their names, the node may stay.
struct Made {
  Value* value = nullptr;
  bool bound = false;
};
using Rewrite = Made (*)(Late&, Node&, const Dims& result);

int64_t rank_of(const Value* value) { return static_cast<int64_t>(value->type().dims.size()); }

// The list of axes that an operand holds, or none when it is absent or has no elements.
struct Axes {
  bool known = false;        // whether anything can be said
  Value* matches = nullptr;  // [entries, rank]; null: there are none
  std::optional<int64_t> count;
  Dim entries = 0;
};
Axes axes_of(Late& late, Value* operand, int64_t rank) {
  Axes axes;
  if (operand == nullptr) {
    axes.known = true;
    axes.count = 0;
    return axes;
  }
  const Dims* dims = dims_of(operand);
  if (dims == nullptr || dims->size() != 1) return axes;
  axes.known = true;
  axes.entries = dims->front();
  axes.count = axes.entries.constant();
  if (axes.count != 0) axes.matches = late.matches(operand, rank);
  return axes;
}

Made reshape(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const Dims& from = node.operand(0)->type().dims;
  Value* shape = node.operand(1);
  if (length(shape) != static_cast<int64_t>(result.size())) return {};
  Value* wanted = late.list(shape);
  if (integer(node, "allow_zero") == 0) {
    Dims own = from;
    own.resize(result.size(), Dim(-2));  // a size that is copied from nowhere
    wanted = c.select(late.eq(wanted, 0), late.sizes(own), wanted);
  }
  Value* open = late.eq(wanted, -1);
  Value* rest = c.reduce("product", late.choose(open, 1, wanted), {0}, false);
  wanted = c.select(open, c.div(c.size(product(from), DType::i64), rest), wanted);
  late.bind(wanted, result);
  return {c.reshape(node.operand(0), result)};
}

Made unsqueeze(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const Dims& from = node.operand(0)->type().dims;
  const auto rank = static_cast<int64_t>(result.size());
  if (length(node.operand(1)) != rank - static_cast<int64_t>(from.size())) return {};
  Value* fresh = late.any(late.matches(node.operand(1), rank));
  Value* sizes;
  if (from.empty()) {
    sizes = late.choose(fresh, 1, late.sizes(Dims(result.size(), Dim(-1))));
  } else {
    // Each axis takes the next of x's sizes.
    Value* taken = c.op("cumulative", {c.cast(c.unary(Scalar::logical_not, fresh), DType::i64)},
                        {{"axis", int64_t{0}}, {"kind", std::string("sum")}, {"exclusive", int64_t{1}}});
    Value* next =
        c.op("gather", {late.sizes(from), c.min(taken, static_cast<double>(from.size() - 1))}, {{"axis", int64_t{0}}});
    sizes = late.choose(fresh, 1, next);
  }
  late.bind(sizes, result);
  return {c.reshape(node.operand(0), result)};
}

Made broadcast(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  Dims from = node.operand(0)->type().dims;
  const auto count = length(node.operand(1));
  if (!count || *count > static_cast<int64_t>(result.size())) return {};
  from.insert(from.begin(), result.size() - from.size(), Dim(1));
  Value* own = late.sizes(from);
  Value* wanted = late.list(node.operand(1));
  if (const auto missing = static_cast<int64_t>(result.size()) - *count; missing > 0) {
    const std::vector<Value*> parts = {late.sizes(Dims(static_cast<std::size_t>(missing), Dim(1))), wanted};
    wanted = c.concat(parts, 0);
  }
  Value* fits = late.either(late.either(late.eq(own, 1), late.eq(wanted, 1)), c.binary(Scalar::eq, own, wanted));
  Value* sizes = c.select(late.eq(own, 1), wanted, own);
  late.bind(late.refuse(c.unary(Scalar::logical_not, fits), sizes), result);
  return {c.broadcast(node.operand(0), result)};
}

Made tile(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const Dims& from = node.operand(0)->type().dims;
  if (from.empty() || length(node.operand(1)) != static_cast<int64_t>(from.size())) return {};
  const Dims repeats = late.fresh("repeats", from.size());
  Value* given = late.list(node.operand(1));
  late.bind({{given, repeats}, {c.mul(given, late.sizes(from)), result}});
  return {c.reshape(c.op("tile", {node.operand(0)}, {{"repeats", repeats}}), result)};
}

Made fill(Late& late, Node& node, const Dims& result) {
  if (length(node.operand(0)) != static_cast<int64_t>(result.size())) return {};
  const auto value = attribute_or_default(node, "value");
  const Tensor* tensor = value ? std::get_if<Tensor>(&*value) : nullptr;
  if (tensor == nullptr || tensor->elements() != 1) return {};
  late.bind(late.list(node.operand(0)), result);
  return {late.compose().broadcast(late.constant(tensor->reshaped({})), result)};
}

// -- what is cut out

struct Positions {
  Value *starts, *sizes, *steps;
};

// As dynamic_slice's reference: per axis of x, where the first element lies and how many there are.
Positions positions(Late& late, Node& node, Value* matches, const Dims& from) {
  Compose& c = late.compose();
  constexpr double kLongest = std::numeric_limits<int32_t>::max();  // step
  Value* whole = late.sizes(from);
  Value* start = late.per_axis(node.operand(1), matches, 0);
  Value* end = late.per_axis(node.operand(2), matches, static_cast<double>(Range::kMax));
  Value* steps = node.operand(4) == nullptr
                     ? c.integers(Ints(from.size(), 1))
                     : c.min(c.max(late.per_axis(node.operand(4), matches, 1), -kLongest), kLongest);
  Value* backwards = late.lt(steps, 0);
  Value* last = c.select(backwards, c.sub(whole, 1), whole);
  const auto clamp = [&](Value* at, Value* low) {
    Value* counted = c.select(late.lt(at, 0), c.add(whole, at), at);
    return c.max(c.min(counted, last), low);
  };
  Value* zero = c.number(whole, 0);
  start = clamp(start, zero);
  end = clamp(end, c.select(backwards, c.number(whole, -1), zero));
  Value* distance = c.select(backwards, c.sub(start, end), c.sub(end, start));
  Value* stride = c.unary(Scalar::abs, steps);
  Value* count = c.max(c.div(c.sub(c.add(distance, stride), 1.0), stride), 0.0);
  // Truncation takes what is no more than one step before the start to 0.
  count = late.choose(c.binary(Scalar::le, distance, zero), 0, count);
  return {start, late.refuse(late.eq(steps, 0), count), steps};
}

Made slice(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const Dims& from = node.operand(0)->type().dims;
  const auto rank = static_cast<int64_t>(from.size());
  const Axes axes = axes_of(late, node.operand(3), rank);
  if (!axes.known) return {};
  Value* matches = axes.matches;
  if (node.operand(3) == nullptr) {
    const auto count = length(node.operand(1));
    if (!count || *count > rank) return {};
    if (*count < rank) matches = late.matches(c.integers(ops::range_of(0, *count)), rank);
  } else if (matches == nullptr) {
    return {};
  }
  const Positions p = positions(late, node, matches, from);
  late.bind(matches == nullptr ? p.sizes : late.refuse(late.strange(matches), p.sizes), result);
  if (node.operand(4) == nullptr) return {c.op("slice_at", {node.operand(0), p.starts}, {{"sizes", result}})};
  return {c.op("slice_at", {node.operand(0), p.starts, p.steps}, {{"sizes", result}})};
}

Made pad(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const Dims& from = node.operand(0)->type().dims;
  const auto rank = static_cast<int64_t>(from.size());
  const Axes axes = axes_of(late, node.operand(3), rank);
  const auto count = length(node.operand(1));
  if (!axes.known || !count || *count != 2 * (node.operand(3) == nullptr ? rank : axes.count.value_or(-1))) return {};
  if (*count == 0) return {node.operand(0)};
  Value* given = late.list(node.operand(1));
  Value* before = late.per_axis(c.slice(given, 0, 0, *count / 2), axes.matches, 0);
  Value* after = late.per_axis(c.slice(given, 0, *count / 2, *count / 2), axes.matches, 0);
  Value* sizes = c.add(c.add(before, late.sizes(from)), after);
  late.bind(axes.matches == nullptr ? sizes : late.refuse(late.strange(axes.matches), sizes), result);
  Value* fill = node.operand(2);
  if (fill != nullptr && rank_of(fill) > 0) fill = c.reshape(fill, {});
  const std::string mode = string_attribute(node, "mode");
  if (mode != "constant") fill = nullptr;
  Value* starts = c.unary(Scalar::neg, before);
  const AttributeMap attributes = {{"sizes", result}, {"mode", mode}};
  if (fill == nullptr) return {c.op("slice_at", {node.operand(0), starts}, attributes)};
  return {c.op("slice_at", {node.operand(0), starts, nullptr, fill}, attributes)};
}

// -- reductions

// Each axis of x is a pair of one that stays and one that goes; one of the two has a single element.
Made reduce(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const Dims& from = node.operand(0)->type().dims;
  const auto rank = static_cast<int64_t>(from.size());
  const bool keep = integer(node, "keep", 1) != 0, noop = integer(node, "noop_with_empty_axes") != 0;
  const Axes axes = axes_of(late, node.operand(1), rank);
  if (!axes.known || axes.matches == nullptr || rank == 0) return {};
  if (!keep && (!axes.count || *axes.count + static_cast<int64_t>(result.size()) != rank)) return {};
  Value* drop = late.any(axes.matches);
  if (!axes.count && !noop) drop = late.either(drop, late.eq(c.size(axes.entries, DType::i64), 0));
  Value* whole = late.sizes(from);
  Value* kept = late.refuse(late.strange(axes.matches), late.choose(drop, 1, whole));
  Value* gone = c.select(drop, whole, c.number(whole, 1));
  const Dims stays = keep ? result : late.fresh("kept", from.size());
  const Dims goes = late.fresh("reduced", from.size());
  if (keep) {
    late.bind({{kept, stays}, {gone, goes}});
  } else {
    late.bind({{kept, stays},
               {gone, goes},
               {late.compact(whole, c.unary(Scalar::logical_not, drop), rank - *axes.count), result}});
  }
  Dims pairs;
  Ints all;
  for (std::size_t i = 0; i < from.size(); ++i) {
    pairs.push_back(stays[i]);
    pairs.push_back(goes[i]);
    all.push_back(static_cast<int64_t>(2 * i + 1));
  }
  Value* x = c.reshape(node.operand(0), pairs);
  Value* y = c.reduce(string_attribute(node, "kind"), x, all, false);
  return {keep ? y : c.reshape(y, result)};
}

// -- operators with a kernel that lack their sizes alone

Made range(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const DType wide = is_float(node.result()->type().dtype) ? DType::f64 : DType::i64;
  Value* single[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (dims_of(node.operand(i)) == nullptr || rank_of(node.operand(i)) > 1) return {};
    single[i] = c.cast(c.reshape(node.operand(i), Dims{1}), wide);
  }
  Value *distance = c.sub(single[1], single[0]), *delta = single[2];
  Value* count;
  if (wide == DType::f64) {
    count = c.cast(c.max(c.unary(Scalar::ceil, c.div(distance, delta)), 0.0), DType::i64);
  } else {
    Value* quotient = c.div(distance, delta);  // towards zero
    Value* forward = c.binary(Scalar::eq, late.lt(distance, 0), late.lt(delta, 0));
    Value* rest = c.binary(Scalar::ne, c.mul(quotient, delta), distance);
    Value* more = c.cast(c.binary(Scalar::logical_and, forward, rest), DType::i64);
    count = late.refuse(late.eq(delta, 0), c.max(c.add(quotient, more), 0.0));
  }
  late.bind(count, result);
  return {nullptr, true};
}

Made one_hot(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const int64_t axis = integer(node, "axis", -1);
  const auto at = static_cast<std::size_t>(axis < 0 ? axis + static_cast<int64_t>(result.size()) : axis);
  if (dims_of(node.operand(1)) == nullptr) return {};
  late.bind(c.cast(c.reshape(node.operand(1), Dims{1}), DType::i64), {result[at]});
  return {nullptr, true};
}

struct Row {
  std::string_view op;
  Rewrite rewrite;
};
constexpr Row kRows[] = {
    {"dynamic_reshape", reshape},
    {"dynamic_unsqueeze", unsqueeze},
    {"dynamic_broadcast", broadcast},
    {"dynamic_tile", tile},
    {"fill", fill},
    {"dynamic_slice", slice},
    {"dynamic_pad", pad},
    {"dynamic_reduce", reduce},
    {"range", range},
    {"one_hot", one_hot},
};

// Symbols of the result that nothing before the node has bound.
bool bears(const Node& node, const BoundSymbols& bound, const std::set<std::string, std::less<>>& born) {
  for (const Dim& d : node.result()->type().dims)
    for (const std::string& name : d.symbols())
      if (!bound.contains(name) && !born.contains(name)) return true;
  return false;
}

}  // namespace

Result<bool> late_sizes(Graph& graph, const PassContext&) {
  const BoundSymbols bound(graph);
  std::set<std::string, std::less<>> born;
  bool changed = false;
  for (Node* node : all_nodes(graph)) {
    if (node->op() == "bind")
      for (const Dim& d : dims_attribute(*node, "sizes"))
        for (std::string& name : d.symbols()) born.insert(std::move(name));
    const Row* row = std::ranges::find(kRows, node->op(), &Row::op);
    if (row == std::end(kRows) || node->result() == nullptr || node->result()->unused()) continue;
    const bool ranked = std::ranges::all_of(
        node->operands(), [](const Value* v) { return v == nullptr || v->type().is_ranked_tensor(); });
    if (!ranked || !node->result()->type().is_ranked_tensor()) continue;
    if (node->definition()->lower != nullptr && !bears(*node, bound, born)) continue;
    if (node->result()->type().dtype == DType::string) continue;
    if (node->operand(0)->type().dims.empty() && (row->rewrite == slice || row->rewrite == pad)) continue;
    Builder builder(*node->graph(), node, node->source());
    Late late(*node, builder);
    const Dims result = node->result()->type().dims;
    const Made made = row->rewrite(late, *node, result);
    TRY(builder.finish());
    if (made.value == nullptr && !made.bound) continue;
    changed = true;
    if (made.value != nullptr) node->graph()->replace_uses(node->result(), made.value);
    for (const Dim& d : result)
      for (std::string& name : d.symbols()) born.insert(std::move(name));
  }
  return changed;
}

}  // namespace burnish::passes
