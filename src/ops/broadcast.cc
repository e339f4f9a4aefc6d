#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Dims& shape = c.dims("shape");
  const Type& x = c.type(0);
  c.result(0, Type::tensor(x.dtype, shape));
  if (!x.ranked) return {};
  if (x.dims.size() > shape.size()) return c.error("x has more dims than shape [" + text(shape) + "]");
  const std::size_t offset = shape.size() - x.dims.size();
  for (std::size_t i = 0; i < x.dims.size(); ++i) {
    c.require(Requirement::Kind::extends, x.dims[i], shape[i + offset], "a size of x and of the shape");
    if (equal(x.dims[i], 1) == Truth::no && equal(x.dims[i], shape[i + offset]) == Truth::no)
      return c.error("dim " + std::to_string(i) + " of x is neither 1 nor that of shape [" + text(shape) + "]");
  }
  const auto from = constants(x.dims), to = constants(shape);
  if (from && to)
    if (auto contents = pick_contents(c.contents(0), *to, 0, broadcast_strides(*from, *to)))
      c.result_contents(0, std::move(*contents));
  return {};
}

Status reference(ReferenceContext& c) {
  Sizes shape = TRY(c.sizes("shape"));
  const Tensor& x = c.in(0);
  auto both = broadcast_sizes(x.dims(), shape);
  if (!both || *both != shape) return c.error("[" + text(x.dims()) + "] does not broadcast to [" + text(shape) + "]");
  Tensor* y = TRY(c.out(0, shape));
  copy_box(shape, x, {0, broadcast_strides(x.dims(), shape)}, *y, {0, row_major_strides(shape)});
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  return pointwise_kernel(c, [](Nest&, std::span<const int> loaded) { return loaded[0]; });
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "x repeated"}};
constexpr AttributeSpec kAttributes[] = {{"shape", AttributeKind::dims, "required", "dims of y"}};
constexpr Sample kSamples[] = {
    {"x: f32[3,1]; y = broadcast(x) {shape = dims[2, 3, 4]}"},
    {"x: i32[N]; y = broadcast(x) {shape = dims[5, N]}"},
};
constexpr Operator kOperator = {
    .name = "broadcast",
    .doc = "y[..., i] = x[i], or x[0] where x has 1: dims of x, aligned right, each equal those of shape or are 1.",
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
extern const OperatorList list_broadcast;
constinit const OperatorList list_broadcast = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
