// The classical models of ai.onnx.ml.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "import/onnx/ml.h"

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
  if (is_float(dtype)) return Tensor::scalar(dtype, c.real("default_float", 0));
  const int64_t otherwise = c.integer("default_int64", -1);
  if (dtype == DType::i64) t.mutable_as<int64_t>()[0] = otherwise;
  else t = Tensor::scalar(dtype, static_cast<double>(otherwise));
  return t;
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

}  // namespace

Result<int64_t> post_transform(NodeContext& c) {
  constexpr std::string_view kNames[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  const std::string name = c.string("post_transform", "NONE");
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (name == kNames[i]) return static_cast<int64_t>(i);
  return c.error(fmt::format("the post transform '{}' is unknown", name));
}

Value* transformed(NodeContext& c, Value* scores, int64_t transform) {
  const auto number = [&](double v) { return c.number(scores, v); };
  switch (transform) {
    case 1: return c.op("softmax", {scores}, {{"axis", int64_t{-1}}});
    case 2: return c.op("sigmoid", {scores});
    case 3: {
      // Zeros stay zeros, the others share what there is.
      Value* zero = c.op("eq", {scores, number(0)});
      Value* hidden = c.op("select", {zero, number(-std::numeric_limits<double>::infinity()), scores});
      return c.op("select", {zero, number(0), c.op("softmax", {hidden}, {{"axis", int64_t{-1}}})});
    }
    case 4: {
      // The inverse of the normal distribution as ONNX Runtime approximates it.
      Value* x = c.op("sub", {c.op("mul", {scores, number(2)}), number(1)});
      Value* log = c.op("log", {c.op("mul", {c.op("sub", {number(1), x}), c.op("add", {number(1), x})})});
      Value* a = c.op("add", {c.op("mul", {log, number(0.5)}), number(2 / (3.14159 * 0.147))});
      Value* root = c.op("sqrt", {c.op("sub", {c.op("mul", {a, a}), c.op("div", {log, number(0.147)})})});
      Value* size = c.op("sqrt", {c.op("sub", {root, a})});
      Value* sign = c.op("select", {c.op("lt", {x, number(0)}), number(-1), number(1)});
      return c.op("mul", {c.op("mul", {size, sign}), number(std::sqrt(2.0))});
    }
    default: return scores;
  }
}

Result<ClassLabels> class_labels(NodeContext& c) {
  ClassLabels labels;
  if (auto given = TRY(table(c, "classlabels"))) {
    labels.names = *given;
  } else if (c.has_attribute("classlabels_ints")) {
    labels.names = Tensor::i64s(c.ints("classlabels_ints"));
  } else {
    return c.error("the class labels are missing");
  }
  labels.count = labels.names.elements();
  if (labels.count < 1) return c.error("the class labels are missing");
  return labels;
}

Status give_classes(NodeContext& c, const ClassLabels& labels, Value* scores) {
  Value* best = c.op("arg_max", {scores}, {{"axis", int64_t{1}}, {"keep", int64_t{0}}});
  c.give(c.op("gather", {c.b().constant(labels.names), best}, {{"axis", int64_t{0}}}));
  c.give(1, scores);
  return {};
}

Status give_two_classes(NodeContext& c, const ClassLabels& labels, Value* score, double limit, bool probability,
                        int64_t transform) {
  const Dims rows = {score == nullptr ? Dim(0) : score->type().dims[0]};
  Value* second = c.op("gt", {c.op("reshape", {score}, {{"shape", rows}}), c.number(score, limit)});
  c.give(c.op("gather", {c.b().constant(labels.names), c.cast(second, DType::i64)}, {{"axis", int64_t{0}}}));
  Value* first = probability ? c.op("sub", {c.number(score, 1), score}) : c.op("neg", {score});
  Value* both = c.op("concat", {first, score}, {{"axis", int64_t{1}}});
  c.give(1, transformed(c, both, transform));
  return {};
}

namespace {

// x B' + c for weights in the order [targets, features].
Result<Value*> linear(NodeContext& c, int64_t targets) {
  const Dims x = TRY(c.dims(0));
  if (x.empty() || x.size() > 2) return c.error("the input must be [features] or [n, features]");
  const Floats weights = c.reals("coefficients"), intercepts = c.reals("intercepts");
  if (targets < 1 || weights.empty() || static_cast<int64_t>(weights.size()) % targets != 0)
    return c.error("the coefficients do not fit the targets");
  if (!intercepts.empty() && static_cast<int64_t>(intercepts.size()) != targets)
    return c.error("the intercepts do not fit the targets");
  const int64_t features = static_cast<int64_t>(weights.size()) / targets;
  const auto constant = [&](const Floats& values, std::vector<int64_t> dims) {
    const std::vector<float> floats(values.begin(), values.end());
    return c.b().constant(Tensor::f32s(std::move(dims), floats));
  };
  Value* matrix = c.cast(c.in(0), DType::f32);
  if (x.size() == 1) matrix = c.op("reshape", {matrix}, {{"shape", Dims{1, x[0]}}});
  Value* bias = intercepts.empty() ? nullptr : constant(intercepts, {targets});
  return c.op("gemm", {matrix, constant(weights, {targets, features}), bias}, {{"trans_b", int64_t{1}}});
}

Status linear_regressor(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  c.give(transformed(c, TRY(linear(c, c.integer("targets", 1))), TRY(post_transform(c))));
  return {};
}

Status linear_classifier(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  const ClassLabels labels = TRY(class_labels(c));
  const auto targets = static_cast<int64_t>(c.reals("intercepts").size());
  Value* scores = TRY(linear(c, targets == 0 ? labels.count : targets));
  const int64_t transform = TRY(post_transform(c));
  if (targets == 1 && labels.count == 2) return give_two_classes(c, labels, scores, 0, transform == 0, transform);
  TRY(give_classes(c, labels, scores));
  c.give(1, transformed(c, scores, transform));
  return {};
}

// A number for all features, or one for each.
Value* per_feature(NodeContext& c, std::string_view name, double otherwise) {
  const Floats values = c.reals(name);
  const std::vector<float> floats(values.begin(), values.end());
  if (floats.empty()) return c.b().scalar(DType::f32, otherwise);
  return c.b().constant(Tensor::f32s({static_cast<int64_t>(floats.size())}, floats));
}

Status scaler(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  Value* centred = c.op("sub", {c.cast(c.in(0), DType::f32), per_feature(c, "offset", 0)});
  c.give(c.op("mul", {centred, per_feature(c, "scale", 1)}));
  return {};
}

Status normalizer(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  const std::string norm = c.string("norm", "MAX");
  Value* x = c.cast(c.in(0), DType::f32);
  const int64_t rank = TRY(c.rank(0));
  if (rank < 1) return c.error("the input has no features");
  const auto reduced = [&](std::string_view kind, Value* v) {
    return c.op("reduce", {v}, {{"kind", std::string(kind)}, {"axes", Ints{rank - 1}}, {"keep", int64_t{1}}});
  };
  Value* size;
  if (norm == "MAX") size = reduced("max", x);
  else if (norm == "L1") size = reduced("sum", c.op("abs", {x}));
  else if (norm == "L2") size = c.op("sqrt", {reduced("sum", c.op("mul", {x, x}))});
  else return c.error(fmt::format("the norm '{}' is unknown", norm));
  // Rows of zeros stay.
  Value* safe = c.op("select", {c.op("eq", {size, c.number(size, 0)}), c.number(size, 1), size});
  c.give(c.op("div", {x, safe}));
  return {};
}

Status imputer(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  Value *known, *missing;
  if (c.has_attribute("imputed_value_floats")) {
    known = per_feature(c, "imputed_value_floats", 0);
    const double replaced = c.real("replaced_value_float", 0);
    missing = std::isnan(replaced) ? c.op("is_nan", {c.in(0)}) : c.op("eq", {c.in(0), c.number(c.in(0), replaced)});
  } else {
    known = c.i64s(c.ints("imputed_value_int64s"));
    const int64_t replaced = c.integer("replaced_value_int64", 0);
    Tensor number = Tensor::scalar(DType::i64, 0);
    number.mutable_as<int64_t>()[0] = replaced;
    missing = c.op("eq", {c.in(0), c.b().constant(std::move(number))});
  }
  if (known == nullptr || known->type().dtype != c.dtype(0)) return c.error("the imputed values have another dtype");
  c.give(c.op("select", {missing, known, c.in(0)}));
  return {};
}

Status one_hot_encoder(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  const auto categories = TRY(table(c, "cats"));
  if (!categories) return c.error("the categories are missing");
  Ints numbers;
  for (int64_t i = 0; i < categories->elements(); ++i) numbers.push_back(i);
  Value* x = categories->dtype() == DType::string ? c.in(0) : c.cast(c.in(0), DType::i64);
  Tensor none = Tensor::scalar(DType::i64, static_cast<double>(categories->elements()));
  Value* place = c.op("label_encoder", {x},
                      {{"keys", *categories}, {"values", Tensor::i64s(numbers)}, {"otherwise", std::move(none)}});
  // Without zeros, what is no category is an error: it looks up a place behind the last of a table of all places.
  if (c.integer("zeros", 1) == 0) {
    Value* places = c.b().constant(Tensor::i64s(numbers));
    place = c.op("gather", {places, place}, {{"axis", int64_t{0}}});
  }
  const float values[] = {0, 1};
  Tensor depth = Tensor::scalar(DType::i64, static_cast<double>(categories->elements()));
  c.give(c.op("one_hot", {place, c.b().constant(std::move(depth)), c.b().constant(Tensor::f32s({2}, values))},
              {{"axis", int64_t{-1}}}));
  return {};
}

// Text to numbers or back, by two lists side by side.
Status category_mapper(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  const Ints numbers = c.ints("cats_int64s");
  const Strings names = c.strings("cats_strings");
  if (numbers.size() != names.size()) return c.error("the lists of categories differ in length");
  Tensor texts = TRY(list(DType::string, names.size()));
  std::ranges::copy(names, texts.mutable_as<std::string>().begin());
  const bool from_text = c.dtype(0) == DType::string;
  Tensor otherwise = TRY(Tensor::allocate(from_text ? DType::i64 : DType::string, {}));
  if (from_text) otherwise.mutable_as<int64_t>()[0] = c.integer("default_int64", -1);
  else otherwise.mutable_as<std::string>()[0] = c.string("default_string", "_Unused");
  const Tensor integers = Tensor::i64s(numbers);
  c.give(c.op(
      "label_encoder", {c.in(0)},
      {{"keys", from_text ? texts : integers}, {"values", from_text ? integers : texts}, {"otherwise", otherwise}}));
  return {};
}

Status feature_vectorizer(NodeContext& c) {
  std::vector<Value*> parts;
  TRY(need_inputs(c, c.input_count()));
  const Ints widths = c.ints("inputdimensions");
  for (std::size_t i = 0; i < c.input_count(); ++i) {
    Dims dims = TRY(c.dims(i));
    Value* x = c.cast(c.in(i), DType::f32);
    if (dims.size() == 1) {
      dims = {1, dims[0]};
      x = c.op("reshape", {x}, {{"shape", dims}});
    } else if (dims.size() != 2) {
      return c.error("inputs must be [n, features]");
    }
    // The first features of each input, as many as are asked for: those that lack are zeros.
    if (i < widths.size() && !(dims[1] == Dim(widths[i]))) {
      if (widths[i] < 0) return c.error("attribute 'inputdimensions' has a negative number");
      const Dims whole = {dims[0], min(dims[1], Dim(widths[i]))};
      x = c.op("slice", {x}, {{"starts", Dims{0, 0}}, {"sizes", whole}, {"steps", Ints{1, 1}}});
      x = c.op(
          "pad", {x, c.number(x, 0)},
          {{"before", Dims{0, 0}}, {"after", Dims{0, Dim(widths[i]) - whole[1]}}, {"mode", std::string("constant")}});
    }
    parts.push_back(x);
  }
  if (parts.empty()) return c.error("has no inputs");
  c.give(c.op("concat", parts, {{"axis", int64_t{1}}}));
  return {};
}

Status zip_map(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  const auto keys = TRY(table(c, "classlabels"));
  if (!keys) return c.error("the class labels are missing");
  c.give(c.op("zip_map", {c.in(0)}, {{"keys", *keys}}));
  return {};
}

Status dict_vectorizer(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  if (c.has_attribute("int64_vocabulary")) {
    c.give(c.op("dict_vectorizer", {c.in(0)}, {{"keys", Tensor::i64s(c.ints("int64_vocabulary"))}}));
    return {};
  }
  const Strings words = c.strings("string_vocabulary");
  Tensor keys = TRY(list(DType::string, words.size()));
  std::ranges::copy(words, keys.mutable_as<std::string>().begin());
  c.give(c.op("dict_vectorizer", {c.in(0)}, {{"keys", keys}}));
  return {};
}

Status svm_regressor(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  const Dims x = TRY(c.dims(0));
  if (x.empty() || x.size() > 2) return c.error("the input must be [features] or [n, features]");
  const Floats vectors = c.reals("support_vectors"), weights = c.reals("coefficients"), rho = c.reals("rho");
  const int64_t count = c.integer("n_supports", 0);
  const auto constant = [&](const Floats& values, std::vector<int64_t> dims) {
    const std::vector<float> floats(values.begin(), values.end());
    return c.b().constant(Tensor::f32s(std::move(dims), floats));
  };
  Value* rows = c.cast(c.in(0), DType::f32);
  if (x.size() == 1) rows = c.op("reshape", {rows}, {{"shape", Dims{1, x[0]}}});
  Value* y;
  if (count > 0) {
    if (static_cast<int64_t>(vectors.size()) % count != 0 || static_cast<int64_t>(weights.size()) != count)
      return c.error("the support vectors and coefficients do not fit 'n_supports'");
    static const std::map<std::string, std::string, std::less<>> kKernels = {
        {"LINEAR", "linear"}, {"POLY", "poly"}, {"RBF", "rbf"}, {"SIGMOID", "sigmoid"}};
    const auto kernel = kKernels.find(c.string("kernel_type", "LINEAR"));
    if (kernel == kKernels.end()) return c.error("attribute 'kernel_type' is unknown");
    AttributeMap attributes = {{"kernel", kernel->second}};
    if (const Floats parameters = c.reals("kernel_params"); parameters.size() == 3) {
      attributes.emplace("gamma", parameters[0]);
      attributes.emplace("coef", parameters[1]);
      attributes.emplace("degree", parameters[2]);
    }
    const int64_t features = static_cast<int64_t>(vectors.size()) / count;
    Value* alike = c.op("svm_kernel", {rows, constant(vectors, {count, features})}, std::move(attributes));
    y = c.op("matmul", {alike, constant(weights, {count, 1})});
  } else {
    y = c.op("matmul", {rows, constant(weights, {static_cast<int64_t>(weights.size()), 1})});
  }
  if (!rho.empty()) y = c.op("add", {y, c.number(y, rho[0])});
  if (c.integer("one_class", 0) != 0) {
    Value* above = c.op("gt", {y, c.number(y, 0)});
    y = c.op("select", {above, c.number(y, 1), c.number(y, -1)});
  }
  c.give(transformed(c, y, TRY(post_transform(c))));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"ArrayFeatureExtractor", 1, array_feature_extractor, {}},
    {"Binarizer", 1, binarizer, {}},
    {"LabelEncoder", 1, label_encoder, {}, "-default_float, -default_int64, -default_string"},
    {"CategoryMapper", 1, category_mapper, {}, "-default_int64, -default_string"},
    {"DictVectorizer", 1, dict_vectorizer, {}},
    {"FeatureVectorizer", 1, feature_vectorizer, {}},
    {"Imputer", 1, imputer, {}, "-replaced_value_float, -replaced_value_int64"},
    {"LinearClassifier", 1, linear_classifier, {}, "-multi_class"},
    {"LinearRegressor", 1, linear_regressor, {}},
    {"Normalizer", 1, normalizer, {}},
    {"OneHotEncoder", 1, one_hot_encoder, {}},
    {"SVMRegressor", 1, svm_regressor, {}, "-kernel_type, -kernel_params"},
    {"Scaler", 1, scaler, {}},
    {"TreeEnsemble", 5, tree_ensemble, {}, "-nodes_hitrates"},
    {"TreeEnsembleClassifier", 1, tree_classifier, {}, "-nodes_hitrates, -nodes_hitrates_as_tensor"},
    {"TreeEnsembleRegressor", 1, tree_regressor, {}, "-nodes_hitrates, -nodes_hitrates_as_tensor"},
    {"ZipMap", 1, zip_map, {}},
};

}  // namespace

std::span<const OperatorRow> ml_rows() { return kRows; }

}  // namespace burnish::onnx
