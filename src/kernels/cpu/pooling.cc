// Maximum and average over windows.

#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/window.h"

namespace burnish {
namespace {

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  const auto window = window_of(problem);
  const auto mode = string(problem.attributes, "mode");
  why_not = Epilogue::unsupported(kernel);
  if (!window) why_not = window.error().what;
  else if (problem.operands[0].dtype != DType::f32 || problem.result.dtype != DType::f32)
    why_not = "only f32 is pooled";
  else if (!problem.result.dims[1].is_constant()) why_not = "the number of channels must be known";
  else if (mode != "max" && mode != "average") why_not = "the mode is neither max nor average";
  if (!why_not.empty()) return;
  double cycles = 0;
  const int64_t rows = window_rows_per_task(cpu, kernel, *window, &cycles);
  const auto rank = static_cast<int64_t>(window->rank()) + 2;
  for (const bool last : {true, false}) {
    const Format image = last ? Format::channels_last(DType::f32, rank) : Format::plain(DType::f32, rank);
    Tactic t;
    t.name = last ? "pool" : "pool plain";
    t.parameters = {{"rows_per_task", rows}};
    t.seconds = seconds_of(cycles * (last ? 1 : cpu.vector_bytes() / 4));
    t.why = last ? "vectors of channels" : "one channel at a time";
    t.ports.push_back({image, !last});
    for (auto& port : nest_ports(kernel, image)) t.ports.push_back(port);
    found.push_back(std::move(t));
  }
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  const Problem& problem = *kernel.anchor;
  WindowKernel k;
  k.kind = string(problem.attributes, "mode") == "max" ? WindowKernel::Kind::maximum : WindowKernel::Kind::average;
  k.count_padding = k.kind == WindowKernel::Kind::average && integer(problem.attributes, "count_include_pad", 0) != 0;
  k.window = TRY(window_of(problem));
  k.rows_per_task = integer(tactic.parameters, "rows_per_task", 1);
  return emit_window(cpu, k, kernel, storages);
}

}  // namespace

const Family kPooling = {"pool", "pool", tactics, emit};

}  // namespace burnish
