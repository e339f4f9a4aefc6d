#include "cli/comparison.h"

#include <algorithm>
#include <cmath>

#include "import/onnx/cases.h"

namespace burnish::cli {
namespace {

void measure(const Tensor& actual, const Tensor& expected, OutputDifference& d) {
  const NumberClass numbers = number_class(expected.dtype());
  if (actual.dtype() != expected.dtype() || actual.dims() != expected.dims() || numbers == NumberClass::string ||
      numbers == NumberClass::complex)
    return;
  d.numbers = true;
  for (int64_t i = 0; i < expected.elements(); ++i) {
    const double want = expected.real_at(i), have = actual.real_at(i);
    if (want == have || (std::isnan(want) && std::isnan(have))) continue;
    const double error = std::abs(have - want);
    if (std::isnan(error)) d.max_absolute = INFINITY;
    d.max_absolute = std::max(d.max_absolute, error);
    d.mean_absolute += error / static_cast<double>(expected.elements());
  }
  for (int64_t i = 0; i < expected.elements(); ++i)
    if (const double want = std::abs(expected.real_at(i)); std::isfinite(want)) d.largest = std::max(d.largest, want);
  d.max_relative = d.max_absolute == 0 ? 0 : d.max_absolute / d.largest;
}

}  // namespace

bool Comparison::equal() const {
  return std::ranges::all_of(outputs, [](const OutputDifference& d) { return d.reason.empty(); });
}

Comparison compare(std::span<const std::string> names, std::span<const RuntimeValue> actual,
                   std::span<const RuntimeValue> expected, const Tolerance& tolerance) {
  Comparison comparison;
  for (std::size_t i = 0; i < names.size(); ++i) {
    OutputDifference d;
    d.name = names[i];
    if (actual[i].is_tensor() && expected[i].is_tensor()) measure(actual[i].tensor(), expected[i].tensor(), d);
    const double absolute = tolerance.absolute * std::max(1.0, d.largest);
    d.reason = difference(expected[i], actual[i], {tolerance.relative, absolute, tolerance.integers});
    comparison.outputs.push_back(std::move(d));
  }
  return comparison;
}

void print(const Console& console, const Comparison& comparison) {
  for (const OutputDifference& d : comparison.outputs) {
    console.print("{} {}", d.reason.empty() ? "same  " : "DIFFER", printable(d.name));
    if (d.numbers)
      console.print(": largest difference {:.3g}, {:.3g} of the largest number, mean {:.3g}", d.max_absolute,
                    d.max_relative, d.mean_absolute);
    console.print("{}{}\n", d.reason.empty() ? "" : "; ", printable(d.reason));
  }
}

Json to_json(const Comparison& comparison) {
  Json list = Json::array();
  for (const OutputDifference& d : comparison.outputs) {
    Json row = {{"name", d.name}, {"same", d.reason.empty()}, {"reason", d.reason}};
    if (d.numbers) {
      row["max_absolute"] = d.max_absolute;
      row["max_relative"] = d.max_relative;
      row["mean_absolute"] = d.mean_absolute;
    }
    list.push_back(std::move(row));
  }
  return list;
}

}  // namespace burnish::cli
