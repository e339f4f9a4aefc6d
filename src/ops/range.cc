#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  for (std::size_t i = 0; i < 3; ++i)
    if (!is_single(c.type(i))) return c.error("start, limit and delta must be scalars");
  const DType dtype = c.type(0).dtype;
  const auto only = [&](std::size_t i) -> std::optional<Dim> {
    return c.contents(i) && c.contents(i)->size() == 1 ? std::optional(c.contents(i)->front()) : std::nullopt;
  };
  const auto start = only(0), limit = only(1), delta = only(2);
  if (start && limit && delta && delta->is_constant() && is_integer(dtype)) {
    const int64_t step = delta->value();
    if (step == 0) return c.error("delta is 0");
    if (step < -Range::kMax || step > Range::kMax) return c.error("delta is too large");
    const Dim distance = step > 0 ? *limit - *start : *start - *limit;
    const Dim count = max(Dim(0), ceildiv(distance, Dim(std::abs(step))));
    if (const auto n = count.constant(); n && *n <= static_cast<int64_t>(kMaxContents)) {
      Dims contents;
      for (int64_t i = 0; i < *n; ++i) contents.push_back(*start + Dim(i) * *delta);
      c.result_contents(0, std::move(contents));
    }
    c.result(0, Type::tensor(dtype, {count}));
    return {};
  }
  // Floats: as many as fit, when all are constants.
  const Tensor *a = c.constant(0), *b = c.constant(1), *d = c.constant(2);
  if (a != nullptr && b != nullptr && d != nullptr && is_float(dtype) && a->elements() == 1 && b->elements() == 1 &&
      d->elements() == 1) {
    const double count = std::max(0.0, std::ceil((b->real_at(0) - a->real_at(0)) / d->real_at(0)));
    if (!(count < static_cast<double>(Range::kMax))) return c.error("the range does not end");
    c.result(0, Type::tensor(dtype, {static_cast<int64_t>(count)}));
    return {};
  }
  c.result(0, Type::tensor(dtype, {c.fresh("n")}));
  return {};
}

Status reference(ReferenceContext& c) {
  for (std::size_t i = 0; i < 3; ++i)
    if (c.in(i).elements() != 1) return c.error("start, limit and delta must be scalars");
  const DType dtype = c.in(0).dtype();
  if (is_float(dtype)) {
    const double start = c.in(0).real_at(0), limit = c.in(1).real_at(0), delta = c.in(2).real_at(0);
    const double count = std::max(0.0, std::ceil((limit - start) / delta));
    if (!(count < static_cast<double>(Range::kMax))) return c.error("the range does not end");
    Tensor* y = TRY(c.out(0, {static_cast<int64_t>(count)}));
    const Accessor<double> access(dtype);
    for (int64_t i = 0; i < y->elements(); ++i)
      access.store(y->mutable_data(), i, start + static_cast<double>(i) * delta);
    return {};
  }
  const int64_t start = integer_at(c.in(0), 0), limit = integer_at(c.in(1), 0), delta = integer_at(c.in(2), 0);
  if (delta == 0) return c.error("delta is 0");
  const auto distance = checked_sub(limit, start);
  if (!distance || (*distance == std::numeric_limits<int64_t>::min() && delta == -1))
    return c.error("the range is too long");
  Tensor* y = TRY(c.out(0, {std::max<int64_t>(0, ceil_div(*distance, delta))}));
  visit_number_class(dtype, [&]<class N>(N) {
    if constexpr (std::is_same_v<N, int64_t> || std::is_same_v<N, uint64_t>) {
      const Accessor<N> access(dtype);
      for (int64_t i = 0; i < y->elements(); ++i) access.store(y->mutable_data(), i, static_cast<N>(start + i * delta));
    }
  });
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const DType dtype = c.type(0).dtype;
    const DType wide = is_float(dtype) ? DType::f64 : DType::i64;
    const auto single = [&](std::size_t i) {
      const std::vector<Index> first(c.type(i).dims.size());
      return nest.cast(guarded_load(nest, declared.operands[i], first), wide);
    };
    const int way = nest.apply(Scalar::mul, {axis_value(nest, axes[0], wide), single(2)});
    return nest.cast(nest.apply(Scalar::add, {single(0), way}), dtype);
  });
}

constexpr OperandSpec kOperands[] = {{"start", "numeric"}, {"limit", "same"}, {"delta", "same"}};
constexpr ResultDoc kResults[] = {{"y", "ceil((limit - start) / delta) elements, at least none"}};
constexpr Sample kSamples[] = {
    {"start: i64[] = [3], limit: i64[] = [-4], delta: i64[] = [-2]; y = range(start, limit, delta)"},
    {"start: f32[] in [0, 1], limit: f32[] in [4, 9], delta: f32[] in [0.5, 1]; y = range(start, limit, delta)"},
};
constexpr Operator kOperator = {
    .name = "range",
    .doc = "y[i] = start + i * delta for all i that stay below limit (above it, for a negative delta).",
    .operands = kOperands,
    .results = kResults,
    .attributes = {},
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
extern const OperatorList list_range;
constinit const OperatorList list_range = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
