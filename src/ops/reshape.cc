#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Dims& shape = c.dims("shape");
  const Type& x = c.type(0);
  c.result(0, Type::tensor(x.dtype, shape));
  for (const Dim& d : shape)
    if (d.range().high < 0) return c.error("shape [" + text(shape) + "] has a negative size");
  if (!x.ranked) return {};
  const auto from = constants(x.dims), to = constants(shape);
  if (from && to) {
    const auto a = checked_product(*from), b = checked_product(*to);
    if (!a || !b || *a != *b) return c.error("as many elements do not fit into [" + text(shape) + "]");
  } else if (equal(x.element_count(), product(shape)) == Truth::no) {
    return c.error("as many elements do not fit into [" + text(shape) + "]");
  }
  c.require(Requirement::Kind::equal, x.element_count(), product(shape), "elements of x and of the shape");
  if (c.contents(0)) c.result_contents(0, *c.contents(0));
  return {};
}

Status reference(ReferenceContext& c) {
  Sizes shape = TRY(c.sizes("shape"));
  const Tensor& x = c.in(0);
  if (checked_product(shape) != x.elements())
    return c.error("[" + text(x.dims()) + "] cannot be reshaped to [" + text(shape) + "]");
  c.set(0, RuntimeValue(x.reshaped(std::move(shape))));
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "the same elements in the same row-major order"}};
constexpr AttributeSpec kAttributes[] = {
    {"shape", AttributeKind::dims, "required", "dims of y, as many elements as x"}};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,4]; y = reshape(x) {shape = dims[6, 4]}"},
    {"x: i64[N,4]; y = reshape(x) {shape = dims[2*N, 1, 2]}"},
};
constexpr Operator kOperator = {
    .name = "reshape",
    .doc = "x under other dims.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,  // a view, or a plain copy
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
};

}  // namespace

namespace ops {
extern const OperatorList list_reshape;
constinit const OperatorList list_reshape = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
