#include <cmath>

#include "ops/support/compose.h"
#include "ops/support/resampling.h"

namespace burnish::ops {
namespace {

enum Operand : std::size_t { kX, kRoi, kScales, kSizes };

// floor(dim * scale); nullopt where the size is a symbol and the scale no simple fraction.
std::optional<Dim> scaled(const Dim& dim, double scale) {
  if (auto number = dim.constant()) {
    const double size = std::floor(static_cast<double>(*number) * scale);
    if (!(size >= 0 && size < static_cast<double>(Range::kMax))) return std::nullopt;
    return Dim(static_cast<int64_t>(size));
  }
  for (int64_t divisor = 1; divisor <= 64; ++divisor) {
    const double multiple = scale * static_cast<double>(divisor);
    if (multiple == std::floor(multiple) && multiple > 0 && multiple < 1 << 20)
      return floordiv(dim * Dim(static_cast<int64_t>(multiple)), divisor);
  }
  return std::nullopt;
}

const Tensor* constant_of(const NodeView& n, std::size_t i) {
  const Value* value = n.node().operand(i);
  if (value == nullptr || value->producer() == nullptr || value->producer()->op() != "constant") return nullptr;
  const Attribute* data = value->producer()->attribute("value");
  return data == nullptr ? nullptr : std::get_if<Tensor>(data);
}

Floats numbers(const Tensor& tensor) {
  Floats result;
  for (int64_t i = 0; i < tensor.elements(); ++i) result.push_back(tensor.real_at(i));
  return result;
}

struct Target {
  Dims sizes;
  Floats scales;  // empty: sizes / dims
};

// Nullopt while the operands are not known.
Result<std::optional<Target>> target_of(const NodeView& n) {
  const Dims x = TRY(dims_of(n, kX));
  Ints axes = n.ints("axes");
  const int64_t rank = static_cast<int64_t>(x.size());
  for (int64_t& axis : axes) {
    if (axis < -rank || axis >= rank) return n.error("an axis is out of range");
    axis = normal_axis(axis, rank);
  }
  if (axes.empty()) axes = range_of(0, rank);
  const auto is_empty = [&](std::size_t i) {
    return !n.has(i) || (n.type(i).is_ranked_tensor() && equal(n.type(i).element_count(), 0) == Truth::yes);
  };
  const bool by_scales = !is_empty(kScales), by_sizes = !is_empty(kSizes);
  if (by_scales == by_sizes) return n.error("exactly one of scales and sizes must be given");
  Target target{x, {}};
  if (by_scales) {
    const Tensor* given = constant_of(n, kScales);
    if (given == nullptr) return std::optional<Target>();
    const Floats values = numbers(*given);
    if (values.size() != axes.size()) return n.error("scales needs one entry per axis");
    target.scales.assign(x.size(), 1.0);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (!(values[i] > 0) || !std::isfinite(values[i])) return n.error("a scale is not positive");
      target.scales[axes[i]] = values[i];
      auto size = scaled(x[axes[i]], values[i]);
      if (!size) return std::optional<Target>();
      target.sizes[axes[i]] = *size;
    }
    return std::optional(target);
  }
  std::optional<Dims> sizes = n.node().operand(kSizes)->contents();
  if (const Tensor* given = constant_of(n, kSizes); given != nullptr && !sizes) {
    sizes.emplace();
    for (int64_t i = 0; i < given->elements(); ++i) sizes->push_back(given->int_at(i));
  }
  if (!sizes) return std::optional<Target>();
  if (sizes->size() != axes.size()) return n.error("sizes needs one entry per axis");
  for (std::size_t i = 0; i < axes.size(); ++i) target.sizes[axes[i]] = (*sizes)[i];
  const std::string& policy = n.string("policy");
  if (policy == "stretch") return std::optional(target);
  // One scale for all axes keeps the aspect ratio.
  const auto from = constants(x), to = constants(target.sizes);
  if (!from || !to) return std::optional<Target>();
  double scale = 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const double own = static_cast<double>((*to)[axes[i]]) / std::max(1.0, static_cast<double>((*from)[axes[i]]));
    scale = i == 0 ? own : policy == "not_larger" ? std::min(scale, own) : std::max(scale, own);
  }
  if (!(scale > 0)) return n.error("a size is not positive");
  target.scales.assign(x.size(), 1.0);
  for (int64_t axis : axes) {
    target.scales[axis] = scale;
    target.sizes[axis] = static_cast<int64_t>(std::floor(scale * static_cast<double>((*from)[axis]) + 0.5));
  }
  return std::optional(target);
}

Status infer(InferContext& n) {
  TRY(check_resampling(n));
  const std::string& policy = n.string("policy");
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    return n.error("policy is \"" + policy + "\", which is not known",
                   "choose one of: stretch, not_larger, not_smaller");
  Type type = n.type(kX);
  if (type.is_ranked_tensor()) {
    auto target = TRY(target_of(n));
    if (target) type.dims = std::move(target->sizes);
    else
      for (Dim& dim : type.dims) dim = n.fresh();
  }
  n.result(0, std::move(type));
  return {};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  auto target = TRY(target_of(n));
  if (!target) return n.error("scales or sizes are not known");
  const std::size_t rank = target->sizes.size();
  AttributeMap attributes = n.node().attributes();
  attributes.erase("axes");
  attributes.erase("policy");
  if (n.string("coordinates") == "tf_crop_and_resize") {
    const Tensor* given = constant_of(n, kRoi);
    if (given == nullptr) return n.error("the roi is not known");
    Ints axes = n.ints("axes");
    if (axes.empty()) axes = range_of(0, static_cast<int64_t>(rank));
    const Floats values = numbers(*given);
    if (values.size() != 2 * axes.size()) return n.error("the roi needs two numbers per axis");
    Floats roi(2 * rank, 0.0);
    std::fill(roi.begin() + static_cast<std::ptrdiff_t>(rank), roi.end(), 1.0);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto axis = static_cast<std::size_t>(normal_axis(axes[i], static_cast<int64_t>(rank)));
      if (axis >= rank) return n.error("an axis is out of range");
      roi[axis] = values[i];
      roi[axis + rank] = values[i + axes.size()];
    }
    attributes["roi"] = std::move(roi);
  }
  attributes["sizes"] = std::move(target->sizes);
  attributes["scales"] = std::move(target->scales);
  return c.done({c.op("resize", {n.in(kX)}, std::move(attributes))});
}

constexpr OperandSpec::Arity kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kOperands[] = {
    {"x", "numeric|bool"}, {"roi", "float", kOptional}, {"scales", "float", kOptional}, {"sizes", "i64", kOptional}};
constexpr ResultDoc kResults[] = {{"y", "x resampled"}};
constexpr AttributeSpec kAttributes[] = {
    {"axes", AttributeKind::ints, "[]", "what roi, scales and sizes speak of; [] = all"},
    {"policy", AttributeKind::string, "\"stretch\"",
     "with sizes: \"stretch\", or one scale for all axes so that none is \"not_larger\" or \"not_smaller\""},
    {"mode", AttributeKind::string, "\"nearest\"", "as resize"},
    {"coordinates", AttributeKind::string, "\"half_pixel\"", "as resize"},
    {"nearest", AttributeKind::string, "\"round_prefer_floor\"", "as resize"},
    {"cubic_a", AttributeKind::real, "-0.75", "as resize"},
    {"exclude_outside", AttributeKind::integer, "0", "as resize"},
    {"extrapolation", AttributeKind::real, "0.0", "as resize"},
    {"antialias", AttributeKind::integer, "0", "as resize"}};
constexpr Sample kSamples[] = {
    {"x: f32[1,1,4,4], s: f32[4] = [1.0, 1.0, 0.6, 0.8]; y = dynamic_resize(x, _, s) {mode = \"cubic\"}"},
    {"x: f32[1,1,2,4], s: i64[2] = [7, 8]; y = dynamic_resize(x, _, _, s) {axes = [2, 3], policy = \"not_larger\"}"},
    {"x: f32[1,1,4,4], r: f32[4] = [0.4, 0.6, 1.2, 1.7], s: i64[2] = [3, 3]; y = dynamic_resize(x, r, _, s) {axes = "
     "[2, 3], "
     "mode = \"linear\", coordinates = \"tf_crop_and_resize\", extrapolation = 10.0}"},
    {"x: f32[1,1,4,4], s: f32[4] = [1.0, 1.0, 0.6, 0.6]; y = dynamic_resize(x, _, s) {mode = \"linear\", antialias = "
     "1}"},
    {"x: f32[1,1,2,4], s: f32[4] = [1.0, 1.0, 0.6, 0.6]; y = dynamic_resize(x, _, s) {coordinates = \"asymmetric\", "
     "nearest = \"simple\"}"},
    {"x: f32[1,2,7,6], s: f32[4] = [1.0, 1.0, 0.6, 1.7]; y = dynamic_resize(x, _, s) {coordinates = \"asymmetric\", "
     "nearest = \"simple\"}"},
    {"x: f32[1,2,7,6], s: f32[4] = [1.0, 1.0, 2.5, 0.6]; y = dynamic_resize(x, _, s) {coordinates = "
     "\"tf_half_pixel_for_nn\"}"},
    {"x: f32[1,2,7,6], s: f32[4] = [1.0, 1.0, 0.3, 1.7]; y = dynamic_resize(x, _, s) {coordinates = "
     "\"tf_half_pixel_for_nn\", mode = \"linear\"}"}};

constexpr Operator kOperators[] = {
    {.name = "dynamic_resize",
     .doc = "resize with roi, scales or sizes as data. Source: ONNX Resize.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(dynamic_resize, kOperators)
