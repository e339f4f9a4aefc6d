#pragma once
// Reductions over some axes of a tensor.

#include <vector>

#include "loop/scalar.h"
#include "ops/support/strided.h"

namespace burnish {

// What is left of the dims: without the dropped axes, or with 1 in their place.
Sizes reduced_sizes(std::span<const int64_t> dims, const std::vector<bool>& drop, bool keep);
// y has the reduced sizes (kept or not). Accumulated in the widest type of the number class and rounded once.
void reduce_tensor(const Tensor& x, Reduction kind, const std::vector<bool>& drop, Tensor& y);

}  // namespace burnish
