#include "ops/support/resampling.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/support/core.h"

namespace burnish {
namespace {

// Where result position i lies in x. Follows onnx's reference evaluator, which keeps scale * size unrounded.
double source(const Resized& a, const std::string& coordinates, double i) {
  const double length = a.scale * static_cast<double>(a.from), last = static_cast<double>(a.from) - 1;
  if (coordinates == "asymmetric") return i / a.scale;
  if (coordinates == "tf_half_pixel_for_nn") return (i + 0.5) / a.scale;
  if (coordinates == "align_corners") return length == 1 ? 0 : i * last / (length - 1);
  if (coordinates == "tf_crop_and_resize") {
    const double span = (a.roi_end - a.roi_start) * last;
    return a.roi_start * last + (length == 1 ? span / 2 : i * span / (length - 1));
  }
  if (coordinates == "pytorch_half_pixel" && length == 1) return -0.5;
  double shift = 0;
  if (coordinates == "half_pixel_symmetric")
    shift = static_cast<double>(a.from) / 2 * (1 - static_cast<double>(a.to) / length);
  return shift + (i + 0.5) / a.scale - 0.5;
}

double linear(double x) { return std::max(0.0, 1 - std::abs(x)); }
double cubic(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

}  // namespace

Taps nearest_taps(const NodeView& c, const Resized& axis) {
  const std::string& mode = c.string("nearest");
  Taps taps;
  for (int64_t i = 0; i < axis.to; ++i) {
    const double x = source(axis, c.string("coordinates"), static_cast<double>(i));
    double at = std::floor(x);
    if (mode == "ceil" || (mode == "simple" && axis.scale < 1)) at = std::ceil(x);
    if (mode == "round_prefer_floor") at = std::ceil(x - 0.5);
    if (mode == "round_prefer_ceil") at = std::floor(x + 0.5);
    taps.index.push_back(static_cast<int64_t>(std::clamp(at, 0.0, static_cast<double>(axis.from - 1))));
    taps.weight.push_back(1);
    taps.outside.push_back(x < 0 || x > static_cast<double>(axis.from - 1));
  }
  return taps;
}

Taps taps_of(const NodeView& c, const Resized& axis) {
  if (c.string("mode") == "nearest") return nearest_taps(c, axis);
  const bool is_cubic = c.string("mode") == "cubic", antialias = c.integer("antialias") != 0;
  // Antialiasing stretches the filter by what is scaled down.
  const double stretch = antialias ? std::min(axis.scale, 1.0) : 1.0;
  const auto first = static_cast<int64_t>(std::floor((is_cubic ? -2 : -1) / stretch)) + 1;
  Taps taps;
  taps.count = 2 - 2 * first;
  for (int64_t i = 0; i < axis.to; ++i) {
    const double x = source(axis, c.string("coordinates"), static_cast<double>(i));
    taps.outside.push_back(x < 0 || x > static_cast<double>(axis.from - 1));
    // Within (0, 1]: an exact position counts as the right end of its interval.
    const double left = std::ceil(x) - 1, ratio = x - left;
    double sum = 0;
    for (int64_t k = 0; k < taps.count; ++k) {
      const double distance = (static_cast<double>(first + k) - ratio) * stretch;
      const double at = left + static_cast<double>(first + k);
      double weight = is_cubic ? cubic(distance, c.real("cubic_a")) : linear(distance);
      const bool inside = at >= 0 && at <= static_cast<double>(axis.from - 1);
      if (!inside && c.integer("exclude_outside") != 0) weight = 0;
      taps.index.push_back(static_cast<int64_t>(std::clamp(at, 0.0, static_cast<double>(axis.from - 1))));
      taps.weight.push_back(weight);
      sum += weight;
    }
    if ((antialias || c.integer("exclude_outside") != 0) && sum != 0)
      for (int64_t k = 0; k < taps.count; ++k) taps.weight[taps.weight.size() - 1 - idx(k)] /= sum;
  }
  return taps;
}

Status check_resampling(const NodeView& c) {
  const auto one_of = [&](std::string_view name, std::initializer_list<std::string_view> values) -> Status {
    if (std::ranges::find(values, c.string(name)) != values.end()) return {};
    return c.error(fmt::format("{} is \"{}\", which is not known", name, c.string(name)),
                   fmt::format("choose one of: {}", fmt::join(values, ", ")));
  };
  TRY(one_of("mode", {"nearest", "linear", "cubic"}));
  TRY(one_of("nearest", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"}));
  return one_of("coordinates", {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"});
}

bool stays(const NodeView& c, const Resized& axis) {
  return axis.from == axis.to && axis.scale == 1 && c.string("coordinates") != "tf_crop_and_resize";
}

std::vector<double> resampled(const std::vector<double>& from, const Taps& taps, int64_t outer, int64_t length,
                              int64_t inner, int64_t to, std::optional<double> extrapolation) {
  std::vector<double> result(idx(outer * to * inner));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < to; ++i) {
      double* y = result.data() + (o * to + i) * inner;
      if (extrapolation && taps.outside[idx(i)]) {
        std::fill(y, y + inner, *extrapolation);
        continue;
      }
      for (int64_t k = 0; k < taps.count; ++k) {
        const double weight = taps.weight[idx(i * taps.count + k)];
        const double* x = from.data() + (o * length + taps.index[idx(i * taps.count + k)]) * inner;
        for (int64_t n = 0; n < inner; ++n) y[n] += weight * x[n];
      }
    }
  return result;
}

}  // namespace burnish
