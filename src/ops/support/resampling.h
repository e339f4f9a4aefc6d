#pragma once
// Resampling along one axis, for `resize` and `resize_axis`: both have the attributes mode, coordinates, nearest, cubic_a,
// exclude_outside, extrapolation and antialias.

#include <optional>
#include <vector>

#include "ops/operator.h"
#include "ops/support/strided.h"

namespace burnish {

// How one axis is resampled: result position i sums `taps` elements of x, clamped to it.
struct Taps {
  int64_t count = 1;
  Sizes index;                 // [result, taps]
  std::vector<double> weight;  // [result, taps]
  std::vector<bool> outside;   // tf_crop_and_resize: the position lies outside x
};

struct Resized {
  int64_t from, to;
  double scale;
  double roi_start = 0, roi_end = 1;
};

Status check_resampling(const NodeView& c);
Taps nearest_taps(const NodeView& c, const Resized& axis);
// Of any mode.
Taps taps_of(const NodeView& c, const Resized& axis);
// The axis is left alone.
bool stays(const NodeView& c, const Resized& axis);
// One axis of `from`, seen as [outer, axis, inner].
std::vector<double> resampled(const std::vector<double>& from, const Taps& taps, int64_t outer, int64_t length,
                              int64_t inner, int64_t to, std::optional<double> extrapolation);

}  // namespace burnish
