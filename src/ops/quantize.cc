#include "ops/support/quantization.h"

namespace burnish {
namespace {

// Smallest and largest value of an integer dtype of at most 32 bits.
std::pair<int64_t, int64_t> limits(DType dtype) {
  const int bits = bit_width(dtype);
  if (number_class(dtype) == NumberClass::unsigned_int) return {0, (int64_t{1} << bits) - 1};
  return {-(int64_t{1} << (bits - 1)), (int64_t{1} << (bits - 1)) - 1};
}

Status infer(InferContext& c) {
  const DType to = c.dtype("dtype");
  const bool small_float = is_float(to) && byte_size(to) == 1 && to != DType::f8e8m0;
  const bool small_int = is_integer(to) && bit_width(to) <= 16;
  if (!small_float && !small_int) return c.error("nothing is quantised to " + std::string(name(to)));
  if (c.has(2) && c.type(2).dtype != to) return c.error("the zero point must be " + std::string(name(to)));
  TRY(check_scales(c));
  Type y = c.type(0);
  y.dtype = to;
  c.result(0, std::move(y));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &scale = c.in(1);
  const ScaleLayout layout = TRY(scale_layout(c));
  const DType to = c.dtype("dtype");
  const bool saturate = c.integer("saturate") != 0;
  Tensor* y = TRY(c.out(0, to, x.dims()));
  for (int64_t n = 0; n < x.elements(); ++n) {
    const int64_t s = layout.of(n);
    // In f32, as kernels do it: the quotient's rounding decides ties.
    const float quotient = static_cast<float>(x.real_at(n)) / static_cast<float>(scale.real_at(s));
    if (is_float(to)) {
      y->mutable_as<uint8_t>()[idx(n)] = double_to_small_float(to, quotient, saturate);
      continue;
    }
    const int64_t zero = c.has(2) ? integer_at(c.in(2), s) : 0;
    const auto [low, high] = limits(to);
    const float shifted = std::nearbyintf(quotient) + static_cast<float>(zero);
    const int64_t value = std::isnan(shifted)                   ? 0
                          : shifted <= static_cast<float>(low)  ? low
                          : shifted >= static_cast<float>(high) ? high
                                                                : static_cast<int64_t>(shifted);
    if (number_class(to) == NumberClass::signed_int) {
      const Accessor<int64_t> access(to);
      access.store(y->mutable_data(), n, value);
    } else {
      const Accessor<uint64_t> access(to);
      access.store(y->mutable_data(), n, static_cast<uint64_t>(value));
    }
  }
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const DType to = c.dtype("dtype");
  TRY(check_lowerable(c));
  if (!is_integer(to)) return c.error("no kernel that quantises to " + std::string(name(to)));
  Kernel kernel;
  Nest& nest = kernel.nest;
  const Declared declared = declare_operands(nest, c);
  const std::vector<int> axes = add_axes(nest, c.type(0).dims);
  const auto f32 = [&](int e) { return nest.cast(e, DType::f32); };
  const auto number = [&](int64_t value) { return nest.constant(static_cast<double>(value), DType::f32); };
  const auto [scale, zero] = TRY(load_scales(c, nest, declared, axes));
  int value = f32(nest.load(declared.operands[0], plain_index(axes)));
  value = nest.apply(Scalar::round_even, {nest.apply(Scalar::div, {value, f32(scale)})});
  if (zero >= 0) value = nest.apply(Scalar::add, {value, f32(zero)});
  const auto [low, high] = limits(to);
  value = nest.apply(Scalar::min, {nest.apply(Scalar::max, {value, number(low)}), number(high)});
  nest.store(declared.results[0], plain_index(axes), nest.cast(value, to));
  return kernel;
}

constexpr OperandSpec kOperands[] = {
    {"x", "f32|f16|bf16|f64|i32"}, {"scale", "float|i32"}, {"zero", "int|float", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "shape of x"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "1", "along which a scale of rank 1 runs"},
    {"block", AttributeKind::integer, "0", "above 0: one scale per so many elements along axis"},
    {"dtype", AttributeKind::dtype, "required", "an integer of at most 16 bits, an f8 or f4 type"},
    {"saturate", AttributeKind::integer, "1", "to f8 types: out of range becomes the largest finite value"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,9], scale: f32[] = [0.05], zero: u8[] = [128]; y = quantize(x, scale, zero) {dtype = u8}"},
    {"x: f32[N,3], scale: f32[3] = [0.01, 0.02, 0.5]; y = quantize(x, scale) {dtype = i8}"},
    {"x: f32[2,3,8], scale: f32[2,3,2] in [0.1, 0.2]; y = quantize(x, scale) {dtype = u8, axis = 2, block = 4}"},
    {"x: f32[2,6], scale: f32[2,2] in [0.2, 0.4]; y = quantize(x, scale) {dtype = i4, block = 3}"},
};
constexpr Operator kOperator = {
    .name = "quantize",
    .doc =
        "y = saturate(round_even(x / scale) + zero), the quotient in f32; f8 and f4 types are rounded to directly. "
        "Source: ONNX QuantizeLinear.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
};

}  // namespace

namespace ops {
extern const OperatorList list_quantize;
constinit const OperatorList list_quantize = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
