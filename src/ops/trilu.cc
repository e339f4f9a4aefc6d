// trilu and eye_like: patterns along a diagonal.

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

Status infer_trilu(InferContext& n) {
  if (n.type(0).is_ranked_tensor() && n.type(0).rank() < 2) return n.error("x needs two dims");
  if (n.has(1) && n.type(1).is_ranked_tensor() && equal(n.type(1).element_count(), 1) == Truth::no)
    return n.error("k must be one number");
  return infer_same(n);
}

// column - row, [rows, columns]
Value* offsets(Compose& c, const Dim& rows, const Dim& columns) {
  return c.sub(c.iota({1, columns}, 1), c.iota({rows, 1}, 0));
}

Result<Values> decompose_trilu(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims dims = TRY(dims_of(n, 0));
  const std::size_t rank = dims.size();
  Value* k = n.has(1) ? c.reshape(n.in(1), {}) : c.number(DType::i64, 0);
  Value* offset = offsets(c, dims[rank - 2], dims[rank - 1]);
  Value* kept = c.binary(n.integer("upper") != 0 ? Scalar::ge : Scalar::le, offset, k);
  // Of strings, empty ones take the place of zeros.
  Value* rest = n.type(0).dtype == DType::string ? n.builder.constant(TRY(Tensor::allocate(DType::string, {})))
                                                 : c.number(n.in(0), 0);
  return c.done({c.select(kept, n.in(0), rest)});
}

Status infer_eye(InferContext& n) {
  Type type = n.type(0);
  if (type.is_ranked_tensor() && type.rank() != 2) return n.error("x must be a matrix");
  if (n.has_attribute("dtype")) type.dtype = n.dtype("dtype");
  n.result(0, std::move(type));
  return {};
}

Result<Values> decompose_eye(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims dims = TRY(dims_of(n, 0));
  Value* offset = offsets(c, dims[0], dims[1]);
  Value* ones = c.binary(Scalar::eq, offset, c.reshape(c.integers(Ints{n.integer("k")}), {}));
  return c.done({c.cast(ones, n.has_attribute("dtype") ? n.dtype("dtype") : n.type(0).dtype)});
}

constexpr OperandSpec kTriluOperands[] = {{"x", "any"}, {"k", "i64", OperandSpec::Arity::optional}};
constexpr OperandSpec kX[] = {{"x", "any"}};
constexpr ResultDoc kY[] = {{"y", "of x's dims"}};
constexpr AttributeSpec kTrilu[] = {{"upper", AttributeKind::integer, "1", "1 keeps what is above, 0 what is below"}};
constexpr AttributeSpec kEye[] = {{"dtype", AttributeKind::dtype, "optional", "of y; absent: x's"},
                                  {"k", AttributeKind::integer, "0", "which diagonal: above 0 to the right"}};
constexpr Sample kTriluSamples[] = {{"x: f32[2,3,4]; y = trilu(x)"},
                                    {"x: i64[4,5], k: i64[] = [-1]; y = trilu(x, k) {upper = 0}"},
                                    {"x: f32[3,4], k: i64[1] = [2]; y = trilu(x, k)"}};
constexpr Sample kEyeSamples[] = {{"x: f32[3,4]; y = eye_like(x) {k = 1}"},
                                  {"x: i32[3,3]; y = eye_like(x) {dtype = f64}"}};

constexpr Operator kOperators[] = {
    {.name = "eye_like",
     .doc = "1 on the k-th diagonal, else 0, of x's dims. Source: ONNX EyeLike.",
     .operands = kX,
     .results = kY,
     .attributes = kEye,
     .infer = infer_eye,
     .reference = nullptr,
     .decompose = decompose_eye,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kEyeSamples,
     .tolerance = {.relative = 0, .absolute = 0}},
    {.name = "trilu",
     .doc = "The triangle of each matrix on and above (below) the k-th diagonal, else 0. Source: ONNX Trilu.",
     .operands = kTriluOperands,
     .results = kY,
     .attributes = kTrilu,
     .infer = infer_trilu,
     .reference = nullptr,
     .decompose = decompose_trilu,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kTriluSamples,
     .tolerance = {.relative = 0, .absolute = 0}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(trilu, kOperators)
