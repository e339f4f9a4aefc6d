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

DynamicallyQuantized dynamically_quantized(NodeContext& c, Value* x) {
  if (x == nullptr) return {};
  const bool ranked = x->type().ranked;
  const int64_t rank = ranked ? x->type().rank() : 0;
  Ints axes;
  for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
  const auto extreme = [&](std::string_view kind) {
    Value* r = x;
    if (rank > 0) r = c.op("reduce", {x}, {{"kind", std::string(kind)}, {"axes", axes}, {"keep", int64_t{0}}});
    if (!ranked) r = c.op("dynamic_reduce", {x}, {{"kind", std::string(kind)}, {"keep", int64_t{0}}});
    return c.op(kind, {r, c.number(x, 0)});
  };
  Value *low = extreme("min"), *high = extreme("max");
  Value* scale = c.op("div", {c.op("sub", {high, low}), c.number(x, 255)});
  Value* zero = c.op("div", {c.op("neg", {low}), scale});
  zero = c.op("round_even", {c.op("clip", {zero, c.number(x, 0), c.number(x, 255)})});
  // All zeros have the scale 0, and 0 / 0 is no number.
  zero = c.op("select", {c.op("eq", {scale, c.number(x, 0)}), c.number(x, 0), zero});
  zero = c.op("cast", {zero}, {{"dtype", DType::u8}});
  return {c.op("quantize", {x, scale, zero}, {{"axis", int64_t{0}}, {"dtype", DType::u8}}), scale, zero};
}

}  // namespace burnish::onnx
