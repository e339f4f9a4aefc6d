// Windows of signals: sums of cosines over their length.

#include <numbers>

#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& n) {
  if (!is_single(n.type(0))) return n.error("size is a single number");
  if (!is_float(n.dtype("dtype")) && !is_integer(n.dtype("dtype"))) return n.error("dtype must be a number's");
  const auto& size = n.contents(0);
  n.result(0, Type::tensor(n.dtype("dtype"), {size && size->size() == 1 ? max(Dim(0), (*size)[0]) : n.fresh("n")}));
  return {};
}

// a - b cos(2 pi n / N) + c cos(4 pi n / N)
Result<Values> window(DecomposeContext& n, double a, double b, double c2) {
  Compose c(n.builder);
  TRY(dims_of(n, 0));
  Value* size = c.reshape(c.cast(n.in(0), DType::i64), {});
  Value* at = c.cast(c.op("range", {c.number(DType::i64, 0), size, c.number(DType::i64, 1)}), DType::f64);
  Value* length = c.cast(size, DType::f64);
  // A window that is not periodic ends where it begins; one of a single element has no other end.
  if (n.integer("periodic") == 0) length = c.max(c.sub(length, 1.0), 1.0);
  Value* turn = c.mul(c.div(at, length), 2 * std::numbers::pi);
  Value* y = c.sub(c.number(DType::f64, a), c.mul(c.unary(Scalar::cos, turn), b));
  if (c2 != 0) y = c.add(y, c.mul(c.unary(Scalar::cos, c.mul(turn, 2.0)), c2));
  y = c.cast(y, n.dtype("dtype"));
  return c.done({y});
}
Result<Values> hann(DecomposeContext& n) { return window(n, 0.5, 0.5, 0); }
Result<Values> hamming(DecomposeContext& n) { return window(n, 25.0 / 46, 1 - 25.0 / 46, 0); }
Result<Values> blackman(DecomposeContext& n) { return window(n, 0.42, 0.5, 0.08); }

constexpr OperandSpec kOperands[] = {{"size", "int"}};
constexpr ResultDoc kResults[] = {{"y", "[size]"}};
constexpr AttributeSpec kAttributes[] = {
    {"periodic", AttributeKind::integer, "1", "0: symmetric, the last element equals the first"},
    {"dtype", AttributeKind::dtype, "f32", "of the result"},
};
constexpr Sample kHann[] = {{"size: i64[] = [10]; y = hann_window(size)"}};
constexpr Sample kHamming[] = {{"size: i32[] = [9]; y = hamming_window(size) {periodic = 0}"}};
constexpr Sample kBlackman[] = {{"size: i64[] = [8]; y = blackman_window(size) {dtype = f64}"}};

constexpr Operator make(std::string_view name, std::string_view doc, Result<Values> (*decompose)(DecomposeContext&),
                        std::span<const Sample> samples) {
  return {.name = name,
          .doc = doc,
          .operands = kOperands,
          .results = kResults,
          .attributes = kAttributes,
          .infer = infer,
          .reference = nullptr,
          .decompose = decompose,
          .lower = nullptr,
          .gradient = nullptr,
          .samples = samples,
          .tolerance = {1e-5, 1e-6}};
}
constexpr Operator kOperators[] = {
    make("hann_window", "0.5 - 0.5 cos(2 pi n / N). Source: ONNX HannWindow 17.", hann, kHann),
    make("hamming_window", "25/46 - 21/46 cos(2 pi n / N). Source: ONNX HammingWindow 17.", hamming, kHamming),
    make("blackman_window", "0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N). Source: ONNX BlackmanWindow 17.",
         blackman, kBlackman),
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(window_functions, kOperators)
