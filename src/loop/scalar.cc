#include "loop/scalar.h"

#include <algorithm>
#include <array>

#include "loop/scalar_table.h"

namespace burnish {
namespace {

constexpr std::array<std::string_view, 6> kReductions = {"sum", "product", "min", "max", "logical_and", "logical_or"};

}  // namespace

const ScalarInfo& info(Scalar function) { return scalar_row(function); }

std::optional<Scalar> parse_scalar(std::string_view name) {
  const auto row = std::ranges::find(scalar_table::kRows, name, &ScalarInfo::name);
  return row == scalar_table::kRows.end() ? std::nullopt : std::optional(row->function);
}

std::string_view name(Reduction reduction) { return kReductions[static_cast<std::size_t>(reduction)]; }

std::optional<Reduction> parse_reduction(std::string_view name) {
  const auto row = std::ranges::find(kReductions, name);
  return row == kReductions.end() ? std::nullopt : std::optional(static_cast<Reduction>(row - kReductions.begin()));
}

}  // namespace burnish
