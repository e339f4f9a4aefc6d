#include "cli/statistics.h"

#include <algorithm>
#include <cmath>

namespace burnish::cli {

Latency latency_of(std::vector<double> values) {
  std::ranges::sort(values);
  const auto n = static_cast<double>(values.size());
  const auto percentile = [&](double p) {
    const auto rank = static_cast<std::size_t>(std::ceil(p / 100 * n));
    return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
  };
  Latency l;
  l.min = values.front();
  l.max = values.back();
  for (const double v : values) l.mean += v / n;
  for (const double v : values) l.deviation += (v - l.mean) * (v - l.mean) / n;
  l.deviation = std::sqrt(l.deviation);
  const std::size_t middle = values.size() / 2;
  l.median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  l.p90 = percentile(90);
  l.p95 = percentile(95);
  l.p99 = percentile(99);
  return l;
}

Json to_json(const Latency& s) {
  return {{"min", s.min * 1e3}, {"mean", s.mean * 1e3}, {"median", s.median * 1e3}, {"p90", s.p90 * 1e3},
          {"p95", s.p95 * 1e3}, {"p99", s.p99 * 1e3},   {"max", s.max * 1e3}};
}

}  // namespace burnish::cli
