#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  const Type* element = c.type(0).element.get();
  if (element == nullptr || !element->is_tensor()) return c.error("the elements must be tensors");
  if (!element->ranked) {
    c.result(0, *element);
    return {};
  }
  const bool stack = c.integer("new_axis") != 0;
  Dims dims = element->dims;
  const int64_t axis = TRY(c.axis(c.integer("axis"), element->rank() + (stack ? 1 : 0)));
  // What is not a number may differ from element to element, and then the run will say so.
  for (Dim& d : dims)
    if (!d.is_constant()) d = c.fresh("size");
  if (stack) dims.insert(dims.begin() + axis, c.fresh("count"));
  else dims[idx(axis)] = c.fresh("size");
  c.result(0, Type::tensor(element->dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  if (!c.has(0) || !c.value(0).is_sequence()) return c.error("operand 0 is no sequence");
  const auto& elements = c.value(0).elements();
  if (elements.empty()) return c.error("an empty sequence has no parts to join");
  const bool stack = c.integer("new_axis") != 0;
  const Tensor& first = elements[0].tensor();
  const int64_t rank = first.rank() + (stack ? 1 : 0);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), rank));
  Sizes dims = first.dims();
  if (stack) dims.insert(dims.begin() + axis, 1);
  const Sizes one = dims;
  dims[idx(axis)] = 0;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    Sizes own = elements[i].tensor().dims();
    if (stack && static_cast<int64_t>(own.size()) == rank - 1) own.insert(own.begin() + axis, 1);
    const int64_t size = static_cast<int64_t>(own.size()) == rank ? own[idx(axis)] : -1;
    Sizes like = one;
    like[idx(axis)] = size;
    if (own != like || elements[i].tensor().dtype() != first.dtype())
      return c.error("element " + std::to_string(i) + " does not fit the first");
    dims[idx(axis)] += size;
  }
  Tensor* y = TRY(c.out(0, first.dtype(), dims));
  const Sizes strides = row_major_strides(dims);
  int64_t start = 0;
  for (const RuntimeValue& element : elements) {
    Sizes box = one;
    box[idx(axis)] = stack ? 1 : element.tensor().dims()[idx(axis)];
    copy_box(box, element.tensor(), {0, row_major_strides(box)}, *y, {start * strides[idx(axis)], strides});
    start += box[idx(axis)];
  }
  return {};
}

constexpr OperandSpec kOperands[] = {{"sequence", "sequence"}};
constexpr ResultDoc kResults[] = {{"y", "all elements"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "required", "negative ones count from the end of the result's axes"},
    {"new_axis", AttributeKind::integer, "0", "1: elements are laid side by side along a new axis"},
};
constexpr Sample kSamples[] = {{R"(graph @main(%a: f32[2,3], %b: f32[4,3]) {
  %s: sequence<f32[*]> = sequence_construct(%a, %b)
  %y: f32[*] = concat_from_sequence(%s) {axis = 0}
  return %y
})"}};
constexpr Operator kOperators[] = {{
    .name = "concat_from_sequence",
    .doc = "The elements of a sequence joined along an axis. Source: ONNX ConcatFromSequence.",
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

OPERATORS(concat_from_sequence, kOperators)
