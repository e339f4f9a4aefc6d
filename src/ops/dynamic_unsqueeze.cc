#include "ops/support/axes.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

// Which axes of the result are new; `axes` count in the result.
Result<std::vector<bool>> inserted(const NodeView& c, std::size_t rank, std::span<const int64_t> axes) {
  if (rank + axes.size() > kMaxContents) return c.error("too many axes");
  std::vector<bool> added(rank + axes.size());
  for (const int64_t given : axes) {
    const int64_t axis = TRY(checked_axis(c, given, static_cast<int64_t>(added.size())));
    if (added[idx(axis)]) return c.error("axis " + std::to_string(axis) + " is inserted twice");
    added[idx(axis)] = true;
  }
  return added;
}

Status infer(InferContext& c) {
  const Type &x = c.type(0), &axes = c.type(1);
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  const auto known = known_numbers(c, 1);
  if (!known) {
    const auto count = axes.ranked && axes.rank() == 1 ? axes.dims[0].constant() : std::nullopt;
    if (!count || *count > static_cast<int64_t>(kMaxContents)) {
      c.result(0, Type::unranked(x.dtype));
    } else {
      Dims dims;
      for (int64_t i = 0; i < x.rank() + *count; ++i) dims.push_back(c.fresh());
      c.result(0, Type::tensor(x.dtype, std::move(dims)));
    }
    return {};
  }
  const std::vector<bool> added = TRY(inserted(c, x.dims.size(), *known));
  Dims dims;
  std::size_t next = 0;
  for (bool is_new : added) dims.push_back(is_new ? Dim(1) : x.dims[next++]);
  if (c.contents(0)) c.result_contents(0, *c.contents(0));
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const std::vector<bool> added = TRY(inserted(c, x.dims().size(), integers(c.in(1))));
  Sizes dims;
  std::size_t next = 0;
  for (bool is_new : added) dims.push_back(is_new ? 1 : x.dims()[next++]);
  c.set(0, RuntimeValue(x.reshaped(std::move(dims))));
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"axes", "i64"}};
constexpr ResultDoc kResults[] = {{"y", "x with axes of one element"}};
constexpr Sample kSamples[] = {
    {"x: f32[3,4], axes: i64[2] = [0, -1]; y = dynamic_unsqueeze(x, axes)"},
    {"x: i64[], axes: i64[1] = [0]; y = dynamic_unsqueeze(x, axes)"},
};
constexpr Operator kOperator = {
    .name = "dynamic_unsqueeze",
    .doc = "Inserts axes of one element; `axes` count in the result. ONNX Unsqueeze.",
    .operands = kOperands,
    .results = kResults,
    .attributes = {},
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
};

}  // namespace

namespace ops {
extern const OperatorList list_dynamic_unsqueeze;
constinit const OperatorList list_dynamic_unsqueeze = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
