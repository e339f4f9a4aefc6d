// The classical models of ai.onnx.ml.

#include <algorithm>

#include <fmt/format.h>

#include "import/onnx/node_context.h"

namespace burnish::onnx {
namespace {

Result<Tensor> list(DType dtype, std::size_t count) { return Tensor::allocate(dtype, {static_cast<int64_t>(count)}); }

// An attribute's list as a tensor: NAME_floats, NAME_int64s, NAME_strings or NAME_tensor.
Result<std::optional<Tensor>> table(NodeContext& c, std::string_view name) {
  const auto full = [&](std::string_view suffix) { return fmt::format("{}_{}", name, suffix); };
  if (c.has_attribute(full("tensor"))) return TRY(c.tensor(full("tensor")));
  if (c.has_attribute(full("floats"))) {
    const Floats values = c.reals(full("floats"));
    Tensor t = TRY(list(DType::f32, values.size()));
    std::ranges::transform(values, t.mutable_as<float>().begin(), [](double v) { return static_cast<float>(v); });
    return t;
  }
  if (c.has_attribute(full("int64s"))) return Tensor::i64s(c.ints(full("int64s")));
  if (c.has_attribute(full("strings"))) {
    const Strings values = c.strings(full("strings"));
    Tensor t = TRY(list(DType::string, values.size()));
    std::ranges::copy(values, t.mutable_as<std::string>().begin());
    return t;
  }
  return std::nullopt;
}

// What a LabelEncoder gives for something that is no key.
Result<Tensor> fallback(NodeContext& c, DType dtype) {
  if (c.has_attribute("default_tensor")) {
    const Tensor given = TRY(c.tensor("default_tensor"));
    if (given.elements() != 1) return c.error("attribute 'default_tensor' is not one element");
    return given.reshaped({});
  }
  Tensor t = TRY(Tensor::allocate(dtype, {}));
  if (dtype == DType::string) {
    t.mutable_as<std::string>()[0] = c.string("default_string", "_Unused");
    return t;
  }
  const bool real = is_float(dtype);
  return Tensor::scalar(dtype, real ? c.real("default_float", 0) : static_cast<double>(c.integer("default_int64", -1)));
}

Status label_encoder(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  std::optional<Tensor> keys, values;
  if (c.opset() < 2) {
    // The first version turned the listed texts into their numbers, or back.
    const Strings classes = c.strings("classes_strings");
    Ints numbers;
    for (std::size_t i = 0; i < classes.size(); ++i) numbers.push_back(static_cast<int64_t>(i));
    Tensor texts = TRY(list(DType::string, classes.size()));
    std::ranges::copy(classes, texts.mutable_as<std::string>().begin());
    keys = texts;
    values = Tensor::i64s(numbers);
    if (c.dtype(0) != DType::string) std::swap(keys, values);
  } else {
    keys = TRY(table(c, "keys"));
    values = TRY(table(c, "values"));
  }
  if (!keys || !values) return c.error("keys or values are missing");
  const Tensor otherwise = TRY(fallback(c, values->dtype()));
  if (otherwise.dtype() != values->dtype()) return c.error("the default has not the dtype of the values");
  c.give(c.op("label_encoder", {c.in(0)}, {{"keys", *keys}, {"values", *values}, {"otherwise", otherwise}}));
  return {};
}

Status array_feature_extractor(NodeContext& c) {
  if (!c.has(0) || !c.has(1)) return c.error("an input is missing");
  const Ints flat = {-1}, row = {1, -1};
  const int64_t rank = TRY(c.rank(0));
  Value* picked = c.op("gather", {c.in(0), c.op("dynamic_reshape", {c.in(1), c.i64s(flat)})}, {{"axis", int64_t{-1}}});
  c.give(rank == 1 ? c.op("dynamic_reshape", {picked, c.i64s(row)}) : picked);
  return {};
}

Status binarizer(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  Value* above = c.op("gt", {c.in(0), c.number(c.in(0), c.real("threshold", 0))});
  c.give(c.cast(above, c.dtype(0)));
  return {};
}

Status tree_ensemble(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  const Tensor modes = TRY(c.tensor("nodes_modes"));
  Ints numbers;
  for (int64_t i = 0; i < modes.elements(); ++i) numbers.push_back(modes.int_at(i));
  AttributeMap attributes = {{"features", c.ints("nodes_featureids")},
                             {"modes", numbers},
                             {"splits", TRY(c.tensor("nodes_splits"))},
                             {"true_next", c.ints("nodes_truenodeids")},
                             {"false_next", c.ints("nodes_falsenodeids")},
                             {"true_leaf", c.ints("nodes_trueleafs")},
                             {"false_leaf", c.ints("nodes_falseleafs")},
                             {"missing_true", c.ints("nodes_missing_value_tracks_true")},
                             {"leaf_targets", c.ints("leaf_targetids")},
                             {"leaf_weights", TRY(c.tensor("leaf_weights"))},
                             {"roots", c.ints("tree_roots")},
                             {"targets", c.integer("n_targets", 1)},
                             {"aggregate", c.integer("aggregate_function", 1)},
                             {"transform", c.integer("post_transform", 0)}};
  if (c.has_attribute("membership_values")) attributes.emplace("members", TRY(c.tensor("membership_values")));
  c.give(c.op("tree_ensemble", {c.in(0)}, std::move(attributes)));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"ArrayFeatureExtractor", 1, array_feature_extractor, {}},
    {"Binarizer", 1, binarizer, {}},
    {"LabelEncoder", 1, label_encoder, {}},
    {"TreeEnsemble", 5, tree_ensemble, {}},
};

}  // namespace

std::span<const OperatorRow> ml_rows() { return kRows; }

}  // namespace burnish::onnx
