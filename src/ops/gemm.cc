#include <cmath>

#include "ops/support/compose.h"
#include "ops/support/sizes.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& n) {
  const Type &a = n.type(0), &b = n.type(1);
  if (!a.is_ranked_tensor() || !b.is_ranked_tensor()) {
    n.result(0, Type::unranked(a.dtype));
    return {};
  }
  if (a.rank() != 2 || b.rank() != 2) return n.error("a and b must be matrices");
  const bool ta = n.integer("trans_a") != 0, tb = n.integer("trans_b") != 0;
  if (equal(a.dims[ta ? 0 : 1], b.dims[tb ? 1 : 0]) == Truth::no) return n.error("the inner sizes of a and b differ");
  Dims dims = {a.dims[ta ? 1 : 0], b.dims[tb ? 0 : 1]};
  if (n.has(2) && n.type(2).is_ranked_tensor()) TRY(check_extends(n, n.type(2).dims, dims, "c"));
  n.result(0, Type::tensor(a.dtype, std::move(dims)));
  return {};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  TRY(dims_of(n, 0));
  TRY(dims_of(n, 1));
  Value* a = n.integer("trans_a") != 0 ? c.transpose(n.in(0), {1, 0}) : n.in(0);
  Value* b = n.integer("trans_b") != 0 ? c.transpose(n.in(1), {1, 0}) : n.in(1);
  AttributeMap attributes;
  if (n.integer("exact") != 0) attributes.emplace("exact", int64_t{1});
  Value* y = c.op("matmul", {a, b}, std::move(attributes));
  const DType dtype = n.type(0).dtype;
  const double alpha = n.real("alpha"), beta = n.has(2) ? n.real("beta") : 0;
  // A factor that is not whole is none of an integer dtype.
  const bool real = is_integer(dtype) && (alpha != std::trunc(alpha) || beta != std::trunc(beta));
  const auto scaled = [&](Value* x, double by) {
    if (real) x = c.cast(x, DType::f64);
    return by == 1.0 ? x : c.mul(x, by);
  };
  y = scaled(y, alpha);
  // As in BLAS, a factor of 0 says that c is not looked at, not even at its NaNs.
  if (beta != 0) y = c.add(y, scaled(n.in(2), beta));
  return c.done({c.cast(y, dtype)});
}

constexpr OperandSpec kOperands[] = {{"a", "numeric"}, {"b", "same"}, {"c", "same", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "[rows of a, columns of b]"}};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeKind::real, "1.0", "scale of the product"},
                                         {"beta", AttributeKind::real, "1.0", "scale of c; with 0, c is not read"},
                                         {"trans_a", AttributeKind::integer, "0", "1: a is transposed"},
                                         {"trans_b", AttributeKind::integer, "0", "1: b is transposed"},
                                         {"exact", AttributeKind::integer, "0", "as of convolution"}};
constexpr Sample kSamples[] = {
    {"a: f32[3,4], b: f32[4,5], c: f32[5]; y = gemm(a, b, c)"},
    {"a: f32[4,3], b: f32[5,4], c: f32[3,1]; y = gemm(a, b, c) {alpha = 0.5, beta = 0.25, trans_a = 1, trans_b = 1}"},
    {"a: f32[3,4], b: f32[4,2]; y = gemm(a, b)"},
    {"a: f32[3,4], b: f32[4,2], c: f32[3,2]; y = gemm(a, b, c) {beta = 0.0}"},
    {"a: i32[3,4], b: i32[4,2], c: i32[2]; y = gemm(a, b, c) {alpha = 0.5, beta = 1.5}"},
    {"a: i64[3,4], b: i64[4,2], c: i64[2]; y = gemm(a, b, c) {alpha = -2.0, beta = 3.0}"}};

constexpr Operator kOperators[] = {
    {.name = "gemm",
     .doc = "alpha * a b + beta * c; c broadcasts to the product. Of integers as reals, cut to integers, where alpha "
            "or beta is not whole. Source: ONNX Gemm.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(gemm, kOperators)
