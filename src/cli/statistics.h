#pragma once
// Latencies in the terms of those who measure inference.

#include <vector>

#include "base/json.h"

namespace burnish::cli {

struct Latency {
  double min = 0, mean = 0, median = 0, p90 = 0, p95 = 0, p99 = 0, max = 0;
  double deviation = 0;
};

// Percentiles are those runs: the smallest one that so many percent do not exceed. At least one value.
Latency latency_of(std::vector<double> values);
// The same numbers in milliseconds, from seconds.
Json to_json(const Latency& seconds);

}  // namespace burnish::cli
