#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (c.type(1).ranked && c.type(1).rank() != 1) return c.error("repeats must have rank 1");
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  Dims dims = x.dims;
  const auto& repeats = c.contents(1);
  if (repeats && repeats->size() != dims.size()) return c.error("repeats needs one entry per axis of x");
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (repeats && (*repeats)[i].range().high < 0) return c.error("repeats are negative");
    dims[i] = repeats ? dims[i] * (*repeats)[i] : c.fresh();
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const Sizes repeats = integers(c.in(1));
  if (repeats.size() != x.dims().size()) return c.error("repeats needs one entry per axis of x");
  // Each axis is a pair (repetition, element) that reads the element alone.
  Sizes dims, pairs, from;
  const Sizes strides = row_major_strides(x.dims());
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] < 0) return c.error("repeats are negative");
    const auto size = checked_mul(repeats[i], x.dims()[i]);
    if (!size) return c.error("the result is too large");
    dims.push_back(*size);
    pairs.insert(pairs.end(), {repeats[i], x.dims()[i]});
    from.insert(from.end(), {0, strides[i]});
  }
  Tensor* y = TRY(c.out(0, dims));
  if (y->elements() > 0) copy_box(pairs, x, {0, from}, *y, {0, row_major_strides(pairs)});
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"repeats", "i64"}};
constexpr ResultDoc kResults[] = {{"y", "dim i is that of x times repeats[i]"}};
constexpr Sample kSamples[] = {
    {"x: f32[2,3], repeats: i64[2] = [2, 3]; y = dynamic_tile(x, repeats)"},
    {"x: i32[N], repeats: i64[1] = [4]; y = dynamic_tile(x, repeats)"},
};
constexpr Operator kOperator = {
    .name = "dynamic_tile",
    .doc = "x repeated along each axis. ONNX Tile.",
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
extern const OperatorList list_dynamic_tile;
constinit const OperatorList list_dynamic_tile = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
