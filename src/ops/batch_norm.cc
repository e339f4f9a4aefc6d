// Normalisations with statistics of a channel: of parameters (batch_norm), of the batch (batch_norm_training), of one
// sample (instance_norm, group_norm), and mean_variance_norm over any axes.

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

// A per-channel parameter [C] against x [N, C, ...].
Value* per_channel(Compose& c, Value* parameter, int64_t rank, DType dtype) {
  parameter = c.cast(parameter, dtype);
  return rank < 2 ? parameter : c.aligned(parameter, 1, rank);
}

Value* inverse_deviation(Compose& c, Value* variance, double epsilon) {
  return c.unary(Scalar::reciprocal, c.unary(Scalar::sqrt, c.add(variance, epsilon)));
}

// (x - mean) * inv * scale + bias, as x * a + b with a and b per channel: they fold where they are constants.
Value* scaled(Compose& c, Value* x, Value* mean, Value* inverse, Value* scale, Value* bias, int64_t rank, DType dtype) {
  Value* a = c.mul(scale, inverse);
  Value* b = c.sub(bias, c.mul(mean, a));
  return c.add(c.mul(x, per_channel(c, a, rank, dtype)), per_channel(c, b, rank, dtype));
}

Status check_channels(InferContext& n, bool allow_groups) {
  const Type& x = n.type(0);
  if (!x.is_ranked_tensor()) return {};
  const Dim channels = x.rank() < 2 ? Dim(1) : x.dims[1];
  for (std::size_t i = 1; i < n.operand_count(); ++i) {
    const Type& type = n.type(i);
    if (!type.is_ranked_tensor()) continue;
    const bool fits = type.rank() == 1 && (equal(type.dims[0], channels) != Truth::no ||
                                           (allow_groups && equal(type.dims[0], n.integer("groups")) != Truth::no));
    if (!fits) return n.error("parameter of type " + type.text() + " must hold one number per channel of " + x.text());
  }
  return {};
}

Status infer_batch_norm(InferContext& n) {
  TRY(check_channels(n, false));
  return infer_same(n);
}

Result<Values> decompose_batch_norm(DecomposeContext& n) {
  Compose c(n.builder);
  const int64_t rank = static_cast<int64_t>(TRY(dims_of(n, 0)).size());
  const DType dtype = wide(n.type(0).dtype);
  Value* p[5];
  for (std::size_t i = 0; i < 5; ++i) p[i] = c.cast(n.in(i), dtype);
  Value* y = scaled(c, p[0], p[3], inverse_deviation(c, p[4], n.real("epsilon")), p[1], p[2], rank, dtype);
  return c.done({c.cast(y, n.type(0).dtype)});
}

Status infer_training(InferContext& n) {
  TRY(infer_batch_norm(n));
  n.result(1, n.type(3));
  n.result(2, n.type(4));
  return {};
}

Result<Values> decompose_training(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims dims = TRY(dims_of(n, 0));
  const int64_t rank = static_cast<int64_t>(dims.size());
  if (rank < 2) return n.error("x needs a channel axis");
  const DType dtype = wide(n.type(0).dtype);
  Ints axes = range_of(0, rank);
  axes.erase(axes.begin() + 1);
  Value* x = c.cast(n.in(0), dtype);
  Value* mean = c.mean(x, axes, false);
  Value* centred = c.sub(x, c.aligned(mean, 1, rank));
  Value* variance = c.mean(c.mul(centred, centred), axes, false);
  Value* inverse = inverse_deviation(c, variance, n.real("epsilon"));
  Value* y = c.add(c.mul(c.mul(centred, c.aligned(inverse, 1, rank)), per_channel(c, n.in(1), rank, dtype)),
                   per_channel(c, n.in(2), rank, dtype));
  const double momentum = n.real("momentum");
  const auto running = [&](std::size_t i, Value* now) {
    const DType own = n.type(i).dtype;
    return c.add(c.mul(n.in(i), momentum), c.mul(c.cast(now, own), 1.0 - momentum));
  };
  Value* running_mean = running(3, mean);
  Value* running_variance = running(4, variance);
  TRY(n.builder.finish());
  Values results = {c.cast(y, n.type(0).dtype), running_mean, running_variance};
  results.resize(n.node().result_count());
  return results;
}

Status infer_instance(InferContext& n) {
  if (n.type(0).is_ranked_tensor() && n.type(0).rank() < 3) return n.error("x needs spatial axes");
  return infer_batch_norm(n);
}

// y = (x - mean) / sqrt(variance + epsilon), the statistics over `axes`.
Value* normalized(Compose& c, Value* x, Ints axes, double epsilon) {
  Value* centred = c.sub(x, c.mean(x, axes));
  Value* variance = c.mean(c.mul(centred, centred), axes);
  return c.mul(centred, inverse_deviation(c, variance, epsilon));
}

Result<Values> decompose_instance(DecomposeContext& n) {
  Compose c(n.builder);
  const int64_t rank = static_cast<int64_t>(TRY(dims_of(n, 0)).size());
  const DType dtype = wide(n.type(0).dtype);
  Value* y = normalized(c, c.cast(n.in(0), dtype), range_of(2, rank), n.real("epsilon"));
  y = c.add(c.mul(y, per_channel(c, n.in(1), rank, dtype)), per_channel(c, n.in(2), rank, dtype));
  return c.done({c.cast(y, n.type(0).dtype)});
}

Status infer_group(InferContext& n) {
  const int64_t groups = n.integer("groups");
  if (groups < 1) return n.error("groups must be positive");
  const Type& x = n.type(0);
  if (x.is_ranked_tensor()) {
    if (x.rank() < 2) return n.error("x needs a channel axis");
    if (equal(mod(x.dims[1], groups), 0) == Truth::no)
      return n.error("the channels of " + x.text() + " do not divide into " + std::to_string(groups) + " groups");
  }
  TRY(check_channels(n, true));
  return infer_same(n);
}

Result<Values> decompose_group(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims dims = TRY(dims_of(n, 0));
  const int64_t rank = static_cast<int64_t>(dims.size());
  const int64_t groups = n.integer("groups");
  const DType dtype = wide(n.type(0).dtype);
  const Dim each = floordiv(dims[1], groups);
  Dims grouped = {dims[0], groups, each};
  grouped.insert(grouped.end(), dims.begin() + 2, dims.end());
  Value* y = normalized(c, c.reshape(c.cast(n.in(0), dtype), grouped), range_of(2, rank + 1), n.real("epsilon"));
  // Parameters come per channel or, in older models, per group.
  const auto parameter = [&](std::size_t i) -> Value* {
    const Dims own = n.type(i).dims;
    const bool per_group = own[0] == Dim(groups) && !(own[0] == dims[1]);
    Dims shape = {groups, per_group ? Dim(1) : each};
    shape.resize(static_cast<std::size_t>(rank), Dim(1));
    return c.reshape(c.cast(n.in(i), dtype), shape);
  };
  TRY(dims_of(n, 1));
  TRY(dims_of(n, 2));
  y = c.add(c.mul(y, parameter(1)), parameter(2));
  return c.done({c.cast(c.reshape(y, dims), n.type(0).dtype)});
}

Status infer_mean_variance(InferContext& n) {
  if (n.type(0).is_ranked_tensor()) TRY(normal_axes(n, n.ints("axes"), n.type(0).rank()));
  return infer_same(n);
}

Result<Values> decompose_mean_variance(DecomposeContext& n) {
  Compose c(n.builder);
  const int64_t rank = static_cast<int64_t>(TRY(dims_of(n, 0)).size());
  const Ints axes = TRY(normal_axes(n, n.ints("axes"), rank));
  Value* x = c.cast(n.in(0), wide(n.type(0).dtype));
  Value* centred = c.sub(x, c.mean(x, axes));
  Value* deviation = c.unary(Scalar::sqrt, c.mean(c.mul(centred, centred), axes));
  return c.done({c.cast(c.div(centred, c.add(deviation, 1e-9)), n.type(0).dtype)});
}

constexpr OperandSpec kBatchOperands[] = {
    {"x", "float"}, {"scale", "float"}, {"bias", "float"}, {"mean", "float"}, {"variance", "float"}};
constexpr OperandSpec kScaleBias[] = {{"x", "float"}, {"scale", "float"}, {"bias", "float"}};
constexpr OperandSpec kX[] = {{"x", "float"}};
constexpr ResultDoc kY[] = {{"y", "of x's type"}};
constexpr ResultDoc kTrainingResults[] = {{"y", "of x's type"},
                                          {"running_mean", "mean * momentum + batch mean * (1 - momentum)", true},
                                          {"running_variance", "likewise", true}};
constexpr AttributeSpec kEpsilon[] = {{"epsilon", AttributeKind::real, "1e-05", "added to the variance"}};
constexpr AttributeSpec kTraining[] = {{"epsilon", AttributeKind::real, "1e-05", "added to the variance"},
                                       {"momentum", AttributeKind::real, "0.9", "weight of the old statistics"}};
constexpr AttributeSpec kGroups[] = {{"groups", AttributeKind::integer, "required", "number of groups"},
                                     {"epsilon", AttributeKind::real, "1e-05", "added to the variance"}};
constexpr AttributeSpec kAxes[] = {{"axes", AttributeKind::ints, "[0, 2, 3]", "axes of the statistics"}};

constexpr Sample kBatchSamples[] = {
    {"x: f32[2,3,2,2], s: f32[3], b: f32[3], m: f32[3], v: f32[3] in [0.2, 2]; y = batch_norm(x, s, b, m, v)"},
    {"x: f32[4,3], s: f32[3], b: f32[3], m: f32[3], v: f32[3] in [0.2, 2]; y = batch_norm(x, s, b, m, v) "
     "{epsilon = 0.01}"}};
constexpr Sample kTrainingSamples[] = {
    {"x: f32[3,2,2,2], s: f32[2], b: f32[2], m: f32[2], v: f32[2] in [0.2, 2]; y, rm, rv = batch_norm_training(x, s, "
     "b, "
     "m, v) {momentum = 0.8}"}};
constexpr Sample kInstanceSamples[] = {{"x: f32[2,3,2,3], s: f32[3], b: f32[3]; y = instance_norm(x, s, b)"}};
constexpr Sample kGroupSamples[] = {
    {"x: f32[2,4,2,3], s: f32[4], b: f32[4]; y = group_norm(x, s, b) {groups = 2}"},
    {"x: f32[2,6,3], s: f32[6], b: f32[6]; y = group_norm(x, s, b) {groups = 3, epsilon = 0.01}"}};
constexpr Sample kMeanVarianceSamples[] = {{"x: f32[2,3,2,3]; y = mean_variance_norm(x)"}};

constexpr Operator norm(std::string_view name, std::string_view doc, std::span<const OperandSpec> operands,
                        std::span<const ResultDoc> results, std::span<const AttributeSpec> attributes,
                        Status (*infer)(InferContext&), Result<Values> (*decompose)(DecomposeContext&),
                        std::span<const Sample> samples) {
  return {.name = name,
          .doc = doc,
          .operands = operands,
          .results = results,
          .attributes = attributes,
          .infer = infer,
          .reference = nullptr,
          .decompose = decompose,
          .lower = nullptr,
          .gradient = nullptr,
          .samples = samples,
          .tolerance = {.relative = 1e-4, .absolute = 1e-5}};
}

constexpr Operator kOperators[] = {
    norm("batch_norm",
         "(x - mean) / sqrt(variance + epsilon) * scale + bias, parameters per channel (axis 1). Source: ONNX "
         "BatchNormalization.",
         kBatchOperands, kY, kEpsilon, infer_batch_norm, decompose_batch_norm, kBatchSamples),
    norm("batch_norm_training",
         "batch_norm with the mean and (population) variance of the batch, and the running ones' next values. Source: "
         "ONNX "
         "BatchNormalization with training_mode = 1.",
         kBatchOperands, kTrainingResults, kTraining, infer_training, decompose_training, kTrainingSamples),
    norm("group_norm",
         "(x - mean) / sqrt(variance + epsilon) * scale + bias, statistics per sample and group of channels; scale and "
         "bias "
         "per channel or per group. Source: ONNX GroupNormalization.",
         kScaleBias, kY, kGroups, infer_group, decompose_group, kGroupSamples),
    norm("instance_norm",
         "(x - mean) / sqrt(variance + epsilon) * scale + bias, statistics per sample and channel. Source: ONNX "
         "InstanceNormalization.",
         kScaleBias, kY, kEpsilon, infer_instance, decompose_instance, kInstanceSamples),
    norm("mean_variance_norm", "(x - mean) / (deviation + 1e-9) over the axes. Source: ONNX MeanVarianceNormalization.",
         kX, kY, kAxes, infer_mean_variance, decompose_mean_variance, kMeanVarianceSamples),
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(batch_norm, kOperators)
