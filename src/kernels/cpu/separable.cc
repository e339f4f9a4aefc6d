// A depthwise convolution and the convolution of single pixels that reads it: rows of the image go through the first into a
// panel, where the second finds them. What lies between is never written to memory. The image itself may be that of a
// convolution, or of another such pair: then each task makes the rows that it reads, and keeps them near.

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/checked.h"
#include "kernels/cpu/contraction.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/gather.h"
#include "kernels/cpu/image_rows.h"
#include "kernels/cpu/window.h"

namespace burnish {
namespace {

// The share of the second cache that a panel may take; cycles of a task's start.
constexpr double kPanelShare = 0.2, kTaskStart = 1500;
constexpr int64_t kWantedTasks = 6;
constexpr std::size_t kMostTilesAfter = 2;  // of the second convolution, where the image is made, too
constexpr int kDeepest = 2;                 // images within each other

struct Shape {
  const Kernel& before;
  Window window;
  int64_t channels, outputs, width;
  Dim rows;                        // of all images
  std::optional<MadeShape> image;  // where it does not lie in memory

  // Operands of `before` but its image are at `operand(1)` and on.
  std::size_t operand(std::size_t i) const { return image ? image->first->operand_count() + i - 2 : i; }
};

Result<Shape> shape_of(const Problem& problem) {
  const Kernel& before = *problem.before;
  if (const std::string why = not_depthwise(before); !why.empty()) return refused(why);
  const Type& w = problem.operands.back();
  const Dims& result = problem.result.dims;
  Shape s{before, TRY(window_of(*before.anchor)), 0, 0, 0, result[0], {}};
  if (s.window.rank() < 1) return refused("there is no row of pixels");
  if (w.dtype != DType::f32 || problem.result.dtype != DType::f32) return refused("only f32 is multiplied");
  const auto channels = w.dims[1].constant(), outputs = w.dims[0].constant(), width = result.back().constant();
  if (!channels || !outputs || !width || *channels < 1 || *outputs < 1 || *width < 1)
    return refused("the numbers of channels and the width of the image must be known");
  s.channels = *channels;
  s.outputs = *outputs;
  s.width = *width;
  for (std::size_t d = 2; d + 1 < result.size(); ++d) s.rows *= result[d];
  if (before.anchor->before) s.image = TRY(MadeShape::of(*before.anchor->before, s.window, result));
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
                                          double multiplies, double image) {
  const auto l2 = static_cast<double>(cpu.l2_bytes);
  const int64_t all = likely(s.rows);
  const auto weights = static_cast<double>(s.channels * s.outputs * 4);
  std::pair<int64_t, double> best = {0, INFINITY};
  if (weights + (s.image ? static_cast<double>(s.image->weight_bytes()) : 0) > kWeightShare * l2) return best;
  for (int64_t rows = 1; rows <= std::min(all, kMostRows); ++rows) {
    const int64_t pixels = rows * s.width, tasks = ceil_div(all, rows);
    const auto panel = static_cast<double>(pixels * s.channels * 4);
    if (panel > kPanelShare * l2 || tasks < (s.image ? kFewTasks : kWantedTasks)) break;
    if (s.image && s.image->rows % rows != 0) continue;  // a task is of one image
    if (s.image && panel + static_cast<double>(s.image->kept_bytes(rows)) > kImageShare * l2) break;
    const double more = s.image ? s.image->more_cycles(cpu, rows, image, multiplies, tasks) : 0;
    const auto share = static_cast<double>(round_up(pixels, tile.rows) * tasks) / static_cast<double>(all * s.width);
    const double cycles =
        multiplies * (share - 1) + static_cast<double>(tasks) * (kTaskStart + weights / kWeightBytes) + more;
    if (cycles < best.second) best = {rows, cycles};
  }
  return best;
}

int depth_of(const Kernel* kernel) {
  if (!kernel || !kernel->anchor->before) return 0;
  const Kernel* first = kernel->anchor->before->anchor->before.get();
  return first ? 1 + depth_of(first) : 0;
}

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  const auto shape = shape_of(problem);
  why_not = shape ? Epilogue::unsupported(kernel) : shape.error().what;
  if (depth_of(&kernel) > kDeepest) why_not = "too many images would be made on the way";
  if (!why_not.empty()) return;
  const auto rank = static_cast<int64_t>(problem.result.dims.size());
  const Format last = Format::channels_last(DType::f32, rank);
  const Contraction c = contraction_of(problem, *shape);
  const int lanes = static_cast<int>(std::min<int64_t>(
      cpu.vector_bytes() / 4, static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(shape->outputs)))));
  double window = 0;
  window_rows_per_task(cpu, shape->before, shape->window, &window);
  // Where the image comes from.
  std::vector<Tactic> firsts(1);
  firsts[0].ports.resize(1);
  firsts[0].ports[0].format = last;
  if (shape->image) firsts = row_tactics(cpu, *shape->image->first);
  std::size_t tiles = 0;
  for (const TileEstimate& estimate : choose_tiles(cpu, c, lanes, 0, 0)) {
    if (shape->image && tiles++ == kMostTilesAfter) break;
    for (const Tactic& first : firsts) {
      ContractionTile tile = estimate.tile;
      const auto [rows, more] =
          rows_of_a_task(cpu, *shape, tile, estimate.seconds / seconds_of(1), first.seconds / seconds_of(1));
      if (rows < 1) continue;
      tile.group_rows = rows * shape->width;
      tile.rows = static_cast<int>(std::min<int64_t>(tile.rows, tile.group_rows));
      tile.chunk_blocks = ceil_div(shape->outputs, tile.block());
      tile.slice = 0;
      Tactic t;
      t.name = fmt::format("separable {}x{}{}{}", tile.rows, tile.vectors, shape->image ? " of " : "", first.name);
      t.seconds = first.seconds + estimate.seconds + seconds_of(window + more);
      t.why = fmt::format("{}, {:.0f} of windows, {} rows of the image a task", estimate.why, window, rows);
      t.parameters = with_first(parameters_of(tile), first);
      t.ports.assign(first.ports.begin(), first.ports.end() - (shape->image ? 1 : 0));
      t.ports.push_back({depthwise_weights(shape->window.rank()), false});
      auto between = nest_ports(shape->before, last);
      between.pop_back();  // the result
      std::ranges::move(between, std::back_inserter(t.ports));
      t.ports.push_back({packed_weights(shape->window.rank(), tile.block(), true), false});
      std::ranges::move(nest_ports(kernel, last), std::back_inserter(t.ports));
      found.push_back(std::move(t));
    }
  }
  if (found.empty()) why_not = "the weights are more than stays near from row to row";
}

// What a separable kernel does before its second convolution.
class Between {
 public:
  // `storages`: those of the kernel's operands; at most `rows` of the result are asked for at once.
  static Result<std::unique_ptr<Between>> make(KernelFrame& frame, const Problem& problem,
                                               const AttributeMap& parameters, std::span<const Storage> storages,
                                               int64_t rows) {
    const Shape shape = TRY(shape_of(problem));
    auto made = std::unique_ptr<Between>(new Between(frame, problem, shape));
    if (shape.image)
      made->image_ = TRY(
          MadeImage::make(frame, *shape.image, first_of(parameters),
                          {storages.begin(), storages.begin() + static_cast<std::ptrdiff_t>(shape.operand(1))}, rows));
    made->storages_.push_back(shape.image ? MadeImage::storage(*shape.image) : storages[0]);
    for (std::size_t i = shape.operand(1); i + 1 < problem.operands.size(); ++i) made->storages_.push_back(storages[i]);
    made->window_ = TRY(depthwise_window(*shape.before.anchor, made->storages_[1]));
    return made;
  }

  void prepare(int64_t& taken) {
    if (image_) image_->prepare(taken);
  }
  // Makes the rows of the image that rows [begin, end) of the result read.
  void image(llvm::Value* begin, llvm::Value* end) {
    if (image_) origin_ = image_->rows(begin, end);
  }

  // Pixels [first, first + count), whole rows, of what the second convolution reads.
  void fill(llvm::Value* first, llvm::Value* count, llvm::Value* panel, int64_t row_elements) {
    auto& b = frame_.builder();
    std::vector<Storage> inner = storages_;
    Storage& result = inner.emplace_back();
    const Dims& dims = problem_.result.dims;
    result.strides.assign(dims.size(), Dim(1));
    Dim stride = row_elements;
    for (std::size_t d = dims.size(); d-- > 2;) {
      result.strides[d] = stride;
      stride *= dims[d];
    }
    result.strides[0] = stride;
    std::vector<llvm::Value*> operands = {image_ ? origin_ : frame_.pointer(0)};
    for (std::size_t i = shape_.operand(1); i + 1 < problem_.operands.size(); ++i)
      operands.push_back(frame_.pointer(static_cast<int>(i)));
    // Where pixel 0 of all would be.
    operands.push_back(frame_.advance(panel, b.CreateNeg(b.CreateMul(first, frame_.number(row_elements)))));
    const KernelFrame::Within scope(frame_, std::move(operands));
    WindowRows rows(frame_, window_, shape_.before, inner);
    llvm::Value* width = frame_.number(shape_.width);
    rows.emit(b.CreateSDiv(first, width), b.CreateSDiv(b.CreateAdd(first, count), width));
  }

 private:
  Between(KernelFrame& frame, const Problem& problem, const Shape& shape)
      : frame_(frame), problem_(problem), shape_(shape) {}

  KernelFrame& frame_;
  const Problem& problem_;
  const Shape shape_;
  WindowKernel window_;
  std::vector<Storage> storages_;  // of `before`, but for its result
  std::unique_ptr<MadeImage> image_;
  llvm::Value* origin_ = nullptr;  // of the image
};

Contraction packed_contraction(const Problem& problem, const Shape& shape, const ContractionTile& tile) {
  Contraction c = contraction_of(problem, shape);
  c.w_padded = true;
  c.w_sum = tile.block();
  c.w_channel = 1;
  c.w_block = shape.channels * tile.block();
  return c;
}

// Rows of a separable kernel within another.
class SeparableRows : public ImageRows {
 public:
  SeparableRows(std::unique_ptr<Between> between, KernelFrame& frame, Contraction c, ContractionTile tile,
                int64_t width, const Kernel& kernel, std::vector<Storage> storages)
      : between_(std::move(between)),
        rows_(frame, std::move(c), tile, width, kernel, std::move(storages),
              [this](llvm::Value* first, llvm::Value* count, llvm::Value* panel, int64_t row_elements) {
                between_->fill(first, count, panel, row_elements);
              }) {}
  void prepare(int64_t& taken) override {
    between_->prepare(taken);
    rows_.prepare(taken);
  }
  void emit(llvm::Value* begin, llvm::Value* end) override {
    between_->image(begin, end);
    rows_.emit(begin, end);
  }

 private:
  std::unique_ptr<Between> between_;
  ContractionRows rows_;
};

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  const Problem& problem = *kernel.anchor;
  const Shape shape = TRY(shape_of(problem));
  ContractionTile tile = TRY(tile_of(tactic));
  tile.gather = true;
  const int64_t rows = tile.group_rows / shape.width;
  KernelModule module(cpu);
  KernelFrame frame(module);
  const auto between = TRY(Between::make(frame, problem, tactic.parameters, storages, rows));
  const PanelFiller filler = [&](llvm::Value* first, llvm::Value* count, llvm::Value* panel, int64_t row_elements) {
    auto& b = frame.builder();
    llvm::Value* width = frame.number(shape.width);
    between->image(b.CreateSDiv(first, width), b.CreateSDiv(b.CreateAdd(first, count), width));
    between->fill(first, count, panel, row_elements);
  };
  int64_t taken = 0;
  between->prepare(taken);
  const auto all = shape.rows.constant();
  const bool even = shape.image || (all && *all % rows == 0);
  return emit_contraction(frame, taken, packed_contraction(problem, shape, tile), tile, kernel, storages, filler,
                          even ? std::optional(tile.group_rows) : std::nullopt);
}

}  // namespace

Result<std::unique_ptr<ImageRows>> separable_rows(KernelFrame& frame, const Kernel& kernel, const Tactic& tactic,
                                                  std::vector<Storage> storages, int64_t rows) {
  const Problem& problem = *kernel.anchor;
  const Shape shape = TRY(shape_of(problem));
  ContractionTile tile = TRY(tile_of(tactic));
  tile.gather = true;
  auto between = TRY(Between::make(frame, problem, tactic.parameters, storages, rows));
  return std::make_unique<SeparableRows>(std::move(between), frame, packed_contraction(problem, shape, tile), tile,
                                         shape.width, kernel, std::move(storages));
}

int64_t separable_kept_bytes(const Kernel& kernel, int64_t rows) {
  const auto shape = shape_of(*kernel.anchor);
  return shape && shape->image ? shape->image->kept_bytes(rows) : 0;
}

const Family kSeparable = {"separable", "separable", tactics, emit};

}  // namespace burnish
