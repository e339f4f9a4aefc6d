// Elementwise activations, one row each. The fuser sees only their core scalars.
// Source: the ONNX operators of the same names (onnx.ai), GELU arXiv 1606.08415, Mish arXiv 1908.08681.

#include "ops/support/compose.h"
#include "ops/support/sizes.h"

namespace burnish::ops {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kSqrtTwoOverPi = 0.79788456080286535588;

using Composed = Result<Values>;

// alpha * (exp(x / divisor) - 1) for negative x, x for others; expm1 sees only x <= 0, so that it never overflows.
Value* elu_of(Compose& c, Value* x, double alpha, double divisor) {
  Value* negative = c.min(x, 0.0);
  if (divisor != 1.0) negative = c.div(negative, divisor);
  return c.add(c.max(x, 0.0), c.mul(c.unary(Scalar::expm1, negative), alpha));
}

Value* softplus_of(Compose& c, Value* x) {
  Value* small = c.unary(Scalar::exp, c.unary(Scalar::neg, c.unary(Scalar::abs, x)));
  return c.add(c.max(x, 0.0), c.unary(Scalar::log1p, small));
}

Value* hard_sigmoid_of(Compose& c, Value* x, double alpha, double beta) {
  return c.max(c.min(c.add(c.mul(x, alpha), beta), 1.0), 0.0);
}

Value* below(Compose& c, Value* x, double limit) { return c.binary(Scalar::lt, x, c.number(x, limit)); }

Composed relu(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({c.max(n.in(0), 0.0)});
}

Composed leaky_relu(DecomposeContext& n) {
  Compose c(n.builder);
  Value* x = n.in(0);
  return c.done({c.select(below(c, x, 0), c.mul(x, n.real("alpha")), x)});
}

Composed prelu(DecomposeContext& n) {
  Compose c(n.builder);
  for (std::size_t i : {0, 1}) TRY(dims_of(n, i));  // else x might be what is repeated
  Value* x = n.in(0);
  return c.done({c.select(below(c, x, 0), c.mul(x, n.in(1)), x)});
}

Composed elu(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({elu_of(c, n.in(0), n.real("alpha"), 1.0)});
}

Composed celu(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({elu_of(c, n.in(0), n.real("alpha"), n.real("alpha"))});
}

Composed selu(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({c.mul(elu_of(c, n.in(0), n.real("alpha"), 1.0), n.real("gamma"))});
}

Composed thresholded_relu(DecomposeContext& n) {
  Compose c(n.builder);
  Value* x = n.in(0);
  Value* above = c.binary(Scalar::gt, x, c.number(x, n.real("alpha")));
  return c.done({c.select(above, x, c.number(x, 0))});
}

Composed hard_sigmoid(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({hard_sigmoid_of(c, n.in(0), n.real("alpha"), n.real("beta"))});
}

Composed hard_swish(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({c.mul(n.in(0), hard_sigmoid_of(c, n.in(0), 1.0 / 6.0, 0.5))});
}

Composed silu(DecomposeContext& n) {
  Compose c(n.builder);
  Value* scaled = n.real("alpha") == 1.0 ? n.in(0) : c.mul(n.in(0), n.real("alpha"));
  return c.done({c.mul(n.in(0), c.unary(Scalar::sigmoid, scaled))});
}

Composed mish(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({c.mul(n.in(0), c.unary(Scalar::tanh, softplus_of(c, n.in(0))))});
}

Composed softplus(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({softplus_of(c, n.in(0))});
}

Composed softsign(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({c.div(n.in(0), c.add(c.unary(Scalar::abs, n.in(0)), 1.0))});
}

Composed gelu(DecomposeContext& n) {
  Compose c(n.builder);
  Value* x = n.in(0);
  Value* inner;
  if (n.string("approximate") == "tanh") {
    Value* cube = c.mul(c.mul(x, x), x);
    inner = c.unary(Scalar::tanh, c.mul(c.add(x, c.mul(cube, 0.044715)), kSqrtTwoOverPi));
  } else {
    inner = c.unary(Scalar::erf, c.mul(x, kSqrtHalf));
  }
  return c.done({c.mul(c.mul(x, 0.5), c.add(inner, 1.0))});
}

Status infer_gelu(InferContext& n) {
  const std::string& kind = n.string("approximate");
  if (kind != "none" && kind != "tanh") return n.error("approximate is \"" + kind + "\"", "use \"none\" or \"tanh\"");
  return infer_same(n);
}

Composed clip(DecomposeContext& n) {
  Compose c(n.builder);
  for (std::size_t i : {0, 1, 2})
    if (n.has(i)) TRY(dims_of(n, i));  // else x might be what is repeated
  Value* x = n.in(0);
  if (n.has(1)) x = c.max(x, n.in(1));
  if (n.has(2)) x = c.min(x, n.in(2));
  if (x == n.in(0)) x = c.op("identity", {x});
  return c.done({x});
}

Status infer_clip(InferContext& n) {
  for (std::size_t i : {1, 2}) {
    if (!n.has(i)) continue;
    const Type& type = n.type(i);
    if (type.is_ranked_tensor() && equal(type.element_count(), 1) == Truth::no)
      return n.error("a bound of type " + type.text() + " is not a scalar");
    if (type.is_ranked_tensor())
      n.require(Requirement::Kind::equal, type.element_count(), 1, "elements of a bound and 1");
    if (type.is_ranked_tensor() && n.type(0).is_ranked_tensor() && type.rank() > n.type(0).rank())
      return n.error("a bound of type " + type.text() + " has more dims than x");
  }
  return infer_same(n);
}

Composed shrink(DecomposeContext& n) {
  Compose c(n.builder);
  const DType dtype = n.type(0).dtype;
  // Neither number need be one of an integer dtype, and an unsigned one has none below 0.
  Value* x = is_integer(dtype) ? c.cast(n.in(0), DType::f64) : n.in(0);
  const double limit = n.real("lambd"), bias = n.real("bias");
  Value* above = c.binary(Scalar::gt, x, c.number(x, limit));
  Value* inside = c.select(above, c.sub(x, bias), c.number(x, 0));
  return c.done({c.cast(c.select(below(c, x, -limit), c.add(x, bias), inside), dtype)});
}

// prelu's slope broadcasts to x (never the other way round).
Status infer_prelu(InferContext& n) {
  if (n.type(0).is_ranked_tensor() && n.type(1).is_ranked_tensor())
    TRY(check_extends(n, n.type(1).dims, n.type(0).dims, "slope"));
  return infer_same(n);
}

constexpr OperandSpec kX[] = {{"x", "float"}};
constexpr OperandSpec kNumber[] = {{"x", "numeric"}};
constexpr OperandSpec kXSlope[] = {{"x", "numeric"}, {"slope", "same"}};
constexpr OperandSpec kClip[] = {
    {"x", "numeric"}, {"low", "same", OperandSpec::Arity::optional}, {"high", "same", OperandSpec::Arity::optional}};
constexpr ResultDoc kY[] = {{"y", "of x's type"}};

constexpr AttributeSpec kLeaky[] = {{"alpha", AttributeKind::real, "0.01", "slope below 0"}};
constexpr AttributeSpec kAlpha[] = {{"alpha", AttributeKind::real, "1.0", "see the formula"}};
constexpr AttributeSpec kSelu[] = {
    {"alpha", AttributeKind::real, "1.67326319217681884765625", "see the formula"},
    {"gamma", AttributeKind::real, "1.05070102214813232421875", "scale of the result"},
};
constexpr AttributeSpec kHardSigmoid[] = {{"alpha", AttributeKind::real, "0.2", "slope"},
                                          {"beta", AttributeKind::real, "0.5", "value at 0"}};
constexpr AttributeSpec kGelu[] = {
    {"approximate", AttributeKind::string, "\"none\"", "\"none\": by erf; \"tanh\": by tanh and a cubic"}};
constexpr AttributeSpec kShrink[] = {{"lambd", AttributeKind::real, "0.5", "half the width of the dead zone"},
                                     {"bias", AttributeKind::real, "0.0", "taken off the magnitude outside it"}};

constexpr Sample kReluSamples[] = {{"x: f32[3,5]; y = relu(x)"}, {"x: i32[7]; y = relu(x)"}};
constexpr Sample kLeakySamples[] = {{"x: f32[3,5]; y = leaky_relu(x) {alpha = 0.1}"}, {"x: f32[4]; y = leaky_relu(x)"}};
constexpr Sample kPreluSamples[] = {{"x: f32[2,3,4], slope: f32[3,1]; y = prelu(x, slope)"}};
constexpr Sample kEluSamples[] = {{"x: f32[3,5]; y = elu(x) {alpha = 2.0}"}, {"x: f32[4]; y = elu(x)"}};
constexpr Sample kCeluSamples[] = {{"x: f32[3,5]; y = celu(x) {alpha = 2.0}"}};
constexpr Sample kSeluSamples[] = {{"x: f32[3,5]; y = selu(x)"}, {"x: f32[4]; y = selu(x) {alpha = 2.0, gamma = 3.0}"}};
constexpr Sample kThresholdSamples[] = {{"x: f32[3,5]; y = thresholded_relu(x) {alpha = 0.5}"}};
constexpr Sample kHardSigmoidSamples[] = {{"x: f32[3,5]; y = hard_sigmoid(x) {alpha = 0.5, beta = 0.6}"},
                                          {"x: f32[4]; y = hard_sigmoid(x)"}};
constexpr Sample kHardSwishSamples[] = {{"x: f32[3,5]; y = hard_swish(x)"}};
constexpr Sample kSiluSamples[] = {{"x: f32[3,5]; y = silu(x)"}, {"x: f32[4]; y = silu(x) {alpha = 1.702}"}};
constexpr Sample kMishSamples[] = {{"x: f32[3,5]; y = mish(x)"}};
constexpr Sample kSoftplusSamples[] = {{"x: f32[3,5]; y = softplus(x)"}};
constexpr Sample kSoftsignSamples[] = {{"x: f32[3,5]; y = softsign(x)"}};
constexpr Sample kGeluSamples[] = {{"x: f32[3,5]; y = gelu(x)"}, {"x: f32[3,5]; y = gelu(x) {approximate = \"tanh\"}"}};
constexpr Sample kClipSamples[] = {{"x: f32[3,5], low: f32[], high: f32[]; y = clip(x, low, high)"},
                                   {"x: f32[3,5], low: f32[]; y = clip(x, low)"},
                                   {"x: i8[6], low: i8[], high: i8[]; y = clip(x, low, high)"}};
constexpr Sample kShrinkSamples[] = {
    {"x: f32[3,5]; y = shrink(x) {lambd = 0.7, bias = 0.3}"},
    {"x: i32[9] = [-3, -2, -1, 0, 1, 2, 3, 4, 100]; y = shrink(x) {lambd = 1.5, bias = 0.5}"},
    {"x: u8[5] = [0, 1, 2, 3, 255]; y = shrink(x) {lambd = 1.5, bias = 0.75}"}};

constexpr Operator activation(std::string_view name, std::string_view doc, std::span<const OperandSpec> operands,
                              std::span<const AttributeSpec> attributes, Composed (*decompose)(DecomposeContext&),
                              std::span<const Sample> samples, Status (*infer)(InferContext&) = infer_same) {
  return {.name = name,
          .doc = doc,
          .operands = operands,
          .results = kY,
          .attributes = attributes,
          .infer = infer,
          .reference = nullptr,
          .decompose = decompose,
          .lower = nullptr,  // the fuser works on the core scalars
          .gradient = nullptr,
          .samples = samples,
          .tolerance = {.relative = 1e-5, .absolute = 1e-6}};
}

constexpr Operator kActivations[] = {
    activation("celu", "max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)). Source: ONNX Celu.", kX, kAlpha, celu,
               kCeluSamples),
    activation("clip", "min(max(x, low), high); an absent bound does not limit. Source: ONNX Clip.", kClip, {}, clip,
               kClipSamples, infer_clip),
    activation("elu", "x for x >= 0, else alpha * (exp(x) - 1). Source: ONNX Elu.", kX, kAlpha, elu, kEluSamples),
    activation(
        "gelu",
        "x * (1 + erf(x / sqrt(2))) / 2, or 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). Source: ONNX Gelu.", kX,
        kGelu, gelu, kGeluSamples, infer_gelu),
    activation("hard_sigmoid", "max(0, min(1, alpha * x + beta)). Source: ONNX HardSigmoid.", kX, kHardSigmoid,
               hard_sigmoid, kHardSigmoidSamples),
    activation("hard_swish", "x * max(0, min(1, x / 6 + 0.5)). Source: ONNX HardSwish.", kX, {}, hard_swish,
               kHardSwishSamples),
    activation("leaky_relu", "x for x >= 0, else alpha * x. Source: ONNX LeakyRelu.", kX, kLeaky, leaky_relu,
               kLeakySamples),
    activation("mish", "x * tanh(log(1 + exp(x))). Source: ONNX Mish.", kX, {}, mish, kMishSamples),
    activation("prelu", "x for x >= 0, else slope * x; slope broadcasts to x. Source: ONNX PRelu.", kXSlope, {}, prelu,
               kPreluSamples, infer_prelu),
    activation("relu", "max(x, 0). Source: ONNX Relu.", kNumber, {}, relu, kReluSamples),
    activation("selu", "gamma * (x for x > 0, else alpha * (exp(x) - 1)). Source: ONNX Selu.", kX, kSelu, selu,
               kSeluSamples),
    activation(
        "shrink",
        "x + bias for x < -lambd, x - bias for x > lambd, else 0; of integers as reals, cut to integers. Source: ONNX "
        "Shrink.",
        kNumber, kShrink, shrink, kShrinkSamples),
    activation("silu", "x * sigmoid(alpha * x). Source: ONNX Swish.", kX, kAlpha, silu, kSiluSamples),
    activation("softplus", "log(1 + exp(x)), as max(x, 0) + log1p(exp(-|x|)). Source: ONNX Softplus.", kX, {}, softplus,
               kSoftplusSamples),
    activation("softsign", "x / (1 + |x|). Source: ONNX Softsign.", kX, {}, softsign, kSoftsignSamples),
    activation("thresholded_relu", "x for x > alpha, else 0. Source: ONNX ThresholdedRelu.", kX, kAlpha,
               thresholded_relu, kThresholdSamples),
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(activations, kActivations)
