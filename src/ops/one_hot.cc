#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &indices = c.type(0), &values = c.type(2);
  if (!is_single(c.type(1))) return c.error("depth must be one number");
  if (values.ranked && (values.rank() != 1 || equal(values.dims[0], 2) == Truth::no))
    return c.error("values must be [off, on]");
  if (!indices.ranked) {
    c.result(0, Type::unranked(values.dtype));
    return {};
  }
  const int64_t axis = TRY(c.axis(c.integer("axis"), indices.rank() + 1));
  Dim depth;
  if (c.contents(1) && c.contents(1)->size() == 1) {
    depth = c.contents(1)->front();
  } else if (const Tensor* number = c.constant(1);
             number != nullptr && number->elements() == 1 && is_float(number->dtype())) {
    const double d = number->real_at(0);
    if (!(d >= 0 && d < static_cast<double>(Range::kMax))) return c.error("depth out of range");
    depth = static_cast<int64_t>(d);
  } else {
    depth = c.fresh("depth");
  }
  if (depth.range().high < 0) return c.error("depth is negative");
  Dims dims = indices.dims;
  dims.insert(dims.begin() + axis, depth);
  c.result(0, Type::tensor(values.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &indices = c.in(0), &values = c.in(2);
  if (c.in(1).elements() != 1 || values.elements() != 2) return c.error("depth must be one number and values two");
  const double wide = c.in(1).real_at(0);
  if (!(wide >= 0 && wide < static_cast<double>(Range::kMax))) return c.error("depth out of range");
  const auto depth = static_cast<int64_t>(wide);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), indices.rank() + 1));
  Sizes dims = indices.dims();
  const int64_t inner = element_count(std::span(dims).subspan(idx(axis)));
  dims.insert(dims.begin() + axis, depth);
  Tensor* y = TRY(c.out(0, values.dtype(), dims));
  if (y->elements() == 0) return {};
  const Sizes zeros(dims.size(), 0);
  copy_box(dims, values, {0, zeros}, *y, {0, row_major_strides(dims)});
  for (int64_t n = 0; n < indices.elements(); ++n) {
    // Fractions are cut off, as in ONNX's cast to integers; what is outside then leaves the row off.
    const double index = indices.real_at(n);
    double place = std::trunc(index);
    if (place < 0) place += static_cast<double>(depth);
    if (!(place >= 0 && place < static_cast<double>(depth))) continue;
    copy_elements(values, 1, *y, (n / inner * depth + static_cast<int64_t>(place)) * inner + n % inner, 1);
  }
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const std::size_t axis = idx(ops::normal_axis(c.integer("axis"), c.type(0).rank() + 1));
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    std::vector<Index> from;
    for (std::size_t d = 0; d < axes.size(); ++d)
      if (d != axis) from.push_back(at(axes[d]));
    const int index = nest.load(declared.operands[0], std::move(from));
    const DType dtype = c.type(0).dtype;
    int place = nest.cast(index, DType::i64);
    // Unsigned numbers are not negative, not even those that i64 has no place for.
    if (number_class(dtype) != NumberClass::unsigned_int) {
      const int depth = size_value(nest, c.node().result(0)->type().dims[axis], DType::i64);
      const int negative = nest.apply(Scalar::lt, {place, nest.constant(0, DType::i64)});
      place = nest.apply(Scalar::select, {negative, nest.apply(Scalar::add, {place, depth}), place});
    }
    int here = nest.apply(Scalar::eq, {place, axis_value(nest, axes[axis], DType::i64)});
    if (is_float(dtype))
      here = nest.apply(Scalar::logical_and,
                        {here, nest.apply(Scalar::logical_not, {nest.apply(Scalar::is_nan, {index})})});
    const int off = nest.load(declared.operands[2], {Index{}});
    const int on = nest.load(declared.operands[2], {Index{{}, Dim(1), -1}});
    return nest.apply(Scalar::select, {here, on, off});
  });
}

constexpr OperandSpec kOperands[] = {{"indices", "numeric"}, {"depth", "numeric"}, {"values", "any"}};
constexpr ResultDoc kResults[] = {{"y", "dims of indices with depth inserted at axis"}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeKind::integer, "-1", "where the new axis goes"}};
constexpr Sample kSamples[] = {
    {"indices: i64[2,3] in [-4, 5], depth: i64[] = [4], values: f32[2]; y = one_hot(indices, depth, values)"},
    {"indices: f32[5] in [-4, 4], depth: f32[] = [3], values: i8[2]; y = one_hot(indices, depth, values)"},
    {"indices: i32[N] in [0, 2], depth: i64[1] = [3], values: i32[2]; y = one_hot(indices, depth, values) {axis = 0}"},
};
constexpr Operator kOperator = {
    .name = "one_hot",
    .doc =
        "values[1] where the position along the new axis is the index, values[0] elsewhere. Negative indices count "
        "from "
        "the end; those out of range select nothing.",
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
extern const OperatorList list_one_hot;
constinit const OperatorList list_one_hot = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
