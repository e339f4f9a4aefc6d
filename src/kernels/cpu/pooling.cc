// Maximum and average over windows: of an image in memory, or of one that a convolution gives, row by row.

#include <cmath>

#include <fmt/format.h>

#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/image_rows.h"
#include "kernels/cpu/window.h"

namespace burnish {
namespace {

// With the image as an operand.
Kernel alone(const Kernel& kernel) {
  Kernel pool = kernel;
  const auto first = std::move(pool.anchor->before);
  if (first) pool.anchor->operands = {first->operand_type(first->operand_count() - 1)};
  return pool;
}

void offer_made(const CpuFeatures& cpu, const Kernel& kernel, const MadeShape& shape, double cycles,
                std::vector<Tactic>& found) {
  const Dims& result = kernel.anchor->result.dims;
  const auto l2 = static_cast<double>(cpu.l2_bytes);
  for (const Tactic& first : row_tactics(cpu, *shape.first)) {
    const double own = first.seconds / seconds_of(1);
    int64_t rows = 0;
    double best = INFINITY;
    if (static_cast<double>(shape.weight_bytes()) > kWeightShare * l2) continue;
    for (int64_t n = 1; n <= std::min(shape.rows, kMostRows); ++n) {
      const int64_t tasks = likely(result[0]) * (shape.rows / n);
      if (static_cast<double>(shape.kept_bytes(n)) > kImageShare * l2 || tasks < kFewTasks) break;
      if (shape.rows % n != 0) continue;
      const double all = own + cycles + shape.more_cycles(cpu, n, own, cycles, tasks);
      if (all >= best) continue;
      best = all;
      rows = n;
    }
    if (rows == 0) continue;
    Tactic t;
    t.name = "pool of " + first.name;
    t.parameters = with_first({{"rows_per_task", rows}}, first);
    t.seconds = seconds_of(best);
    t.why = fmt::format("{:.0f} cycles for the image, {} rows a task", own, rows);
    t.ports.assign(first.ports.begin(), first.ports.end() - 1);
    for (auto& port : nest_ports(kernel, Format::channels_last(DType::f32, kernel.anchor->result.rank())))
      t.ports.push_back(std::move(port));
    found.push_back(std::move(t));
  }
}

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Kernel pool = alone(kernel);
  const Problem& problem = *pool.anchor;
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
  const int64_t rows = window_rows_per_task(cpu, pool, *window, &cycles);
  if (!kernel.anchor->before) {
    for (const bool last : {true, false}) {
      found.push_back(window_tactic(cpu, kernel, "pool", last, rows, cycles));
      found.back().ports[0].any_strides = !last;
    }
    return;
  }
  const auto shape = MadeShape::of(*kernel.anchor->before, *window, problem.result.dims);
  if (!shape) {
    why_not = shape.error().what;
    return;
  }
  offer_made(cpu, kernel, *shape, cycles, found);
  if (found.empty()) why_not = "no rows of the image stay near";
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  const Kernel pool = alone(kernel);
  const Problem& problem = *pool.anchor;
  WindowKernel k;
  k.kind = string(problem.attributes, "mode") == "max" ? WindowKernel::Kind::maximum : WindowKernel::Kind::average;
  k.count_padding = k.kind == WindowKernel::Kind::average && integer(problem.attributes, "count_include_pad", 0) != 0;
  k.window = TRY(window_of(problem));
  k.rows_per_task = integer(tactic.parameters, "rows_per_task", 1);
  if (!kernel.anchor->before) return emit_window(cpu, k, kernel, storages);

  const Kernel& first = *kernel.anchor->before;
  const MadeShape shape = TRY(MadeShape::of(first, k.window, problem.result.dims));
  const auto inputs = static_cast<std::ptrdiff_t>(first.operand_count() - 1);
  KernelModule module(cpu);
  KernelFrame frame(module);
  const auto image = TRY(MadeImage::make(frame, shape, first_of(tactic.parameters),
                                         {storages.begin(), storages.begin() + inputs}, k.rows_per_task));
  std::vector<Storage> own = {MadeImage::storage(shape)};
  own.insert(own.end(), storages.begin() + inputs, storages.end());
  int64_t taken = 0;
  image->prepare(taken);
  auto& b = frame.builder();
  frame.loop("task", frame.first(), frame.last(), 1, [&](llvm::Value* task) {
    llvm::Value* begin = b.CreateMul(task, frame.number(k.rows_per_task));
    llvm::Value* end = b.CreateAdd(begin, frame.number(k.rows_per_task));
    std::vector<llvm::Value*> operands = {image->rows(begin, end)};
    for (std::size_t i = first.operand_count() - 1; i < kernel.operand_count(); ++i)
      operands.push_back(frame.pointer(static_cast<int>(i)));
    const KernelFrame::Within scope(frame, std::move(operands));
    WindowRows(frame, k, pool, own).emit(begin, end);
  });
  Emitted emitted = TRY(frame.finish());
  emitted.tasks = problem.result.dims[0] * Dim(shape.rows / k.rows_per_task);
  emitted.scratch_bytes = taken;
  return emitted;
}

}  // namespace

const Family kPooling = {"pool", "pool", tactics, emit};

}  // namespace burnish
