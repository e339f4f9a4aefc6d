#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Tensor& value = c.tensor("value");
  c.result(0, value.type());
  if (auto contents = contents_of(value)) c.result_contents(0, std::move(*contents));
  return {};
}

Status reference(ReferenceContext& c) {
  c.set(0, RuntimeValue(c.tensor("value")));
  return {};
}

constexpr ResultDoc kResults[] = {{"y", "the tensor itself"}};
constexpr AttributeSpec kAttributes[] = {{"value", AttributeKind::tensor, "required", "its data"}};
constexpr Sample kSamples[] = {
    {"; y = constant() {value = tensor(f32[2,3] [1, 2, 3, -4.5, 0, 0.25])}"},
    {"; y = constant() {value = tensor(i64[4] [1, 0, -3, 64])}"},
};
constexpr Operator kOperator = {
    .name = "constant",
    .doc = "A tensor known when the graph is built.",
    .operands = {},
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
extern const OperatorList list_constant;
constinit const OperatorList list_constant = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
