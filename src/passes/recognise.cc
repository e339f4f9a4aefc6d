// Composites that exporters spelled out. A row is a pattern and what it builds; rows that share their inner parts are
// made from the same texts.

#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "passes/match.h"
#include "passes/passes.h"
#include "passes/recognise_attention.h"

namespace burnish::passes {

namespace {

// Builds the composite, or gives null when the values do not fit.
using Build = Value* (*)(Builder&, Match&);

struct Row {
  std::string name;
  Pattern pattern;
  Build build;
  bool exact;  // the composite decomposes into the very same operations
};

Value* unary(Builder& b, Match& m, std::string_view op, AttributeMap attributes = {}) {
  return b.op(op, {m.value("x")}, std::move(attributes));
}

std::optional<double> one_number(const Match& m, std::string_view name) { return splat(m.value(name)); }

// The axes are the last ones, all from some axis on: that axis, counted from the end.
std::optional<int64_t> trailing(const Match& m) {
  Ints axes = std::get<Ints>(m.attribute("a"));
  const Type& x = m.value("x")->type();
  if (!x.is_ranked_tensor() || axes.empty()) return std::nullopt;
  for (int64_t& axis : axes)
    if (axis < 0) axis += x.rank();
  std::ranges::sort(axes);
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != x.rank() - static_cast<int64_t>(axes.size() - i)) return std::nullopt;
  return -static_cast<int64_t>(axes.size());
}

// The dims of x from the axis on.
bool has_trailing_dims(const Value* value, const Type& x, int64_t axis) {
  const Type& type = value->type();
  if (!type.is_ranked_tensor() || !x.is_ranked_tensor()) return false;
  auto count = static_cast<std::size_t>(axis < 0 ? -axis : x.rank() - axis);
  return type.dims.size() == count && count <= x.dims.size() &&
         std::equal(type.dims.begin(), type.dims.end(), x.dims.end() - static_cast<std::ptrdiff_t>(count));
}

Value* mean(Builder& b, Match& m) {
  const Type& x = m.value("x")->type();
  auto factor = one_number(m, "c");
  if (!factor || !x.is_ranked_tensor() || !is_float(x.dtype)) return nullptr;
  const Ints& axes = std::get<Ints>(m.attribute("a"));
  if (axes.empty()) return nullptr;
  double count = 1;
  for (int64_t axis : axes) {
    auto size = x.dims[static_cast<std::size_t>(axis)].constant();
    if (!size) return nullptr;
    count *= static_cast<double>(*size);
  }
  if (count == 0) return nullptr;  // the sum is 0 then, and the mean is not a number
  double wanted = 1.0 / count;
  if (!(std::abs(*factor - wanted) <= 1e-6 * wanted)) return nullptr;
  return unary(b, m, "reduce_mean", {{"axes", axes}, {"keep", m.attribute("k")}});
}

Value* layer_norm(Builder& b, Match& m) {
  auto axis = trailing(m);
  auto epsilon = one_number(m, "e");
  if (!axis || !epsilon) return nullptr;
  return unary(b, m, "layer_norm", {{"axis", *axis}, {"epsilon", *epsilon}});
}

Value* layer_norm_scale(Builder& b, Match& m) {
  int64_t axis = std::get<int64_t>(m.attribute("axis"));
  if (!has_trailing_dims(m.value("s"), m.value("x")->type(), axis)) return nullptr;
  return b.op("layer_norm", {m.value("x"), m.value("s")}, {{"axis", axis}, {"epsilon", m.attribute("epsilon")}});
}

Value* layer_norm_bias(Builder& b, Match& m) {
  int64_t axis = std::get<int64_t>(m.attribute("axis"));
  if (!has_trailing_dims(m.value("t"), m.value("x")->type(), axis)) return nullptr;
  return b.op("layer_norm", {m.value("x"), m.value("s"), m.value("t")},
              {{"axis", axis}, {"epsilon", m.attribute("epsilon")}});
}

Value* rms_norm(Builder& b, Match& m) {
  auto axis = trailing(m);
  auto epsilon = one_number(m, "e");
  if (!axis || !epsilon || !has_trailing_dims(m.value("s"), m.value("x")->type(), *axis)) return nullptr;
  return b.op("rms_norm", {m.value("x"), m.value("s")}, {{"axis", *axis}, {"epsilon", *epsilon}});
}

template <bool kLogarithm>
Value* softmax(Builder& b, Match& m) {
  const Ints& axes = std::get<Ints>(m.attribute("a"));
  if (axes.size() != 1) return nullptr;
  return unary(b, m, kLogarithm ? "log_softmax" : "softmax", {{"axis", axes[0]}});
}

Value* silu_with_alpha(Builder& b, Match& m) {
  auto alpha = one_number(m, "alpha");
  return alpha ? unary(b, m, "silu", {{"alpha", *alpha}}) : nullptr;
}

Value* hard_sigmoid_of_line(Builder& b, Match& m) {
  auto alpha = one_number(m, "alpha"), beta = one_number(m, "beta");
  return alpha && beta ? unary(b, m, "hard_sigmoid", {{"alpha", *alpha}, {"beta", *beta}}) : nullptr;
}

std::vector<Row> make_rows() {
  std::vector<Row> rows;
  auto add = [&](std::string name, std::string_view text, Build build, bool exact = false) {
    rows.push_back({std::move(name), parse_pattern(text), build, exact});
  };

  // sum over n elements, times 1 / n
  add("reduce_mean", R"(mul(reduce(x) {kind = "sum", axes = $a, keep = $k}, #c))", mean);

  // sigmoid's friends
  add("silu", "mul(x, sigmoid(x))", [](Builder& b, Match& m) { return unary(b, m, "silu"); }, true);
  add("silu", "mul(x, sigmoid(mul(x, #alpha)))", silu_with_alpha, true);
  add(
      // its inner part may have been taken for one already
      "softplus", "add(max(x, 0), (log1p(exp(neg(abs(x)))) | softplus(neg(abs(x)))))",
      [](Builder& b, Match& m) { return unary(b, m, "softplus"); }, true);
  add("softplus", "log(add(exp(x), 1))", [](Builder& b, Match& m) { return unary(b, m, "softplus"); });
  add("softplus", "log1p(exp(x))", [](Builder& b, Match& m) { return unary(b, m, "softplus"); });
  add("mish", "mul(x, tanh(softplus(x)))", [](Builder& b, Match& m) { return unary(b, m, "mish"); }, true);

  // Keras and PyTorch's decompositions: alpha x + beta between 0 and 1
  const std::string line = "add(mul(x, #alpha), #beta)";
  add("hard_sigmoid", fmt::format("max(min({}, 1), 0)", line), hard_sigmoid_of_line, true);
  add("hard_sigmoid", fmt::format("min(max({}, 0), 1)", line), hard_sigmoid_of_line);
  add("hard_sigmoid", fmt::format("clip({}, 0, 1)", line), hard_sigmoid_of_line);

  // min(max(x + 3, 0), 6): PyTorch's relu6, tf2onnx's clip
  const std::string six =
      "(clip(add(x, 3), 0, 6) | min(max(add(x, 3), 0), 6) | max(min(add(x, 3), 6), 0) | min(relu(add(x, 3)), 6))";
  const std::string sixth = "0.16666666666666666";
  Build hard_sigmoid = [](Builder& b, Match& m) {
    return unary(b, m, "hard_sigmoid", {{"alpha", 1.0 / 6}, {"beta", 0.5}});
  };
  add("hard_sigmoid", fmt::format("div({}, 6)", six), hard_sigmoid);
  add("hard_sigmoid", fmt::format("mul({}, {})", six, sixth), hard_sigmoid);
  Build hard_swish = [](Builder& b, Match& m) { return unary(b, m, "hard_swish"); };
  add("hard_swish", fmt::format("mul(x, hard_sigmoid(x) {{alpha = {}, beta = 0.5}})", sixth), hard_swish, true);
  add("hard_swish", fmt::format("div(mul(x, {}), 6)", six), hard_swish);
  add("hard_swish", fmt::format("mul(mul(x, {}), {})", six, sixth), hard_swish);
  add("hard_swish", fmt::format("mul(mul(x, {}), {})", sixth, six), hard_swish);

  // GELU: x/2 (1 + f), the half anywhere; f = erf(x / sqrt 2), or tanh(sqrt(2 / pi) (x + 0.044715 x^3))
  const std::string erf = "erf((mul(x, 0.7071067811865476) | div(x, 1.4142135623730951)))";
  const std::string cube = "(pow(x, 3) | mul(x, (mul(x, x) | pow(x, 2))))";
  const std::string tanh = fmt::format(
      "tanh((mul(add(x, mul({}, 0.044715)), 0.7978845608028654) | mul(mul(x, 0.7978845608028654), add(mul((mul(x, x) | "
      "pow(x, 2)), 0.044715), 1)) | "
      "mul(x, add(mul((mul(x, x) | pow(x, 2)), 0.035677408136300125), 0.7978845608028654)) | "
      "mul(x, mul(add(mul((mul(x, x) | pow(x, 2)), 0.044715), 1), 0.7978845608028654))))",
      cube);
  for (bool exactly : {true, false}) {
    const std::string& f = exactly ? erf : tanh;
    Build build =
        exactly
            ? Build([](Builder& b, Match& m) { return unary(b, m, "gelu", {{"approximate", std::string("none")}}); })
            : Build([](Builder& b, Match& m) { return unary(b, m, "gelu", {{"approximate", std::string("tanh")}}); });
    add("gelu", fmt::format("mul(mul(x, 0.5), add({}, 1))", f), build);
    add("gelu", fmt::format("mul(mul(x, add({}, 1)), 0.5)", f), build);
    add("gelu", fmt::format("mul(x, mul(add({}, 1), 0.5))", f), build);
    add("gelu", fmt::format("mul(x, add(mul({}, 0.5), 0.5))", f), build);
  }

  // softmax: exp(x - max) / sum
  const std::string shifted = R"(sub(x, reduce(x) {kind = "max", axes = $a, keep = 1}))";
  add("softmax", fmt::format(R"(div(n:exp({}), reduce(n) {{kind = "sum", axes = $a, keep = 1}}))", shifted),
      softmax<false>);
  add("softmax", fmt::format(R"(mul(n:exp({}), reciprocal(reduce(n) {{kind = "sum", axes = $a, keep = 1}})))", shifted),
      softmax<false>);
  add("log_softmax", fmt::format(R"(sub(d:{}, log(reduce(exp(d)) {{kind = "sum", axes = $a, keep = 1}})))", shifted),
      softmax<true>);

  // layer norm: d / sqrt(mean d^2 + e), d = x - mean x; then its scale and bias
  const std::string d = "d:sub(x, reduce_mean(x) {axes = $a, keep = 1})";
  const std::string spread = "add(reduce_mean((mul(d, d) | pow(d, 2))) {axes = $a, keep = 1}, #e)";
  add("layer_norm", fmt::format("div({}, sqrt({}))", d, spread), layer_norm);
  add("layer_norm", fmt::format("mul({}, (rsqrt({}) | reciprocal(sqrt({}))))", d, spread, spread), layer_norm);
  add("layer_norm", "mul(layer_norm(x) {axis = $axis, epsilon = $epsilon}, s)", layer_norm_scale);
  add("layer_norm", "add(layer_norm(x, s) {axis = $axis, epsilon = $epsilon}, t)", layer_norm_bias);

  // RMS norm: x / sqrt(mean x^2 + e) times a scale
  const std::string square = "add(reduce_mean((mul(x, x) | pow(x, 2))) {axes = $a, keep = 1}, #e)";
  add("rms_norm", fmt::format("mul((div(x, sqrt({0})) | mul(x, (rsqrt({0}) | reciprocal(sqrt({0}))))), s)", square),
      rms_norm);
  return rows;
}

const std::multimap<std::string, Row, std::less<>>& rows() {
  static const auto table = [] {
    std::multimap<std::string, Row, std::less<>> by_root;
    for (Row& row : make_rows()) {
      std::string op = row.pattern.op;
      by_root.emplace(std::move(op), std::move(row));
    }
    return by_root;
  }();
  return table;
}

Result<bool> recognise_node(Node* node, const PassContext& context) {
  if (!context.exact && TRY(recognise_attention(node))) return true;
  auto [first, last] = rows().equal_range(node->op());
  for (auto it = first; it != last; ++it) {
    const Row& row = it->second;
    if (context.exact && !row.exact) continue;
    auto found = match(row.pattern, node->result());
    if (!found || !closed(*found) || !is_float(node->result()->type().dtype)) continue;
    Builder builder(*node->graph(), node, joined_sources(*found));
    Value* value = row.build(builder, *found);
    TRY(builder.finish());
    if (value != nullptr && replace(node, value)) return true;
  }
  return false;
}

}  // namespace

Result<bool> recognise(Graph& graph, const PassContext& context) {
  bool changed = false;
  // Larger composites are made of smaller ones: until nothing more is found.
  for (int round = 0; round < 16; ++round) {
    bool again = false;
    for (Node* node : all_nodes(graph)) {
      if (node->result_count() != 1 || node->result() == nullptr || node->result()->unused()) continue;
      if (TRY(recognise_node(node, context))) again = true;
    }
    if (!again) break;
    changed = true;
    graph.remove_dead_nodes();
  }
  return changed;
}

}  // namespace burnish::passes
