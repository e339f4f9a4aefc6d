// softmax, log_softmax and hardmax share their axis and their maximum.

#include "ops/support/compose.h"
#include "ops/support/lowering.h"

namespace burnish::ops {
namespace {

Status infer_axis(InferContext& n) {
  if (n.type(0).is_ranked_tensor()) TRY(n.axis(n.integer("axis"), n.type(0).rank()));
  return infer_same(n);
}

// x less its maximum along the axis, in at least f32.
struct Shifted {
  Value* x;
  Ints axes;
};
Result<Shifted> shifted(DecomposeContext& n, Compose& c) {
  Dims dims = TRY(dims_of(n, 0));
  Ints axes = {normal_axis(n.integer("axis"), static_cast<int64_t>(dims.size()))};
  Value* x = c.cast(n.in(0), wide(n.type(0).dtype));
  return Shifted{c.sub(x, c.reduce("max", x, axes)), axes};
}

Result<Values> decompose_softmax(DecomposeContext& n) {
  Compose c(n.builder);
  auto [x, axes] = TRY(shifted(n, c));
  Value* e = c.unary(Scalar::exp, x);
  return c.done({c.cast(c.div(e, c.reduce("sum", e, axes)), n.type(0).dtype)});
}

Result<Values> decompose_log_softmax(DecomposeContext& n) {
  Compose c(n.builder);
  auto [x, axes] = TRY(shifted(n, c));
  Value* total = c.reduce("sum", c.unary(Scalar::exp, x), axes);
  return c.done({c.cast(c.sub(x, c.unary(Scalar::log, total)), n.type(0).dtype)});
}

Result<Values> decompose_hardmax(DecomposeContext& n) {
  Compose c(n.builder);
  Dims dims = TRY(dims_of(n, 0));
  const int64_t rank = static_cast<int64_t>(dims.size());
  const int64_t axis = normal_axis(n.integer("axis"), rank);
  // As arg_max, which has no answer along an empty axis.
  Value* best = c.binary(Scalar::eq, n.in(0), c.reduce("max", n.in(0), {axis}));
  if (is_float(n.type(0).dtype)) best = c.binary(Scalar::logical_or, best, c.unary(Scalar::is_nan, n.in(0)));
  Value* here = c.aligned(c.iota({dims[axis]}, 0), axis, rank);
  Value* first = c.reduce("min", c.select(best, here, c.size(dims[axis], DType::i64)), {axis});
  return c.done({c.cast(c.binary(Scalar::eq, first, here), n.type(0).dtype)});
}

// y[i, k] = f(x[i, k]) over rows i; the axis runs inside, whichever it is.
Result<Kernel> lower_rows(LowerContext& n, bool log) {
  TRY(check_lowerable(n));
  const DType dtype = n.type(0).dtype;
  const Dims& dims = n.type(0).dims;
  const std::size_t axis = normal_axis(n.integer("axis"), n.type(0).rank());
  Kernel kernel;
  Nest& nest = kernel.nest;
  const Declared declared = declare_operands(nest, n);
  const std::vector<int> axes = add_axes(nest, dims, false);
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (i != axis) nest.outer.push_back(axes[i]);
  const std::vector<int> row = {axes[axis]};
  const std::vector<Index> index = plain_index(axes);
  const int element = nest.cast(nest.load(declared.operands[0], index), wide(dtype));
  const int largest = nest.reduce(Reduction::max, row, element);
  const int difference = nest.apply(Scalar::sub, {element, largest});
  const int e = nest.apply(Scalar::exp, {difference});
  const int total = nest.reduce(Reduction::sum, row, e);
  const int result = log ? nest.apply(Scalar::sub, {difference, nest.apply(Scalar::log, {total})})
                         : nest.apply(Scalar::div, {e, total});
  nest.store(declared.results[0], index, nest.cast(result, dtype), row);
  return kernel;
}
Result<Kernel> lower_softmax(LowerContext& n) { return lower_rows(n, false); }
Result<Kernel> lower_log_softmax(LowerContext& n) { return lower_rows(n, true); }

constexpr OperandSpec kOperands[] = {{"x", "float"}};
constexpr ResultDoc kResults[] = {{"y", "of x's type"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "-1", "the axis whose elements compete; negative counts from the end"}};

constexpr Sample kSoftmaxSamples[] = {{"x: f32[2,7]; y = softmax(x)"}, {"x: f32[2,3,4]; y = softmax(x) {axis = 1}"}};
constexpr Sample kLogSamples[] = {{"x: f32[2,7]; y = log_softmax(x)"},
                                  {"x: f32[2,3,4]; y = log_softmax(x) {axis = 0}"}};
constexpr Sample kHardSamples[] = {
    {"x: f32[2,7]; y = hardmax(x)"}, {"x: f32[2,3,4]; y = hardmax(x) {axis = 1}"}, {"x: f32[2,0]; y = hardmax(x)"}};

constexpr Operator kOperators[] = {
    {.name = "hardmax",
     .doc = "1 where x first reaches its maximum along the axis, else 0. Source: ONNX Hardmax.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer_axis,
     .reference = nullptr,
     .decompose = decompose_hardmax,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kHardSamples,
     .tolerance = {.relative = 0, .absolute = 0}},
    {.name = "log_softmax",
     .doc = "x - m - log(sum(exp(x - m))), m the maximum, along the axis. f16 and bf16 compute in f32. Source: ONNX "
            "LogSoftmax.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer_axis,
     .reference = nullptr,
     .decompose = decompose_log_softmax,
     .lower = lower_log_softmax,
     .gradient = nullptr,
     .samples = kLogSamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-6}},
    {.name = "softmax",
     .doc = "exp(x - m) / sum(exp(x - m)), m the maximum, along the axis. f16 and bf16 compute in f32. Source: ONNX "
            "Softmax.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer_axis,
     .reference = nullptr,
     .decompose = decompose_softmax,
     .lower = lower_softmax,
     .gradient = nullptr,
     .samples = kSoftmaxSamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-7}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(softmax, kOperators)
