// lrn and lp_normalize.

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

Status infer_lrn(InferContext& n) {
  if (n.integer("size") < 1 || n.integer("size") > 1 << 20) return n.error("size must be positive");
  if (n.type(0).is_ranked_tensor() && n.type(0).rank() < 2) return n.error("x needs the dims [batch, channels, ...]");
  return infer_same(n);
}

// The sum over neighbouring channels is an average pool along them, with the padding counted.
Result<Values> decompose_lrn(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims dims = TRY(dims_of(n, 0));
  const int64_t size = n.integer("size");
  Value* x = c.cast(n.in(0), wide(n.type(0).dtype));
  Value* squares = c.reshape(c.mul(x, x), {dims[0], 1, dims[1], product(std::span(dims).subspan(2))});
  Value* mean = c.op("pool", {squares},
                     {{"mode", std::string("average")},
                      {"kernel", Ints{size, 1}},
                      {"strides", Ints{1, 1}},
                      {"dilations", Ints{1, 1}},
                      {"pads", Ints{(size - 1) / 2, 0, size / 2, 0}},
                      {"ceil", 0},
                      {"count_include_pad", 1}});
  Value* base = c.add(c.mul(c.reshape(mean, dims), n.real("alpha")), n.real("bias"));
  Value* y = c.div(x, c.binary(Scalar::pow, base, c.number(base, n.real("beta"))));
  return c.done({c.cast(y, n.type(0).dtype)});
}

Status infer_lp(InferContext& n) {
  if (n.integer("p") != 1 && n.integer("p") != 2) return n.error("p must be 1 or 2");
  if (n.type(0).is_ranked_tensor()) TRY(n.axis(n.integer("axis"), n.type(0).rank()));
  return infer_same(n);
}

Result<Values> decompose_lp(DecomposeContext& n) {
  Compose c(n.builder);
  const int64_t rank = static_cast<int64_t>(TRY(dims_of(n, 0)).size());
  const Ints axes = {normal_axis(n.integer("axis"), rank)};
  Value* x = c.cast(n.in(0), wide(n.type(0).dtype));
  Value* norm = n.integer("p") == 1 ? c.reduce("sum", c.unary(Scalar::abs, x), axes)
                                    : c.unary(Scalar::sqrt, c.reduce("sum", c.mul(x, x), axes));
  // A row of zeros stays one.
  Value* divisor = c.select(c.binary(Scalar::eq, norm, c.number(norm, 0)), c.number(norm, 1), norm);
  return c.done({c.cast(c.div(x, divisor), n.type(0).dtype)});
}

constexpr OperandSpec kX[] = {{"x", "float"}};
constexpr ResultDoc kY[] = {{"y", "of x's type"}};
constexpr AttributeSpec kLrn[] = {
    {"size", AttributeKind::integer, "required", "channels that count, x's own in their middle"},
    {"alpha", AttributeKind::real, "0.0001", "see the formula"},
    {"beta", AttributeKind::real, "0.75", "see the formula"},
    {"bias", AttributeKind::real, "1.0", "see the formula"}};
constexpr AttributeSpec kLp[] = {{"axis", AttributeKind::integer, "-1", "of the rows"},
                                 {"p", AttributeKind::integer, "2", "1 or 2"}};
constexpr Sample kLrnSamples[] = {{"x: f32[2,6,2,3]; y = lrn(x) {size = 3, alpha = 0.5, bias = 2.0}"},
                                  {"x: f32[1,5,4]; y = lrn(x) {size = 4, alpha = 0.2, beta = 0.5}"}};
constexpr Sample kLpSamples[] = {{"x: f32[2,3,4]; y = lp_normalize(x)"},
                                 {"x: f32[2,3,4]; y = lp_normalize(x) {axis = 1, p = 1}"}};

constexpr Operator kOperators[] = {
    {.name = "lp_normalize",
     .doc = "x / p-norm along the axis; rows of zeros stay. Source: ONNX LpNormalization.",
     .operands = kX,
     .results = kY,
     .attributes = kLp,
     .infer = infer_lp,
     .reference = nullptr,
     .decompose = decompose_lp,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kLpSamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-6}},
    {.name = "lrn",
     .doc = "x / (bias + alpha / size * sum of x^2 over `size` channels around)^beta. Source: ONNX LRN.",
     .operands = kX,
     .results = kY,
     .attributes = kLrn,
     .infer = infer_lrn,
     .reference = nullptr,
     .decompose = decompose_lrn,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kLrnSamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-6}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(lrn, kOperators)
