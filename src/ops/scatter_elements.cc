#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/scattering.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &indices = c.type(1), &updates = c.type(2);
  if (!is_scatter_reduction(c.string("reduction")))
    return c.error("reduction '" + c.string("reduction") + "' is unknown");
  if (c.string("reduction") != "none" && x.dtype == DType::string) return c.error("strings cannot be combined");
  if (x.ranked) TRY(c.axis(c.integer("axis"), x.rank()));
  if ((x.ranked && indices.ranked && x.rank() != indices.rank()) ||
      (updates.ranked && indices.ranked && updates.rank() != indices.rank()))
    return c.error("x, indices and updates must have one rank");
  for (std::size_t d = 0; updates.ranked && d < indices.dims.size(); ++d)
    if (equal(indices.dims[d], updates.dims[d]) == Truth::no) return c.error("indices and updates differ in shape");
  for (std::size_t d = 0; updates.ranked && d < indices.dims.size(); ++d)
    c.require(Requirement::Kind::equal, updates.dims[d], indices.dims[d], "sizes of the updates and of the indices");
  const int64_t axis = x.ranked ? TRY(c.axis(c.integer("axis"), x.rank())) : 0;
  for (std::size_t d = 0; x.ranked && d < indices.dims.size(); ++d) {
    if (d == idx(axis)) continue;
    c.require(Requirement::Kind::at_most, indices.dims[d], x.dims[d], "sizes of the indices and of x");
    if (less_equal(indices.dims[d], x.dims[d]) == Truth::no)
      return c.error("indices are larger than x along axis " + std::to_string(d));
  }
  c.result(0, x);
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &indices = c.in(1), &updates = c.in(2);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  if (indices.rank() != x.rank() || indices.dims() != updates.dims()) return c.error("the shapes do not fit");
  const int64_t size = x.dims()[idx(axis)];
  for (std::size_t d = 0; d < x.dims().size(); ++d)
    if (d != idx(axis) && indices.dims()[d] > x.dims()[d]) return c.error("indices are larger than x");
  Sizes taken = integers(indices);
  for (int64_t& i : taken) {
    if (i < -size || i >= size)
      return c.error("index " + std::to_string(i) + " is out of range for " + std::to_string(size) + " elements");
    if (i < 0) i += size;
  }
  Tensor* y = TRY(c.out(0, x.dims()));
  copy_elements(x, 0, *y, 0, x.elements());
  const Sizes strides = row_major_strides(x.dims());
  Sizes position(x.dims().size(), 0);
  scatter(c.string("reduction"), updates, *y, [&](int64_t n) {
    int64_t offset = taken[idx(n)] * strides[idx(axis)];
    for (std::size_t d = 0; d < position.size(); ++d)
      if (d != idx(axis)) offset += position[d] * strides[d];
    next_position(position, indices.dims());
    return offset;
  });
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const int64_t axis = ops::normal_axis(c.integer("axis"), c.type(0).rank());
  return problem_kernel(c, "scatter_elements", {{"axis", axis}, {"reduction", c.string("reduction")}});
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"indices", "i64|i32"}, {"updates", "same"}};
constexpr ResultDoc kResults[] = {{"y", "x with the updates"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "0", "negative ones count from the end"},
    {"reduction", AttributeKind::string, "\"none\"", "none (replace), add, mul, min or max"},
};
constexpr Sample kSamples[] = {
    {"x: f32[3,4], indices: i64[1,4] = [0, 2, 1, -1], updates: f32[1,4]; y = scatter_elements(x, indices, updates)"},
    {"x: i32[5,2], indices: i64[3,2] in [0, 4], updates: i32[3,2]; "
     "y = scatter_elements(x, indices, updates) {reduction = \"add\"}"},
    {"x: f32[4,3,N], indices: i32[2,3,2] in [-3, 2], updates: f32[2,3,2]; "
     "y = scatter_elements(x, indices, updates) {axis = 1, reduction = \"mul\"}"},
    {"x: f32[2,6], indices: i64[2,5] in [-6, 5], updates: f32[2,5]; "
     "y = scatter_elements(x, indices, updates) {axis = -1, reduction = \"min\"}"},
};
constexpr Operator kOperator = {
    .name = "scatter_elements",
    .doc =
        "y = x, then y[indices[i, j], j] = updates[i, j] for axis 0, and so on for others, in row-major order. An "
        "index out of range is an error of the run.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-6, 1e-6},
};

}  // namespace

namespace ops {
extern const OperatorList list_scatter_elements;
constinit const OperatorList list_scatter_elements = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
