#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  c.result(0, c.type(0));
  if (c.contents(0)) c.result_contents(0, *c.contents(0));
  return {};
}

Status reference(ReferenceContext& c) {
  c.set(0, c.value(0));
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  return pointwise_kernel(c, [](Nest&, std::span<const int> loaded) { return loaded[0]; });
}

constexpr OperandSpec kOperands[] = {{"x", "value"}};
constexpr ResultDoc kResults[] = {{"y", "x"}};
constexpr Sample kSamples[] = {
    {"x: f32[N,3]; y = identity(x)"},
    {"x: i64[2]; y = identity(x)"},
};
constexpr Operator kOperator = {
    .name = "identity",
    .doc = "x unchanged; any kind of value.",
    .operands = kOperands,
    .results = kResults,
    .attributes = {},
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
extern const OperatorList list_identity;
constinit const OperatorList list_identity = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
