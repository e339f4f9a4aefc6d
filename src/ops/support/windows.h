#pragma once
// Windows that slide over the spatial axes: what convolutions and pools share.

#include "ops/support/core.h"

namespace burnish {

struct Windows {
  Ints kernel, strides, dilations, before, after;  // per spatial axis
  bool ceil = false;

  std::size_t rank() const { return kernel.size(); }
  int64_t extent(std::size_t d) const { return (kernel[d] - 1) * dilations[d] + 1; }  // with the holes
  // Positions of the window along an axis of `size` elements.
  Dim count(std::size_t d, const Dim& size) const;
  int64_t count(std::size_t d, int64_t size) const;
};

// Reads strides, dilations and pads (begins, ends) against `spatial` axes. `kernel` numbers must be known.
Result<Windows> read_windows(const NodeView& c, Ints kernel);
// The kernel sizes of weights [_, _, K...]; an error when they are not numbers.
Result<Ints> kernel_of(const NodeView& c, const Type& weights);

}  // namespace burnish
