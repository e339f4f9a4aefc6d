#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &indices = c.type(1);
  if (x.ranked) TRY(c.axis(c.integer("axis"), x.rank()));
  if (x.ranked && indices.ranked) {
    if (x.rank() != indices.rank()) return c.error("indices must have the rank of x");
    const int64_t axis = TRY(c.axis(c.integer("axis"), x.rank()));
    for (std::size_t d = 0; d < x.dims.size(); ++d) {
      if (d == idx(axis)) continue;
      c.require(Requirement::Kind::at_most, indices.dims[d], x.dims[d], "sizes of the indices and of x");
      if (less_equal(indices.dims[d], x.dims[d]) == Truth::no)
        return c.error("indices are larger than x along axis " + std::to_string(d));
    }
  }
  Type y = indices;
  y.dtype = x.dtype;
  c.result(0, std::move(y));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &indices = c.in(1);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  if (indices.rank() != x.rank()) return c.error("indices must have the rank of x");
  for (std::size_t d = 0; d < x.dims().size(); ++d)
    if (d != idx(axis) && indices.dims()[d] > x.dims()[d]) return c.error("indices are larger than x");
  const Sizes strides = row_major_strides(x.dims());
  const int64_t size = x.dims()[idx(axis)];
  Tensor* y = TRY(c.out(0, indices.dims()));
  if (y->elements() == 0) return {};
  std::optional<int64_t> bad;
  visit_storage(x.dtype(), [&]<class T>(T*) {
    const T* in = reinterpret_cast<const T*>(x.data());
    T* out = reinterpret_cast<T*>(y->mutable_data());
    Sizes position(indices.dims().size(), 0);
    int64_t n = 0;
    do {
      int64_t i = integer_at(indices, n);
      if (i < -size || i >= size) {
        bad = i;
        return;
      }
      int64_t offset = (i < 0 ? i + size : i) * strides[idx(axis)];
      for (std::size_t d = 0; d < position.size(); ++d)
        if (d != idx(axis)) offset += position[d] * strides[d];
      out[n++] = in[offset];
    } while (next_position(position, indices.dims()));
  });
  if (bad)
    return c.error("index " + std::to_string(*bad) + " is out of range for " + std::to_string(size) + " elements");
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const Type& x = c.type(0);
  const int64_t axis = ops::normal_axis(c.integer("axis"), x.rank());
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const int given = nest.cast(nest.load(declared.operands[1], plain_index(axes)), DType::i64);
    std::vector<Index> from = plain_index(axes);
    from[idx(axis)] = Index{{}, Dim(0), wrapped_index(nest, given, x.dims[idx(axis)])};
    return guarded_load(nest, declared.operands[0], std::move(from));
  });
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"indices", "i64|i32"}};
constexpr ResultDoc kResults[] = {{"y", "dims of indices"}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeKind::integer, "0", "negative ones count from the end"}};
constexpr Sample kSamples[] = {
    {"x: f32[3,4], indices: i64[2,4] in [-3, 2]; y = gather_elements(x, indices)"},
    {"x: i32[2,5], indices: i64[2,3] in [0, 4]; y = gather_elements(x, indices) {axis = 1}"},
};
constexpr Operator kOperator = {
    .name = "gather_elements",
    .doc =
        "y[i, j, k] = x[indices[i, j, k], j, k] for axis 0, and so on for others. Negative indices count from the end; "
        "one out of range is an error of the run.",
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
extern const OperatorList list_gather_elements;
constinit const OperatorList list_gather_elements = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
