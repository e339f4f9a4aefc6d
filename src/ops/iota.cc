#include "ops/support/axes.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Dims& shape = c.dims("shape");
  const DType dtype = c.dtype("dtype");
  if (!is_integer(dtype) && !is_float(dtype)) return c.error("iota gives numbers, not " + std::string(name(dtype)));
  const int64_t axis = TRY(c.axis(c.integer("axis"), static_cast<int64_t>(shape.size())));
  for (const Dim& d : shape)
    if (d.range().high < 0) return c.error("size " + d.text() + " is negative");
  c.result(0, Type::tensor(dtype, shape));
  const auto sizes = constants(shape);
  if (!sizes || !is_integer(dtype)) return {};
  Dims along;
  for (int64_t i = 0; i < std::min<int64_t>((*sizes)[idx(axis)], kMaxContents); ++i) along.push_back(i);
  Sizes strides(sizes->size(), 0);
  strides[idx(axis)] = 1;
  if (auto contents = pick_contents(along, *sizes, 0, strides)) c.result_contents(0, std::move(*contents));
  return {};
}

Status reference(ReferenceContext& c) {
  const Sizes dims = TRY(c.sizes("shape"));
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), static_cast<int64_t>(dims.size())));
  Tensor* y = TRY(c.out(0, dims));
  if (y->elements() == 0) return {};
  const int64_t inner = element_count(std::span(dims).subspan(idx(axis) + 1)), size = dims[idx(axis)];
  visit_number_class(y->dtype(), [&]<class N>(N) {
    if constexpr (std::is_arithmetic_v<N> && !std::is_same_v<N, bool>) {
      const Accessor<N> access(y->dtype());
      for (int64_t i = 0; i < y->elements(); ++i) access.store(y->mutable_data(), i, static_cast<N>(i / inner % size));
    }
  });
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), static_cast<int64_t>(c.dims("shape").size())));
  return indexed_kernel(c, [&](Nest& nest, const Declared&, std::span<const int> axes) {
    return nest.cast(axis_value(nest, axes[idx(axis)], DType::i64), c.dtype("dtype"));
  });
}

constexpr ResultDoc kResults[] = {{"y", "dims = shape"}};
constexpr AttributeSpec kAttributes[] = {
    {"shape", AttributeKind::dims, "required", "dims of y"},
    {"axis", AttributeKind::integer, "0", "negative ones count from the end"},
    {"dtype", AttributeKind::dtype, "i64", "a float or integer"},
};
constexpr Sample kSamples[] = {
    {"; y = iota() {shape = dims[3, 4], axis = 1}"},
    {"; y = iota() {shape = dims[70], axis = 0, dtype = f32}"},
};
constexpr Operator kOperator = {
    .name = "iota",
    .doc = "Every element is its own position along axis.",
    .operands = {},
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
extern const OperatorList list_iota;
constinit const OperatorList list_iota = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
