#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

// The axes that shape speaks of, in its order.
Result<Ints> axes_of(const NodeView& n, int64_t rank) {
  Ints axes = n.has_attribute("axes") ? n.ints("axes") : range_of(0, rank);
  for (int64_t& axis : axes) {
    if (axis < -rank || axis >= rank) return n.error("axis " + std::to_string(axis) + " is out of range");
    axis = normal_axis(axis, rank);
  }
  TRY(normal_axes(n, axes, rank));
  return axes;
}

Status infer(InferContext& n) {
  if (!n.type(0).is_ranked_tensor()) return infer_same(n);
  Dims dims = n.type(0).dims;
  const Ints axes = TRY(axes_of(n, n.type(0).rank()));
  const auto& sizes = n.contents(1);
  if (sizes && sizes->size() != axes.size()) return n.error("shape needs a size per axis");
  for (std::size_t i = 0; i < axes.size(); ++i)
    dims[static_cast<std::size_t>(axes[i])] = sizes ? (*sizes)[i] : n.fresh("size");
  n.result(0, Type::tensor(n.type(0).dtype, std::move(dims)));
  return {};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims x = TRY(dims_of(n, 0));
  const Ints axes = TRY(axes_of(n, static_cast<int64_t>(x.size())));
  const auto count = static_cast<int64_t>(axes.size());
  Values sizes;
  for (int64_t axis : axes) sizes.push_back(c.op("dims", {}, {{"values", Dims{x[static_cast<std::size_t>(axis)]}}}));
  if (sizes.empty()) return c.done({c.op("identity", {n.in(0)})});
  Value* have = c.concat(sizes, 0);
  Value* want = c.reshape(c.cast(n.in(1), DType::i64), {count});
  // What is too much goes half in front, what is missing comes half in front; the odd one is at the end.
  Value* cut = c.div(c.max(c.sub(have, want), 0.0), 2.0);
  Value* listed = c.integers(axes);
  Value* y = c.op("dynamic_slice", {n.in(0), cut, c.add(cut, c.min(have, want)), listed});
  Value* missing = c.max(c.sub(want, have), 0.0);
  Value* before = c.div(missing, 2.0);
  Value* pads[] = {before, c.sub(missing, before)};
  y = c.op("dynamic_pad", {y, c.concat(pads, 0), nullptr, listed});
  return c.done({y});
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"shape", "int"}};
constexpr ResultDoc kResults[] = {{"y", "dims of x with `shape` at the axes"}};
constexpr AttributeSpec kAttributes[] = {
    {"axes", AttributeKind::ints, "optional", "what shape speaks of; absent: all"}};
constexpr Sample kSamples[] = {
    {"x: f32[20,10,3], shape: i64[3] = [10, 7, 3]; y = center_crop_pad(x, shape)"},
    {"x: f32[4,7,3], shape: i64[2] = [9, 4]; y = center_crop_pad(x, shape) {axes = [0, -2]}"},
};
constexpr Operator kOperators[] = {
    {.name = "center_crop_pad",
     .doc = "Cuts each axis to a size around its middle, or fills it up with zeros. Source: ONNX CenterCropPad 18.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 0, .absolute = 0}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(center_crop_pad, kOperators)
