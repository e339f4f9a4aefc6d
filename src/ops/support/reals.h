#pragma once
// Whole tensors as numbers in f64, for references whose own work is irregular.

#include <vector>

#include "ir/tensor.h"

namespace burnish {

std::vector<double> reals(const Tensor& tensor);  // of any real, integer or bool dtype
// Rounds to the tensor's dtype; integers are rounded to nearest and wrap.
void store_reals(Tensor& tensor, const std::vector<double>& values);

}  // namespace burnish
