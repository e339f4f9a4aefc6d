#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (c.has(1) && c.type(1).ranked && c.type(1).rank() > 1) return c.error("split must be a number or a list of them");
  if (!x.ranked) {
    c.result(0, Type::sequence(x));
    return {};
  }
  const int64_t axis = TRY(c.axis(c.integer("axis"), x.rank()));
  Dims dims = x.dims;
  if (!c.has(1) && c.integer("keep") == 0) dims.erase(dims.begin() + axis);
  else if (!c.has(1)) dims[idx(axis)] = 1;
  else dims[idx(axis)] = c.fresh("size");
  c.result(0, Type::sequence(Type::tensor(x.dtype, std::move(dims))));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  const int64_t size = x.dims()[idx(axis)];
  Sizes sizes;
  if (!c.has(1) || c.in(1).rank() == 0) {
    const int64_t each = c.has(1) ? c.in(1).int_at(0) : 1;
    if (each < 1) return c.error("parts of " + std::to_string(each) + " elements are not possible");
    for (int64_t done = 0; done < size; done += each) sizes.push_back(std::min(each, size - done));
  } else {
    sizes = integers(c.in(1));
    int64_t sum = 0;
    for (int64_t s : sizes) {
      const auto next = s < 0 ? std::nullopt : checked_add(sum, s);
      if (!next || *next > size) return c.error("the parts [" + text(sizes) + "] do not add up to the axis");
      sum = *next;
    }
    if (sum != size) return c.error("the parts [" + text(sizes) + "] do not add up to the axis");
  }
  const Sizes strides = row_major_strides(x.dims());
  std::vector<RuntimeValue> parts;
  int64_t start = 0;
  for (int64_t s : sizes) {
    Sizes dims = x.dims();
    dims[idx(axis)] = s;
    Tensor part = TRY(Tensor::allocate(x.dtype(), dims));
    copy_box(dims, x, {start * strides[idx(axis)], strides}, part, {0, row_major_strides(dims)});
    start += s;
    if (!c.has(1) && c.integer("keep") == 0) {
      dims.erase(dims.begin() + axis);
      part = part.reshaped(dims);
    }
    parts.emplace_back(std::move(part));
  }
  c.set(0, RuntimeValue::sequence(std::move(parts)));
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"split", "int", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "a sequence of the parts"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "0", "negative ones count from the end"},
    {"keep", AttributeKind::integer, "1", "0: parts of one element lose the axis"},
};
constexpr Sample kSamples[] = {
    {"x: f32[5,2]; y = split_to_sequence(x) {keep = 0}"},
    {"x: i32[2,5] in [-9, 9], split: i64[] = [2]; y = split_to_sequence(x, split) {axis = 1}"},
    {"x: f32[2,5], split: i64[3] = [1, 3, 1]; y = split_to_sequence(x, split) {axis = -1}"},
};
constexpr Operator kOperators[] = {{
    .name = "split_to_sequence",
    .doc = "Parts of x along axis: of split elements each (the last may be shorter), of the listed sizes, or of one. "
           "Source: ONNX SplitToSequence.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(split_to_sequence, kOperators)
