#include "ops/support/axes.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  std::vector<bool> drop(x.dims.size());
  if (c.has(1)) {
    const auto axes = known_numbers(c, 1);
    if (!axes) {
      c.result(0, Type::unranked(x.dtype));
      return {};
    }
    for (int64_t given : *axes) {
      const int64_t axis = TRY(c.axis(given, x.rank()));
      if (equal(x.dims[idx(axis)], 1) == Truth::no)
        return c.error("axis " + std::to_string(axis) + " has " + x.dims[idx(axis)].text() + " elements, not 1");
      drop[idx(axis)] = true;
    }
  } else {
    for (std::size_t i = 0; i < drop.size(); ++i) {
      if (equal(x.dims[i], 1) == Truth::maybe) {
        c.result(0, Type::unranked(x.dtype));
        return {};
      }
      drop[i] = x.dims[i].constant() == 1;
    }
  }
  Dims dims;
  for (std::size_t i = 0; i < drop.size(); ++i)
    if (!drop[i]) dims.push_back(x.dims[i]);
  if (c.contents(0)) c.result_contents(0, *c.contents(0));
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  std::vector<bool> drop(x.dims().size());
  if (c.has(1)) {
    for (const int64_t given : integers(c.in(1))) {
      const int64_t axis = TRY(checked_axis(c, given, x.rank()));
      if (x.dims()[idx(axis)] != 1) return c.error("axis " + std::to_string(axis) + " has not 1 element");
      drop[idx(axis)] = true;
    }
  } else {
    for (std::size_t i = 0; i < drop.size(); ++i) drop[i] = x.dims()[i] == 1;
  }
  Sizes dims;
  for (std::size_t i = 0; i < drop.size(); ++i)
    if (!drop[i]) dims.push_back(x.dims()[i]);
  c.set(0, RuntimeValue(x.reshaped(std::move(dims))));
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"axes", "i64", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "x without the axes"}};
constexpr Sample kSamples[] = {
    {"x: f32[1,3,1], axes: i64[1] = [-1]; y = dynamic_squeeze(x, axes)"},
    {"x: i32[1,4,1]; y = dynamic_squeeze(x)"},
};
constexpr Operator kOperator = {
    .name = "dynamic_squeeze",
    .doc = "Removes axes of one element: those given, or all. ONNX Squeeze.",
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
extern const OperatorList list_dynamic_squeeze;
constinit const OperatorList list_dynamic_squeeze = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
