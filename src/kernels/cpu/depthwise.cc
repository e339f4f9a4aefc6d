// Convolution with one channel a group: windows with weights.

#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/window.h"

namespace burnish {
namespace {

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  const auto window = window_of(problem);
  why_not = not_depthwise(kernel);
  if (!why_not.empty()) return;
  double cycles = 0;
  const int64_t rows = window_rows_per_task(cpu, kernel, *window, &cycles);
  const auto rank = static_cast<int64_t>(window->rank()) + 2;
  for (const bool last : {true, false}) {
    Tactic t = window_tactic(cpu, kernel, "depthwise", last, rows, cycles);
    const Format weights = last ? depthwise_weights(window->rank()) : Format::plain(DType::f32, rank);
    t.ports.insert(t.ports.begin() + 1, {weights, false});
    found.push_back(std::move(t));
  }
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  WindowKernel k = TRY(depthwise_window(*kernel.anchor, storages[1]));
  k.rows_per_task = integer(tactic.parameters, "rows_per_task", 1);
  return emit_window(cpu, k, kernel, storages);
}

}  // namespace

std::string not_depthwise(const Kernel& kernel) {
  const Problem& problem = *kernel.anchor;
  const auto& x = problem.operands[0];
  const auto channels = x.dims.size() < 2 ? std::nullopt : x.dims[1].constant();
  if (!channels || *channels < 1 || integer(problem.attributes, "groups", 1) != *channels ||
      problem.operands[1].dims[0] != Dim(*channels))
    return "groups are not single channels";
  if (x.dtype != DType::f32 || problem.operands[1].dtype != DType::f32 || problem.result.dtype != DType::f32)
    return "only f32 is multiplied";
  const auto window = window_of(problem);
  return window ? Epilogue::unsupported(kernel) : window.error().what;
}

Format depthwise_weights(std::size_t rank) {
  Format f = Format::plain(DType::f32, static_cast<int64_t>(rank) + 2);
  f.order.clear();
  for (std::size_t d = 0; d < rank; ++d) f.order.push_back(static_cast<int>(d) + 2);
  f.order.push_back(1);
  f.order.push_back(0);
  return f;
}

Result<WindowKernel> depthwise_window(const Problem& problem, const Storage& weights) {
  WindowKernel k;
  k.kind = WindowKernel::Kind::multiply;
  k.window = TRY(window_of(problem));
  const Dims& w = weights.strides;
  k.channel_step = w[0];
  k.tap_step = k.window.rank() == 0 ? Dim(0) : w.back();
  // Taps are numbered with the last dim fastest: their steps must agree with that.
  Dim step = k.tap_step;
  for (std::size_t d = k.window.rank(); d-- > 0;) {
    if (k.window.kernel[d] > 1 && w[d + 2] != step)
      return refused("the taps of the weights are not evenly apart", "depthwise");
    step = w[d + 2] * Dim(k.window.kernel[d]);
  }
  return k;
}

const Family kDepthwise = {"depthwise", "convolution", tactics, emit};

}  // namespace burnish
