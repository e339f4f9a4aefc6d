// Operators of ai.onnx.ml.

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "import/onnx/exporter.h"
#include "import/onnx/tensors.h"

namespace burnish::onnx {
namespace {

NodeWriter ml() { return std::move(NodeWriter().domain("ai.onnx.ml")); }
std::string in(Exporter& e, const Node& n) { return e.name(n.operand(0)); }
std::string out(Exporter& e, const Node& n) { return e.name(n.result()); }

Status label_encoder(Exporter& e, const Node& n) {
  const NodeView v(n);
  const DType to = v.tensor("values").dtype();
  constexpr DType kDtypes[] = {DType::string, DType::i16, DType::i32, DType::i64, DType::f32, DType::f64};
  if (std::ranges::count(kDtypes, to) == 0) return refused(fmt::format("labels of {} have no ONNX form", name(to)));
  e.emit("LabelEncoder", {in(e, n)},
         ml().tensor("keys_tensor", v.tensor("keys"))
             .tensor("values_tensor", v.tensor("values"))
             .tensor("default_tensor", v.tensor("otherwise").reshaped({1})),
         out(e, n));
  return {};
}

// Keys are i64 or text.
NodeWriter keys(const NodeView& v, std::string_view numbers, std::string_view words) {
  const Tensor& keys = v.tensor("keys");
  if (keys.dtype() != DType::string) return ml().integers(numbers, keys.as<int64_t>());
  const auto texts = keys.as<std::string>();
  return ml().texts(words, Strings(texts.begin(), texts.end()));
}

Status zip_map(Exporter& e, const Node& n) {
  e.emit("ZipMap", {in(e, n)}, keys(NodeView(n), "classlabels_int64s", "classlabels_strings"), out(e, n));
  return {};
}

Status dict_vectorizer(Exporter& e, const Node& n) {
  e.emit("DictVectorizer", {in(e, n)}, keys(NodeView(n), "int64_vocabulary", "string_vocabulary"), out(e, n));
  return {};
}

// A leaf of several targets has no form here: each of its entries becomes a leaf in a copy of the tree, where the others
// add nothing. That is right for sums only.
struct Trees {
  Ints features, modes, true_next, false_next, true_leaf, false_leaf, missing, targets, roots;
  std::vector<int64_t> splits, weights, members;  // which entry of ours
};

Result<Trees> single_leaves(const NodeView& v) {
  Trees t;
  const Ints counts = v.ints("leaf_counts");
  const int64_t copies = counts.empty() ? 1 : std::max<int64_t>(1, *std::ranges::max_element(counts));
  const int64_t aggregate = v.integer("aggregate");
  if (copies > 1 && aggregate != 1) return refused("leaves of several targets that are not summed have no ONNX form");
  const Ints &targets = v.ints("leaf_targets"), &features = v.ints("features"), &missing = v.ints("missing_true");
  const auto nodes = static_cast<int64_t>(features.size()), leaves = static_cast<int64_t>(targets.size());
  const int64_t members = v.has_attribute("members") ? v.tensor("members").elements() : 0;
  for (int64_t copy = 0; copy < copies; ++copy) {
    for (int64_t i = 0; i < members; ++i) t.members.push_back(i);
    for (int64_t root : v.ints("roots")) t.roots.push_back(root + copy * nodes);
    for (std::size_t i = 0; i < features.size(); ++i) {
      t.features.push_back(features[i]);
      t.modes.push_back(v.ints("modes")[i]);
      t.splits.push_back(static_cast<int64_t>(i));
      if (!missing.empty()) t.missing.push_back(missing[i]);
      for (bool yes : {true, false}) {
        const bool leaf = v.ints(yes ? "true_leaf" : "false_leaf")[i] != 0;
        const int64_t next = v.ints(yes ? "true_next" : "false_next")[i];
        (yes ? t.true_leaf : t.false_leaf).push_back(leaf);
        (yes ? t.true_next : t.false_next).push_back(next + copy * (leaf ? leaves : nodes));
      }
    }
    for (int64_t leaf = 0; leaf < leaves; ++leaf) {
      const bool has = (counts.empty() || copy < counts[static_cast<std::size_t>(leaf)]) && leaf + copy < leaves;
      t.targets.push_back(targets[static_cast<std::size_t>(has ? leaf + copy : leaf)]);
      t.weights.push_back(has ? leaf + copy : -1);
    }
  }
  return t;
}

// Elements of `from` in this order; -1 is a zero.
Result<Tensor> picked(const Tensor& from, std::span<const int64_t> order, DType dtype) {
  Tensor to = TRY(Tensor::allocate(dtype, {static_cast<int64_t>(order.size())}));
  const Accessor<double> read(from.dtype()), write(dtype);
  for (std::size_t i = 0; i < order.size(); ++i)
    write.store(to.mutable_data(), static_cast<int64_t>(i), order[i] < 0 ? 0 : read.load(from.data(), order[i]));
  return to;
}

Status tree_ensemble(Exporter& e, const Node& n) {
  const NodeView v(n);
  const Trees t = TRY(single_leaves(v));
  // One dtype for all: numbers are compared in the widest.
  const DType result = v.tensor("leaf_weights").dtype();
  const DType dtypes[] = {result, v.tensor("splits").dtype(), v.type(0).dtype};
  const DType dtype = std::ranges::count(dtypes, DType::f64) > 0 ? DType::f64 : DType::f32;
  const auto cast = [&](const std::string& x, DType to, std::string output) {
    return e.emit("Cast", {x}, NodeWriter().integer("to", static_cast<int64_t>(to_onnx(to))), std::move(output));
  };
  Tensor modes = TRY(Tensor::allocate(DType::u8, {static_cast<int64_t>(t.modes.size())}));
  std::ranges::copy(t.modes, modes.mutable_as<uint8_t>().begin());
  const bool base = v.has_attribute("base");
  const int64_t transform = v.integer("transform");
  // Nodes of their own: engines disagree about the numbers of these two.
  const bool apart = base || transform == 1 || transform == 2;
  if (base && transform > 2) return refused("a base before this transformation has no ONNX form");
  NodeWriter attributes = ml();
  attributes.integers("nodes_featureids", t.features)
      .tensor("nodes_modes", modes)
      .tensor("nodes_splits", TRY(picked(v.tensor("splits"), t.splits, dtype)))
      .integers("nodes_truenodeids", t.true_next)
      .integers("nodes_falsenodeids", t.false_next)
      .integers("nodes_trueleafs", t.true_leaf)
      .integers("nodes_falseleafs", t.false_leaf)
      .integers("leaf_targetids", t.targets)
      .tensor("leaf_weights", TRY(picked(v.tensor("leaf_weights"), t.weights, dtype)))
      .integers("tree_roots", t.roots)
      .integer("n_targets", v.integer("targets"))
      .integer("aggregate_function", v.integer("aggregate"))
      .integer("post_transform", apart ? 0 : transform);
  if (!t.missing.empty()) attributes.integers("nodes_missing_value_tracks_true", t.missing);
  if (v.has_attribute("members"))
    attributes.tensor("membership_values", TRY(picked(v.tensor("members"), t.members, dtype)));
  const std::string x = v.type(0).dtype == dtype ? in(e, n) : cast(in(e, n), dtype, "");
  std::string y = e.emit("TreeEnsemble", {x}, attributes);
  if (base) {
    std::vector<int64_t> order(static_cast<std::size_t>(v.integer("targets")), -1);
    std::iota(order.begin(), order.begin() + std::min<int64_t>(v.integer("targets"), v.tensor("base").elements()), 0);
    y = e.emit("Add", {y, e.constant(TRY(picked(v.tensor("base"), order, dtype)), "base")});
  }
  if (transform == 1) y = e.emit("Softmax", {y}, NodeWriter().integer("axis", -1));
  if (transform == 2) y = e.emit("Sigmoid", {y});
  if (result == dtype) e.emit("Identity", {y}, {}, out(e, n));
  else cast(y, result, out(e, n));
  return {};
}

constexpr std::pair<std::string_view, NodeExport> kTable[] = {
    {"label_encoder", label_encoder},
    {"zip_map", zip_map},
    {"dict_vectorizer", dict_vectorizer},
    {"tree_ensemble", tree_ensemble},
};

}  // namespace

NodeExport find_ml_export(std::string_view op) {
  for (const auto& [name, write] : kTable) {
    if (name == op) return write;
  }
  return nullptr;
}

}  // namespace burnish::onnx
