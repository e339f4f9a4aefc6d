#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  if (c.type(0).ranked) {
    const int64_t batch = TRY(c.axis(c.integer("batch_axis"), c.type(0).rank()));
    const int64_t time = TRY(c.axis(c.integer("time_axis"), c.type(0).rank()));
    if (batch == time) return c.error("batch_axis and time_axis are the same");
    if (c.type(1).ranked &&
        (c.type(1).rank() != 1 || equal(c.type(1).dims[0], c.type(0).dims[idx(batch)]) == Truth::no))
      return c.error("lengths needs one number per batch element");
    if (c.type(1).ranked)
      c.require(Requirement::Kind::equal, c.type(1).dims[0], c.type(0).dims[idx(batch)], "lengths and batch elements");
  }
  c.result(0, c.type(0));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const int64_t rank = x.rank();
  const std::size_t batch = idx(TRY(checked_axis(c, c.integer("batch_axis"), rank)));
  const std::size_t time = idx(TRY(checked_axis(c, c.integer("time_axis"), rank)));
  if (batch == time) return c.error("batch_axis and time_axis are the same");
  const std::vector<int64_t> lengths = integers(c.in(1));
  if (static_cast<int64_t>(lengths.size()) != x.dims()[batch]) return c.error("lengths needs one number per element");
  Tensor* y = TRY(c.out(0, x.dims()));
  const Sizes strides = row_major_strides(x.dims());
  for (std::size_t n = 0; n < lengths.size(); ++n) {
    const int64_t length = lengths[n], size = x.dims()[time];
    if (length < 0 || length > size) return c.error("length " + std::to_string(length) + " is out of range");
    Sizes dims = x.dims();
    dims[batch] = 1;
    const int64_t start = static_cast<int64_t>(n) * strides[batch];
    Sizes backwards = strides;
    backwards[time] = -strides[time];
    dims[time] = length;
    if (length > 0) copy_box(dims, x, {start + (length - 1) * strides[time], backwards}, *y, {start, strides});
    dims[time] = size - length;
    const int64_t rest = start + length * strides[time];
    copy_box(dims, x, {rest, strides}, *y, {rest, strides});
  }
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const int64_t rank = c.type(0).rank();
  const std::size_t batch = idx(ops::normal_axis(c.integer("batch_axis"), rank));
  const std::size_t time = idx(ops::normal_axis(c.integer("time_axis"), rank));
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    int length = nest.cast(guarded_load(nest, declared.operands[1], {at(axes[batch])}), DType::i64);
    length = nest.checked(length, c.type(0).dims[time] + 1, length);
    const int place = axis_value(nest, axes[time], DType::i64);
    const int turned =
        nest.apply(Scalar::sub, {nest.apply(Scalar::sub, {length, nest.constant(1, DType::i64)}), place});
    std::vector<Index> from = plain_index(axes);
    const int inside = nest.apply(Scalar::lt, {place, length});
    from[time] = Index{{}, Dim(0), nest.apply(Scalar::select, {inside, turned, place})};
    return guarded_load(nest, declared.operands[0], std::move(from));
  });
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"lengths", "int"}};
constexpr ResultDoc kResults[] = {{"y", "type of x"}};
constexpr AttributeSpec kAttributes[] = {
    {"batch_axis", AttributeKind::integer, "1", "the axis that lengths has a number for each of"},
    {"time_axis", AttributeKind::integer, "0", "the axis that is turned around"},
};
constexpr Sample kSamples[] = {
    {"x: f32[4,3,2], lengths: i64[3] = [4, 1, 2]; y = reverse_sequence(x, lengths)"},
    {"x: i32[2,5] in [-9, 9], lengths: i64[2] in [1, 5]; y = reverse_sequence(x, lengths) {batch_axis = 0, time_axis = "
     "1}"},
};
constexpr Operator kOperator = {
    .name = "reverse_sequence",
    .doc = "Turns around the first lengths[n] elements of sequence n and keeps the rest. Source: ONNX ReverseSequence.",
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
extern const OperatorList list_reverse_sequence;
constinit const OperatorList list_reverse_sequence = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
