// Tree ensembles in their older form: nodes named by tree and number, leaves among them.

#include <map>
#include <set>

#include <fmt/format.h>

#include "import/onnx/ml.h"

namespace burnish::onnx {
namespace {

// Numbers given as floats, or as a tensor of f64.
Result<Tensor> numbers(NodeContext& c, const std::string& name) {
  if (c.has_attribute(name + "_as_tensor")) return TRY(c.tensor(name + "_as_tensor"));
  const Floats values = c.reals(name);
  Tensor t = TRY(Tensor::allocate(DType::f32, {static_cast<int64_t>(values.size())}));
  for (std::size_t i = 0; i < values.size(); ++i) t.mutable_as<float>()[i] = static_cast<float>(values[i]);
  return t;
}

Result<int64_t> mode_number(NodeContext& c, const std::string& mode) {
  constexpr std::string_view kModes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                         "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
  for (std::size_t i = 0; i < std::size(kModes); ++i)
    if (mode == kModes[i]) return static_cast<int64_t>(i);
  return c.error(fmt::format("the mode '{}' is unknown", mode));
}

using NodeKey = std::pair<int64_t, int64_t>;  // tree, node

struct Ensemble {
  Ints features, modes, next[2], leaf[2], missing, targets, counts, roots;
  std::vector<int64_t> split_of;   // place in the list of values, per branch
  std::vector<int64_t> weight_of;  // place in the list of weights, per leaf entry; -1: none
};

Result<Ensemble> read(NodeContext& c, const std::string& prefix, const std::string& ids) {
  const Ints trees = c.ints("nodes_treeids"), nodes = c.ints("nodes_nodeids"), features = c.ints("nodes_featureids");
  const Ints yes = c.ints("nodes_truenodeids"), no = c.ints("nodes_falsenodeids");
  const Ints missing = c.ints("nodes_missing_value_tracks_true");
  const Strings modes = c.strings("nodes_modes");
  const std::size_t n = nodes.size();
  if (trees.size() != n || features.size() != n || yes.size() != n || no.size() != n || modes.size() != n ||
      (!missing.empty() && missing.size() != n))
    return c.error("the lists of nodes differ in length");
  const Ints leaf_trees = c.ints(prefix + "_treeids"), leaf_nodes = c.ints(prefix + "_nodeids"), leaf_ids = c.ints(ids);
  if (leaf_trees.size() != leaf_nodes.size() || leaf_trees.size() != leaf_ids.size())
    return c.error("the lists of leaves differ in length");

  Ensemble e;
  std::map<NodeKey, std::vector<std::size_t>> entries;  // of each leaf
  for (std::size_t i = 0; i < leaf_nodes.size(); ++i) entries[{leaf_trees[i], leaf_nodes[i]}].push_back(i);
  std::map<NodeKey, int64_t> branches, leaves;  // new numbers
  std::set<NodeKey> children;
  for (std::size_t i = 0; i < n; ++i) {
    const NodeKey key = {trees[i], nodes[i]};
    if (branches.contains(key) || leaves.contains(key))
      return c.error(fmt::format("node {} of tree {} is there twice", nodes[i], trees[i]));
    if (modes[i] != "LEAF") {
      branches.emplace(key, static_cast<int64_t>(e.features.size()));
      e.features.push_back(features[i]);
      e.modes.push_back(TRY(mode_number(c, modes[i])));
      e.missing.push_back(missing.empty() ? 0 : missing[i]);
      e.split_of.push_back(static_cast<int64_t>(i));
      children.insert({trees[i], yes[i]});
      children.insert({trees[i], no[i]});
      continue;
    }
    leaves.emplace(key, static_cast<int64_t>(e.targets.size()));
    const auto found = entries.find(key);
    const std::size_t count = found == entries.end() ? 0 : found->second.size();
    for (std::size_t k = 0; k < std::max<std::size_t>(count, 1); ++k) {
      e.targets.push_back(count == 0 ? 0 : leaf_ids[found->second[k]]);
      e.weight_of.push_back(count == 0 ? -1 : static_cast<int64_t>(found->second[k]));
      e.counts.push_back(k == 0 ? static_cast<int64_t>(count) : 1);
    }
  }
  const auto lead = [&](int side, const NodeKey& to) -> Status {
    if (const auto branch = branches.find(to); branch != branches.end()) {
      e.next[side].push_back(branch->second);
      e.leaf[side].push_back(0);
    } else if (const auto leaf = leaves.find(to); leaf != leaves.end()) {
      e.next[side].push_back(leaf->second);
      e.leaf[side].push_back(1);
    } else {
      return c.error(fmt::format("there is no node {} in tree {}", to.second, to.first));
    }
    return {};
  };
  for (int64_t i : std::vector(e.split_of)) {
    const auto at = static_cast<std::size_t>(i);
    TRY(lead(0, {trees[at], yes[at]}));
    TRY(lead(1, {trees[at], no[at]}));
  }
  std::set<int64_t> rooted;
  for (std::size_t i = 0; i < n; ++i) {
    const NodeKey key = {trees[i], nodes[i]};
    if (children.contains(key) || !rooted.insert(trees[i]).second) continue;
    if (const auto branch = branches.find(key); branch != branches.end()) {
      e.roots.push_back(branch->second);
      continue;
    }
    // A tree of a leaf alone: a branch both ways of which lead there.
    e.roots.push_back(static_cast<int64_t>(e.features.size()));
    e.features.push_back(0);
    e.modes.push_back(0);
    e.missing.push_back(0);
    e.split_of.push_back(-1);
    TRY(lead(0, key));
    TRY(lead(1, key));
  }
  for (int64_t tree : trees)
    if (!rooted.contains(tree)) return c.error(fmt::format("tree {} has no root: its nodes form a circle", tree));
  return e;
}

// list[places[i]] with 0 where the place is -1.
Result<Tensor> picked(NodeContext& c, const Tensor& list, const std::vector<int64_t>& places) {
  Tensor t = TRY(Tensor::allocate(list.dtype(), {static_cast<int64_t>(places.size())}));
  const Accessor<double> access(list.dtype());
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] >= list.elements()) return c.error("a list of numbers is too short");
    if (places[i] >= 0) access.store(t.mutable_data(), static_cast<int64_t>(i), access.load(list.data(), places[i]));
  }
  return t;
}

Result<Value*> ensemble(NodeContext& c, const std::string& prefix, const std::string& ids, int64_t targets,
                        int64_t transform, bool one_target) {
  if (!c.has(0)) return c.error("input 0 is missing");
  Ensemble e = TRY(read(c, prefix, ids));
  const Tensor values = TRY(numbers(c, "nodes_values")), weights = TRY(numbers(c, prefix + "_weights"));
  if (!is_float(values.dtype()) || !is_float(weights.dtype())) return c.error("values and weights must be floats");
  if (one_target) e.targets.assign(e.targets.size(), 0);
  static const std::map<std::string, int64_t, std::less<>> kAggregates = {
      {"AVERAGE", 0}, {"SUM", 1}, {"MIN", 2}, {"MAX", 3}};
  const auto aggregate = kAggregates.find(c.string("aggregate_function", "SUM"));
  if (aggregate == kAggregates.end()) return c.error("attribute 'aggregate_function' is unknown");
  AttributeMap attributes = {{"features", e.features},
                             {"modes", e.modes},
                             {"splits", TRY(picked(c, values, e.split_of))},
                             {"true_next", e.next[0]},
                             {"false_next", e.next[1]},
                             {"true_leaf", e.leaf[0]},
                             {"false_leaf", e.leaf[1]},
                             {"missing_true", e.missing},
                             {"leaf_targets", e.targets},
                             {"leaf_weights", TRY(picked(c, weights, e.weight_of))},
                             {"leaf_counts", e.counts},
                             {"roots", e.roots},
                             {"targets", targets},
                             {"aggregate", aggregate->second},
                             {"transform", transform}};
  const Tensor base = TRY(numbers(c, "base_values"));
  if (base.elements() > 0) attributes.emplace("base", base);
  Value* x = is_integer(c.dtype(0)) ? c.cast(c.in(0), DType::f32) : c.in(0);
  return c.op("tree_ensemble", {x}, std::move(attributes));
}

}  // namespace

Status tree_regressor(NodeContext& c) {
  const int64_t transform = TRY(post_transform(c));
  Value* y = TRY(ensemble(c, "target", "target_ids", c.integer("n_targets", 1), transform, false));
  c.give(c.cast(y, DType::f32));
  return {};
}

Status tree_classifier(NodeContext& c) {
  const ClassLabels labels = TRY(class_labels(c));
  const Ints ids = c.ints("class_ids");
  const std::set<int64_t> used(ids.begin(), ids.end());
  const bool binary = labels.count == 2 && used.size() == 1;
  const int64_t transform = TRY(post_transform(c));
  Value* scores = TRY(ensemble(c, "class", "class_ids", binary ? 1 : labels.count, binary ? 0 : transform, binary));
  scores = c.cast(scores, DType::f32);
  if (!binary) return give_classes(c, labels, scores);
  // One score decides between two classes; it is a probability when no leaf takes anything off.
  const Tensor weights = TRY(numbers(c, "class_weights"));
  bool positive = true;
  for (int64_t i = 0; i < weights.elements(); ++i) positive = positive && weights.real_at(i) >= 0;
  // Softmax and logistic function take it for what it is, though.
  const bool probability = positive && (transform == 0 || transform == 4);
  return give_two_classes(c, labels, scores, positive ? 0.5 : 0, probability, transform);
}

}  // namespace burnish::onnx
