#pragma once
// Depthwise convolution and pooling: every channel on its own, over windows of the image. Vectors lie along channels; a row
// of output pixels is cut into tiles whose columns are loaded once and used by every tap that meets them.

#include <functional>
#include <memory>
#include <span>

#include "codegen/cpu/frame.h"
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

// Convolution with one channel a group: why the kernel is none, or empty; the format [taps...][channels] of its weights; what
// it is for weights that lie so.
std::string not_depthwise(const Kernel& kernel);
Format depthwise_weights(std::size_t rank);
Result<WindowKernel> depthwise_window(const Problem& problem, const Storage& weights);

// Rows of an output image that make a task worth handing out, and the estimate in cycles of the whole kernel.
int64_t window_rows_per_task(const CpuFeatures& cpu, const Kernel& kernel, const Window& window, double* cycles);

// All of a window kernel by itself, `cycles` long as vectors of channels: with the ports of the image, channels last or plain,
// and of the nest.
Tactic window_tactic(const CpuFeatures& cpu, const Kernel& kernel, std::string_view name, bool last, int64_t rows,
                     double cycles);

// Rows of a window kernel within another kernel (KernelFrame::Within). What it is made of must stay.
class WindowRows {
 public:
  WindowRows(KernelFrame& frame, const WindowKernel& what, const Kernel& kernel, std::span<const Storage> storages);
  ~WindowRows();
  // Rows [begin, end) over images and all their dims but the last, at least one.
  void emit(llvm::Value* begin, llvm::Value* end);

 private:
  std::unique_ptr<class WindowEmitter> emitter_;
};

Result<Emitted> emit_window(const CpuFeatures& cpu, const WindowKernel& what, const Kernel& kernel,
                            std::span<const Storage> storages);

}  // namespace burnish
