#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/reals.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &vectors = c.type(1);
  const std::string& kernel = c.string("kernel");
  if (kernel != "linear" && kernel != "poly" && kernel != "rbf" && kernel != "sigmoid")
    return c.error("kernel must be \"linear\", \"poly\", \"rbf\" or \"sigmoid\"");
  if ((x.ranked && x.rank() != 2) || (vectors.ranked && vectors.rank() != 2))
    return c.error("x and the vectors must be [n, features]");
  if (x.ranked && vectors.ranked && equal(x.dims[1], vectors.dims[1]) == Truth::no)
    return c.error("x and the vectors differ in features");
  c.result(
      0, Type::tensor(x.dtype, {x.ranked ? x.dims[0] : c.fresh("n"), vectors.ranked ? vectors.dims[0] : c.fresh("m")}));
  return {};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const std::string& kernel = n.string("kernel");
  const Dims x = TRY(dims_of(n, 0)), v = TRY(dims_of(n, 1));
  const double gamma = n.real("gamma"), coef = n.real("coef");
  Value* turned = c.transpose(n.in(1), {1, 0});
  if (kernel == "rbf") {
    // Distances are taken pair by pair: squares of sums lose what is left of close vectors.
    Value* difference = c.sub(c.reshape(n.in(0), {x[0], 1, x[1]}), c.reshape(n.in(1), {1, v[0], v[1]}));
    Value* distance = c.reduce("sum", c.mul(difference, difference), {2}, false);
    return c.done({c.unary(Scalar::exp, c.mul(distance, -gamma))});
  }
  Value* y = c.op("matmul", {n.in(0), turned});
  if (kernel == "linear") return c.done({y});
  y = c.add(c.mul(y, gamma), coef);
  y = kernel == "sigmoid" ? c.unary(Scalar::tanh, y) : c.binary(Scalar::pow, y, c.number(y, n.real("degree")));
  return c.done({y});
}

constexpr OperandSpec kOperands[] = {{"x", "float"}, {"vectors", "same"}};
constexpr ResultDoc kResults[] = {{"y", "[rows of x, vectors]"}};
constexpr AttributeSpec kAttributes[] = {
    {"kernel", AttributeKind::string, "\"linear\"",
     "linear: a b; poly: (gamma a b + coef)^degree; sigmoid: tanh(gamma a b + coef); rbf: e^(-gamma |a - b|^2)"},
    {"gamma", AttributeKind::real, "1.0", "see kernel"},
    {"coef", AttributeKind::real, "0.0", "see kernel"},
    {"degree", AttributeKind::real, "3.0", "see kernel"},
};
constexpr Sample kSamples[] = {
    {"x: f32[3,4], v: f32[2,4]; y = svm_kernel(x, v)"},
    {"x: f32[3,4], v: f32[2,4]; y = svm_kernel(x, v) {kernel = \"rbf\", gamma = 0.5}"},
    {"x: f32[3,4], v: f32[2,4]; y = svm_kernel(x, v) {kernel = \"poly\", gamma = 0.5, coef = 1.0, degree = 2.0}"},
    {"x: f32[3,4], v: f32[2,4]; y = svm_kernel(x, v) {kernel = \"sigmoid\", gamma = 0.1, coef = 0.2}"},
};
constexpr Operator kOperators[] = {
    {.name = "svm_kernel",
     .doc = "How alike each row of x is to each support vector. Source: ONNX-ML SVMRegressor.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(svm, kOperators)
