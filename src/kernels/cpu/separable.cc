// A depthwise convolution and the convolution of single pixels that reads it: rows of the image go through the first into a
// panel, where the second finds them. What lies between is never written to memory.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/checked.h"
#include "kernels/cpu/contraction.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/gather.h"
#include "kernels/cpu/window.h"

namespace burnish {
namespace {

// The share of the second cache that a panel and all weights may take; bytes a cycle of weights from there; cycles of a
// task's start.
constexpr double kPanelShare = 0.2, kWeightShare = 0.5, kWeightBytes = 40, kTaskStart = 1500;
constexpr int64_t kMostRows = 32, kWantedTasks = 6;

struct Shape {
  const Kernel& before;
  Window window;
  int64_t channels, outputs, width;
  Dim rows;  // of all images
};

Result<Shape> shape_of(const Problem& problem) {
  const Kernel& before = *problem.before;
  if (const std::string why = not_depthwise(before); !why.empty()) return refused(why);
  const Type& w = problem.operands.back();
  const Dims& result = problem.result.dims;
  Shape s{before, TRY(window_of(*before.anchor)), 0, 0, 0, result[0]};
  if (s.window.rank() < 1) return refused("there is no row of pixels");
  if (w.dtype != DType::f32 || problem.result.dtype != DType::f32) return refused("only f32 is multiplied");
  const auto channels = w.dims[1].constant(), outputs = w.dims[0].constant(), width = result.back().constant();
  if (!channels || !outputs || !width || *channels < 1 || *outputs < 1 || *width < 1)
    return refused("the numbers of channels and the width of the image must be known");
  s.channels = *channels;
  s.outputs = *outputs;
  s.width = *width;
  for (std::size_t d = 2; d + 1 < result.size(); ++d) s.rows *= result[d];
  return s;
}

Contraction contraction_of(const Problem& problem, const Shape& s) {
  Contraction c;
  Dim stride = s.channels;
  const Dims& result = problem.result.dims;
  for (std::size_t d = result.size(); d-- > 2;) {
    c.pixels.insert(c.pixels.begin(), {result[d], static_cast<int>(d), stride, -1});
    stride *= result[d];
  }
  c.pixels.insert(c.pixels.begin(), {result[0], 0, stride, -1});
  c.sums.push_back({s.channels, Dim(1), -1});
  c.w_operand = static_cast<int>(problem.operands.size()) - 1;
  c.channels = s.outputs;
  c.channel_axis = 1;
  return c;
}

// Rows of the image for each task, and what all of them take beside multiplies in full tiles. 0: no number is good.
std::pair<int64_t, double> rows_of_a_task(const CpuFeatures& cpu, const Shape& s, const ContractionTile& tile,
                                          double multiplies) {
  const auto l2 = static_cast<double>(cpu.l2_bytes);
  const int64_t all = likely(s.rows);
  const auto weights = static_cast<double>(s.channels * s.outputs * 4);
  std::pair<int64_t, double> best = {0, INFINITY};
  if (weights > kWeightShare * l2) return best;
  for (int64_t rows = 1; rows <= std::min(all, kMostRows); ++rows) {
    const bool fits = static_cast<double>(rows * s.width * s.channels * 4) <= kPanelShare * l2;
    if (!fits || ceil_div(all, rows) < kWantedTasks) break;
    const int64_t pixels = rows * s.width, tasks = ceil_div(all, rows);
    const auto share = static_cast<double>(round_up(pixels, tile.rows) * tasks) / static_cast<double>(all * s.width);
    const double cycles = multiplies * (share - 1) + static_cast<double>(tasks) * (kTaskStart + weights / kWeightBytes);
    if (cycles < best.second) best = {rows, cycles};
  }
  return best;
}

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  const auto shape = shape_of(problem);
  why_not = shape ? Epilogue::unsupported(kernel) : shape.error().what;
  if (!why_not.empty()) return;
  const auto rank = static_cast<int64_t>(problem.result.dims.size());
  const Format last = Format::channels_last(DType::f32, rank);
  const Contraction c = contraction_of(problem, *shape);
  const int lanes = static_cast<int>(std::min<int64_t>(
      cpu.vector_bytes() / 4, static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(shape->outputs)))));
  double window = 0;
  window_rows_per_task(cpu, shape->before, shape->window, &window);
  for (const TileEstimate& estimate : choose_tiles(cpu, c, lanes, 0)) {
    ContractionTile tile = estimate.tile;
    const auto [rows, more] = rows_of_a_task(cpu, *shape, tile, estimate.seconds / seconds_of(1));
    if (rows < 1) continue;
    tile.group_rows = rows * shape->width;
    tile.chunk_blocks = ceil_div(shape->outputs, tile.block());
    tile.slice = 0;
    Tactic t;
    t.name = fmt::format("separable {}x{}", tile.rows, tile.vectors);
    t.seconds = estimate.seconds + seconds_of(window + more);
    t.why = fmt::format("{}, {:.0f} of windows, {} rows of the image a task", estimate.why, window, rows);
    t.parameters = parameters_of(tile);
    t.ports.push_back({last, false});
    t.ports.push_back({depthwise_weights(shape->window.rank()), false});
    auto between = nest_ports(shape->before, last);
    between.pop_back();  // the result
    std::ranges::move(between, std::back_inserter(t.ports));
    t.ports.push_back({packed_weights(shape->window.rank(), tile.block(), true), false});
    std::ranges::move(nest_ports(kernel, last), std::back_inserter(t.ports));
    found.push_back(std::move(t));
  }
  if (found.empty()) why_not = "the weights are more than stays near from row to row";
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  const Problem& problem = *kernel.anchor;
  const Shape shape = TRY(shape_of(problem));
  ContractionTile tile = TRY(tile_of(tactic));
  tile.gather = true;
  Contraction c = contraction_of(problem, shape);
  c.w_padded = true;
  c.w_sum = tile.block();
  c.w_channel = 1;
  c.w_block = shape.channels * tile.block();
  const WindowKernel window = TRY(depthwise_window(*shape.before.anchor, storages[1]));
  const PanelFiller filler = [&](KernelFrame& frame, llvm::Value* first, llvm::Value* count, llvm::Value* panel,
                                 int64_t row_elements) {
    auto& b = frame.builder();
    std::vector<Storage> inner(storages.begin(), storages.begin() + c.w_operand);
    Storage& result = inner.emplace_back();
    const Dims& dims = problem.result.dims;
    result.strides.assign(dims.size(), Dim(1));
    Dim stride = row_elements;
    for (std::size_t d = dims.size(); d-- > 2;) {
      result.strides[d] = stride;
      stride *= dims[d];
    }
    result.strides[0] = stride;
    WindowRows rows(frame, window, shape.before, inner);
    llvm::Value* width = frame.number(shape.width);
    // Where pixel 0 of all would be.
    llvm::Value* origin = frame.advance(panel, b.CreateNeg(b.CreateMul(first, frame.number(row_elements))));
    rows.emit(b.CreateSDiv(first, width), b.CreateSDiv(b.CreateAdd(first, count), width), origin);
  };
  return emit_contraction(cpu, c, tile, kernel, storages, &filler);
}

}  // namespace

const Family kSeparable = {"separable", "separable", tactics, emit};

}  // namespace burnish
