#include "ops/support/slicing.h"

#include <algorithm>
#include <limits>

namespace burnish {
namespace {

// Counted from the start. Null: the sign of a symbolic position is not known.
std::optional<Dim> from_start(const Dim& at, const Dim& size) {
  if (const auto number = at.constant()) {
    const int64_t near = std::clamp(*number, -Range::kMax, Range::kMax);
    return near < 0 ? size + Dim(near) : Dim(near);
  }
  if (at.range().low >= 0) return at;
  if (at.range().high < 0) return size + at;
  return std::nullopt;
}

// Where to stop. Exporters write the limits of i32 for "to the end", and so they are read whatever the size: a symbolic one
// stays simple.
std::optional<Dim> slice_end(const Dim& end, int64_t step, const Dim& size) {
  using Limits = std::numeric_limits<int32_t>;
  const Dim low = step > 0 ? 0 : -1, top = step > 0 ? size : size - 1;
  if (end.constant() == Limits::max()) return top;
  if (end.constant() == Limits::min() || end.constant() == -Limits::max()) return low;
  const auto at = from_start(end, size);
  return at ? std::optional(max(low, min(*at, top))) : std::nullopt;
}

}  // namespace

int64_t slice_step(int64_t step) { return std::clamp(step, -Range::kMax, Range::kMax); }

std::optional<Dim> slice_start(const Dim& start, int64_t step, const Dim& size) {
  const auto at = from_start(start, size);
  if (!at) return std::nullopt;
  if (step > 0) return max(Dim(0), min(*at, size));
  // Backwards from before the first element: of an empty axis, nothing is taken.
  const Dim last = size - 1;
  return less_equal(last, *at) == Truth::yes ? last : min(last, max(Dim(0), *at));
}

std::optional<Dim> slice_count(const Dim& start, const Dim& end, int64_t step, const Dim& size) {
  const auto first = slice_start(start, step, size), stop = slice_end(end, step, size);
  if (!first || !stop) return std::nullopt;
  step = slice_step(step);
  return max(Dim(0), step > 0 ? ceildiv(*stop - *first, Dim(step)) : ceildiv(*first - *stop, Dim(-step)));
}

}  // namespace burnish
