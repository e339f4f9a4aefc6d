#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

enum Operand { kX, kW, kBias, kPast };

struct Shape {
  Dim batch, length, channels, taps;
};

Result<Shape> shape_of(const NodeView& n) {
  const Dims x = TRY(dims_of(n, kX)), w = TRY(dims_of(n, kW));
  if (x.size() != 3 || w.size() != 3 || equal(w[1], 1) == Truth::no)
    return n.error("x must be [batch, channels, length] and w [channels, 1, taps]");
  if (less_equal(1, w[2]) == Truth::no) return n.error("there are no taps");
  if (equal(x[1], w[0]) == Truth::no) return n.error("x and w differ in channels");
  const std::string& activation = n.string("activation");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return n.error("activation must be \"none\", \"silu\" or \"swish\"");
  return Shape{x[0], x[2], w[0].is_constant() ? w[0] : x[1], w[2]};
}

Status infer(InferContext& n) {
  const DType dtype = n.type(kX).dtype;
  if (!n.type(kX).is_ranked_tensor() || !n.type(kW).is_ranked_tensor()) {
    n.result(0, n.type(kX));
    n.result(1, Type::unranked(dtype));
    return {};
  }
  const Shape s = TRY(shape_of(n));
  if (n.has(kPast) && n.type(kPast).is_ranked_tensor()) {
    const Dims &past = n.type(kPast).dims, wanted = {s.batch, s.channels, s.taps - 1};
    if (past.size() != wanted.size()) return n.error("past must be [batch, channels, taps - 1]");
    for (std::size_t d = 0; d < past.size(); ++d) {
      if (equal(past[d], wanted[d]) == Truth::no) return n.error("past must be [" + text(std::span(wanted)) + "]");
      n.require(Requirement::Kind::equal, past[d], wanted[d], "sizes of past and of [batch, channels, taps - 1]");
    }
  }
  n.result(0, Type::tensor(dtype, {s.batch, s.channels, s.length}));
  n.result(1, Type::tensor(dtype, {s.batch, s.channels, s.taps - 1}));
  return {};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const Shape s = TRY(shape_of(n));
  const DType dtype = n.type(kX).dtype;
  const auto channels = s.channels.constant();
  if (!channels || !s.taps.is_constant()) return n.error("the number of channels and taps must be known");
  Value* past = n.has(kPast) ? n.in(kPast) : c.broadcast(c.number(dtype, 0), {s.batch, s.channels, s.taps - 1});
  Value* parts[] = {past, n.in(kX)};
  Value* whole = c.concat(parts, 2);
  AttributeMap attributes = {{"strides", Ints{1}}, {"dilations", Ints{1}}, {"pads", Ints{0, 0}}, {"groups", *channels}};
  Value* y = n.has(kBias) ? c.op("conv", {whole, n.in(kW), n.in(kBias)}, attributes)
                          : c.op("conv", {whole, n.in(kW)}, attributes);
  if (n.string("activation") != "none") y = c.cast(c.op("silu", {c.cast(y, wide(dtype))}), dtype);
  Values results = {y, c.slice(whole, 2, s.length, s.taps - 1)};
  TRY(n.builder.finish());
  results.resize(n.node().result_count());
  return results;
}

constexpr auto kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kOperands[] = {
    {"x", "float"}, {"w", "same"}, {"bias", "same", kOptional}, {"past", "same", kOptional}};
constexpr ResultDoc kResults[] = {{"y", "shape of x"}, {"state", "the last taps - 1 elements seen", true}};
constexpr AttributeSpec kAttributes[] = {{"activation", AttributeKind::string, "\"none\"", "none, silu or swish"}};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,6], w: f32[3,1,4], b: f32[3], p: f32[2,3,3]; y, s = causal_conv_with_state(x, w, b, p) {activation = "
     "\"silu\"}"},
    {"x: f32[1,2,4], w: f32[2,1,3]; y, s = causal_conv_with_state(x, w)"},
};
constexpr Operator kOperators[] = {
    {.name = "causal_conv_with_state",
     .doc =
         "Each channel convolved with its own taps over what came before and x. Source: ONNX CausalConvWithState 27.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(causal_conv_with_state, kOperators)
