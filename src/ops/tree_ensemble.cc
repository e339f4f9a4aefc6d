#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/reals.h"

namespace burnish::ops {
namespace {

// Of a node: how x is compared with the split. ONNX's numbers.
enum Mode : int64_t { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kMember };

Status check(const NodeView& c) {
  const Ints& features = c.ints("features");
  const std::size_t n = features.size();
  for (std::string_view name : {"modes", "true_next", "false_next", "true_leaf", "false_leaf"})
    if (c.ints(name).size() != n) return c.error(std::string(name) + " needs a number per node");
  if (c.tensor("splits").elements() != static_cast<int64_t>(n)) return c.error("splits needs a number per node");
  const Ints& missing = c.ints("missing_true");
  if (!missing.empty() && missing.size() != n) return c.error("missing_true needs a number per node");
  const auto leaves = static_cast<int64_t>(c.ints("leaf_targets").size());
  if (c.tensor("leaf_weights").elements() != leaves) return c.error("leaf_weights needs a number per leaf");
  const Ints& counts = c.ints("leaf_counts");
  if (!counts.empty() && static_cast<int64_t>(counts.size()) != leaves)
    return c.error("leaf_counts needs a number per leaf");
  for (int64_t count : counts)
    if (count < 0 || count > leaves) return c.error("a leaf of " + std::to_string(count) + " scores");
  const int64_t targets = c.integer("targets");
  if (targets < 1 || targets > Range::kMax) return c.error("targets must be positive");
  for (int64_t t : c.ints("leaf_targets"))
    if (t < 0 || t >= targets) return c.error("leaf target " + std::to_string(t) + " is out of range");
  for (std::size_t i = 0; i < n; ++i) {
    if (c.ints("modes")[i] < 0 || c.ints("modes")[i] > kMember) return c.error("an unknown mode");
    if (features[i] < 0) return c.error("a negative feature");
    for (const auto& [next, leaf] : {std::pair("true_next", "true_leaf"), std::pair("false_next", "false_leaf")}) {
      const int64_t to = c.ints(next)[i], limit = c.ints(leaf)[i] != 0 ? leaves : static_cast<int64_t>(n);
      if (to < 0 || to >= limit) return c.error("node " + std::to_string(i) + " leads nowhere");
    }
  }
  for (int64_t root : c.ints("roots"))
    if (root < 0 || root >= static_cast<int64_t>(n)) return c.error("root " + std::to_string(root) + " is no node");
  if (c.integer("aggregate") < 0 || c.integer("aggregate") > 3) return c.error("an unknown aggregation");
  if (c.integer("transform") < 0 || c.integer("transform") > 4) return c.error("an unknown transformation");
  return {};
}

Status infer(InferContext& c) {
  TRY(check(c));
  const Type& x = c.type(0);
  if (x.ranked && x.rank() != 2) return c.error("x must be [N, features]");
  c.result(0,
           Type::tensor(c.tensor("leaf_weights").dtype(), {x.ranked ? x.dims[0] : c.fresh("N"), c.integer("targets")}));
  return {};
}

// Scores of one row as ONNX's post transform makes them.
void transform(std::span<double> row, int64_t kind) {
  switch (kind) {
    case 1:
    case 3: {  // softmax, of non-zero scores only for 3
      double most = -HUGE_VAL, sum = 0;
      for (double v : row) most = std::max(most, v);
      for (double& v : row) sum += v = kind == 3 && v == 0 ? 0 : std::exp(v - most);
      for (double& v : row) v /= sum;
      break;
    }
    case 2:
      for (double& v : row) v = 1 / (1 + std::exp(-v));
      break;
    case 4:  // probit: the inverse of the normal distribution, as ONNX Runtime approximates it
      for (double& v : row) {
        const double x = 2 * v - 1, sign = x < 0 ? -1 : 1, log = std::log((1 - x) * (1 + x));
        const double a = 2 / (3.14159 * 0.147) + 0.5 * log;
        v = std::sqrt(2.0) * sign * std::sqrt(std::sqrt(a * a - log / 0.147) - a);
      }
      break;
    default: break;
  }
}

Status reference(ReferenceContext& c) {
  TRY(check(c));
  const Tensor& x = c.in(0);
  if (x.rank() != 2) return c.error("x must be [N, features]");
  const int64_t rows = x.dims()[0], width = x.dims()[1], targets = c.integer("targets");
  const std::vector<double> data = reals(x), splits = reals(c.tensor("splits")),
                            weights = reals(c.tensor("leaf_weights"));
  const Ints &features = c.ints("features"), &modes = c.ints("modes"), &missing = c.ints("missing_true");
  for (int64_t f : features)
    if (f >= width) return c.error("feature " + std::to_string(f) + " of " + std::to_string(width));
  // Members of the nodes that ask for them, one list after the other, each closed by a NaN.
  std::vector<std::vector<double>> members(features.size());
  const std::vector<double> listed = c.has_attribute("members") ? reals(c.tensor("members")) : std::vector<double>();
  std::size_t at = 0;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (modes[i] != kMember) continue;
    for (; at < listed.size() && !std::isnan(listed[at]); ++at) members[i].push_back(listed[at]);
    if (at++ >= listed.size()) return c.error("a node has no members");
  }
  const auto goes_true = [&](std::size_t node, double v) {
    if (std::isnan(v) && !missing.empty() && missing[node] != 0) return true;
    switch (modes[node]) {
      case kLessEqual: return v <= splits[node];
      case kLess: return v < splits[node];
      case kGreaterEqual: return v >= splits[node];
      case kGreater: return v > splits[node];
      case kEqual: return v == splits[node];
      case kNotEqual: return v != splits[node];
      default: return std::ranges::find(members[node], v) != members[node].end();
    }
  };
  const Ints& roots = c.ints("roots");
  const int64_t aggregate = c.integer("aggregate");
  const std::vector<double> base = c.has_attribute("base") ? reals(c.tensor("base")) : std::vector<double>();
  Tensor* y = TRY(c.out(0, {rows, targets}));
  std::vector<double> values(idx(y->elements()));
  for (int64_t row = 0; row < rows; ++row) {
    const std::span out = std::span(values).subspan(idx(row * targets), idx(targets));
    std::vector<bool> touched(idx(targets));
    for (int64_t root : roots) {
      std::size_t node = idx(root);
      int64_t leaf = -1;
      // A node that both ways lead to one leaf is a tree of that leaf alone.
      for (std::size_t steps = 0; leaf < 0; ++steps) {
        if (steps > features.size()) return c.error("the nodes of a tree form a circle");
        const bool yes = goes_true(node, data[idx(row * width + features[node])]);
        const int64_t next = c.ints(yes ? "true_next" : "false_next")[node];
        if (c.ints(yes ? "true_leaf" : "false_leaf")[node] != 0) leaf = next;
        else node = idx(next);
      }
      // A leaf may hold scores of several targets; they follow one another.
      const Ints& leaf_targets = c.ints("leaf_targets");
      const int64_t count = c.ints("leaf_counts").empty() ? 1 : c.ints("leaf_counts")[idx(leaf)];
      for (int64_t k = leaf; k < leaf + count && k < static_cast<int64_t>(leaf_targets.size()); ++k) {
        const std::size_t target = idx(leaf_targets[idx(k)]);
        const double weight = weights[idx(k)];
        if (aggregate < 2) out[target] += weight;
        else if (!touched[target]) out[target] = weight;
        else out[target] = aggregate == 2 ? std::min(out[target], weight) : std::max(out[target], weight);
        touched[target] = true;
      }
    }
    for (std::size_t t = 0; t < out.size(); ++t) {
      if (aggregate == 0 && !roots.empty()) out[t] /= static_cast<double>(roots.size());
      if (t < base.size()) out[t] += base[t];
    }
    transform(out, c.integer("transform"));
  }
  store_reals(*y, values);
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "numeric"}};
constexpr ResultDoc kResults[] = {{"y", "[N, targets], dtype of the weights"}};
constexpr AttributeSpec kAttributes[] = {
    {"features", AttributeKind::ints, "required", "per node: which column of x is compared"},
    {"modes", AttributeKind::ints, "required", "per node: 0 <=, 1 <, 2 >=, 3 >, 4 ==, 5 !=, 6 is a member"},
    {"splits", AttributeKind::tensor, "required", "per node: what it is compared with"},
    {"true_next", AttributeKind::ints, "required", "per node: the next node, or leaf"},
    {"false_next", AttributeKind::ints, "required", "per node: the next node, or leaf"},
    {"true_leaf", AttributeKind::ints, "required", "per node: 1 where true_next is a leaf"},
    {"false_leaf", AttributeKind::ints, "required", "per node: 1 where false_next is a leaf"},
    {"missing_true", AttributeKind::ints, "[]", "per node: 1 where NaN counts as true"},
    {"members", AttributeKind::tensor, "optional", "of the nodes of mode 6, each list closed by NaN"},
    {"leaf_targets", AttributeKind::ints, "required", "per leaf: the column of the result"},
    {"leaf_weights", AttributeKind::tensor, "required", "per leaf: what it adds"},
    {"leaf_counts", AttributeKind::ints, "[]", "per leaf: how many of the list, from it on, belong to it; [] = 1"},
    {"roots", AttributeKind::ints, "required", "per tree: its first node"},
    {"targets", AttributeKind::integer, "1", "columns of the result"},
    {"aggregate", AttributeKind::integer, "1", "0 average, 1 sum, 2 minimum, 3 maximum over the trees"},
    {"transform", AttributeKind::integer, "0", "0 none, 1 softmax, 2 logistic, 3 softmax of non-zeros, 4 probit"},
    {"base", AttributeKind::tensor, "optional", "added per target before the transformation"},
};
constexpr Sample kSamples[] = {
    {"x: f32[4,2]; y = tree_ensemble(x) {features = [0, 1], modes = [0, 3], splits = tensor(f32[2] [0.5, -0.5]), "
     "true_next = [0, 1], false_next = [1, 2], true_leaf = [1, 1], false_leaf = [0, 1], leaf_targets = [0, 1, 0], "
     "leaf_weights = tensor(f32[3] [1.0, 2.0, 3.0]), roots = [0], targets = 2}"},
};
constexpr Operator kOperators[] = {{
    .name = "tree_ensemble",
    .doc = "Scores of the leaves that each row of x ends in, one per tree, put together per target. Source: ONNX-ML "
           "TreeEnsemble 5.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-5, 1e-6},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(tree_ensemble, kOperators)
