#include "ops/support/core.h"
#include "ops/support/scattering.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &indices = c.type(1), &updates = c.type(2);
  if (!is_scatter_reduction(c.string("reduction")))
    return c.error("reduction '" + c.string("reduction") + "' is unknown");
  if (c.string("reduction") != "none" && x.dtype == DType::string) return c.error("strings cannot be combined");
  if (indices.ranked && indices.rank() == 0) return c.error("indices must have rank 1 or more");
  const auto depth = indices.ranked ? indices.dims.back().constant() : std::nullopt;
  if (x.ranked && depth) {
    if (*depth < 1 || *depth > x.rank()) return c.error("indices do not fit the rank of x");
    Dims wanted(indices.dims.begin(), indices.dims.end() - 1);
    wanted.insert(wanted.end(), x.dims.begin() + *depth, x.dims.end());
    bool fits = !updates.ranked || updates.dims.size() == wanted.size();
    for (std::size_t d = 0; fits && updates.ranked && d < wanted.size(); ++d)
      fits = equal(updates.dims[d], wanted[d]) != Truth::no;
    if (!fits) return c.error("updates must be [" + text(wanted) + "]");
    for (std::size_t d = 0; updates.ranked && d < wanted.size(); ++d)
      c.require(Requirement::Kind::equal, updates.dims[d], wanted[d], "sizes of the updates and of their places");
  }
  c.result(0, x);
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &indices = c.in(1), &updates = c.in(2);
  if (indices.rank() < 1) return c.error("indices must have rank 1 or more");
  const int64_t depth = indices.dims().back();
  if (depth < 1 || depth > x.rank()) return c.error("indices do not fit the rank of x");
  Sizes wanted(indices.dims().begin(), indices.dims().end() - 1);
  const int64_t tuples = element_count(wanted);
  const auto tail = std::span(x.dims()).subspan(idx(depth));
  const int64_t inner = element_count(tail);
  wanted.insert(wanted.end(), tail.begin(), tail.end());
  if (updates.dims() != wanted)
    return c.error("updates are [" + text(updates.dims()) + "], not [" + text(wanted) + "]");
  const Sizes strides = row_major_strides(x.dims());
  Sizes starts(idx(tuples), 0);
  for (int64_t t = 0; t < tuples; ++t)
    for (int64_t k = 0; k < depth; ++k) {
      const int64_t size = x.dims()[idx(k)], i = integer_at(indices, t * depth + k);
      if (i < -size || i >= size)
        return c.error("index " + std::to_string(i) + " is out of range for " + std::to_string(size) + " elements");
      starts[idx(t)] += (i < 0 ? i + size : i) * strides[idx(k)];
    }
  Tensor* y = TRY(c.out(0, x.dims()));
  copy_elements(x, 0, *y, 0, x.elements());
  scatter(c.string("reduction"), updates, *y, [&](int64_t n) { return starts[idx(n / inner)] + n % inner; });
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  return problem_kernel(c, "scatter_nd", {{"reduction", c.string("reduction")}});
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"indices", "i64"}, {"updates", "same"}};
constexpr ResultDoc kResults[] = {{"y", "x with the updates"}};
constexpr AttributeSpec kAttributes[] = {
    {"reduction", AttributeKind::string, "\"none\"", "none (replace), add, mul, min or max"},
};
constexpr Sample kSamples[] = {
    {"x: f32[6], indices: i64[3,1] = [4, 0, -3], updates: f32[3]; y = scatter_nd(x, indices, updates)"},
    {"x: i32[4,3], indices: i64[2,1] in [-4, 3], updates: i32[2,3]; "
     "y = scatter_nd(x, indices, updates) {reduction = \"max\"}"},
    {"x: f32[N,3,2], indices: i64[2,2,2] in [-2, 1], updates: f32[2,2,2]; "
     "y = scatter_nd(x, indices, updates) {reduction = \"add\"}"},
};
constexpr Operator kOperator = {
    .name = "scatter_nd",
    .doc =
        "y = x, then y[indices[i..., 0], indices[i..., 1], ...] = updates[i..., ...], in row-major order. An index out "
        "of range is an error of the run.",
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
extern const OperatorList list_scatter_nd;
constinit const OperatorList list_scatter_nd = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
