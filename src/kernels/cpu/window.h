#pragma once
// Depthwise convolution and pooling: every channel on its own, over windows of the image. Vectors lie along channels; a row
// of output pixels is cut into tiles whose columns are loaded once and used by every tap that meets them.

#include <span>

#include "kernels/cpu/family.h"

namespace burnish {

struct WindowKernel {
  enum class Kind : uint8_t { multiply, maximum, average };
  Kind kind = Kind::multiply;
  Window window;
  bool count_padding = false;  // average: padding counts
  // multiply: weights of tap t and channel c are at operand 1, t * tap_step + c * channel_step.
  Dim tap_step = 0, channel_step = 1;
  int64_t rows_per_task = 1;
};

// Rows of an output image that make a task worth handing out, and the estimate in cycles of the whole kernel.
int64_t window_rows_per_task(const CpuFeatures& cpu, const Kernel& kernel, const Window& window, double* cycles);

Result<Emitted> emit_window(const CpuFeatures& cpu, const WindowKernel& what, const Kernel& kernel,
                            std::span<const Storage> storages);

}  // namespace burnish
