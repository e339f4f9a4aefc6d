#pragma once
// Convolutions and pools as problems, with their oracles.

#include "tests/kernels/harness.h"

namespace burnish::test {

struct WindowProblem {
  int64_t batch = 1, channels = 1, outputs = 1, groups = 1;
  std::vector<int64_t> image, kernel, strides, dilations, begins, ends;
  std::string mode;  // of a pool; empty: a convolution
  int64_t count_include_pad = 0;
  std::vector<std::string> symbols;  // names for batch and image dims ("" = a number); empty: none

  int64_t extent(std::size_t d) const {
    return (image[d] + begins[d] + ends[d] - dilations[d] * (kernel[d] - 1) - 1) / strides[d] + 1;
  }
  Problem problem() const;
  Array expected(std::vector<Array>& operands) const;
  std::string text() const;
  SymbolTable numbers() const;
};

WindowProblem random_window(std::mt19937& random, std::size_t rank);

}  // namespace burnish::test
