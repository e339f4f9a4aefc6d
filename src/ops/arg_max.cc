#include <limits>

#include "ops/support/axes.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

bool is_max(const NodeView& c) { return c.node().op() == "arg_max"; }

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (!x.ranked) {
    c.result(0, Type::unranked(DType::i64));
    return {};
  }
  const int64_t axis = TRY(c.axis(c.integer("axis"), x.rank()));
  if (x.dims[idx(axis)].constant() == 0) return c.error("the axis is empty");
  Dims dims = x.dims;
  if (c.integer("keep") != 0) dims[idx(axis)] = 1;
  else dims.erase(dims.begin() + axis);
  c.require(Requirement::Kind::at_most, min(product(dims), 1), x.dims[idx(axis)], "1 and the size of the axis");
  c.result(0, Type::tensor(DType::i64, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  const int64_t size = x.dims()[idx(axis)], inner = element_count(std::span(x.dims()).subspan(idx(axis) + 1));
  const int64_t outer = element_count(std::span(x.dims()).first(idx(axis)));
  Sizes dims = x.dims();
  if (c.integer("keep") != 0) dims[idx(axis)] = 1;
  else dims.erase(dims.begin() + axis);
  Tensor* y = TRY(c.out(0, dims));
  if (y->elements() == 0) return {};
  if (size == 0) return c.error("the axis is empty");
  const bool largest = is_max(c), last = c.integer("select_last") != 0;
  auto out = y->mutable_as<int64_t>();
  visit_number_class(x.dtype(), [&]<class N>(N) {
    if constexpr (std::is_arithmetic_v<N>) {
      const Accessor<N> access(x.dtype());
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
          int64_t best = 0;
          N value = access.load(x.data(), o * size * inner + i);
          for (int64_t k = 1; k < size; ++k) {
            const N other = access.load(x.data(), (o * size + k) * inner + i);
            bool better = largest ? other > value : other < value;
            bool same = other == value;
            if constexpr (std::is_same_v<N, double>) {  // NaN beats every number
              better = !std::isnan(value) && (better || std::isnan(other));
              same = same || (std::isnan(value) && std::isnan(other));
            }
            if (better || (last && same)) {
              best = k;
              value = other;
            }
          }
          out[idx(o * inner + i)] = best;
        }
    }
  });
  return {};
}

// The extreme value, then the first (last) position that has it.
Result<Kernel> lower(LowerContext& c) {
  TRY(check_lowerable(c));
  const Type& x = c.type(0);
  const std::size_t axis = idx(TRY(checked_axis(c, c.integer("axis"), x.rank())));
  const bool last = c.integer("select_last") != 0;
  Kernel kernel;
  Nest& nest = kernel.nest;
  const Declared declared = declare_operands(nest, c);
  std::vector<Index> from, to;
  int k = -1;
  for (std::size_t d = 0; d < x.dims.size(); ++d) {
    const int a = nest.add_axis((d == axis ? "k" : "i") + std::to_string(d), x.dims[d]);
    from.push_back(at(a));
    if (d == axis) k = a;
    else nest.outer.push_back(a);
    if (d != axis) to.push_back(at(a));
    else if (c.integer("keep") != 0) to.push_back(Index{});
  }
  const int value = nest.load(declared.operands[0], from);
  const int best = nest.reduce(is_max(c) ? Reduction::max : Reduction::min, {k}, value);
  int found = nest.apply(Scalar::eq, {value, best});
  if (is_float(x.dtype)) {
    // With a NaN the extreme is NaN, which equals nothing.
    found = nest.apply(Scalar::logical_or, {found, nest.apply(Scalar::is_nan, {value})});
  }
  const int nowhere = last ? nest.constant(-1, DType::i64) : size_value(nest, x.dims[axis], DType::i64);
  const int place = nest.apply(Scalar::select, {found, axis_value(nest, k, DType::i64), nowhere});
  nest.store(declared.results[0], std::move(to), nest.reduce(last ? Reduction::max : Reduction::min, {k}, place));
  return kernel;
}

constexpr OperandSpec kOperands[] = {{"x", "numeric"}};
constexpr ResultDoc kResults[] = {{"y", "i64, x without the axis or with 1 in its place"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "0", "negative ones count from the end"},
    {"keep", AttributeKind::integer, "1", "1: the axis stays with size 1"},
    {"select_last", AttributeKind::integer, "0", "among equals: 0 the first position, 1 the last"},
};
constexpr Sample kMaxSamples[] = {
    {"x: f32[3,5]; y = arg_max(x) {axis = 1}"},
    {"x: i32[N,4] in [0, 2]; y = arg_max(x) {axis = -2, keep = 0, select_last = 1}"},
};
constexpr Sample kMinSamples[] = {
    {"x: f32[3,5]; y = arg_min(x) {axis = 1}"},
    {"x: u8[N,4] in [0, 2]; y = arg_min(x) {axis = 0, keep = 0}"},
};

constexpr Operator make(std::string_view name, std::string_view doc, std::span<const Sample> samples) {
  return {
      .name = name,
      .doc = doc,
      .operands = kOperands,
      .results = kResults,
      .attributes = kAttributes,
      .infer = infer,
      .reference = reference,
      .decompose = nullptr,
      .lower = lower,
      .gradient = nullptr,
      .samples = samples,
      .tolerance = {0, 0},
  };
}
constinit const Operator kOperators[] = {
    make("arg_max", "Position of the largest element along axis; a NaN counts as the largest.", kMaxSamples),
    make("arg_min", "Position of the smallest element along axis; a NaN counts as the smallest.", kMinSamples),
};

}  // namespace

namespace ops {
extern const OperatorList list_arg_max;
constinit const OperatorList list_arg_max = {kOperators, 2};
}  // namespace ops
}  // namespace burnish
