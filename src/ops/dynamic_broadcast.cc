#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &shape = c.type(1);
  if (shape.ranked && shape.rank() != 1) return c.error("the shape must have rank 1");
  if (c.contents(1) && x.ranked) {
    for (const Dim& d : *c.contents(1))
      if (d.range().high < 0) return c.error("size " + d.text() + " is negative");
    Dims dims = TRY(c.broadcast(x.dims, *c.contents(1)));
    const auto from = constants(x.dims), to = constants(dims);
    if (from && to)
      if (auto contents = pick_contents(c.contents(0), *to, 0, broadcast_strides(*from, *to)))
        c.result_contents(0, std::move(*contents));
    c.result(0, Type::tensor(x.dtype, std::move(dims)));
    return {};
  }
  const auto rank = shape.ranked ? shape.dims[0].constant() : std::nullopt;
  if (!rank || !x.ranked || *rank > static_cast<int64_t>(kMaxContents)) {
    c.result(0, Type::unranked(x.dtype));
    return {};
  }
  Dims dims(std::max(x.dims.size(), idx(*rank)));
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const bool shaped = dims.size() - i <= idx(*rank), own = dims.size() - i <= x.dims.size();
    const Dim d = own ? x.dims[i + x.dims.size() - dims.size()] : Dim(1);
    // A number above 1 can only stay as it is.
    dims[i] = !shaped || (d.is_constant() && d.value() != 1) ? d : c.fresh();
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const Sizes shape = integers(c.in(1));
  for (int64_t size : shape)
    if (size < 0) return c.error("size " + std::to_string(size) + " is negative");
  auto dims = broadcast_sizes(x.dims(), shape);
  if (!dims) return c.error(dims.error().what);
  Tensor* y = TRY(c.out(0, *dims));
  copy_box(*dims, x, {0, broadcast_strides(x.dims(), *dims)}, *y, {0, row_major_strides(*dims)});
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"shape", "i64"}};
constexpr ResultDoc kResults[] = {{"y", "x repeated; where shape has 1, x keeps its dim"}};
constexpr Sample kSamples[] = {
    {"x: f32[3,1], shape: i64[3] = [2, 1, 4]; y = dynamic_broadcast(x, shape)"},
    {"x: i32[N], shape: i64[2] = [5, 1]; y = dynamic_broadcast(x, shape)"},
};
constexpr Operator kOperator = {
    .name = "dynamic_broadcast",
    .doc = "x broadcast, in both directions, with a tensor whose dims `shape` holds. ONNX Expand.",
    .operands = kOperands,
    .results = kResults,
    .attributes = {},
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
};

}  // namespace

namespace ops {
extern const OperatorList list_dynamic_broadcast;
constinit const OperatorList list_dynamic_broadcast = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
