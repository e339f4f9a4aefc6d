// Sizes that only a run can tell. What makes them is small integer arithmetic: it becomes nodes of its own, a `bind` gives
// the results names, and the operator becomes the one that has its sizes as attributes. So all of it has kernels.

#include <algorithm>
#include <set>

#include "passes/late.h"
#include "passes/match.h"
#include "passes/passes.h"
#include "passes/symbols.h"

namespace burnish::passes {

namespace {

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
  Value* too_many = late.lt(c.mul(c.reduce("sum", c.cast(open, DType::i64), {0}, true), -1.0), -1);
  Value* rest = c.reduce("product", late.choose(open, 1, wanted), {0}, false);
  wanted = c.select(open, c.div(c.size(product(from), DType::i64), rest), wanted);
  late.bind(late.refuse(too_many, wanted), result);
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
  constexpr auto kLongest = static_cast<double>(Range::kMax);  // step
  Value* whole = late.sizes(from);
  Value* start = late.per_axis(node.operand(1), matches, 0);
  Value* end = late.per_axis(node.operand(2), matches, static_cast<double>(Range::kMax));
  Value* steps = node.operand(4) == nullptr
                     ? c.integers(Ints(from.size(), 1))
                     : c.min(c.max(late.per_axis(node.operand(4), matches, 1), -kLongest), kLongest);
  Value* backwards = late.lt(steps, 0);
  Value* last = c.select(backwards, c.sub(whole, 1), whole);
  const auto counted = [&](Value* at) { return c.select(late.lt(at, 0), c.add(whole, at), at); };
  Value* zero = c.number(whole, 0);
  // As slice_start: of an empty axis, backwards, nothing is taken.
  start = c.min(c.max(counted(start), zero), last);
  end = c.max(c.min(counted(end), last), c.select(backwards, c.number(whole, -1), zero));
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
  if (axes.matches != nullptr) sizes = late.refuse(late.strange(axes.matches), sizes);
  Value* x = node.operand(0);
  const std::string mode = string_attribute(node, "mode");
  if (mode == "wrap" || mode == "reflect") {  // these repeat what negative amounts leave
    const Dims left = late.fresh("left", from.size());
    Value *first = c.min(before, 0.0), *last = c.min(after, 0.0);
    late.bind({{c.add(c.add(first, late.sizes(from)), last), left}, {sizes, result}});
    x = c.op("slice_at", {x, c.unary(Scalar::neg, first)}, {{"sizes", left}});
    before = c.max(before, 0.0);
  } else {
    late.bind(sizes, result);
  }
  Value* fill = node.operand(2);
  if (fill != nullptr && rank_of(fill) > 0) fill = c.reshape(fill, {});
  if (mode != "constant") fill = nullptr;
  Value* starts = c.unary(Scalar::neg, before);
  const AttributeMap attributes = {{"sizes", result}, {"mode", mode}};
  if (fill == nullptr) return {c.op("slice_at", {x, starts}, attributes)};
  return {c.op("slice_at", {x, starts, nullptr, fill}, attributes)};
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
    Value* wraps = c.binary(Scalar::ne, late.lt(distance, 0), c.binary(Scalar::lt, single[1], single[0]));
    count = late.refuse(late.either(late.eq(delta, 0), wraps), c.max(c.add(quotient, more), 0.0));
  }
  late.bind(count, result);
  return {nullptr, true};
}

Made one_hot(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const int64_t axis = integer(node, "axis", -1);
  const auto at = static_cast<std::size_t>(ops::normal_axis(axis, static_cast<int64_t>(result.size())));
  if (dims_of(node.operand(1)) == nullptr) return {};
  late.bind(c.cast(c.reshape(node.operand(1), Dims{1}), DType::i64), {result[at]});
  return {nullptr, true};
}

// The composite knows what to do once it knows the numbers.
Made affine_grid(Late& late, Node& node, const Dims& result) {
  if (length(node.operand(1)) != static_cast<int64_t>(result.size())) return {};
  Dims sizes = result;
  sizes.pop_back();
  sizes.insert(sizes.begin() + 1, late.fresh("channels"));
  Value* size = late.bind(late.list(node.operand(1)), sizes);
  return {late.compose().op("affine_grid", {node.operand(0), size}, node.attributes())};
}

// Several results, each of them a slice. One that is left out would hide where the next one starts.
bool split(Late& late, Node& node) {
  Compose& c = late.compose();
  const Dims* from = dims_of(node.operand(0));
  if (from == nullptr || length(node.operand(1)) != static_cast<int64_t>(node.result_count())) return false;
  const int64_t axis = ops::normal_axis(integer(node, "axis"), static_cast<int64_t>(from->size()));
  Dims sizes;
  for (std::size_t i = 0; i < node.result_count(); ++i) {
    const Dims* dims = dims_of(node.result(i));
    if (dims == nullptr || dims->size() != from->size()) return false;
    sizes.push_back((*dims)[static_cast<std::size_t>(axis)]);
  }
  Value* given = late.list(node.operand(1));
  Value* total = c.reduce("sum", given, {0}, true);
  late.bind({{given, sizes}, {total, {(*from)[static_cast<std::size_t>(axis)]}}});
  Dim start = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Value* part = c.slice(node.operand(0), axis, start, sizes[i]);
    start += sizes[i];
    if (part != nullptr) node.graph()->replace_uses(node.result(i), part);
  }
  return true;
}

// Places, then what is there: two kernels. Long lists are left to the reference, which sorts.
bool top_k(Late& late, Node& node, const BoundSymbols& bound) {
  Compose& c = late.compose();
  const Value* any = node.result(0) != nullptr ? node.result(0) : node.result(1);
  const Dims *from = dims_of(node.operand(0)), *to = dims_of(any);
  if (from == nullptr || to == nullptr || from->empty() || dims_of(node.operand(1)) == nullptr) return false;
  const int64_t axis = ops::normal_axis(integer(node, "axis", -1), static_cast<int64_t>(from->size()));
  const Dim count = (*to)[static_cast<std::size_t>(axis)], &size = (*from)[static_cast<std::size_t>(axis)];
  constexpr int64_t kMostLeaders = 1024, kMostElements = 4096;
  if (count.range().high > kMostLeaders && size.range().high > kMostElements) return false;
  if (!bound.allow(std::span(&count, 1))) late.bind(c.reshape(late.list(node.operand(1)), Dims{1}), {count});
  Value* places = c.op("arg_sort", {node.operand(0)},
                       {{"axis", axis}, {"count", Dims{count}}, {"largest", integer(node, "largest", 1)}});
  Value* values = node.result(0) == nullptr || node.result(0)->unused()
                      ? nullptr
                      : c.op("gather_elements", {node.operand(0), places}, {{"axis", axis}});
  if (places == nullptr) return true;
  if (values != nullptr) node.graph()->replace_uses(node.result(0), values);
  if (node.result(1) != nullptr) node.graph()->replace_uses(node.result(1), places);
  return true;
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
    {"affine_grid", affine_grid},
    {"resize", resize},
    {"dynamic_resize", dynamic_resize},
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
    const bool several = node->op() == "top_k" || (node->op() == "split_by" && node->operand(1) != nullptr);
    if (several && node->operand(0)->type().dtype != DType::string) {
      Builder builder(*node->graph(), node, node->source());
      Late late(*node, builder);
      const bool done = node->op() == "top_k" ? top_k(late, *node, bound) : split(late, *node);
      TRY(builder.finish());
      if (!done) continue;
      changed = true;
      for (std::size_t i = 0; i < node->result_count(); ++i) {
        if (node->result(i) == nullptr) continue;
        for (const Dim& d : node->result(i)->type().dims)
          for (std::string& name : d.symbols()) born.insert(std::move(name));
      }
      continue;
    }
    const Row* row = std::ranges::find(kRows, node->op(), &Row::op);
    if (row == std::end(kRows) || node->result() == nullptr || node->result()->unused()) continue;
    const bool ranked = std::ranges::all_of(
        node->operands(), [](const Value* v) { return v == nullptr || v->type().is_ranked_tensor(); });
    if (!ranked || !node->result()->type().is_ranked_tensor()) continue;
    // These stay what they are, and only lack their sizes.
    const bool stays = row->rewrite == range || row->rewrite == one_hot || row->rewrite == affine_grid;
    if (stays && !bears(*node, bound, born)) continue;
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
