// FlexAttention, and the optimisers of ai.onnx.preview.training.

#include <cmath>

#include <fmt/format.h>

#include "import/onnx/importer.h"
#include "import/onnx/training.h"

namespace burnish::onnx {
namespace {

// One of the graphs that change scores or probabilities: one value in, one of its shape out.
Result<Value*> changed(NodeContext& c, std::string_view name, Value* x) {
  if (!c.has_attribute(name)) return x;
  const GraphProto* graph = TRY(c.graph(name));
  if (graph->inputs.size() != 1 || graph->outputs.size() != 1)
    return c.error(fmt::format("the graph '{}' has not one input and one output", name));
  TRY(c.finish());
  Value* inputs[] = {x};
  return TRY(c.importer().inline_graph(*graph, c.scope(), *c.scope().graph, inputs))[0];
}

Status flex_attention(NodeContext& c) {
  for (std::size_t i = 0; i < 3; ++i)
    if (!c.has(i)) return c.error(fmt::format("input {} is missing", i));
  const Dims q = TRY(c.dims(0)), k = TRY(c.dims(1)), v = TRY(c.dims(2));
  if (q.size() != 4 || k.size() != 4 || v.size() != 4) return c.error("Q, K and V must have four axes");
  const DType dtype = c.dtype(0);
  DType precision = dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype;
  if (c.has_attribute("softmax_precision")) precision = TRY(c.dtype_attribute("softmax_precision"));
  double scale = c.real("scale", 0);
  if (!c.has_attribute("scale")) {
    if (!q[3].is_constant()) return c.error("the width of a head is not a number", "give the attribute scale");
    scale = 1 / std::sqrt(static_cast<double>(q[3].value()));
  }
  if (!c.has_attribute("score_mod") && !c.has_attribute("prob_mod")) {
    c.give(c.op("onnx_attention", {c.in(0), c.in(1), c.in(2)}, {{"scale", scale}, {"softmax_dtype", precision}}));
    return {};
  }
  // A head of K and V serves a run of Q's heads.
  const auto repeated = [&](Value* x, const Dims& d) {
    if (d[1] == q[1]) return x;
    const Dim each = floordiv(q[1], d[1]);
    x = c.op("reshape", {x}, {{"shape", Dims{d[0], d[1], 1, d[2], d[3]}}});
    x = c.op("broadcast", {x}, {{"shape", Dims{d[0], d[1], each, d[2], d[3]}}});
    return c.op("reshape", {x}, {{"shape", Dims{d[0], q[1], d[2], d[3]}}});
  };
  Value* root = c.number(c.in(0), std::sqrt(scale));
  Value* keys = c.op("transpose", {c.op("mul", {repeated(c.in(1), k), root})}, {{"permutation", Ints{0, 1, 3, 2}}});
  Value* scores = c.cast(c.op("matmul", {c.op("mul", {c.in(0), root}), keys}), precision);
  scores = TRY(changed(c, "score_mod", scores));
  Value* shares = TRY(changed(c, "prob_mod", c.op("softmax", {scores}, {{"axis", int64_t{-1}}})));
  c.give(c.cast(c.op("matmul", {shares, c.cast(repeated(c.in(2), v), precision)}), c.dtype(2)));
  return {};
}

// Inputs: rate R, step T, then n values of each of `kinds` kinds. Outputs: what `update` makes of X and of the states.
struct Update {
  NodeContext& c;
  Value *rate, *step;
  Value* number(Value* like, double value) { return c.number(like, value); }
  Value* add(Value* a, Value* b) { return c.op("add", {a, b}); }
  Value* sub(Value* a, Value* b) { return c.op("sub", {a, b}); }
  Value* mul(Value* a, Value* b) { return c.op("mul", {a, b}); }
  Value* mul(Value* a, double b) { return mul(a, number(a, b)); }
  Value* div(Value* a, Value* b) { return c.op("div", {a, b}); }
  Value* started() { return c.op("gt", {step, number(step, 0)}); }
  // The gradient with that of the norm's square.
  Value* gradient(Value* x, Value* g) { return add(mul(x, c.real("norm_coefficient", 0)), g); }
};

template <std::size_t kinds, class F>
Status optimise(NodeContext& c, F&& update) {
  const std::size_t inputs = c.input_count();
  if (inputs < 2 + kinds || (inputs - 2) % kinds != 0) return c.error("the inputs do not come in groups");
  for (std::size_t i = 0; i < inputs; ++i)
    if (!c.has(i)) return c.error(fmt::format("input {} is missing", i));
  const std::size_t n = (inputs - 2) / kinds;
  for (std::size_t i = 0; i < n; ++i) {
    std::array<Value*, kinds> values;
    for (std::size_t k = 0; k < kinds; ++k) values[k] = c.in(2 + k * n + i);
    Update u{c, c.cast(c.in(0), values[0]->type().dtype), c.in(1)};
    const std::array<Value*, kinds - 1> results = update(u, values);
    for (std::size_t k = 0; k < kinds - 1; ++k) c.give(k * n + i, results[k]);
  }
  return {};
}

// X, G, H: h += g^2, x -= r g / (sqrt(h) + epsilon), the rate decaying with the step.
Status adagrad(NodeContext& c) {
  return optimise<3>(c, [&](Update& u, const std::array<Value*, 3>& v) {
    Value* steps = u.mul(c.cast(u.step, v[0]->type().dtype), c.number(v[0], c.real("decay_factor", 0)));
    Value* rate = u.div(u.rate, u.add(steps, c.number(v[0], 1)));
    Value* g = u.gradient(v[0], v[1]);
    Value* h = u.add(v[2], u.mul(g, g));
    Value* root = u.add(c.op("sqrt", {h}), c.number(h, c.real("epsilon", 0)));
    return std::array{u.sub(v[0], u.mul(rate, u.div(g, root))), h};
  });
}

// X, G, V, H: running means of the gradient and of its square.
Status adam(NodeContext& c) {
  const double alpha = c.real("alpha", 0.9F), beta = c.real("beta", 0.999F), epsilon = c.real("epsilon", 0);
  return optimise<4>(c, [&](Update& u, const std::array<Value*, 4>& v) {
    Value* g = u.gradient(v[0], v[1]);
    Value* mean = u.add(u.mul(v[2], alpha), u.mul(g, 1 - alpha));
    Value* square = u.add(u.mul(v[3], beta), u.mul(u.mul(g, g), 1 - beta));
    Value* root = u.add(c.op("sqrt", {square}), c.number(v[0], epsilon));
    // From the first step on, the rate makes up for means that began at zero.
    Value* t = c.cast(u.step, v[0]->type().dtype);
    const auto rest = [&](double base) { return u.sub(c.number(t, 1), c.op("pow", {c.number(t, base), t})); };
    Value* adjusted = u.mul(u.rate, u.div(c.op("sqrt", {rest(beta)}), rest(alpha)));
    Value* rate = c.op("select", {u.started(), adjusted, u.rate});
    Value* x = u.sub(v[0], u.mul(rate, u.div(mean, root)));
    return std::array{u.mul(x, 1 - c.real("norm_coefficient_post", 0)), mean, square};
  });
}

// X, G, V: v = alpha v + beta g (all of g at the first step).
Status momentum(NodeContext& c) {
  const std::string mode = c.string("mode", "standard");
  if (mode != "standard" && mode != "nesterov") return c.error(fmt::format("attribute 'mode' is '{}'", mode));
  const double alpha = c.real("alpha", 0);
  return optimise<3>(c, [&](Update& u, const std::array<Value*, 3>& v) {
    Value* g = u.gradient(v[0], v[1]);
    Value* beta = c.op("select", {u.started(), c.number(g, c.real("beta", 0)), c.number(g, 1)});
    Value* speed = u.add(u.mul(v[2], alpha), u.mul(beta, g));
    Value* way = mode == "standard" ? speed : u.add(g, u.mul(speed, alpha));
    return std::array{u.sub(v[0], u.mul(u.rate, way)), speed};
  });
}

constexpr OperatorRow kPreview[] = {{"FlexAttention", 1, flex_attention, {}}};
constexpr OperatorRow kTraining[] = {
    {"Adagrad", 1, adagrad, {}},
    {"Adam", 1, adam, {}},
    {"Gradient", 1, gradient, {}},
    {"Momentum", 1, momentum, {}},
};

}  // namespace

std::span<const OperatorRow> preview_rows() { return kPreview; }
std::span<const OperatorRow> training_rows() { return kTraining; }

}  // namespace burnish::onnx
