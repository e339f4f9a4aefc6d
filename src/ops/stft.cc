#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

enum Operand { kSignal, kStep, kWindow, kLength };

struct Shape {
  Dim batch, samples, parts, step, length;
};

// Nullopt while step or length are not known.
Result<std::optional<Shape>> shape_of(const NodeView& n) {
  const Dims x = TRY(dims_of(n, kSignal));
  if (x.size() != 2 && x.size() != 3) return n.error("the signal must be [N, samples, 1 or 2]");
  const auto known = [&](std::size_t i) -> std::optional<Dim> {
    const auto& contents = n.node().operand(i)->contents();
    return contents && contents->size() == 1 ? std::optional((*contents)[0]) : std::nullopt;
  };
  const auto step = known(kStep);
  std::optional<Dim> length;
  if (n.has(kLength)) length = known(kLength);
  if (n.has(kWindow)) {
    const Dims window = TRY(dims_of(n, kWindow));
    if (window.size() != 1) return n.error("the window must have one axis");
    if (length && equal(*length, window[0]) == Truth::no) return n.error("the window is not as long as a frame");
    length = window[0];
  }
  if (!n.has(kLength) && !n.has(kWindow)) length = x[1];
  if (!step || !length) return std::nullopt;
  if (less_equal(*step, 0) == Truth::yes || less_equal(*length, 0) == Truth::yes)
    return n.error("step and length must be positive");
  return Shape{x[0], x[1], x.size() == 3 ? x[2] : Dim(1), *step, *length};
}

Status infer(InferContext& n) {
  const DType dtype = n.type(kSignal).dtype;
  if (!n.type(kSignal).is_ranked_tensor()) {
    n.result(0, Type::tensor(dtype, {n.fresh("N"), n.fresh("frames"), n.fresh("bins"), 2}));
    return {};
  }
  const auto s = TRY(shape_of(n));
  if (!s) {
    n.result(0, Type::tensor(dtype, {n.type(kSignal).dims[0], n.fresh("frames"), n.fresh("bins"), 2}));
    return {};
  }
  const Dim bins = n.integer("onesided") != 0 ? floordiv(s->length, 2) + 1 : s->length;
  n.result(0, Type::tensor(dtype, {s->batch, floordiv(s->samples - s->length, s->step) + 1, bins, 2}));
  return {};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const auto s = TRY(shape_of(n));
  if (!s) return n.error("step and length are not known");
  const Dim frames = floordiv(s->samples - s->length, s->step) + 1;
  Value* starts = c.mul(c.iota({frames, 1}, 0), c.size(s->step, DType::i64));
  Value* places = c.add(starts, c.iota({1, s->length}, 1));
  Value* signal = c.reshape(n.in(kSignal), {s->batch, s->samples, s->parts});
  Value* cut = c.op("gather", {signal, places}, {{"axis", 1}});  // [N, frames, length, parts]
  if (n.has(kWindow)) cut = c.mul(cut, c.reshape(n.in(kWindow), {s->length, 1}));
  return c.done({c.op("dft", {cut}, {{"axis", -2}, {"onesided", n.integer("onesided")}})});
}

constexpr auto kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kOperands[] = {
    {"signal", "float"}, {"step", "int"}, {"window", "same", kOptional}, {"length", "int", kOptional}};
constexpr ResultDoc kResults[] = {{"y", "[N, frames, bins, 2]"}};
constexpr AttributeSpec kAttributes[] = {
    {"onesided", AttributeKind::integer, "1", "1: only the first length / 2 + 1 bins"},
};
constexpr Sample kSamples[] = {
    {"signal: f32[2,20,1], step: i64[] = [4], window: f32[8] in [0, 1]; y = stft(signal, step, window)"},
    {"signal: f32[1,16,2], step: i64[] = [3], length: i64[] = [6]; y = stft(signal, step, _, length) {onesided = 0}"},
};
constexpr Operator kOperators[] = {
    {.name = "stft",
     .doc = "Fourier transforms of frames of a signal, one every `step` samples, each weighted by the window. Source: "
            "ONNX STFT 17.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-4}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(stft, kOperators)
