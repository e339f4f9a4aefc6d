// What ONNX has no operator for, written with others of the catalogue.

#include <algorithm>
#include <cctype>
#include <limits>
#include <numbers>
#include <set>

#include "import/onnx/exporter.h"
#include "ops/support/compose.h"

namespace burnish::onnx {
namespace {

using ops::Compose;
using ops::Values;

Value* compare(Compose& c, std::string_view op, Value* a, double b) { return c.op(op, {a, c.number(a, b)}); }
// Narrow floats compute in f32, as their operators do.
Value* widened(Compose& c, Value* x) {
  return x == nullptr || !is_float(x->type().dtype) || byte_size(x->type().dtype) >= 4 ? x : c.cast(x, DType::f32);
}

// tanh(x / 2) (e^x + 1): nothing cancels near 0.
Result<Values> expm1(DecomposeContext& n) {
  Compose c(n.builder);
  Value* x = widened(c, n.in(0));
  Value* y = c.mul(c.op("tanh", {c.mul(x, 0.5)}), c.add(c.op("exp", {x}), 1.0));
  return c.done({c.cast(y, n.type(0).dtype)});
}

// log(u) x / (u - 1) for u = 1 + x: the error of rounding u is taken out again (W. Kahan).
Result<Values> log1p(DecomposeContext& n) {
  Compose c(n.builder);
  Value* x = widened(c, n.in(0));
  Value *u = c.add(x, 1.0), *rounded = c.sub(u, 1.0), *log = c.op("log", {u});
  Value* mended = c.select(c.op("eq", {rounded, x}), log, c.mul(log, c.div(x, rounded)));
  return c.done({c.cast(c.select(compare(c, "eq", rounded, 0), x, mended), n.type(0).dtype)});
}

// The remainder of the truncated quotient is exact; it moves by b where its sign is not b's.
Result<Values> mod_floor(DecomposeContext& n) {
  Compose c(n.builder);
  Value *a = n.in(0), *b = n.in(1);
  Value* r = c.op("mod_trunc", {a, b});
  Value* other = c.op("ne", {compare(c, "lt", r, 0), compare(c, "lt", b, 0)});
  Value* moves = c.op("logical_and", {compare(c, "ne", r, 0), other});
  return c.done({c.select(moves, c.add(r, b), r)});
}

// Below zero, with the sign of a zero.
Value* is_negative(Compose& c, Value* x) {
  Value* zero = c.op("logical_and", {compare(c, "eq", x, 0), compare(c, "lt", c.op("reciprocal", {x}), 0)});
  return c.op("logical_or", {compare(c, "lt", x, 0), zero});
}

// The arc tangent of the smaller size over the larger one, turned into its octant.
Result<Values> atan2(DecomposeContext& n) {
  Compose c(n.builder);
  Value *y = widened(c, n.in(0)), *x = widened(c, n.in(1));
  Value *across = c.op("abs", {x}), *up = c.op("abs", {y});
  Value *low = c.min(across, up), *high = c.max(across, up);
  Value* ratio = c.select(c.op("eq", {low, high}), c.number(x, 1), c.div(low, high));  // infinities are equal too
  Value* angle = c.op("atan", {c.select(compare(c, "eq", high, 0), c.number(x, 0), ratio)});
  angle = c.select(c.op("gt", {up, across}), c.sub(c.number(x, std::numbers::pi / 2), angle), angle);
  angle = c.select(is_negative(c, x), c.sub(c.number(x, std::numbers::pi), angle), angle);
  angle = c.select(is_negative(c, y), c.op("neg", {angle}), angle);
  return c.done({c.cast(angle, n.type(0).dtype)});
}

// The smallest number of a dtype, or the largest.
Tensor extreme(DType dtype, bool smallest) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Tensor t = Tensor::scalar(dtype, is_float(dtype) ? (smallest ? -kInfinity : kInfinity) : 0);
  const auto bits = bit_width(dtype);
  if (number_class(dtype) == NumberClass::signed_int) {
    const int64_t low = std::numeric_limits<int64_t>::min() >> (64 - bits);
    Accessor<int64_t>(dtype).store(t.mutable_data(), 0, smallest ? low : ~low);
  } else if (number_class(dtype) == NumberClass::unsigned_int && !smallest) {
    Accessor<uint64_t>(dtype).store(t.mutable_data(), 0, ~uint64_t{0} >> (64 - bits));
  }
  return t;
}

// A scan that carries what the elements so far are put together to.
Result<Values> cumulative(DecomposeContext& n) {
  Compose c(n.builder);
  const Type& x = n.type(0);
  if (!x.is_ranked_tensor()) return n.error("the rank is unknown");
  const int64_t axis = ops::normal_axis(n.integer("axis"), x.rank());
  const bool most = n.string("kind") == "max", reverse = n.integer("reverse") != 0;
  Dims rest = x.dims;
  rest.erase(rest.begin() + axis);
  const Type slice = Type::tensor(x.dtype, rest);
  Value* first = c.broadcast(n.builder.constant(extreme(x.dtype, most)), rest);
  Value* operands[] = {first, n.in(0)};
  TRY(n.builder.finish());
  Node* scan = n.builder.begin("scan", operands,
                               {{"num_scan_inputs", int64_t{1}},
                                {"scan_input_axes", Ints{axis}},
                                {"scan_input_directions", Ints{reverse}},
                                {"scan_output_axes", Ints{axis}},
                                {"scan_output_directions", Ints{reverse}}},
                               {}, 2);
  Graph& body = scan->add_region("body");
  Value *so_far = body.add_input("", slice), *element = body.add_input("", slice);
  Builder inside(body);
  Value* next = inside.op(most ? "max" : "min", {so_far, element});
  TRY(inside.finish());
  body.add_output(next, "next");
  body.add_output(next, "element");
  n.builder.complete(scan);
  return c.done({scan->result(1)});
}

// Along each axis, where every position comes from; what lies outside comes from a last element added to x.
Result<Values> slice_at(DecomposeContext& n) {
  Compose c(n.builder);
  const Type& x = n.type(0);
  if (!x.is_ranked_tensor()) return n.error("the rank is unknown");
  const std::string& mode = n.string("mode");
  const auto rank = static_cast<std::size_t>(x.rank());
  const Dims& sizes = n.dims("sizes");
  Value* y = n.in(0);
  if (mode == "constant") {
    Value* value = n.has(3) ? n.in(3) : nullptr;
    y = c.op("pad", {y, value}, {{"before", Dims(rank, Dim(0))}, {"after", Dims(rank, Dim(1))}});
  }
  for (std::size_t d = 0; d < rank; ++d) {
    const auto axis = static_cast<int64_t>(d);
    const auto entry = [&](std::size_t operand) { return c.reshape(c.slice(n.in(operand), 0, axis, 1), {}); };
    Value* way = c.iota({sizes[d]}, 0);
    if (n.has(2)) way = c.mul(way, entry(2));
    Value* at = c.add(way, entry(1));
    Value* size = c.size(x.dims[d], DType::i64);
    Value* last = c.sub(size, 1.0);
    if (mode == "edge") {
      at = c.max(c.min(at, last), 0.0);
    } else if (mode == "wrap") {
      at = c.op("mod_floor", {at, size});
    } else if (mode == "reflect") {
      Value* period = c.max(c.mul(last, 2.0), 1.0);
      Value* p = c.op("mod_floor", {at, period});
      at = c.min(p, c.op("abs", {c.sub(c.mul(last, 2.0), p)}));
    } else {
      Value* outside = c.op("logical_or", {compare(c, "lt", at, 0), c.op("ge", {at, size})});
      at = c.select(outside, size, at);
    }
    y = c.op("gather", {y, at}, {{"axis", axis}});
  }
  return c.done({y});
}

// Products of 16-bit parts are exact in f64, and so are sums of up to 2^21 of them; what lies beyond the width is lost anyway.
Result<Values> integer_convolution(DecomposeContext& n) {
  Compose c(n.builder);
  const DType dtype = n.type(0).dtype;
  const int count = std::max(1, static_cast<int>(bit_width(dtype)) / 16);
  const auto parts = [&](Value* v) {
    std::vector<Value*> list;
    Value* whole = c.cast(v, DType::i64);
    for (int i = 0; i < count; ++i) {
      Value* part = i == 0 ? whole : c.op("shift_right", {whole, c.number(DType::i64, 16 * i)});
      list.push_back(c.cast(c.op("bit_and", {part, c.number(DType::i64, 0xffff)}), DType::f64));
    }
    return list;
  };
  const auto x = parts(n.in(0)), w = parts(n.in(1));
  Value* sum = nullptr;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t k = 0; i + k < x.size(); ++k) {
      Value* part = c.cast(c.op(n.node().op(), {x[i], w[k]}, n.node().attributes()), DType::i64);
      if (i + k > 0) part = c.op("shift_left", {part, c.number(DType::i64, 16.0 * static_cast<double>(i + k))});
      sum = sum == nullptr ? part : c.add(sum, part);
    }
  }
  return c.done({c.cast(sum, dtype)});
}

Result<Values> own(DecomposeContext& n) { return n.node().definition()->decompose(n); }

// In ONNX an ellipsis stands for the same number of axes everywhere.
bool has_uneven_ellipsis(const Node& n) {
  const std::string& equation = NodeView(n).string("equation");
  std::string_view terms = std::string_view(equation).substr(0, equation.find("->"));
  std::set<int64_t> ranks;
  for (const Value* operand : n.operands()) {
    const std::string_view term = terms.substr(0, terms.find(','));
    terms.remove_prefix(std::min(term.size() + 1, terms.size()));
    const auto letters =
        std::ranges::count_if(term, [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
    if (term.find("...") != term.npos && operand->type().ranked) ranks.insert(operand->type().rank() - letters);
  }
  return ranks.size() > 1;
}
bool always(const Node&) { return true; }
bool is_real(const Node& n) { return is_float(n.operand(0)->type().dtype); }
bool is_whole(const Node& n) { return !is_real(n) && n.operand_count() == 2; }
bool is_rounded(const Node& n) { return NodeView(n).integer("rounded") != 0; }
bool is_extreme(const Node& n) { return NodeView(n).string("kind") == "max" || NodeView(n).string("kind") == "min"; }

Result<Values> minus(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({c.sub(c.number(n.in(0), 0), n.in(0))});
}

bool is_unsigned(const Node& n) { return number_class(n.operand(0)->type().dtype) == NumberClass::unsigned_int; }
bool is_narrow(const Node& n) { return n.operand(0)->type().dtype == DType::bf16; }
bool is_not_real(const Node& n) { return !is_real(n); }
bool is_not_f32(const Node& n) { return n.operand(0)->type().dtype != DType::f32; }

struct Rewrite {
  std::string_view op;
  bool (*applies)(const Node&);
  NodeRewrite rewrite;
};
constexpr Rewrite kRewrites[] = {
    {"neg", is_unsigned, minus},
    {"celu", is_not_f32, own},
    {"mean_variance_norm", is_not_f32, own},
    {"relu", is_unsigned, own},
    {"shrink", is_narrow, own},
    {"lstm", is_rounded, own},
    {"global_max_pool", is_not_real, own},
    {"expm1", always, expm1},
    {"log1p", always, log1p},
    {"mod_floor", is_real, mod_floor},
    {"atan2", always, atan2},
    {"cumulative", is_extreme, cumulative},
    {"slice_at", always, slice_at},
    {"einsum", has_uneven_ellipsis, own},
    {"convolution", is_whole, integer_convolution},
    {"convolution_transpose", is_whole, integer_convolution},
};

}  // namespace

NodeRewrite find_rewrite(const Node& node) {
  for (const Rewrite& row : kRewrites) {
    if (row.op == node.op() && row.applies(node)) return row.rewrite;
  }
  return find_recast(node);
}

}  // namespace burnish::onnx
