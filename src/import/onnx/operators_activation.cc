// Activations and softmax.

#include <fmt/format.h>

#include "import/onnx/node_context.h"

namespace burnish::onnx {
namespace {

// Before opset 13 these flattened the input to a matrix at `axis` (1 unless given) and worked on its rows.
template <const char* target>
Status softmax_like(NodeContext& c) {
  const bool rows = c.opset() < 13;
  const int64_t given = c.integer("axis", rows ? 1 : -1);
  if (!rows) {
    c.give(c.op(target, {c.in(0)}, {{"axis", given}}));
    return {};
  }
  const Dims dims = TRY(c.dims(0));
  const auto rank = static_cast<int64_t>(dims.size());
  const int64_t axis = given == rank ? rank : TRY(c.axis(given, rank));
  if (axis == rank - 1) {
    c.give(c.op(target, {c.in(0)}, {{"axis", int64_t{-1}}}));
    return {};
  }
  const Dims matrix = {product(std::span(dims).first(static_cast<std::size_t>(axis))),
                       product(std::span(dims).subspan(static_cast<std::size_t>(axis)))};
  Value* flat = c.op("reshape", {c.in(0)}, {{"shape", matrix}});
  c.give(c.op("reshape", {c.op(target, {flat}, {{"axis", int64_t{-1}}})}, {{"shape", dims}}));
  return {};
}
constexpr char kSoftmax[] = "softmax", kLogSoftmax[] = "log_softmax", kHardmax[] = "hardmax";

Status swish(NodeContext& c) {
  if (!c.has(0)) return c.error("input 0 is missing");
  const double alpha = c.real("alpha", 1);
  if (alpha == 1) c.give(c.op("silu", {c.in(0)}));
  else c.give(c.op("mul", {c.in(0), c.op("sigmoid", {c.op("mul", {c.in(0), c.number(c.in(0), alpha)})})}));
  return {};
}

// Before opset 7 a slope of one axis belonged to the channels.
Status prelu(NodeContext& c) {
  if (!c.has(0) || !c.has(1)) return c.error("an input is missing");
  Value* slope = c.in(1);
  const bool ranked = slope->type().ranked && c.in(0)->type().ranked;
  if (c.opset() < 7 && !ranked && (!slope->type().ranked || slope->type().rank() == 1)) {
    // As many ones behind it as x has axes behind the channels.
    Value* ones = c.op("shape_of", {c.in(0)}, {{"start", int64_t{2}}});
    ones = c.op("max", {c.op("min", {ones, c.number(ones, 1)}), c.number(ones, 1)});
    slope = c.op("dynamic_reshape", {slope, c.op("concat", {c.i64s(Ints{-1}), ones}, {{"axis", int64_t{0}}})});
  } else if (c.opset() < 7 && slope->type().ranked && slope->type().rank() == 1) {
    const int64_t rank = TRY(c.rank(0));
    Ints axes;
    for (int64_t i = 2; i < rank; ++i) axes.push_back(i - 1);
    const bool shared = slope->type().dims[0] == Dim(1);
    if (!axes.empty() && !shared) slope = c.op("unsqueeze", {slope}, {{"axes", axes}});
  }
  c.give(c.op("prelu", {c.in(0), slope}));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"Relu", 1, nullptr, "relu", "-consumed_inputs"},
    {"LeakyRelu", 1, nullptr, "leaky_relu", "-consumed_inputs, alpha=0.01"},
    {"PRelu", 1, prelu, {}, "-consumed_inputs"},
    {"Elu", 1, nullptr, "elu", "-consumed_inputs, alpha=1.0"},
    {"Selu", 6, nullptr, "selu", "alpha=1.67326319217681884765625, gamma=1.05070102214813232421875"},
    {"Selu", 1, nullptr, "selu", "-consumed_inputs, alpha=1.6732, gamma=1.0507"},
    {"Celu", 12, nullptr, "celu", "alpha=1.0"},
    {"ThresholdedRelu", 10, nullptr, "thresholded_relu", "alpha=1.0"},
    {"HardSigmoid", 1, nullptr, "hard_sigmoid", "-consumed_inputs, alpha=0.2, beta=0.5"},
    {"HardSwish", 14, nullptr, "hard_swish"},
    {"Softplus", 1, nullptr, "softplus"},
    {"Softsign", 1, nullptr, "softsign"},
    {"Mish", 18, nullptr, "mish"},
    {"Gelu", 20, nullptr, "gelu"},
    {"Swish", 24, swish, {}},
    {"Shrink", 9, nullptr, "shrink"},
    {"Softmax", 1, softmax_like<kSoftmax>, {}},
    {"LogSoftmax", 1, softmax_like<kLogSoftmax>, {}},
    {"Hardmax", 1, softmax_like<kHardmax>, {}},
};

}  // namespace

std::span<const OperatorRow> activation_rows() { return kRows; }

}  // namespace burnish::onnx
