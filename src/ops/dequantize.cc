#include "ops/support/quantization.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const DType to = c.dtype("dtype");
  if (!is_float(to) || byte_size(to) == 1) return c.error("nothing is dequantised to " + std::string(name(to)));
  if (c.has(2) && c.type(2).dtype != c.type(0).dtype) return c.error("the zero point must have the dtype of x");
  TRY(check_scales(c));
  Type y = c.type(0);
  y.dtype = to;
  c.result(0, std::move(y));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &scale = c.in(1);
  const ScaleLayout layout = TRY(scale_layout(c));
  Tensor* y = TRY(c.out(0, c.dtype("dtype"), x.dims()));
  const Accessor<double> access(y->dtype());
  for (int64_t n = 0; n < x.elements(); ++n) {
    const int64_t s = layout.of(n);
    const double centred = is_float(x.dtype())
                               ? x.real_at(n) - (c.has(2) ? c.in(2).real_at(s) : 0)
                               : static_cast<double>(integer_at(x, n) - (c.has(2) ? integer_at(c.in(2), s) : 0));
    const float product = static_cast<float>(centred) * static_cast<float>(scale.real_at(s));
    access.store(y->mutable_data(), n, product);
  }
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  TRY(check_lowerable(c));
  if (is_float(c.type(0).dtype)) return c.error("no kernel for quantised floats");
  Kernel kernel;
  Nest& nest = kernel.nest;
  const Declared declared = declare_operands(nest, c);
  const std::vector<int> axes = add_axes(nest, c.type(0).dims);
  const auto [scale, zero] = TRY(load_scales(c, nest, declared, axes));
  const DType wide = bit_width(c.type(0).dtype) < 32 ? DType::i32 : DType::i64;
  int value = nest.cast(nest.load(declared.operands[0], plain_index(axes)), wide);
  if (zero >= 0) value = nest.apply(Scalar::sub, {value, nest.cast(zero, wide)});
  value = nest.apply(Scalar::mul, {nest.cast(value, DType::f32), nest.cast(scale, DType::f32)});
  nest.store(declared.results[0], plain_index(axes), nest.cast(value, c.dtype("dtype")));
  return kernel;
}

constexpr OperandSpec kOperands[] = {
    {"x", "int|float"}, {"scale", "float"}, {"zero", "int|float", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "shape of x"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "1", "along which a scale of rank 1 runs"},
    {"block", AttributeKind::integer, "0", "above 0: one scale per so many elements along axis"},
    {"dtype", AttributeKind::dtype, "f32", "f32, f64, f16 or bf16"},
};
constexpr Sample kSamples[] = {
    {"x: u8[2,9], scale: f32[] = [0.05], zero: u8[] = [3]; y = dequantize(x, scale, zero)"},
    {"x: i8[N,3], scale: f32[3] = [0.01, 0.02, 0.5]; y = dequantize(x, scale)"},
    {"x: i8[7,3], scale: f32[3,3] in [0.2, 0.4], zero: i8[3,3]; y = dequantize(x, scale, zero) {axis = 0, block = 3}"},
    {"x: i4[2,6] in [-8, 7], scale: f32[2,2] in [0.2, 0.4]; y = dequantize(x, scale) {block = 3}"},
};
constexpr Operator kOperator = {
    .name = "dequantize",
    .doc = "y = (x - zero) * scale, the product in f32. Source: ONNX DequantizeLinear.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-7, 0},
};

}  // namespace

namespace ops {
extern const OperatorList list_dequantize;
constinit const OperatorList list_dequantize = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
