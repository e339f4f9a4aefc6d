#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Tensor& value = c.tensor("value");
  const Type& shape = c.type(0);
  if (value.elements() != 1) return c.error("the value has " + std::to_string(value.elements()) + " elements, not 1");
  if (shape.ranked && shape.rank() != 1) return c.error("the shape must have rank 1");
  if (c.contents(0)) {
    const Dims& dims = *c.contents(0);
    for (const Dim& d : dims)
      if (d.range().high < 0) return c.error("size " + d.text() + " is negative");
    const auto sizes = constants(dims);
    if (sizes)
      if (auto contents = pick_contents(contents_of(value), *sizes, 0, Sizes(sizes->size(), 0)))
        c.result_contents(0, std::move(*contents));
    c.result(0, Type::tensor(value.dtype(), dims));
    return {};
  }
  const auto rank = shape.ranked ? shape.dims[0].constant() : std::nullopt;
  if (!rank || *rank > static_cast<int64_t>(kMaxContents)) {
    c.result(0, Type::unranked(value.dtype()));
    return {};
  }
  Dims dims;
  for (int64_t i = 0; i < *rank; ++i) dims.push_back(c.fresh());
  c.result(0, Type::tensor(value.dtype(), std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  Sizes dims = integers(c.in(0));
  for (int64_t d : dims)
    if (d < 0) return c.error("size " + std::to_string(d) + " is negative");
  const Tensor& value = c.tensor("value");
  const Sizes zeros(dims.size(), 0);
  Tensor* y = TRY(c.out(0, value.dtype(), dims));
  if (y->elements() > 0) copy_box(dims, value, {0, zeros}, *y, {0, row_major_strides(dims)});
  return {};
}

constexpr OperandSpec kOperands[] = {{"shape", "i64"}};
constexpr ResultDoc kResults[] = {{"y", "dims are the elements of shape"}};
constexpr AttributeSpec kAttributes[] = {{"value", AttributeKind::tensor, "required", "one element"}};
constexpr Sample kSamples[] = {
    {"shape: i64[2] = [2, 3]; y = fill(shape) {value = tensor(f32[] [1.5])}"},
    {"shape: i64[2] in [0, 4]; y = fill(shape) {value = tensor(i32[1] [-7])}"},
};
constexpr Operator kOperator = {
    .name = "fill",
    .doc = "A tensor of equal elements. ONNX ConstantOfShape.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
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
extern const OperatorList list_fill;
constinit const OperatorList list_fill = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
