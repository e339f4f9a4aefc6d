#pragma once
// What the text of every CUDA kernel begins with: conversions, arithmetic with the semantics of loop/scalar.h, vector
// accesses, and sums over the threads of a block. It includes nothing, so that NVRTC needs no headers.

#include <string_view>

namespace burnish {

// Once in a translation unit, before the kernels.
std::string_view cuda_prelude();

}  // namespace burnish
