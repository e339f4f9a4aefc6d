#include "ops/support/resampling.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/support/core.h"

namespace burnish {
namespace {

double source(const NodeView& c, const Resized& a, int64_t i) {
  const AxisScale<double> axis{static_cast<double>(a.from), static_cast<double>(a.to), a.scale, a.roi_start, a.roi_end};
  return source_position(c.string("coordinates"), axis, static_cast<double>(i));
}

double linear(double x) { return std::max(0.0, 1 - std::abs(x)); }
double cubic(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return cubic_near(x, a);
  return x < 2 ? cubic_far(x, a) : 0;
}

}  // namespace

Taps nearest_taps(const NodeView& c, const Resized& axis) {
  Taps taps;
  for (int64_t i = 0; i < axis.to; ++i) {
    const double x = source(c, axis, i), at = rounded_position(c.string("nearest"), x, axis.scale);
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
    const double x = source(c, axis, i);
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
