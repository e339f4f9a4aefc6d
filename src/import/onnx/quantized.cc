#include "import/onnx/quantized.h"

#include <cmath>

namespace burnish::onnx {

Value* along(NodeContext& c, Value* parameter, int64_t trailing) {
  if (parameter == nullptr || !parameter->type().is_ranked_tensor() || parameter->type().rank() != 1) return parameter;
  Dims dims;
  if (!(parameter->type().dims[0] == Dim(1))) {
    dims.assign(static_cast<std::size_t>(1 + std::max<int64_t>(trailing, 0)), Dim(1));
    dims[0] = parameter->type().dims[0];
    if (dims.size() == 1) return parameter;
  }
  return c.op("reshape", {parameter}, {{"shape", std::move(dims)}});
}

Value* centred(NodeContext& c, Value* x, Value* zero, int64_t trailing, DType dtype) {
  x = c.cast(x, dtype);
  return zero == nullptr ? x : c.op("sub", {x, c.cast(along(c, zero, trailing), dtype)});
}

Value* scale_product(NodeContext& c, Value* a, Value* b) {
  return c.op("mul", {c.cast(a, DType::f64), c.cast(b, DType::f64)});
}

Result<Value*> requantized(NodeContext& c, Value* y, Value* scale, Value* zero, DType dtype) {
  if (!is_integer(dtype) || bit_width(dtype) > 16)
    return c.error("nothing is quantised to " + std::string(name(dtype)));
  const int bits = bit_width(dtype);
  const bool is_unsigned = number_class(dtype) == NumberClass::unsigned_int;
  const double low = is_unsigned ? 0 : -std::ldexp(1.0, bits - 1);
  const double high = std::ldexp(1.0, is_unsigned ? bits : bits - 1) - 1;
  y = c.op("round_even", {c.op("div", {c.cast(y, DType::f64), c.cast(scale, DType::f64)})});
  if (zero != nullptr) y = c.op("add", {y, c.cast(zero, DType::f64)});
  return c.cast(c.op("clip", {y, c.number(y, low), c.number(y, high)}), dtype);
}

}  // namespace burnish::onnx
