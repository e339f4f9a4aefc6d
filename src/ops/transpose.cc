#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Ints& permutation = c.ints("permutation");
  const Type& x = c.type(0);
  const std::size_t rank = permutation.size();
  if (x.ranked && x.dims.size() != rank)
    return c.error("a permutation of " + std::to_string(rank) + " axes for rank " + std::to_string(x.rank()));
  std::vector<bool> seen(rank);
  for (int64_t axis : permutation) {
    if (axis < 0 || axis >= static_cast<int64_t>(rank) || seen[idx(axis)])
      return c.error("[" + text(permutation) + "] is no permutation");
    seen[idx(axis)] = true;
  }
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  Dims dims;
  for (int64_t axis : permutation) dims.push_back(x.dims[idx(axis)]);
  if (const auto from = constants(x.dims)) {
    const Sizes strides = row_major_strides(*from);
    Sizes sizes, steps;
    for (int64_t axis : permutation) {
      sizes.push_back((*from)[idx(axis)]);
      steps.push_back(strides[idx(axis)]);
    }
    if (auto contents = pick_contents(c.contents(0), sizes, 0, steps)) c.result_contents(0, std::move(*contents));
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const Ints& permutation = c.ints("permutation");
  if (permutation.size() != x.dims().size()) return c.error("the permutation has another rank than x");
  const Sizes strides = row_major_strides(x.dims());
  Sizes dims, from;
  for (int64_t axis : permutation) {
    dims.push_back(x.dims()[idx(axis)]);
    from.push_back(strides[idx(axis)]);
  }
  Tensor* y = TRY(c.out(0, dims));
  copy_box(dims, x, {0, from}, *y, {0, row_major_strides(dims)});
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const Ints& permutation = c.ints("permutation");
    std::vector<Index> from(axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) from[idx(permutation[i])] = at(axes[i]);
    return nest.load(declared.operands[0], std::move(from));
  });
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "dim i of y is dim permutation[i] of x"}};
constexpr AttributeSpec kAttributes[] = {{"permutation", AttributeKind::ints, "required", "every axis of x once"}};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,5]; y = transpose(x) {permutation = [2, 0, 1]}"},
    {"x: i8[N,4]; y = transpose(x) {permutation = [1, 0]}"},
    {"x: string[2,3]; y = transpose(x) {permutation = [1, 0]}"},
};
constexpr Operator kOperator = {
    .name = "transpose",
    .doc = "Reorders the axes.",
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
extern const OperatorList list_transpose;
constinit const OperatorList list_transpose = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
