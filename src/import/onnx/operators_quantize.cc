// Quantised forms: quantize and dequantize, and plain operators on integers in floats.

#include "import/onnx/quantized.h"
#include "import/onnx/shared.h"

namespace burnish::onnx {
namespace {

// Scale and zero point may be one number each in different ranks.
std::pair<Value*, Value*> scale_of(NodeContext& c) {
  Value *scale = c.in(1), *zero = c.in(2);
  const auto rank = [](Value* v) { return v->type().is_ranked_tensor() ? v->type().rank() : -1; };
  if (zero != nullptr && rank(scale) != rank(zero)) return {single(c, scale), single(c, zero)};
  return {scale, zero};
}

Status quantize(NodeContext& c) {
  TRY(need_inputs(c, {0, 1}));
  DType dtype = c.has(2) ? c.dtype(2) : DType::u8;
  if (c.integer("output_dtype", 0) != 0 && !c.has(2)) dtype = TRY(c.dtype_attribute("output_dtype"));
  const auto [scale, zero] = scale_of(c);
  c.give(c.op("quantize", {c.in(0), scale, zero},
              {{"axis", c.integer("axis", 1)},
               {"block", c.integer("block_size", 0)},
               {"dtype", dtype},
               {"saturate", c.integer("saturate", 1)}}));
  return {};
}

Status dequantize(NodeContext& c) {
  TRY(need_inputs(c, {0, 1}));
  DType dtype = c.dtype(1) == DType::f8e8m0 ? DType::f32 : c.dtype(1);
  if (c.integer("output_dtype", 0) != 0) dtype = TRY(c.dtype_attribute("output_dtype"));
  const auto [scale, zero] = scale_of(c);
  c.give(c.op("dequantize", {c.in(0), scale, zero},
              {{"axis", c.integer("axis", 1)}, {"block", c.integer("block_size", 0)}, {"dtype", dtype}}));
  return {};
}

Status dynamic_quantize(NodeContext& c) {
  TRY(need_inputs(c, {0}));
  const DynamicallyQuantized q = dynamically_quantized(c, c.in(0));
  c.give(q.y);
  c.give(1, q.scale);
  c.give(2, q.zero);
  return {};
}

Status qlinear_matmul(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 2, 3, 4, 5, 6, 7}));
  if (is_integer(c.dtype(0)) && is_integer(c.dtype(3)) && is_integer(c.dtype(7))) {
    // In f32 sums of integers are exact below 2^24.
    Value* y = TRY(numpy_matmul(c, centred(c, c.in(0), c.in(2), 1, DType::f32),
                                centred(c, c.in(3), c.in(5), 0, DType::f32), true));
    Value* sides = scale_product(c, along(c, c.in(1), 1), along(c, c.in(4), 0));
    y = c.op("mul", {c.cast(y, DType::f64), sides});
    c.give(TRY(requantized(c, y, along(c, c.in(6), 0), along(c, c.in(7), 0), c.dtype(7))));
    return {};
  }
  Value* a = c.op("dequantize", {c.in(0), single(c, c.cast(c.in(1), DType::f32)), single(c, c.in(2))},
                  {{"axis", int64_t{-2}}, {"dtype", DType::f32}});
  Value* b = c.op("dequantize", {c.in(3), single(c, c.cast(c.in(4), DType::f32)), single(c, c.in(5))},
                  {{"axis", int64_t{-1}}, {"dtype", DType::f32}});
  c.give(c.op("quantize", {TRY(numpy_matmul(c, a, b)), single(c, c.cast(c.in(6), DType::f32)), single(c, c.in(7))},
              {{"axis", int64_t{-1}}, {"dtype", c.dtype(7)}}));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"QuantizeLinear", 10, quantize, {}, "-precision"},  // of the division, which is in f32
    {"DequantizeLinear", 10, dequantize, {}},
    {"DynamicQuantizeLinear", 11, dynamic_quantize, {}},
    {"QLinearMatMul", 10, qlinear_matmul, {}},
    {"QLinearConv", 10, qlinear_conv, {}, "-kernel_shape"},  // the weights have it
};

}  // namespace

Status qlinear_conv(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 2, 3, 4, 5, 6, 7}));
  const int64_t rank = TRY(c.rank(3));
  if (rank < 2) return c.error("the weights have no channels");
  const auto spatial = static_cast<std::size_t>(rank - 2);
  const int64_t pixels = rank - 2;
  // ONNX Runtime's own form may have the channels last.
  const bool channels_last = c.integer("channels_last", 0) != 0;
  Value* image = channels_last ? channels_moved(c, c.in(0), rank, false) : c.in(0);
  Value *x = centred(c, image, c.in(2), pixels, DType::f32), *w = centred(c, c.in(3), c.in(5), rank - 1, DType::f32);
  Value* y = c.op("conv", {x, w},
                  {{"strides", c.ints("strides", Ints(spatial, 1))},
                   {"dilations", c.ints("dilations", Ints(spatial, 1))},
                   {"pads", c.ints("pads", Ints(2 * spatial, 0))},
                   {"groups", c.integer("group", 1)},
                   {"exact", int64_t{1}},
                   {"auto_pad", c.string("auto_pad", "NOTSET")}});
  y = c.cast(y, DType::f64);
  // The bias is in units of x_scale * w_scale.
  if (c.has(8)) y = c.op("add", {y, c.cast(along(c, c.in(8), pixels), DType::f64)});
  y = c.op("mul", {y, scale_product(c, along(c, c.in(1), pixels), along(c, c.in(4), pixels))});
  y = TRY(requantized(c, y, along(c, c.in(6), pixels), along(c, c.in(7), pixels), c.dtype(7)));
  c.give(channels_last ? channels_moved(c, y, rank, true) : y);
  return {};
}

std::span<const OperatorRow> quantize_rows() { return kRows; }

}  // namespace burnish::onnx
