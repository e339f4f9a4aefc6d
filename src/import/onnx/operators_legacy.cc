// Experiments that opset 1 had in ONNX's own domain and ONNX Runtime still runs: old exports of CoreML have them.

#include <fmt/format.h>

#include "import/onnx/shared.h"
#include "import/onnx/types.h"

namespace burnish::onnx {
namespace {

Value* plus(NodeContext& c, Value* x, double b) { return b == 0 ? x : c.op("add", {x, c.number(x, b)}); }
Value* times(NodeContext& c, Value* x, double a) { return a == 1 ? x : c.op("mul", {x, c.number(x, a)}); }

// alpha * x + beta
Status affine(NodeContext& c) {
  TRY(need_inputs(c, {0}));
  c.give(plus(c, times(c, c.in(0), c.real("alpha", 1)), c.real("beta", 0)));
  return {};
}

Status scaled(NodeContext& c) {
  TRY(need_inputs(c, {0}));
  c.give(times(c, c.in(0), c.real("scale", 1)));
  return {};
}

// alpha * tanh(beta * x)
Status scaled_tanh(NodeContext& c) {
  TRY(need_inputs(c, {0}));
  c.give(times(c, c.op("tanh", {times(c, c.in(0), c.real("beta", 1))}), c.real("alpha", 1)));
  return {};
}

// alpha * log(exp(beta * x) + 1)
Status parametric_softplus(NodeContext& c) {
  TRY(need_inputs(c, {0}));
  c.give(times(c, c.op("softplus", {times(c, c.in(0), c.real("beta", 1))}), c.real("alpha", 1)));
  return {};
}

// scale * x + a bias for each channel
Status image_scaler(NodeContext& c) {
  TRY(need_inputs(c, {0}));
  const Floats bias = c.reals("bias");
  if (TRY(c.rank(0)) != 4) return c.error("the input must be [batch, channels, height, width]");
  const std::vector<float> floats(bias.begin(), bias.end());
  Value* y = times(c, c.in(0), c.real("scale", 1));
  if (!floats.empty()) {
    Value* per_channel = c.b().constant(Tensor::f32s({static_cast<int64_t>(floats.size()), 1, 1}, floats));
    y = c.op("add", {y, c.cast(per_channel, c.dtype(0))});
  }
  c.give(y);
  return {};
}

// border: left, top, right, bottom; with `scale` what is left is cut to those sizes.
Status crop(NodeContext& c) {
  TRY(need_inputs(c, {0}));
  const Dims x = TRY(c.dims(0));
  const Ints border = c.ints("border"), scale = c.ints("scale");
  if (x.size() != 4 || border.size() != 4 || (!scale.empty() && scale.size() != 2))
    return c.error("the input needs four axes, 'border' four numbers, 'scale' two");
  Dims starts = {0, 0, border[1], border[0]}, sizes = x;
  for (std::size_t i = 0; i < 2; ++i) {
    sizes[i + 2] = scale.empty() ? x[i + 2] - border[1 - i] - border[3 - i] : Dim(scale[i]);
    if (border[i] < 0 || border[i + 2] < 0 || sizes[i + 2].range().high < 0)
      return c.error("attribute 'border' does not fit the input");
  }
  c.give(c.op("slice", {c.in(0)}, {{"starts", starts}, {"sizes", sizes}, {"steps", Ints(4, 1)}}));
  return {};
}

// A number in every place of a shape: the attribute, that of the input, or what the input holds.
Status constant_fill(NodeContext& c) {
  const DType dtype = c.has_attribute("dtype") ? TRY(c.dtype_attribute("dtype")) : DType::f32;
  if (dtype == DType::string) return c.error("text is not supported");
  const Tensor value = Tensor::scalar(dtype, c.real("value", 0));
  const Ints extra = c.ints("extra_shape");
  Value* shape;
  if (!c.has(0)) {
    if (!c.has_attribute("shape")) return c.error("the shape is missing");
    shape = c.i64s(c.ints("shape"));
  } else if (c.integer("input_as_shape", 0) != 0) {
    shape = c.cast(c.in(0), DType::i64);
  } else {
    shape = c.op("shape_of", {c.in(0)});
  }
  if (!extra.empty()) shape = c.op("concat", {shape, c.i64s(extra)}, {{"axis", int64_t{0}}});
  c.give(c.op("fill", {shape}, {{"value", value}}));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"Affine", 1, affine, {}},
    {"ConstantFill", 1, constant_fill, {}},
    {"Crop", 1, crop, {}, "-consumed_inputs"},
    {"ImageScaler", 1, image_scaler, {}, "-consumed_inputs"},
    {"ParametricSoftplus", 1, parametric_softplus, {}, "-consumed_inputs"},
    {"Scale", 1, scaled, {}, "-consumed_inputs"},
    {"ScaledTanh", 1, scaled_tanh, {}, "-consumed_inputs"},
};

}  // namespace

std::span<const OperatorRow> legacy_rows() { return kRows; }

}  // namespace burnish::onnx
