#pragma once
// Which elements of an axis ONNX's Slice takes: positions that are negative count from the end, those outside are clamped.

#include <optional>

#include "ir/dim.h"

namespace burnish {

// Steps beyond the largest size do not differ from it.
int64_t slice_step(int64_t step);
// The first element that is taken of an axis of `size`; when none is, it may lie outside. Null: that depends on the sign of
// a symbolic start.
std::optional<Dim> slice_start(const Dim& start, int64_t step, const Dim& size);
// How many are taken.
std::optional<Dim> slice_count(const Dim& start, const Dim& end, int64_t step, const Dim& size);

}  // namespace burnish
