#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/reals.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  for (std::size_t i = 0; i < 5; ++i)
    if (!is_single(c.type(i))) return c.error("operands are single numbers");
  const DType dtype = c.dtype("dtype");
  if (!is_float(dtype) && !is_integer(dtype)) return c.error("weights are numbers, not " + std::string(name(dtype)));
  const auto one = [&](std::size_t i) -> std::optional<Dim> {
    const auto& contents = c.contents(i);
    return contents && contents->size() == 1 ? std::optional((*contents)[0]) : std::nullopt;
  };
  const auto bands = one(0), length = one(1);
  c.result(0, Type::tensor(c.dtype("dtype"),
                           {length ? floordiv(*length, 2) + 1 : c.fresh("bins"), bands ? *bands : c.fresh("bands")}));
  return {};
}

// Triangles that meet at points which are evenly spaced on the mel scale.
Status reference(ReferenceContext& c) {
  for (std::size_t i = 0; i < 5; ++i)
    if (c.in(i).elements() != 1) return c.error("operands are single numbers");
  const int64_t bands = c.in(0).int_at(0), length = c.in(1).int_at(0), rate = c.in(2).int_at(0);
  if (bands < 1 || bands > 1 << 20 || length < 1 || length > 1 << 30 || rate < 1)
    return c.error("the number of bands, the length and the rate must be positive");
  const int64_t bins = length / 2 + 1;
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double low = mel(c.in(3).real_at(0)), high = mel(c.in(4).real_at(0));
  const double step = (high - low) / static_cast<double>(bands + 2);
  std::vector<double> points;
  for (int64_t i = 0; i < bands + 2; ++i) {
    const double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + low) / 2595) - 1);
    const double bin = std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    if (!(bin >= 0 && bin < static_cast<double>(bins))) return c.error("an edge lies outside of the spectrum");
    points.push_back(bin);
  }
  Tensor* y = TRY(c.out(0, {bins, bands}));
  std::vector<double> values(idx(y->elements()));
  for (int64_t i = 0; i < bands; ++i) {
    const auto lower = static_cast<int64_t>(points[idx(i)]), centre = static_cast<int64_t>(points[idx(i + 1)]),
               upper = static_cast<int64_t>(points[idx(i + 2)]);
    if (centre == lower) values[idx(centre * bands + i)] = 1;
    else
      for (int64_t j = lower; j <= centre; ++j)
        values[idx(j * bands + i)] = static_cast<double>(j - lower) / static_cast<double>(centre - lower);
    for (int64_t j = centre; j < upper; ++j)
      values[idx(j * bands + i)] = static_cast<double>(upper - j) / static_cast<double>(upper - centre);
  }
  store_reals(*y, values);
  return {};
}

constexpr OperandSpec kOperands[] = {
    {"bands", "int"}, {"length", "int"}, {"rate", "int"}, {"lower", "float"}, {"upper", "float"}};
constexpr ResultDoc kResults[] = {{"y", "[length / 2 + 1, bands]"}};
constexpr AttributeSpec kAttributes[] = {{"dtype", AttributeKind::dtype, "f32", "of the result"}};
constexpr Sample kSamples[] = {
    {"bands: i64[] = [4], length: i64[] = [16], rate: i64[] = [8192], lower: f32[] = [0.0], upper: f32[] = [4096.0]; y "
     "= "
     "mel_weight_matrix(bands, length, rate, lower, upper)"},
};
constexpr Operator kOperators[] = {{
    .name = "mel_weight_matrix",
    .doc = "What takes a spectrum of a signal to bands of the mel scale between two frequencies. Source: ONNX "
           "MelWeightMatrix 17.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-5, 1e-6},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(mel_weight_matrix, kOperators)
