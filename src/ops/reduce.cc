#include "ops/support/core.h"
#include "ops/support/reduction.h"

namespace burnish {
namespace {

struct Reduced {
  Reduction kind;
  Ints axes;
  bool keep;
  bool has(std::size_t axis) const { return std::ranges::binary_search(axes, static_cast<int64_t>(axis)); }
};

Result<Reduced> read(const NodeView& c) {
  const auto kind = parse_reduction(c.string("kind"));
  if (!kind) return c.error("kind '" + c.string("kind") + "' is unknown");
  return Reduced{*kind, c.ints("axes"), c.integer("keep") != 0};
}

Status infer(InferContext& c) {
  const Reduced r = TRY(read(c));
  const Type& x = c.type(0);
  const bool logical = r.kind == Reduction::logical_and || r.kind == Reduction::logical_or;
  const bool is_bool = x.dtype == DType::boolean;
  const bool is_extreme = r.kind == Reduction::min || r.kind == Reduction::max;
  const bool is_complex = number_class(x.dtype) == NumberClass::complex;
  if (logical != is_bool && !(is_bool && is_extreme))
    return c.error(c.string("kind") + " is not for " + std::string(name(x.dtype)));
  if (is_complex && is_extreme) return c.error("complex numbers have no order");
  for (std::size_t i = 0; i < r.axes.size(); ++i)
    if (r.axes[i] < 0 || (i > 0 && r.axes[i] <= r.axes[i - 1]) || (x.ranked && r.axes[i] >= x.rank()))
      return c.error("axes [" + text(r.axes) + "] must be sorted, without repeats, and below the rank");
  if (!x.ranked) {
    c.result(0, Type::unranked(x.dtype));
    return {};
  }
  Dims dims;
  for (std::size_t i = 0; i < x.dims.size(); ++i) {
    if (!r.has(i)) dims.push_back(x.dims[i]);
    else if (r.keep) dims.push_back(1);
  }
  // A vector reduced to one number: the product or sum of sizes.
  if (c.contents(0) && x.rank() == 1 && r.axes.size() == 1 && !c.contents(0)->empty()) {
    static constexpr Scalar kSteps[] = {Scalar::add, Scalar::mul,         Scalar::min,
                                        Scalar::max, Scalar::logical_and, Scalar::logical_or};
    std::optional<Dim> total = c.contents(0)->front();
    for (std::size_t i = 1; total && i < c.contents(0)->size(); ++i)
      total = fold_scalar(kSteps[static_cast<int>(r.kind)], std::array{*total, (*c.contents(0))[i]}, x.dtype);
    if (total) c.result_contents(0, {*total});
  } else if (c.contents(0) && r.axes.empty()) {
    c.result_contents(0, *c.contents(0));
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Reduced r = TRY(read(c));
  const Tensor& x = c.in(0);
  std::vector<bool> drop(x.dims().size());
  for (int64_t axis : r.axes) {
    if (axis >= x.rank()) return c.error("axis out of range");
    drop[idx(axis)] = true;
  }
  Tensor* y = TRY(c.out(0, reduced_sizes(x.dims(), drop, r.keep)));
  reduce_tensor(x, r.kind, drop, *y);
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  TRY(check_lowerable(c));
  const Reduced r = TRY(read(c));
  Kernel kernel;
  Nest& nest = kernel.nest;
  const Declared declared = declare_operands(nest, c);
  const Dims dims = c.type(0).dims;
  std::vector<Index> from, to;
  std::vector<int> inner;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const int axis = nest.add_axis((r.has(i) ? "r" : "i") + std::to_string(i), dims[i]);
    from.push_back(at(axis));
    if (r.has(i)) inner.push_back(axis);
    else nest.outer.push_back(axis);
    if (!r.has(i)) to.push_back(at(axis));
    else if (r.keep) to.push_back(Index{});
  }
  // Half floats are summed in f32.
  const DType dtype = c.type(0).dtype;
  const bool half = dtype == DType::f16 || dtype == DType::bf16;
  const int element = nest.cast(nest.load(declared.operands[0], std::move(from)), half ? DType::f32 : dtype);
  Reduction kind = r.kind;
  if (dtype == DType::boolean && kind == Reduction::min) kind = Reduction::logical_and;
  if (dtype == DType::boolean && kind == Reduction::max) kind = Reduction::logical_or;
  const int total = inner.empty() ? element : nest.reduce(kind, inner, element);
  nest.store(declared.results[0], std::move(to), nest.cast(total, dtype));
  return kernel;
}

constexpr OperandSpec kOperands[] = {{"x", "numeric|complex|bool"}};
constexpr ResultDoc kResults[] = {{"y", "x without the axes, or with 1 in their place"}};
constexpr AttributeSpec kAttributes[] = {
    {"kind", AttributeKind::string, "required",
     "sum, product, min, max, logical_and, logical_or (the last two of bool)"},
    {"axes", AttributeKind::ints, "required", "non-negative and sorted; none: y = x"},
    {"keep", AttributeKind::integer, "0", "1: reduced axes stay with size 1"},
};
constexpr Sample kSamples[] = {
    {"x: f32[3,4,5]; y = reduce(x) {kind = \"sum\", axes = [1]}"},
    {"x: f16[N,70]; y = reduce(x) {kind = \"max\", axes = [0, 1], keep = 1}"},
    {"x: f32[2,3,5]; y = reduce(x) {kind = \"product\", axes = [0, 2]}"},
    {"x: i32[4,3]; y = reduce(x) {kind = \"min\", axes = [0]}"},
    {"x: bool[2,9]; y = reduce(x) {kind = \"logical_and\", axes = [1], keep = 1}"},
    {"x: bool[2,9]; y = reduce(x) {kind = \"logical_or\", axes = [0, 1]}"},
};
constexpr Operator kOperator = {
    .name = "reduce",
    .doc =
        "Combines all elements along the axes. An empty sum is 0, product 1, min and max the dtype's largest and "
        "smallest value.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-5, 1e-5},
};

}  // namespace

namespace ops {
extern const OperatorList list_reduce;
constinit const OperatorList list_reduce = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
