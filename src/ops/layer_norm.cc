// layer_norm and rms_norm: a row is everything from `axis` on.

#include "ops/support/compose.h"
#include "ops/support/lowering.h"
#include "ops/support/sizes.h"

namespace burnish::ops {
namespace {

constexpr bool kCentred = true;  // layer_norm takes the mean off, rms_norm does not

Status infer_norm(InferContext& n) {
  TRY(infer_same(n));
  const Type& x = n.type(0);
  const DType statistics = wide(x.dtype);
  if (!x.is_ranked_tensor()) {
    for (std::size_t i = 1; i < n.result_count(); ++i) n.result(i, Type::unranked(statistics));
    return {};
  }
  const int64_t axis = TRY(n.axis(n.integer("axis"), x.rank()));
  for (std::size_t i = 1; i < n.operand_count(); ++i)
    if (n.has(i) && n.type(i).is_ranked_tensor()) TRY(check_extends(n, n.type(i).dims, x.dims, "scale or bias"));
  Dims dims = x.dims;
  std::fill(dims.begin() + axis, dims.end(), Dim(1));
  for (std::size_t i = 1; i < n.result_count(); ++i) n.result(i, Type::tensor(statistics, dims));
  return {};
}

Result<Values> decompose_norm(DecomposeContext& n, bool centred) {
  Compose c(n.builder);
  Dims dims = TRY(dims_of(n, 0));
  const int64_t rank = static_cast<int64_t>(dims.size());
  const Ints axes = range_of(normal_axis(n.integer("axis"), rank), rank);
  const DType dtype = wide(n.type(0).dtype);
  Value* x = c.cast(n.in(0), dtype);
  Value* mean = centred ? c.mean(x, axes) : nullptr;
  Value* centre = centred ? c.sub(x, mean) : x;
  Value* variance = c.mean(c.mul(centre, centre), axes);
  Value* inverse = c.unary(Scalar::reciprocal, c.unary(Scalar::sqrt, c.add(variance, n.real("epsilon"))));
  Value* y = c.mul(centre, inverse);
  if (n.has(1)) y = c.mul(y, c.cast(n.in(1), dtype));
  if (n.has(2)) y = c.add(y, c.cast(n.in(2), dtype));
  y = c.cast(y, n.type(0).dtype);
  if (!centred) return c.done({y});
  TRY(n.builder.finish());
  Values results = {y};
  if (n.node().result_count() > 1) results.push_back(n.node().result(1) != nullptr ? mean : nullptr);
  if (n.node().result_count() > 2) results.push_back(n.node().result(2) != nullptr ? inverse : nullptr);
  return results;
}

// Rows in parallel; inside a row: mean, variance, then the elements.
Result<Kernel> lower_norm(LowerContext& n, bool centred) {
  TRY(check_lowerable(n));
  const Dims& dims = n.type(0).dims;
  const int64_t first = normal_axis(n.integer("axis"), n.type(0).rank());
  const DType dtype = wide(n.type(0).dtype);
  Kernel kernel;
  Nest& nest = kernel.nest;
  const Declared declared = declare_operands(nest, n);
  const std::vector<int> axes = add_axes(nest, dims, false);
  nest.outer.assign(axes.begin(), axes.begin() + first);
  const std::vector<int> row(axes.begin() + first, axes.end());
  const std::vector<Index> index = plain_index(axes);
  const int size = size_value(nest, product(std::span(dims).subspan(first)), dtype);
  int element = nest.cast(nest.load(declared.operands[0], index), dtype);
  int mean = -1;
  if (centred) {
    mean = nest.apply(Scalar::div, {nest.reduce(Reduction::sum, row, element), size});
    element = nest.apply(Scalar::sub, {element, mean});
  }
  const int squares = nest.reduce(Reduction::sum, row, nest.apply(Scalar::mul, {element, element}));
  const int variance =
      nest.apply(Scalar::add, {nest.apply(Scalar::div, {squares, size}), nest.constant(n.real("epsilon"), dtype)});
  const int inverse = nest.apply(Scalar::reciprocal, {nest.apply(Scalar::sqrt, {variance})});
  int y = nest.apply(Scalar::mul, {element, inverse});
  for (std::size_t i = 1; i < declared.operands.size(); ++i) {
    if (declared.operands[i] < 0) continue;
    const int parameter = nest.cast(load_broadcast(nest, declared.operands[i], dims, axes), dtype);
    y = nest.apply(i == 1 ? Scalar::mul : Scalar::add, {y, parameter});
  }
  std::vector<Index> row_index = index;
  std::fill(row_index.begin() + first, row_index.end(), Index{});
  const int statistics[] = {-1, mean, inverse};
  for (std::size_t i = 1; i < declared.results.size(); ++i)
    if (declared.results[i] >= 0) nest.store(declared.results[i], row_index, statistics[i]);
  nest.store(declared.results[0], index, nest.cast(y, n.type(0).dtype), row);
  return kernel;
}

Result<Values> decompose_layer_norm(DecomposeContext& n) { return decompose_norm(n, kCentred); }
Result<Values> decompose_rms_norm(DecomposeContext& n) { return decompose_norm(n, !kCentred); }
Result<Kernel> lower_layer_norm(LowerContext& n) { return lower_norm(n, kCentred); }
Result<Kernel> lower_rms_norm(LowerContext& n) { return lower_norm(n, !kCentred); }

constexpr OperandSpec kLayerOperands[] = {
    {"x", "float"}, {"scale", "float", OperandSpec::Arity::optional}, {"bias", "float", OperandSpec::Arity::optional}};
constexpr ResultDoc kLayerResults[] = {{"y", "of x's type"},
                                       {"mean", "of each row, in at least f32", true},
                                       {"inv_std", "1 / sqrt(variance + epsilon) of each row, in at least f32", true}};
constexpr OperandSpec kRmsOperands[] = {{"x", "float"}, {"scale", "float", OperandSpec::Arity::optional}};
constexpr ResultDoc kRmsResults[] = {{"y", "of x's type"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "-1", "first axis of a row; negative counts from the end"},
    {"epsilon", AttributeKind::real, "1e-05", "added to the variance or mean square"}};

constexpr Sample kLayerSamples[] = {
    {"x: f32[2,3,8], scale: f32[8], bias: f32[8]; y = layer_norm(x, scale, bias)"},
    {"x: f32[2,3,4], scale: f32[3,4]; y = layer_norm(x, scale) {axis = 1, epsilon = 0.01}"},
    {"x: f32[2,6]; y = layer_norm(x)"}};
constexpr Sample kRmsSamples[] = {{"x: f32[2,3,8], scale: f32[8]; y = rms_norm(x, scale)"},
                                  {"x: f32[2,3,4], scale: f32[3,4]; y = rms_norm(x, scale) {axis = 1, epsilon = 0.1}"}};

constexpr Operator kOperators[] = {
    {.name = "layer_norm",
     .doc = "(x - mean) / sqrt(variance + epsilon) * scale + bias, statistics over all axes from `axis` on, computed "
            "in at "
            "least f32. Source: ONNX LayerNormalization.",
     .operands = kLayerOperands,
     .results = kLayerResults,
     .attributes = kAttributes,
     .infer = infer_norm,
     .reference = nullptr,
     .decompose = decompose_layer_norm,
     .lower = lower_layer_norm,
     .gradient = nullptr,
     .samples = kLayerSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-5}},
    {.name = "rms_norm",
     .doc = "x / sqrt(mean(x^2) + epsilon) * scale, the mean over all axes from `axis` on, computed in at least f32. "
            "Source: ONNX RMSNormalization.",
     .operands = kRmsOperands,
     .results = kRmsResults,
     .attributes = kAttributes,
     .infer = infer_norm,
     .reference = nullptr,
     .decompose = decompose_rms_norm,
     .lower = lower_rms_norm,
     .gradient = nullptr,
     .samples = kRmsSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(layer_norm, kOperators)
