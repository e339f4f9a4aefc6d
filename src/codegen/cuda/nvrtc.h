#pragma once
// NVIDIA's run-time compiler, found when it is first wanted: nothing is linked, and it needs no GPU.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burnish {

// CUDA C++ as machine code for one architecture ("sm_90"), a cubin. Arithmetic is not contracted, so that results are
// those of the references. Unsupported where no libnvrtc can be loaded; an error with the compiler's log where the text
// does not compile.
Result<std::vector<std::byte>> compile_cuda(std::string_view text, std::string_view architecture);

// Why compile_cuda cannot work here; empty when it can.
std::string nvrtc_why_not();

}  // namespace burnish
