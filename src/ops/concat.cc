#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

// Operands beyond this are copied one by one instead.
constexpr std::size_t kMostInKernel = 32;

Status infer(InferContext& c) {
  if (c.operand_count() == 0) return c.error("nothing to concatenate");
  const DType dtype = c.type(0).dtype;
  Dims dims;
  bool ranked = true;
  int64_t axis = c.integer("axis");
  for (std::size_t i = 0; i < c.operand_count(); ++i) {
    if (!c.has(i)) return c.error("operand " + std::to_string(i) + " is missing");
    const Type& x = c.type(i);
    if (!x.ranked) {
      ranked = false;
      continue;
    }
    if (dims.empty()) {
      axis = TRY(c.axis(c.integer("axis"), x.rank()));
      dims = x.dims;
      continue;
    }
    if (dims.size() != x.dims.size()) return c.error("operands of different ranks");
    for (std::size_t d = 0; d < dims.size(); ++d) {
      if (idx(axis) == d) {
        dims[d] = dims[d] + x.dims[d];
        continue;
      }
      c.require(Requirement::Kind::equal, x.dims[d], dims[d], "the operands' sizes");
      auto common = common_dim(dims[d], x.dims[d]);
      if (!common) return c.error("operands differ in dim " + std::to_string(d));
      dims[d] = std::move(*common);
    }
  }
  if (!ranked) {
    c.result(0, Type::unranked(dtype));
    return {};
  }
  if (dims.empty()) return c.error("scalars cannot be concatenated");
  if (dims.size() == 1 && all_known(c)) {
    Dims contents;
    for (std::size_t i = 0; i < c.operand_count(); ++i)
      contents.insert(contents.end(), c.contents(i)->begin(), c.contents(i)->end());
    c.result_contents(0, std::move(contents));
  }
  c.result(0, Type::tensor(dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  Sizes dims = c.in(0).dims();
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), static_cast<int64_t>(dims.size())));
  for (std::size_t i = 1; i < c.operand_count(); ++i) {
    const Sizes& own = c.in(i).dims();
    for (std::size_t d = 0; d < dims.size(); ++d) {
      if (own.size() != dims.size() || (d != idx(axis) && own[d] != dims[d]))
        return c.error("[" + text(own) + "] and [" + text(dims) + "] do not fit side by side");
    }
    dims[idx(axis)] += own[idx(axis)];
  }
  Tensor* y = TRY(c.out(0, dims));
  const Sizes strides = row_major_strides(dims);
  int64_t start = 0;
  for (std::size_t i = 0; i < c.operand_count(); ++i) {
    const Tensor& x = c.in(i);
    if (x.elements() > 0)
      copy_box(x.dims(), x, {0, row_major_strides(x.dims())}, *y, {start * strides[idx(axis)], strides});
    start += x.dims()[idx(axis)];
  }
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  if (c.operand_count() > kMostInKernel) return c.error("too many operands for one kernel");
  const std::size_t axis = idx(ops::normal_axis(c.integer("axis"), c.type(0).rank()));
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const int position = axis_value(nest, axes[axis], DType::i64);
    // From the last operand to the first: select(i < end of this one, this one, the rest).
    std::vector<Dim> starts = {0};
    for (std::size_t i = 0; i < c.operand_count(); ++i) starts.push_back(starts.back() + c.type(i).dims[axis]);
    int value = -1;
    for (std::size_t i = c.operand_count(); i-- > 0;) {
      std::vector<Index> from = plain_index(axes);
      from[axis].offset = 0 - starts[i];
      const int loaded = guarded_load(nest, declared.operands[i], std::move(from));
      if (value < 0) value = loaded;
      else
        value = nest.apply(
            Scalar::select,
            {nest.apply(Scalar::lt, {position, size_value(nest, starts[i + 1], DType::i64)}), loaded, value});
    }
    return value;
  });
}

constexpr OperandSpec kOperands[] = {{"x", "same", OperandSpec::Arity::variadic}};
constexpr ResultDoc kResults[] = {{"y", "the operands one after the other along axis"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "required", "negative ones count from the end"}};
constexpr Sample kSamples[] = {
    {"a: f32[2,3], b: f32[2,1], c: f32[2,4]; y = concat(a, b, c) {axis = 1}"},
    {"a: i64[N,2], b: i64[3,2]; y = concat(a, b) {axis = -2}"},
};
constexpr Operator kOperator = {
    .name = "concat",
    .doc = "Joins tensors along one axis; their other dims are equal.",
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
extern const OperatorList list_concat;
constinit const OperatorList list_concat = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
