#include "ops/support/core.h"
#include "ops/support/padding.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  const Dims& sizes = c.dims("sizes");
  const auto rank = static_cast<int64_t>(sizes.size());
  if (!parse_pad_mode(c.string("mode"))) return c.error("mode '" + c.string("mode") + "' is unknown");
  if (x.ranked && x.rank() != rank) return c.error("sizes need one entry per axis of x");
  for (std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    if (!c.has(i) || !c.type(i).ranked) continue;
    if (c.type(i).rank() != 1 || equal(c.type(i).dims[0], rank) == Truth::no)
      return c.error("starts and steps need one entry per axis of x");
    c.require(Requirement::Kind::equal, c.type(i).dims[0], rank, "starts or steps and axes of x");
  }
  if (c.has(3) && (!is_single(c.type(3)) || (c.type(3).ranked && c.type(3).rank() != 0)))
    return c.error("the value must be a scalar");
  for (const Dim& size : sizes)
    if (size.range().high < 0) return c.error("size " + size.text() + " is negative");
  c.result(0, Type::tensor(x.dtype, sizes));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const Sizes sizes = TRY(c.sizes("sizes")), starts = integers(c.in(1));
  const Sizes steps = c.has(2) ? integers(c.in(2)) : Sizes(sizes.size(), 1);
  if (sizes.size() != x.dims().size() || starts.size() != sizes.size() || steps.size() != sizes.size())
    return c.error("starts, steps and sizes need one entry per axis of x");
  const PadMode mode = *parse_pad_mode(c.string("mode"));
  Tensor* y = TRY(c.out(0, sizes));
  if (y->elements() == 0) return {};
  if (mode != PadMode::constant && x.elements() == 0) return c.error("there is nothing to read");
  // Per axis, where each position comes from.
  std::vector<Sizes> source(sizes.size());
  for (std::size_t d = 0; d < sizes.size(); ++d)
    for (int64_t i = 0; i < sizes[d]; ++i) {
      const auto way = checked_mul(i, steps[d]);
      const auto at = way ? checked_add(starts[d], *way) : std::nullopt;
      if (!at) return c.error("starts and steps leave the range of i64");
      source[d].push_back(padded_source(mode, *at, x.dims()[d]));
    }
  const Sizes strides = row_major_strides(x.dims());
  Sizes position(sizes.size(), 0);
  for (int64_t n = 0; n < y->elements(); ++n, next_position(position, sizes)) {
    int64_t from = 0;
    bool outside = false;
    for (std::size_t d = 0; d < sizes.size(); ++d) {
      outside |= source[d][idx(position[d])] < 0;
      from += source[d][idx(position[d])] * strides[d];
    }
    if (!outside) copy_elements(x, from, *y, n, 1);
    else if (c.has(3)) copy_elements(c.in(3), 0, *y, n, 1);
  }
  return {};
}

// A position brought into the axis as the mode wants it.
int inside(Nest& nest, PadMode mode, int position, const Dim& size) {
  const auto i64 = [&](const Dim& d) { return size_value(nest, d, DType::i64); };
  switch (mode) {
    case PadMode::constant: return position;
    case PadMode::edge: return nest.apply(Scalar::max, {nest.apply(Scalar::min, {position, i64(size - 1)}), i64(0)});
    case PadMode::wrap: return nest.apply(Scalar::mod_floor, {position, i64(size)});
    case PadMode::reflect: {
      const int period = i64(2 * (size - 1));
      const int p = nest.apply(Scalar::mod_floor, {position, period});
      return nest.apply(Scalar::min, {p, nest.apply(Scalar::sub, {period, p})});
    }
  }
  return position;
}

Result<Kernel> lower(LowerContext& c) {
  const PadMode mode = *parse_pad_mode(c.string("mode"));
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const Dims dims = c.type(0).dims;
    std::vector<Index> from;
    int within = -1;
    const auto also = [&](int test) { within = within < 0 ? test : nest.apply(Scalar::logical_and, {within, test}); };
    for (std::size_t d = 0; d < axes.size(); ++d) {
      const auto entry = [&](std::size_t operand) {
        return nest.load(declared.operands[operand], {Index{{}, Dim(static_cast<int64_t>(d)), -1}});
      };
      int way = axis_value(nest, axes[d], DType::i64);
      if (c.has(2)) way = nest.apply(Scalar::mul, {way, entry(2)});
      const int position = inside(nest, mode, nest.apply(Scalar::add, {entry(1), way}), dims[d]);
      from.push_back(Index{{}, Dim(0), position});
      if (!c.has(3)) continue;
      also(nest.apply(Scalar::ge, {position, nest.constant(0, DType::i64)}));
      also(nest.apply(Scalar::lt, {position, size_value(nest, dims[d], DType::i64)}));
    }
    const int element = guarded_load(nest, declared.operands[0], std::move(from));
    if (within < 0) return element;
    return nest.apply(Scalar::select, {within, element, nest.load(declared.operands[3], {})});
  });
}

constexpr OperandSpec kOperands[] = {{"x", "any"},
                                     {"starts", "i64"},
                                     {"steps", "i64", OperandSpec::Arity::optional},
                                     {"value", "same", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "dims = sizes"}};
constexpr AttributeSpec kAttributes[] = {
    {"sizes", AttributeKind::dims, "required", "dims of y"},
    {"mode", AttributeKind::string, "\"constant\"", "what lies outside x: `value` or 0, or as of pad"},
};
constexpr Sample kSamples[] = {
    {"x: f32[4,6], starts: i64[2] in [-1, 2], steps: i64[2] in [-1, 2]; y = slice_at(x, starts, steps) {sizes = "
     "dims[3, "
     "4]}"},
    {"x: i32[N,3], starts: i64[2] in [-2, 2], value: i32[]; y = slice_at(x, starts, _, value) {sizes = dims[N + 1, "
     "5]}"},
    {"x: f32[4,3], starts: i64[2] in [-5, 5]; y = slice_at(x, starts) {sizes = dims[6, 7], mode = \"reflect\"}"},
    {"x: f32[4,3], starts: i64[2] in [-5, 5]; y = slice_at(x, starts) {sizes = dims[6, 7], mode = \"edge\"}"},
    {"x: f64[4,3], starts: i64[2] in [-5, 5]; y = slice_at(x, starts) {sizes = dims[6, 7], mode = \"wrap\"}"},
};
constexpr Operator kOperator = {
    .name = "slice_at",
    .doc =
        "y[i, ...] = x[starts + i * steps, ...], where starts and steps are data. Steps are 1 when absent. What slice "
        "and "
        "pad become when only a run can tell where they begin.",
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
extern const OperatorList list_slice_at;
constinit const OperatorList list_slice_at = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
