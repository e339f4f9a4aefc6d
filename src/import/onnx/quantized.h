#pragma once
// What the handlers of quantised operators share. Products and sums are taken of integers (x - zero), in f32, which is
// exact while sums stay below 2^24, and the scales of all sides come in once, in f64, so that a result is rounded once.

#include "import/onnx/node_context.h"

namespace burnish::onnx {

// A scale or zero point as a scalar, or along the axis that `trailing` others follow.
Value* along(NodeContext& c, Value* parameter, int64_t trailing);
// x - zero in a float dtype; exact for integers of 8 and 16 bits.
Value* centred(NodeContext& c, Value* x, Value* zero, int64_t trailing, DType dtype);
// The product of two scales, in f64, where it is exact.
Value* scale_product(NodeContext& c, Value* a, Value* b);
// saturate(round_even(y / scale) + zero) as an integer dtype of at most 16 bits, the quotient in f64; scale and zero as `along` gives them.
Result<Value*> requantized(NodeContext& c, Value* y, Value* scale, Value* zero, DType dtype);

// x as u8, with its scale and zero point: ONNX's DynamicQuantizeLinear,
// scale = (max(0, max x) - min(0, min x)) / 255, zero = round(saturate(-min x / scale)).
struct DynamicallyQuantized {
  Value *y, *scale, *zero;
};
DynamicallyQuantized dynamically_quantized(NodeContext& c, Value* x);

}  // namespace burnish::onnx
