#include <algorithm>

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& n) {
  Type type = n.type(0);
  if (type.is_ranked_tensor()) std::ranges::reverse(type.dims);
  n.result(0, std::move(type));
  return {};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  Ints permutation = range_of(0, static_cast<int64_t>(TRY(dims_of(n, 0)).size()));
  std::ranges::reverse(permutation);
  return c.done({c.op("transpose", {n.in(0)}, {{"permutation", permutation}})});
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "dims of x, the last one first"}};
constexpr Sample kSamples[] = {{"x: f32[2,3,5]; y = reverse_axes(x)"}, {"x: i32[4]; y = reverse_axes(x)"}};

constexpr Operator kOperators[] = {
    {.name = "reverse_axes",
     .doc = "transpose with the last axis first, for an operand whose rank comes with the data. Source: ONNX Transpose "
            "without perm.",
     .operands = kOperands,
     .results = kResults,
     .attributes = {},
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

OPERATORS(reverse_axes, kOperators)
