#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &indices = c.type(1);
  if (!x.ranked || !indices.ranked) {
    c.result(0, Type::unranked(x.dtype));
    return {};
  }
  const int64_t axis = TRY(c.axis(c.integer("axis"), x.rank()));
  Dims dims(x.dims.begin(), x.dims.begin() + axis);
  dims.insert(dims.end(), indices.dims.begin(), indices.dims.end());
  dims.insert(dims.end(), x.dims.begin() + axis + 1, x.dims.end());
  const auto numbers = known_numbers(c, 1);
  if (const auto size = x.dims[idx(axis)].constant(); size && numbers)
    for (int64_t i : *numbers)
      if (i < -*size || i >= *size)
        return c.error("index " + std::to_string(i) + " is out of range for " + std::to_string(*size) + " elements");
  if (x.rank() == 1 && c.contents(0) && numbers && numbers->size() <= kMaxContents) {
    Dims contents;
    const auto size = static_cast<int64_t>(c.contents(0)->size());
    for (int64_t i : *numbers) contents.push_back((*c.contents(0))[idx(i < 0 ? i + size : i)]);
    c.result_contents(0, std::move(contents));
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &indices = c.in(1);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  const int64_t size = x.dims()[idx(axis)];
  Sizes dims(x.dims().begin(), x.dims().begin() + axis);
  const int64_t outer = element_count(dims);
  const int64_t inner = element_count(std::span(x.dims()).subspan(idx(axis) + 1));
  dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
  dims.insert(dims.end(), x.dims().begin() + axis + 1, x.dims().end());
  Sizes taken = integers(indices);
  for (int64_t& i : taken) {
    if (i < -size || i >= size)
      return c.error("index " + std::to_string(i) + " is out of range for " + std::to_string(size) + " elements");
    if (i < 0) i += size;
  }
  Tensor* y = TRY(c.out(0, std::move(dims)));
  int64_t to = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i : taken) {
      copy_elements(x, (o * size + i) * inner, *y, to, inner);
      to += inner;
    }
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const Type &x = c.type(0), &indices = c.type(1);
  const int64_t axis = ops::normal_axis(c.integer("axis"), x.rank());
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const auto middle = axes.subspan(idx(axis), indices.dims.size());
    const int given = nest.cast(nest.load(declared.operands[1], plain_index(middle)), DType::i64);
    const int element = wrapped_index(nest, given, x.dims[idx(axis)]);
    std::vector<Index> from;
    for (int64_t d = 0; d < x.rank(); ++d) {
      if (d < axis) from.push_back(at(axes[idx(d)]));
      else if (d == axis) from.push_back(Index{{}, Dim(0), element});
      else from.push_back(at(axes[idx(d) + indices.dims.size() - 1]));
    }
    // Indices are data: a wrong one must not read elsewhere.
    return guarded_load(nest, declared.operands[0], std::move(from));
  });
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"indices", "i64|i32"}};
constexpr ResultDoc kResults[] = {{"y", "dims of x with those of indices in the place of axis"}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeKind::integer, "0", "negative ones count from the end"}};
constexpr Sample kSamples[] = {
    {"x: f32[5,4], indices: i64[2,3] in [-5, 4]; y = gather(x, indices)"},
    {"x: f32[N,6], indices: i32[3] in [0, 5]; y = gather(x, indices) {axis = -1}"},
    {"x: i64[3], indices: i64[] = [2]; y = gather(x, indices)"},
};
constexpr Operator kOperator = {
    .name = "gather",
    .doc =
        "y[a, i, b] = x[a, indices[i], b]; negative indices count from the end. An index out of range is an error of "
        "the run.",
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
extern const OperatorList list_gather;
constinit const OperatorList list_gather = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
