#pragma once
// How far the outputs of two runs are from each other.

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/console.h"
#include "ir/tensor.h"

namespace burnish::cli {

// `absolute` is in units of the output's largest number where that is above 1: errors of sums go with their terms.
struct Tolerance {
  double relative = 1e-3, absolute = 1e-5;
  bool integers = false;  // they may be off, too; else each bit counts
};

struct OutputDifference {
  std::string name;
  std::string reason;  // the first element that differs by more than is allowed; empty: equal
  bool numbers = false;
  double max_absolute = 0, max_relative = 0;  // the latter of the second run's largest number
  double largest = 0;                         // that number
  double mean_absolute = 0;
};

struct Comparison {
  std::vector<OutputDifference> outputs;
  bool equal() const;
};

// The second ones are what is expected. Lists are of the same length.
Comparison compare(std::span<const std::string> names, std::span<const RuntimeValue> actual,
                   std::span<const RuntimeValue> expected, const Tolerance& tolerance);
void print(const Console& console, const Comparison& comparison);
Json to_json(const Comparison& comparison);

}  // namespace burnish::cli
