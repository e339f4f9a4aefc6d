// Reductions. Axes that are known now become attributes; the others stay an operand.

#include <algorithm>

#include <fmt/format.h>

#include "import/onnx/node_context.h"
#include "ops/support/log_sum_exp.h"

namespace burnish::onnx {
namespace {

struct Axes {
  std::optional<Ints> known;  // sorted, non-negative
  Value* operand = nullptr;   // i64, when not known
  bool all_when_empty = true;
};

// An attribute before opset 18 (13 for ReduceSum), then an operand. Without axes: all of them, or none if so asked.
Result<Axes> read_axes(NodeContext& c) {
  Axes axes;
  axes.all_when_empty = c.integer("noop_with_empty_axes", 0) == 0;
  std::optional<Ints> given;
  if (c.has_attribute("axes")) given = c.ints("axes");
  else if (!c.has(1)) given = Ints();
  else given = c.known_ints(1);
  if (!given || !c.in(0)->type().is_ranked_tensor()) {
    axes.operand = c.has(1) ? c.in(1) : given && !given->empty() ? c.i64s(*given) : nullptr;
    return axes;
  }
  const int64_t rank = TRY(c.rank(0));
  if (given->empty() && axes.all_when_empty) {
    for (int64_t i = 0; i < rank; ++i) given->push_back(i);
  }
  for (int64_t& axis : *given) axis = TRY(c.axis(axis, rank));
  std::ranges::sort(*given);
  if (std::ranges::adjacent_find(*given) != given->end()) return c.error("an axis is reduced twice");
  axes.known = std::move(given);
  return axes;
}

Value* reduce(NodeContext& c, const Axes& axes, std::string_view kind, Value* x, bool keep) {
  if (axes.known) {
    if (axes.known->empty()) return x;
    return c.op("reduce", {x}, {{"kind", std::string(kind)}, {"axes", *axes.known}, {"keep", int64_t{keep}}});
  }
  const AttributeMap attributes = {
      {"kind", std::string(kind)}, {"keep", int64_t{keep}}, {"noop_with_empty_axes", int64_t{!axes.all_when_empty}}};
  return axes.operand != nullptr ? c.op("dynamic_reduce", {x, axes.operand}, attributes)
                                 : c.op("dynamic_reduce", {x}, attributes);
}

// The row's kind: a core reduction, or a composite one with the steps around it when the axes are an operand.
enum class Kind : uint8_t { sum, product, max, min, mean, l1, l2, log_sum, log_sum_exp, sum_square };
struct KindInfo {
  std::string_view core, composite;
};
constexpr KindInfo kKinds[] = {
    {"sum", {}},
    {"product", {}},
    {"max", {}},
    {"min", {}},
    {"sum", "reduce_mean"},
    {"sum", "reduce_l1"},
    {"sum", "reduce_l2"},
    {"sum", "reduce_log_sum"},
    {"sum", "reduce_log_sum_exp"},
    {"sum", "reduce_sum_square"},
};

Value* around(NodeContext& c, Kind kind, Value* x, const Axes& axes, bool keep) {
  const auto sum = [&](Value* v) { return reduce(c, axes, "sum", v, keep); };
  switch (kind) {
    case Kind::l1: return sum(c.op("abs", {x}));
    case Kind::l2: return c.op("sqrt", {sum(c.op("mul", {x, x}))});
    case Kind::sum_square: return sum(c.op("mul", {x, x}));
    case Kind::log_sum: return c.op("log", {sum(x)});
    case Kind::log_sum_exp: {
      ops::Compose compose(c.b());
      return ops::log_sum_exp(compose, x, keep, [&](std::string_view core, Value* v, bool keep_axes) {
        return reduce(c, axes, core, v, keep_axes);
      });
    }
    case Kind::mean: {
      Value* total = sum(x);
      Value* count = total == nullptr ? nullptr : c.op("div", {c.op("size_of", {x}), c.op("size_of", {total})});
      return c.op("div", {total, c.op("cast", {count}, {{"dtype", x->type().dtype}})});
    }
    default: return reduce(c, axes, kKinds[static_cast<int>(kind)].core, x, keep);
  }
}

template <Kind kind>
Status reduction(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  const bool keep = c.integer("keepdims", 1) != 0;
  const Axes axes = TRY(read_axes(c));
  const KindInfo& info = kKinds[static_cast<int>(kind)];
  Value* x = c.in(0);
  const bool composite = !info.composite.empty() && axes.known && !axes.known->empty();
  // Roots and logarithms of integers are those of real numbers, cut off. Steps around a sum of half floats are taken in
  // f32, as the composites do.
  const bool real = kind == Kind::l2 || kind == Kind::log_sum || kind == Kind::log_sum_exp;
  DType dtype = c.dtype(0);
  if (real && is_integer(dtype)) dtype = DType::f64;
  else if (!info.composite.empty() && !composite) dtype = ops::wide(dtype);
  const bool cut = dtype != c.dtype(0);
  if (cut) x = c.op("cast", {x}, {{"dtype", dtype}});
  const auto give = [&](Value* y) { c.give(cut ? c.op("cast", {y}, {{"dtype", c.dtype(0)}}) : y); };
  // Maxima of booleans are any and all.
  if (c.dtype(0) == DType::boolean && (kind == Kind::max || kind == Kind::min)) {
    c.give(reduce(c, axes, kind == Kind::max ? "logical_or" : "logical_and", c.in(0), keep));
  } else if (composite) {
    give(c.op(info.composite, {x}, {{"axes", *axes.known}, {"keep", int64_t{keep}}}));
  } else {
    give(around(c, kind, x, axes, keep));
  }
  return {};
}

Status arg(NodeContext& c, std::string_view target) {
  c.give(c.op(target, {c.in(0)},
              {{"axis", c.integer("axis", 0)},
               {"keep", c.integer("keepdims", 1)},
               {"select_last", c.integer("select_last_index", 0)}}));
  return {};
}
Status arg_max(NodeContext& c) { return arg(c, "arg_max"); }
Status arg_min(NodeContext& c) { return arg(c, "arg_min"); }

// The axis is an operand. When it is known only at run time, all of them are computed and one is chosen, by an index that
// must be an axis: they have equal dims.
template <const char* kind>
Status cumulative(NodeContext& c) {
  if (!c.has(0) || !c.has(1)) return c.error("an input is missing");
  const auto along = [&](int64_t axis) {
    return c.op("cumulative", {c.in(0)},
                {{"axis", axis},
                 {"kind", std::string(kind)},
                 {"exclusive", c.integer("exclusive", 0)},
                 {"reverse", c.integer("reverse", 0)}});
  };
  const auto known = c.known_ints(1);
  if (known && known->size() == 1) {
    c.give(along((*known)[0]));
    return {};
  }
  const int64_t rank = TRY(c.rank(0));
  if (rank < 1 || rank > 8) return c.error("the axis is not known before the run");
  std::vector<Value*> all;
  for (int64_t i = 0; i < rank; ++i) all.push_back(c.op("unsqueeze", {along(i)}, {{"axes", Ints{0}}}));
  Value* axis = c.op("dynamic_reshape", {c.in(1), c.i64s({})});
  c.give(c.op("gather", {c.op("concat", all, {{"axis", int64_t{0}}}), axis}, {{"axis", int64_t{0}}}));
  return {};
}
constexpr char kSum[] = "sum", kProduct[] = "product";

constexpr OperatorRow kRows[] = {
    {"ReduceSum", 1, reduction<Kind::sum>, {}},
    {"ReduceProd", 1, reduction<Kind::product>, {}},
    {"ReduceMax", 1, reduction<Kind::max>, {}},
    {"ReduceMin", 1, reduction<Kind::min>, {}},
    {"ReduceMean", 1, reduction<Kind::mean>, {}},
    {"ReduceL1", 1, reduction<Kind::l1>, {}},
    {"ReduceL2", 1, reduction<Kind::l2>, {}},
    {"ReduceLogSum", 1, reduction<Kind::log_sum>, {}},
    {"ReduceLogSumExp", 1, reduction<Kind::log_sum_exp>, {}},
    {"ReduceSumSquare", 1, reduction<Kind::sum_square>, {}},
    {"ArgMax", 1, arg_max, {}},
    {"ArgMin", 1, arg_min, {}},
    {"CumSum", 11, cumulative<kSum>, {}},
    {"CumProd", 26, cumulative<kProduct>, {}},
};

}  // namespace

std::span<const OperatorRow> reduce_rows() { return kRows; }

}  // namespace burnish::onnx
