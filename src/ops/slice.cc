#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  const Dims &starts = c.dims("starts"), &sizes = c.dims("sizes");
  const Ints& steps = c.ints("steps");
  if (starts.size() != sizes.size() || steps.size() != sizes.size())
    return c.error("starts, sizes and steps differ in length");
  if (x.ranked && x.dims.size() != sizes.size())
    return c.error("slice needs one entry per axis, not " + std::to_string(sizes.size()));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::string axis = "axis " + std::to_string(i);
    if (steps[i] == 0) return c.error("the step of " + axis + " is 0");
    if (steps[i] < -Range::kMax || steps[i] > Range::kMax) return c.error("the step of " + axis + " is too large");
    if (less_equal(0, sizes[i]) == Truth::no) return c.error("the size of " + axis + " is negative");
    c.require(Requirement::Kind::at_most, 0, sizes[i], "0 and the size");
    if (sizes[i].constant() == 0 || !x.ranked) continue;
    // Sizes of 0 make all of it 0.
    const Dim some = min(sizes[i], 1), end = starts[i] + (sizes[i] - 1) * Dim(steps[i]);
    c.require(Requirement::Kind::at_most, 0, some * (steps[i] > 0 ? starts[i] : end), "0 and the first element taken");
    c.require(Requirement::Kind::at_most, some * ((steps[i] > 0 ? end : starts[i]) + 1), x.dims[i],
              "elements up to the last one taken and those of " + axis);
    // An empty slice may start anywhere, so only slices that surely take something are refused here.
    if (less_equal(1, sizes[i]) != Truth::yes) continue;
    const Dim last = starts[i] + (sizes[i] - 1) * Dim(steps[i]);
    for (const Dim& taken : {starts[i], last})
      if (less_equal(0, taken) == Truth::no || less_equal(taken, x.dims[i] - 1) == Truth::no)
        return c.error(axis + " of x has " + x.dims[i].text() + " elements; element " + taken.text() + " is outside");
  }
  c.result(0, Type::tensor(x.dtype, sizes));
  const auto from = constants(x.dims), start = constants(starts), size = constants(sizes);
  if (!x.ranked || !from || !start || !size || !c.contents(0)) return {};
  const Sizes strides = row_major_strides(*from);
  Sizes walk(steps.size());
  int64_t first = 0;
  for (std::size_t i = 0; i < walk.size(); ++i) {
    walk[i] = strides[i] * steps[i];
    first += strides[i] * (*start)[i];
  }
  if (auto contents = pick_contents(c.contents(0), *size, first, walk)) c.result_contents(0, std::move(*contents));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const Sizes starts = TRY(c.sizes("starts"));
  Sizes sizes = TRY(c.sizes("sizes"));
  const Ints& steps = c.ints("steps");
  if (sizes.size() != x.dims().size()) return c.error("slice needs one entry per axis");
  const Sizes strides = row_major_strides(x.dims());
  Box box{0, Sizes(sizes.size())};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0) return c.error("the size of axis " + std::to_string(i) + " is negative");
    if (sizes[i] == 0) continue;
    const auto reach = checked_mul(sizes[i] - 1, steps[i]);
    const auto last = reach ? checked_add(starts[i], *reach) : std::nullopt;
    if (!last || std::min(starts[i], *last) < 0 || std::max(starts[i], *last) >= x.dims()[i])
      return c.error("axis " + std::to_string(i) + " has " + std::to_string(x.dims()[i]) + " elements; " +
                     std::to_string(sizes[i]) + " from " + std::to_string(starts[i]) + " by " +
                     std::to_string(steps[i]) + " are not all inside");
    box.start += starts[i] * strides[i];
    if (sizes[i] > 1) box.strides[i] = steps[i] * strides[i];
  }
  Tensor* y = TRY(c.out(0, sizes));
  if (y->elements() > 0) copy_box(sizes, x, box, *y, {0, row_major_strides(sizes)});
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const Dims &starts = c.dims("starts"), &sizes = c.dims("sizes");
    const Ints& steps = c.ints("steps");
    std::vector<Index> from;
    bool certain = true;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      from.push_back(Index{{{axes[i], Dim(steps[i])}}, starts[i], -1});
      const Dim last = starts[i] + (sizes[i] - 1) * Dim(steps[i]);
      const Dim& low = steps[i] > 0 ? starts[i] : last;
      const Dim& high = steps[i] > 0 ? last : starts[i];
      if (less_equal(0, low) != Truth::yes || less_equal(high, c.type(0).dims[i] - 1) != Truth::yes) certain = false;
    }
    return certain ? nest.load(declared.operands[0], std::move(from))
                   : guarded_load(nest, declared.operands[0], std::move(from));
  });
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "dims = sizes"}};
constexpr AttributeSpec kAttributes[] = {
    {"starts", AttributeKind::dims, "required", "per axis, the first element taken"},
    {"sizes", AttributeKind::dims, "required", "per axis, how many are taken"},
    {"steps", AttributeKind::ints, "required", "per axis, not 0; negative ones walk backwards"},
};
constexpr Sample kSamples[] = {
    {"x: f32[4,6]; y = slice(x) {starts = dims[1, 0], sizes = dims[2, 3], steps = [1, 2]}"},
    {"x: i32[7]; y = slice(x) {starts = dims[6], sizes = dims[4], steps = [-2]}"},
    {"x: f32[N,3]; y = slice(x) {starts = dims[1, 0], sizes = dims[N - 1, 2], steps = [1, 1]}"},
};
constexpr Operator kOperator = {
    .name = "slice",
    .doc = "y[i, ...] = x[starts + i * steps, ...]. Every element taken lies inside x.",
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
extern const OperatorList list_slice;
constinit const OperatorList list_slice = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
