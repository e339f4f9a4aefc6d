// Normalisation layers.

#include <fmt/format.h>

#include "import/onnx/node_context.h"

namespace burnish::onnx {
namespace {

// Statistics and parameters may have another float dtype than x, which the result has.
Status batch_norm(NodeContext& c) {
  TRY(need_inputs(c, 5));
  const bool spatial = c.opset() >= 9 || c.integer("spatial", 1) != 0;
  const bool inference = c.opset() >= 14  ? c.integer("training_mode", 0) == 0
                         : c.opset() >= 7 ? !c.wanted(1)
                                          : c.integer("is_test", 0) != 0 || !c.wanted(1);
  const double epsilon = c.real("epsilon", 1e-5), momentum = c.real("momentum", 0.9);
  if (!spatial) {
    // Statistics and parameters of each activation: of x's dims without the batch.
    if (!inference) return c.error("training with statistics per activation (spatial = 0) is not supported");
    Value* deviation = c.op("sqrt", {c.op("add", {c.in(4), c.number(c.in(4), epsilon)})});
    Value* y = c.op("div", {c.op("sub", {c.in(0), c.in(3)}), deviation});
    c.give(c.op("add", {c.op("mul", {y, c.in(1)}), c.in(2)}));
    return {};
  }
  if (inference) {
    c.give(c.op("batch_norm", {c.in(0), c.in(1), c.in(2), c.in(3), c.in(4)}, {{"epsilon", epsilon}}));
    return {};
  }
  c.give_all("batch_norm_training", c.inputs(), {{"epsilon", epsilon}, {"momentum", momentum}}, c.output_count());
  return {};
}

// Statistics are computed in f32, or in f64 where x is.
Status check_stash_type(NodeContext& c) {
  if (!c.has_attribute("stash_type")) return {};
  const DType stash = TRY(c.dtype_attribute("stash_type"));
  if (stash == DType::f32 || stash == c.dtype(0)) return {};
  return c.error(fmt::format("statistics in {} (stash_type) are not supported", name(stash)));
}

Status layer_norm(NodeContext& c) {
  TRY(need_inputs(c, 1));
  TRY(check_stash_type(c));
  if (c.input_count() > 3) return c.error("layer norm takes at most 3 inputs");
  Value* operands[] = {c.in(0), c.cast(c.in(1), c.dtype(0)), c.cast(c.in(2), c.dtype(0))};
  const std::vector<Value*> results =
      c.all_of("layer_norm", std::span(operands, c.input_count()),
               {{"axis", c.integer("axis", -1)}, {"epsilon", c.real("epsilon", 1e-5)}}, c.output_count());
  // Mean and deviation have the dtype of the statistics, that of an f64 x's too.
  const DType stash = c.has_attribute("stash_type") ? TRY(c.dtype_attribute("stash_type")) : DType::f32;
  for (std::size_t i = 0; i < results.size(); ++i) c.give(i, i == 0 ? results[i] : c.cast(results[i], stash));
  return {};
}

Status rms_norm(NodeContext& c) {
  TRY(need_inputs(c, 2));
  TRY(check_stash_type(c));
  c.give(c.op("rms_norm", {c.in(0), c.cast(c.in(1), c.dtype(0))},
              {{"axis", c.integer("axis", -1)}, {"epsilon", c.real("epsilon", 1e-5)}}));
  return {};
}

// Opset 18 had scale and bias per group; 21 made them per channel.
Status group_norm(NodeContext& c) {
  TRY(need_inputs(c, 3));
  TRY(check_stash_type(c));
  const int64_t groups = c.integer("num_groups", 0);
  Value *scale = c.in(1), *bias = c.in(2);
  if (groups < 1) return c.error("attribute 'num_groups' must be positive");
  if (c.opset() < 21) {
    const Dims dims = TRY(c.dims(0));
    if (dims.size() < 2) return c.error("input 0 has no channels");
    const Dim each = floordiv(dims[1], Dim(groups));
    const auto per_channel = [&](Value* v) {
      Value* column = c.op("reshape", {v}, {{"shape", Dims{Dim(groups), Dim(1)}}});
      return c.op("reshape", {c.op("broadcast", {column}, {{"shape", Dims{Dim(groups), each}}})},
                  {{"shape", Dims{dims[1]}}});
    };
    scale = per_channel(scale);
    bias = per_channel(bias);
  }
  c.give(c.op("group_norm", {c.in(0), scale, bias}, {{"groups", groups}, {"epsilon", c.real("epsilon", 1e-5)}}));
  return {};
}

Status mean_variance(NodeContext& c) {
  TRY(need_inputs(c, 1));
  c.give(c.op("mean_variance_norm", {c.in(0)}, {{"axes", c.ints("axes", {0, 2, 3})}}));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"BatchNormalization", 1, batch_norm, {}, "-consumed_inputs"},
    {"InstanceNormalization", 1, nullptr, "instance_norm", "-consumed_inputs, epsilon=1e-05"},
    {"LayerNormalization", 17, layer_norm, {}},
    {"RMSNormalization", 23, rms_norm, {}},
    {"SimplifiedLayerNormalization", 1, rms_norm, {}},  // what ONNX Runtime writes
    {"GroupNormalization", 18, group_norm, {}},
    {"LRN", 1, nullptr, "lrn", "alpha=0.0001, beta=0.75, bias=1.0"},
    {"LpNormalization", 1, nullptr, "lp_normalize", "axis=-1, p=2"},
    {"MeanVarianceNormalization", 9, mean_variance, {}},
};

}  // namespace

std::span<const OperatorRow> normalization_rows() { return kRows; }

}  // namespace burnish::onnx
