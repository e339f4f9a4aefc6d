#include "ops/support/axes.h"
#include "ops/support/core.h"
#include "ops/support/padding.h"

namespace burnish {
namespace {

// Amounts before and after per axis from a list [befores..., afters...] over `axes`.
template <class T>
Result<std::pair<std::vector<T>, std::vector<T>>> amounts(const NodeView& c, std::size_t rank,
                                                          const std::vector<T>& pads,
                                                          const std::optional<Sizes>& axes) {
  const std::size_t count = axes ? axes->size() : rank;
  if (pads.size() != 2 * count) return c.error("pads needs two entries per axis, not " + std::to_string(pads.size()));
  std::vector<T> before(rank, T(0)), after(rank, T(0));
  std::vector<bool> seen(rank);
  for (std::size_t i = 0; i < count; ++i) {
    const int64_t given = axes ? (*axes)[i] : static_cast<int64_t>(i);
    const int64_t axis = TRY(checked_axis(c, given, static_cast<int64_t>(rank)));
    if (seen[idx(axis)]) return c.error("axis " + std::to_string(axis) + " is listed twice");
    seen[idx(axis)] = true;
    before[idx(axis)] = pads[i];
    after[idx(axis)] = pads[i + count];
  }
  return std::pair(std::move(before), std::move(after));
}

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (!parse_pad_mode(c.string("mode"))) return c.error("mode '" + c.string("mode") + "' is unknown");
  if (c.has(2) && !is_single(c.type(2))) return c.error("the value must be a scalar");
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  const auto axes = c.has(3) ? known_numbers(c, 3) : std::nullopt;
  Dims dims = x.dims;
  if (!c.contents(1) || (c.has(3) && !axes)) {
    for (Dim& d : dims) d = c.fresh();
  } else {
    const auto [before, after] = TRY(amounts<Dim>(c, dims.size(), *c.contents(1), axes));
    for (std::size_t i = 0; i < dims.size(); ++i) {
      dims[i] = before[i] + dims[i] + after[i];
      if (dims[i].range().high < 0) return c.error("more elements are cut off than axis " + std::to_string(i) + " has");
    }
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const auto axes = c.has(3) ? std::optional(integers(c.in(3))) : std::nullopt;
  const auto [before, after] = TRY(amounts<int64_t>(c, x.dims().size(), integers(c.in(1)), axes));
  Sizes dims = x.dims();
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const auto amount = checked_add(before[i], after[i]);
    const auto size = amount ? checked_add(dims[i], *amount) : std::nullopt;
    if (!size || *size < 0 || before[i] < -Range::kMax || before[i] > Range::kMax)
      return c.error("amounts out of range for axis " + std::to_string(i));
    dims[i] = *size;
  }
  if (c.has(2) && c.in(2).elements() != 1) return c.error("the value must be a scalar");
  Tensor* y = TRY(c.out(0, dims));
  auto status = pad_tensor(x, *parse_pad_mode(c.string("mode")), before, c.has(2) ? &c.in(2) : nullptr, *y);
  if (!status) return c.error(status.error().what);
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"},
                                     {"pads", "i64"},
                                     {"value", "same", OperandSpec::Arity::optional},
                                     {"axes", "i64|i32", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "x with elements around it"}};
constexpr AttributeSpec kAttributes[] = {{"mode", AttributeKind::string, "\"constant\"", "as of pad"}};
constexpr Sample kSamples[] = {
    {"x: f32[2,3], pads: i64[4] = [1, 0, 0, 2]; y = dynamic_pad(x, pads)"},
    {"x: f32[3,4], pads: i64[2] = [-1, 2], value: f32[] = [7], axes: i64[1] = [-1]; "
     "y = dynamic_pad(x, pads, value, axes)"},
    {"x: i32[N], pads: i64[2] = [3, 3]; y = dynamic_pad(x, pads) {mode = \"wrap\"}"},
    {"x: i32[5], pads: i64[2] = [-2, 4]; y = dynamic_pad(x, pads) {mode = \"wrap\"}"},
};
constexpr Operator kOperator = {
    .name = "dynamic_pad",
    .doc =
        "Pads by amounts that are data: all befores, then all afters, for `axes` or every axis; negative ones crop. "
        "ONNX Pad.",
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
};

}  // namespace

namespace ops {
extern const OperatorList list_dynamic_pad;
constinit const OperatorList list_dynamic_pad = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
