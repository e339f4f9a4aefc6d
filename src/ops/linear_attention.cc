#include <cmath>

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

enum Operand { kQ, kK, kV, kPast, kDecay, kBeta };

struct Shape {
  Dim batch, steps, width, value_width;  // widths of one head
  int64_t q_heads, kv_heads;
  bool gated, delta;
};

Result<Shape> shape_of(const NodeView& n) {
  const Dims q = TRY(dims_of(n, kQ)), k = TRY(dims_of(n, kK)), v = TRY(dims_of(n, kV));
  if (q.size() != 3 || k.size() != 3 || v.size() != 3)
    return n.error("q, k and v must be [batch, steps, heads * width]");
  const std::string& rule = n.string("rule");
  if (rule != "linear" && rule != "gated" && rule != "delta" && rule != "gated_delta")
    return n.error("rule must be \"linear\", \"gated\", \"delta\" or \"gated_delta\"");
  Shape s{q[0],
          q[1],
          0,
          0,
          n.integer("q_heads"),
          n.integer("kv_heads"),
          rule.starts_with("gated"),
          rule.ends_with("delta")};
  if (s.q_heads < 1 || s.kv_heads < 1 || s.q_heads % s.kv_heads != 0)
    return n.error("the heads of q must be a multiple of those of k and v");
  s.width = floordiv(q[2], s.q_heads);
  s.value_width = floordiv(v[2], s.kv_heads);
  if (n.has(kDecay) != s.gated) return n.error("decay belongs to the gated rules alone");
  if (n.has(kBeta) != s.delta) return n.error("beta belongs to the delta rules alone");
  for (const Operand i : {kDecay, kBeta})
    if (n.has(i) && TRY(dims_of(n, i)).size() != 3)
      return n.error("decay and beta must be [batch, steps, heads or heads * width]");
  if (n.has(kPast) && TRY(dims_of(n, kPast)).size() != 4)
    return n.error("the past state must be [batch, heads, width, width of a value]");
  const auto same = [](const Dim& a, const Dim& b) { return equal(a, b) != Truth::no; };
  if (!same(k[0], q[0]) || !same(v[0], q[0]) || !same(k[1], q[1]) || !same(v[1], q[1]) ||
      !same(k[2], s.width * s.kv_heads))
    return n.error("q, k and v do not fit each other");
  return s;
}

Status infer(InferContext& n) {
  const DType dtype = n.type(kQ).dtype, state = n.has(kPast) ? n.type(kPast).dtype : dtype;
  for (std::size_t i = 0; i <= kBeta; ++i) {
    if (!n.has(i) || n.type(i).is_ranked_tensor()) continue;
    n.result(0, Type::unranked(dtype));
    n.result(1, Type::unranked(state));
    return {};
  }
  const Shape s = TRY(shape_of(n));
  n.result(0, Type::tensor(dtype, {s.batch, s.steps, s.value_width * s.q_heads}));
  n.result(1, Type::tensor(state, {s.batch, s.kv_heads, s.width, s.value_width}));
  return {};
}

// [batch, steps, heads * width] -> [steps, batch, heads, width] in f32
Value* by_step(Compose& c, Value* x, const Shape& s, const Dim& heads, const Dim& width) {
  return c.cast(c.transpose(c.reshape(x, {s.batch, s.steps, heads, width}), {1, 0, 2, 3}), DType::f32);
}

// One step of the recurrence; `in` are the region's inputs.
Values step(Compose& c, const Shape& s, std::span<Value* const> in, double scale) {
  Value* state = in[0];
  const auto row = [&](Value* x) {  // [batch, heads, w] -> [batch, heads, 1, w]
    const Dims& d = x->type().dims;
    return c.reshape(x, {d[0], d[1], 1, d[2]});
  };
  const auto column = [&](Value* x) {
    const Dims& d = x->type().dims;
    return c.reshape(x, {d[0], d[1], d[2], 1});
  };
  Value *key = in[2], *value = row(in[3]);
  std::size_t next = 4;
  if (s.gated) state = c.mul(state, column(c.unary(Scalar::exp, in[next++])));
  if (s.delta) value = c.mul(row(in[next]), c.sub(value, c.op("matmul", {row(key), state})));
  state = c.add(state, c.op("matmul", {column(key), value}));
  Value* read = state;
  if (s.q_heads != s.kv_heads) {
    // Every head of the state serves a run of q's heads.
    const int64_t each = s.q_heads / s.kv_heads;
    read = c.reshape(state, {s.batch, s.kv_heads, 1, s.width, s.value_width});
    read = c.broadcast(read, {s.batch, s.kv_heads, each, s.width, s.value_width});
    read = c.reshape(read, {s.batch, s.q_heads, s.width, s.value_width});
  }
  Value* output = c.mul(c.op("matmul", {row(in[1]), read}), scale);
  return {state, c.reshape(output, {s.batch, s.q_heads, s.value_width})};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const Shape s = TRY(shape_of(n));
  double scale = n.real("scale");
  if (scale == 0) {
    const auto width = s.width.constant();
    if (!width) return n.error("the width of a head is not a number", "give the attribute scale");
    scale = 1 / std::sqrt(static_cast<double>(*width));
  }
  Values operands = {n.has(kPast) ? c.cast(n.in(kPast), DType::f32)
                                  : c.broadcast(c.number(DType::f32, 0), {s.batch, s.kv_heads, s.width, s.value_width}),
                     by_step(c, n.in(kQ), s, s.q_heads, s.width), by_step(c, n.in(kK), s, s.kv_heads, s.width),
                     by_step(c, n.in(kV), s, s.kv_heads, s.value_width)};
  if (s.gated)
    operands.push_back(by_step(c, n.in(kDecay), s, s.kv_heads, floordiv(n.type(kDecay).dims[2], s.kv_heads)));
  if (s.delta) operands.push_back(by_step(c, n.in(kBeta), s, n.type(kBeta).dims[2], 1));
  TRY(n.builder.finish());
  Node* scan =
      n.builder.begin("scan", operands, {{"num_scan_inputs", static_cast<int64_t>(operands.size()) - 1}}, {}, 2);
  TRY(n.builder.finish());
  Graph& body = scan->add_region("body");
  Values inputs;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    Type type = operands[i]->type();
    if (i > 0) type.dims.erase(type.dims.begin());
    inputs.push_back(body.add_input("", std::move(type)));
  }
  Builder builder(body, nullptr, n.node().source());
  Compose inside(builder);
  const Values next = step(inside, s, inputs, scale);
  TRY(builder.finish());
  body.add_output(next[0], "state");
  body.add_output(next[1], "output");
  n.builder.complete(scan);
  TRY(n.builder.finish());
  Value* y = c.cast(c.transpose(scan->result(1), {1, 0, 2, 3}), n.type(kQ).dtype);
  Values results = {c.reshape(y, {s.batch, s.steps, s.value_width * s.q_heads}),
                    c.cast(scan->result(0), n.has(kPast) ? n.type(kPast).dtype : n.type(kQ).dtype)};
  TRY(n.builder.finish());
  results.resize(n.node().result_count());
  return results;
}

constexpr auto kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kOperands[] = {{"q", "float"},
                                     {"k", "same"},
                                     {"v", "same"},
                                     {"past", "float", kOptional},
                                     {"decay", "same", kOptional},
                                     {"beta", "same", kOptional}};
constexpr ResultDoc kResults[] = {{"y", "[batch, steps, heads of q * width of v]"},
                                  {"state", "[batch, heads of k, width of k, width of v]", true}};
constexpr AttributeSpec kAttributes[] = {
    {"q_heads", AttributeKind::integer, "required", "heads of q"},
    {"kv_heads", AttributeKind::integer, "required", "heads of k and v"},
    {"rule", AttributeKind::string, "\"gated_delta\"", "linear, gated, delta or gated_delta"},
    {"scale", AttributeKind::real, "0.0", "of the result; 0: 1 / sqrt(width of a head)"},
};
constexpr Sample kSamples[] = {
    {"q: f32[2,3,8], k: f32[2,3,8], v: f32[2,3,8], p: f32[2,2,4,4], g: f32[2,3,8] in [-1, 0], b: f32[2,3,2] in [0, 1]; "
     "y, "
     "s = linear_attention(q, k, v, p, g, b) {q_heads = 2, kv_heads = 2}"},
    {"q: f32[1,4,12], k: f32[1,4,3], v: f32[1,4,2]; y, s = linear_attention(q, k, v) {q_heads = 4, kv_heads = 1, rule "
     "= "
     "\"linear\", scale = 0.5}"},
};
constexpr Operator kOperators[] = {
    {.name = "linear_attention",
     .doc = "A state that each step decays by exp(decay), writes k (v - what it holds for k, by the delta rules) beta "
            "into, and reads q of. Source: ONNX LinearAttention 27.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(linear_attention, kOperators)
