#include "ops/support/core.h"
#include "ops/support/padding.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  const Dims &before = c.dims("before"), &after = c.dims("after");
  if (!parse_pad_mode(c.string("mode"))) return c.error("mode '" + c.string("mode") + "' is unknown");
  if (c.has(1) && (!is_single(c.type(1)) || (c.type(1).ranked && c.type(1).rank() != 0)))
    return c.error("the value must be a scalar");
  if (before.size() != after.size() || (x.ranked && x.dims.size() != before.size()))
    return c.error("before and after need one entry per axis of x");
  for (const Dims* amounts : {&before, &after})
    for (const Dim& amount : *amounts) {
      c.require(Requirement::Kind::at_most, 0, amount, "0 and an amount");
      if (less_equal(0, amount) == Truth::no) return c.error("an amount is negative", "slice x first");
    }
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  Dims dims = x.dims;
  for (std::size_t i = 0; i < dims.size(); ++i) dims[i] = before[i] + dims[i] + after[i];
  if (*parse_pad_mode(c.string("mode")) != PadMode::constant)
    for (std::size_t i = 0; i < dims.size(); ++i)
      if (dims[i] != x.dims[i])
        c.require(Requirement::Kind::at_most, min(product(dims), 1), x.dims[i], "1 and the size that is padded from");
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const Sizes before = TRY(c.sizes("before")), after = TRY(c.sizes("after"));
  if (before.size() != x.dims().size()) return c.error("before and after need one entry per axis of x");
  Sizes dims = x.dims();
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const auto amount = checked_add(before[i], after[i]);
    const auto size = amount ? checked_add(dims[i], *amount) : std::nullopt;
    if (!size || before[i] < 0 || after[i] < 0) return c.error("an amount is negative or too large");
    dims[i] = *size;
  }
  Tensor* y = TRY(c.out(0, dims));
  auto status = pad_tensor(x, *parse_pad_mode(c.string("mode")), before, c.has(1) ? &c.in(1) : nullptr, *y);
  if (!status) return c.error(status.error().what);
  return {};
}

// i - before, brought into the axis as the mode wants it.
int source_expression(Nest& nest, PadMode mode, int axis, const Dim& before, const Dim& size) {
  const auto i64 = [&](const Dim& d) { return size_value(nest, d, DType::i64); };
  const int position = nest.apply(Scalar::sub, {axis_value(nest, axis, DType::i64), i64(before)});
  const int last = i64(size - 1);
  switch (mode) {
    case PadMode::edge: return nest.apply(Scalar::max, {nest.apply(Scalar::min, {position, last}), i64(0)});
    case PadMode::wrap: return nest.apply(Scalar::mod_floor, {position, i64(size)});
    default: {
      const int period = i64(2 * (size - 1));
      const int p = nest.apply(Scalar::mod_floor, {position, period});
      return nest.apply(Scalar::min, {p, nest.apply(Scalar::sub, {period, p})});
    }
  }
}

Result<Kernel> lower(LowerContext& c) {
  const PadMode mode = *parse_pad_mode(c.string("mode"));
  const Dims &before = c.dims("before"), &after = c.dims("after");
  const auto untouched = [&](std::size_t i) { return before[i] == Dim(0) && after[i] == Dim(0); };
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const Dims dims = c.type(0).dims;
    std::vector<Index> from = plain_index(axes);
    if (mode != PadMode::constant) {
      for (std::size_t i = 0; i < axes.size(); ++i)
        if (!untouched(i)) from[i] = Index{{}, Dim(0), source_expression(nest, mode, axes[i], before[i], dims[i])};
      // Guarded, since an empty x has nothing to repeat.
      return guarded_load(nest, declared.operands[0], std::move(from));
    }
    for (std::size_t i = 0; i < axes.size(); ++i) from[i].offset = 0 - before[i];
    if (!c.has(1)) return guarded_load(nest, declared.operands[0], std::move(from), 0);
    // The value is data: chosen where the position lies outside.
    int inside = -1;
    const auto also = [&](int test) { inside = inside < 0 ? test : nest.apply(Scalar::logical_and, {inside, test}); };
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (untouched(i)) continue;
      const int position = axis_value(nest, axes[i], DType::i64);
      also(nest.apply(Scalar::ge, {position, size_value(nest, before[i], DType::i64)}));
      also(nest.apply(Scalar::lt, {position, size_value(nest, before[i] + dims[i], DType::i64)}));
    }
    const int element = guarded_load(nest, declared.operands[0], std::move(from), 0);
    const int value = nest.load(declared.operands[1], {});
    return inside < 0 ? element : nest.apply(Scalar::select, {inside, element, value});
  });
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"value", "same", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "dims are before + those of x + after"}};
constexpr AttributeSpec kAttributes[] = {
    {"before", AttributeKind::dims, "required", "per axis, how many elements go before; not negative"},
    {"after", AttributeKind::dims, "required", "per axis, how many go after"},
    {"mode", AttributeKind::string, "\"constant\"",
     "constant: value; edge: the nearest element; reflect: mirrored without repeating the end; wrap: from the other "
     "end"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,3]; y = pad(x) {before = dims[1, 0], after = dims[0, 2]}"},
    {"x: f32[2,N], value: f32[]; y = pad(x, value) {before = dims[0, 2], after = dims[1, 1]}"},
    {"x: i32[4,3]; y = pad(x) {before = dims[2, 0], after = dims[3, 2], mode = \"reflect\"}"},
    {"x: f32[3,4]; y = pad(x) {before = dims[2, 1], after = dims[0, 5], mode = \"edge\"}"},
    {"x: f32[3,4]; y = pad(x) {before = dims[2, 1], after = dims[0, 5], mode = \"wrap\"}"},
};
constexpr Operator kOperator = {
    .name = "pad",
    .doc = "Puts elements around x.",
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
extern const OperatorList list_pad;
constinit const OperatorList list_pad = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
