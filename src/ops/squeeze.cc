// flatten, squeeze, unsqueeze and stack: other dims for the same elements.

#include <algorithm>

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

void keep_contents(InferContext& n) {
  if (n.contents(0)) n.result_contents(0, *n.contents(0));
}

Result<Values> reshaped(DecomposeContext& n, const Dims& dims) {
  Compose c(n.builder);
  return c.done({c.op("reshape", {n.in(0)}, {{"shape", dims}})});
}

// -- flatten

Result<Dims> flattened(const NodeView& n) {
  const Dims x = TRY(dims_of(n, 0));
  int64_t axis = n.integer("axis");
  const int64_t rank = static_cast<int64_t>(x.size());
  if (axis < -rank || axis > rank) return n.error("axis is out of range");
  axis = normal_axis(axis, rank);
  return Dims{product(std::span(x).first(axis)), product(std::span(x).subspan(axis))};
}

Status infer_flatten(InferContext& n) {
  const Type& x = n.type(0);
  if (x.is_ranked_tensor()) {
    n.result(0, Type::tensor(x.dtype, TRY(flattened(n))));
  } else {
    n.result(0, Type::tensor(x.dtype, {n.fresh(), n.fresh()}));
  }
  keep_contents(n);
  return {};
}

Result<Values> decompose_flatten(DecomposeContext& n) { return reshaped(n, TRY(flattened(n))); }

// -- squeeze

Result<Dims> squeezed(const NodeView& n) {
  const Dims x = TRY(dims_of(n, 0));
  const int64_t rank = static_cast<int64_t>(x.size());
  Ints axes;
  if (n.has_attribute("axes")) {
    axes = TRY(normal_axes(n, n.ints("axes"), rank));
  } else {
    for (int64_t i = 0; i < rank; ++i) {
      if (!x[i].is_constant() && equal(x[i], 1) == Truth::maybe)
        return n.error("which dims are 1 is not known", "name the axes");
      if (x[i] == Dim(1)) axes.push_back(i);
    }
  }
  Dims result;
  for (int64_t i = 0; i < rank; ++i) {
    if (!std::ranges::binary_search(axes, i)) result.push_back(x[i]);
    else if (equal(x[i], 1) == Truth::no) return n.error("axis " + std::to_string(i) + " has size " + x[i].text());
  }
  return result;
}

Status infer_squeeze(InferContext& n) {
  if (n.type(0).is_ranked_tensor()) n.result(0, Type::tensor(n.type(0).dtype, TRY(squeezed(n))));
  else n.result(0, Type::unranked(n.type(0).dtype));
  keep_contents(n);
  return {};
}

Result<Values> decompose_squeeze(DecomposeContext& n) { return reshaped(n, TRY(squeezed(n))); }

// -- unsqueeze

Result<Dims> unsqueezed(const NodeView& n) {
  const Dims x = TRY(dims_of(n, 0));
  const int64_t rank = static_cast<int64_t>(x.size() + n.ints("axes").size());
  const Ints axes = TRY(normal_axes(n, n.ints("axes"), rank));
  Dims result = x;
  for (int64_t axis : axes) result.insert(result.begin() + axis, Dim(1));
  return result;
}

Status infer_unsqueeze(InferContext& n) {
  if (n.type(0).is_ranked_tensor()) n.result(0, Type::tensor(n.type(0).dtype, TRY(unsqueezed(n))));
  else n.result(0, Type::unranked(n.type(0).dtype));
  keep_contents(n);
  return {};
}

Result<Values> decompose_unsqueeze(DecomposeContext& n) { return reshaped(n, TRY(unsqueezed(n))); }

// -- stack

Status infer_stack(InferContext& n) {
  if (n.operand_count() == 0) return n.error("stack needs operands");
  Type type = n.type(0);
  for (std::size_t i = 1; i < n.operand_count(); ++i) {
    const Type& other = n.type(i);
    if (!type.is_ranked_tensor() || !other.is_ranked_tensor()) continue;
    bool same = other.rank() == type.rank();
    for (int64_t d = 0; same && d < type.rank(); ++d) same = equal(type.dims[d], other.dims[d]) != Truth::no;
    if (!same) return n.error("the operands differ in shape");
  }
  if (type.is_ranked_tensor()) {
    const int64_t axis = TRY(n.axis(n.integer("axis"), type.rank() + 1));
    type.dims.insert(type.dims.begin() + axis, Dim(static_cast<int64_t>(n.operand_count())));
    Dims contents;
    bool known = axis == 0;
    for (std::size_t i = 0; known && i < n.operand_count(); ++i) {
      known = n.contents(i).has_value() && contents.size() + n.contents(i)->size() <= 64;
      if (known) contents.insert(contents.end(), n.contents(i)->begin(), n.contents(i)->end());
    }
    if (known) n.result_contents(0, std::move(contents));
  }
  n.result(0, std::move(type));
  return {};
}

Result<Values> decompose_stack(DecomposeContext& n) {
  Compose c(n.builder);
  Values parts;
  Dims shape = TRY(dims_of(n, 0));
  const int64_t axis = normal_axis(n.integer("axis"), static_cast<int64_t>(shape.size()) + 1);
  shape.insert(shape.begin() + axis, Dim(1));
  for (std::size_t i = 0; i < n.operand_count(); ++i) parts.push_back(c.reshape(n.in(i), shape));
  return c.done({c.op("concat", parts, {{"axis", axis}})});
}

constexpr OperandSpec kX[] = {{"x", "any"}};
constexpr OperandSpec kParts[] = {{"x", "any|same", OperandSpec::Arity::variadic}};
constexpr ResultDoc kY[] = {{"y", "the same elements"}};
constexpr AttributeSpec kFlatten[] = {{"axis", AttributeKind::integer, "1", "first axis of the second dim"}};
constexpr AttributeSpec kSqueeze[] = {
    {"axes", AttributeKind::ints, "optional", "axes of size 1 to leave out; absent: all"}};
constexpr AttributeSpec kUnsqueeze[] = {{"axes", AttributeKind::ints, "required", "axes of y to have size 1"}};
constexpr AttributeSpec kStack[] = {{"axis", AttributeKind::integer, "0", "the new axis of y"}};
constexpr Sample kFlattenSamples[] = {{"x: f32[2,3,4]; y = flatten(x)"}, {"x: f32[N,3,4]; y = flatten(x) {axis = -1}"}};
constexpr Sample kSqueezeSamples[] = {{"x: f32[1,3,1,4]; y = squeeze(x) {axes = [0, -2]}"},
                                      {"x: f32[1,3,1]; y = squeeze(x)"}};
constexpr Sample kUnsqueezeSamples[] = {{"x: f32[3,4]; y = unsqueeze(x) {axes = [0, -1]}"}};
constexpr Sample kStackSamples[] = {{"a: f32[2,3], b: f32[2,3]; y = stack(a, b)"},
                                    {"a: i64[2], b: i64[2], d: i64[2]; y = stack(a, b, d) {axis = -1}"}};

constexpr Operator view(std::string_view name, std::string_view doc, std::span<const OperandSpec> operands,
                        std::span<const AttributeSpec> attributes, Status (*infer)(InferContext&),
                        Result<Values> (*decompose)(DecomposeContext&), std::span<const Sample> samples) {
  return {.name = name,
          .doc = doc,
          .operands = operands,
          .results = kY,
          .attributes = attributes,
          .infer = infer,
          .reference = nullptr,
          .decompose = decompose,
          .lower = nullptr,
          .gradient = nullptr,
          .samples = samples,
          .tolerance = {.relative = 0, .absolute = 0}};
}

constexpr Operator kOperators[] = {
    view("flatten", "x as a matrix: dims before the axis, dims from it on. Source: ONNX Flatten.", kX, kFlatten,
         infer_flatten, decompose_flatten, kFlattenSamples),
    view("squeeze", "x without axes of size 1. Source: ONNX Squeeze.", kX, kSqueeze, infer_squeeze, decompose_squeeze,
         kSqueezeSamples),
    view("stack", "The operands along a new axis. Source: numpy.stack.", kParts, kStack, infer_stack, decompose_stack,
         kStackSamples),
    view("unsqueeze", "x with more axes of size 1. Source: ONNX Unsqueeze.", kX, kUnsqueeze, infer_unsqueeze,
         decompose_unsqueeze, kUnsqueezeSamples),
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(squeeze, kOperators)
