#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &indices = c.type(1);
  const int64_t batch = c.integer("batch_dims");
  if (batch < 0) return c.error("batch_dims is negative");
  const auto depth = indices.ranked && indices.rank() > 0 ? indices.dims.back().constant() : std::nullopt;
  if (!x.ranked || !depth) {
    if (indices.ranked && indices.rank() == 0) return c.error("indices must have rank 1 or more");
    c.result(0, Type::unranked(x.dtype));
    return {};
  }
  if (batch >= indices.rank() || batch + *depth > x.rank() || *depth < 1)
    return c.error("indices of " + std::to_string(*depth) + " numbers do not fit rank " + std::to_string(x.rank()));
  Dims dims(indices.dims.begin(), indices.dims.end() - 1);
  for (int64_t d = 0; d < batch; ++d) {
    auto common = common_dim(x.dims[idx(d)], indices.dims[idx(d)]);
    if (!common) return c.error("batch dims differ");
    dims[idx(d)] = std::move(*common);
    c.require(Requirement::Kind::equal, x.dims[idx(d)], indices.dims[idx(d)], "sizes of x and of the indices");
  }
  dims.insert(dims.end(), x.dims.begin() + batch + *depth, x.dims.end());
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &indices = c.in(1);
  const int64_t batch = c.integer("batch_dims");
  if (indices.rank() < 1 || batch >= indices.rank()) return c.error("batch_dims out of range");
  const int64_t depth = indices.dims().back();
  if (depth < 1 || batch + depth > x.rank()) return c.error("indices do not fit the rank of x");
  const auto lead = std::span(indices.dims()).first(indices.dims().size() - 1);
  Sizes dims(lead.begin(), lead.end());
  for (int64_t d = 0; d < batch; ++d)
    if (dims[idx(d)] != x.dims()[idx(d)]) return c.error("batch dims differ");
  const auto tail = std::span(x.dims()).subspan(idx(batch + depth));
  dims.insert(dims.end(), tail.begin(), tail.end());
  const Sizes strides = row_major_strides(x.dims());
  const int64_t inner = element_count(tail), batches = element_count(lead.first(idx(batch)));
  const int64_t tuples = element_count(lead), per_batch = batches == 0 ? 0 : tuples / batches;
  const int64_t batch_elements = element_count(std::span(x.dims()).subspan(idx(batch)));
  Tensor* y = TRY(c.out(0, dims));
  if (y->elements() == 0) return {};
  for (int64_t t = 0; t < tuples; ++t) {
    int64_t offset = t / per_batch * batch_elements;
    for (int64_t k = 0; k < depth; ++k) {
      const int64_t size = x.dims()[idx(batch + k)], i = integer_at(indices, t * depth + k);
      if (i < -size || i >= size)
        return c.error("index " + std::to_string(i) + " is out of range for " + std::to_string(size) + " elements");
      offset += (i < 0 ? i + size : i) * strides[idx(batch + k)];
    }
    copy_elements(x, offset, *y, t * inner, inner);
  }
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const Type &x = c.type(0), &indices = c.type(1);
  if (!x.ranked || !indices.ranked || !indices.dims.back().is_constant())
    return c.error("no kernel for positions of unknown length");
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const std::size_t lead = indices.dims.size() - 1, batch = idx(c.integer("batch_dims"));
    const int64_t depth = indices.dims.back().value();
    std::vector<Index> from;
    for (std::size_t d = 0; d < batch; ++d) from.push_back(at(axes[d]));
    for (int64_t k = 0; k < depth; ++k) {
      std::vector<Index> tuple = plain_index(axes.first(lead));
      tuple.push_back(Index{{}, Dim(k), -1});
      const int given = nest.load(declared.operands[1], std::move(tuple));
      from.push_back(Index{{}, Dim(0), wrapped_index(nest, given, x.dims[batch + idx(k)])});
    }
    for (std::size_t d = batch + idx(depth); d < x.dims.size(); ++d)
      from.push_back(at(axes[lead + d - batch - idx(depth)]));
    return guarded_load(nest, declared.operands[0], std::move(from));
  });
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"indices", "i64"}};
constexpr ResultDoc kResults[] = {{"y", "dims of indices without the last, then what remains of x"}};
constexpr AttributeSpec kAttributes[] = {
    {"batch_dims", AttributeKind::integer, "0", "so many leading dims of both go together"}};
constexpr Sample kSamples[] = {
    {"x: f32[3,4,2], indices: i64[5,2] in [-3, 2]; y = gather_nd(x, indices)"},
    {"x: i32[2,3,4], indices: i64[2,2,1] in [0, 2]; y = gather_nd(x, indices) {batch_dims = 1}"},
};
constexpr Operator kOperator = {
    .name = "gather_nd",
    .doc =
        "y[i..., ...] = x[indices[i..., 0], indices[i..., 1], ...]: the last axis of indices holds positions in x. One "
        "out of range is an error of the run.",
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
extern const OperatorList list_gather_nd;
constinit const OperatorList list_gather_nd = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
