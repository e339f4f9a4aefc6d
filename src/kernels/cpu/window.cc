#include "kernels/cpu/window.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include <llvm/IR/Constants.h>

#include "base/checked.h"
#include "codegen/cpu/frame.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/gather.h"

namespace burnish {
namespace {

using Values = KernelFrame::Values;

// A tile of pixels of a row, all positions known: which taps of the row's dim each pixel has.
struct TileShape {
  int64_t first;  // output pixel, of the first row tile of this shape
  int pixels;
};

}  // namespace

class WindowEmitter {
 public:
  WindowEmitter(KernelFrame& frame, const WindowKernel& what, const Kernel& kernel, std::span<const Storage> storages)
      : k_(what),
        w_(k_.window),
        frame_(frame),
        b_(frame_.builder()),
        epilogue_(frame_, kernel, storages, 1),
        in_(kernel.anchor->operands[0].dims),
        out_(kernel.anchor->result.dims),
        x_(storages[0].strides),
        rank_(w_.rank()) {
    channels_ = out_[1].value();
    const bool dense = x_[1].constant() == 1 && (k_.kind != WindowKernel::Kind::multiply || k_.channel_step == Dim(1));
    lanes_ = dense ? frame_.cpu().vector_bytes() / 4 : 1;
    while (lanes_ > 4 && lanes_ >= 2 * channels_) lanes_ /= 2;
    extents_ = {out_[0]};
    for (std::size_t d = 0; d + 1 < rank_; ++d) extents_.push_back(out_[d + 2]);
    plan_row();
  }

  Result<Emitted> run() {
    Dim all = 1;
    for (const Dim& extent : extents_) all *= extent;
    frame_.loop("task", frame_.first(), frame_.last(), 1, [&](llvm::Value* task) {
      llvm::Value* begin = b_.CreateMul(task, frame_.number(k_.rows_per_task));
      llvm::Value* end = b_.CreateBinaryIntrinsic(
          llvm::Intrinsic::smin, b_.CreateAdd(begin, frame_.number(k_.rows_per_task)), frame_.size(all));
      rows(begin, end);
    });
    Emitted emitted = TRY(frame_.finish());
    emitted.tasks = ceildiv(all, Dim(k_.rows_per_task));
    return emitted;
  }

  // Rows [begin, end) over images and all their dims but the last; there is one at least.
  void rows(llvm::Value* begin, llvm::Value* end) {
    frame_.loop("row", begin, end, 1, [&](llvm::Value* row) { this->row(split_number(frame_, row, extents_)); }, true);
  }

 private:
  std::size_t last() const { return rank_ - 1; }

  // Is tap t of pixel o inside the image, in the row's dim? Sizes are numbers here.
  bool inside(int64_t o, int64_t t) const {
    const std::size_t d = last();
    const int64_t at = o * w_.strides[d] - w_.begins[d] + t * w_.dilations[d];
    return at >= 0 && at < in_[d + 2].value();
  }
  bool whole(int64_t o) const { return inside(o, 0) && inside(o, w_.kernel[last()] - 1); }

  // Cuts a row of known width into a first, equal middle and a last tile; borders lie in the first and last.
  void plan_row() {
    if (rank_ == 0) return;
    const auto width = out_[last() + 2].constant(), size = in_[last() + 2].constant();
    const int64_t taps = w_.kernel[last()];
    if (!width || !size || taps > 11 || *width < 2) return;
    const int registers = frame_.cpu().level >= 4 ? 32 : 16;
    const int64_t weights = k_.kind == WindowKernel::Kind::multiply ? taps : 0;
    const int64_t most = std::clamp<int64_t>(registers - 3 - weights, 2, registers == 32 ? 16 : 10);
    int64_t best = 0, waste = std::numeric_limits<int64_t>::max();
    for (int64_t p = std::min(most, *width); p >= 2; --p) {
      const int64_t tiles = ceil_div(*width, p), rest = *width - (tiles - 1) * p;
      bool fits = true;
      for (int64_t o = p; o < (tiles - 1) * p; ++o) fits &= whole(o);
      if (!fits) continue;
      // Short tiles leave the multipliers idle; every tile loads its own borders.
      const int64_t cost = tiles * 4 + (rest < 6 ? 6 - rest : 0) + (p < 8 && tiles > 1 ? (8 - p) * (tiles - 1) : 0);
      if (cost < waste) {
        waste = cost;
        best = p;
      }
    }
    tile_ = static_cast<int>(best);
  }

  // position: (n, outer image dims...).
  void row(const std::vector<llvm::Value*>& position) {
    row_ = position;
    base_ = b_.CreateMul(position[0], frame_.size(x_[0]));
    low_.assign(rank_, nullptr);
    high_.assign(rank_, nullptr);
    for (std::size_t d = 0; d + 1 < rank_; ++d) bounds(d, position[d + 1]);
    const int64_t full = channels_ / lanes_;
    const int together = tile_ == 0 ? static_cast<int>(std::min<int64_t>(full, 4)) : 1;
    int64_t done = 0;
    auto some = [&](llvm::Value* channel, int vectors, int active) {
      channel_ = channel;
      vectors_ = vectors;
      active_ = active;
      tiles();
    };
    if (full > 0) {
      done = full / together * together * lanes_;
      frame_.loop(
          "channel", frame_.number(0), frame_.number(done), static_cast<int64_t>(together) * lanes_,
          [&](llvm::Value* c) { some(c, together, lanes_); }, true);
      if (done < full * lanes_) {
        some(frame_.number(done), static_cast<int>(full - done / lanes_), lanes_);
        done = full * lanes_;
      }
    }
    if (done < channels_) some(frame_.number(done), 1, static_cast<int>(channels_ - done));
  }

  // Taps [low, high) of dim d lie in the image for output index o; adds the address of tap 0.
  void bounds(std::size_t d, llvm::Value* o) {
    llvm::Value* origin = b_.CreateSub(b_.CreateMul(o, frame_.number(w_.strides[d])), frame_.number(w_.begins[d]));
    base_ = b_.CreateAdd(base_, b_.CreateMul(origin, frame_.size(x_[d + 2])));
    const int64_t dilation = w_.dilations[d];
    auto up = [&](llvm::Value* x) {  // ceil(max(x, 0) / dilation), at most the kernel
      x = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, x, frame_.number(0));
      x = b_.CreateUDiv(b_.CreateAdd(x, frame_.number(dilation - 1)), frame_.number(dilation));
      return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, frame_.number(w_.kernel[d]));
    };
    low_[d] = up(b_.CreateNeg(origin));
    high_[d] = up(b_.CreateSub(frame_.size(in_[d + 2]), origin));
    if (k_.count_padding) {  // the taps up to the end of the padding
      llvm::Value* end = b_.CreateAdd(frame_.size(in_[d + 2]), frame_.number(w_.ends[d]));
      counted_.resize(rank_);
      counted_[d] = up(b_.CreateSub(end, origin));
    }
  }

  void tiles() {
    if (rank_ == 0) return single(nullptr);
    const Dim& width = out_[last() + 2];
    if (tile_ == 0) {
      frame_.loop("pixel", frame_.number(0), frame_.size(width), 1, [&](llvm::Value* o) { single(o); });
      return;
    }
    const int64_t count = ceil_div(width.value(), tile_);
    const int rest = static_cast<int>(width.value() - (count - 1) * tile_);
    if (count == 1) return tile(frame_.number(0), {0, rest});
    tile(frame_.number(0), {0, tile_});
    if (count > 2)
      frame_.loop(
          "tile", frame_.number(tile_), frame_.number((count - 1) * tile_), tile_,
          [&](llvm::Value* o) { tile(o, {tile_, tile_}); }, true);
    tile(frame_.number((count - 1) * tile_), {(count - 1) * tile_, rest});
  }

  llvm::Type* type() { return lanes_ == 1 ? frame_.f32() : frame_.vector_type(lanes_); }

  llvm::Value* load(llvm::Value* place) {
    if (active_ == lanes_) return b_.CreateAlignedLoad(type(), place, llvm::Align(4));
    std::vector<llvm::Constant*> mask;
    for (int i = 0; i < lanes_; ++i) mask.push_back(b_.getInt1(i < active_));
    return b_.CreateMaskedLoad(type(), place, llvm::Align(4), llvm::ConstantVector::get(mask),
                               llvm::Constant::getNullValue(type()));
  }

  llvm::Value* weight(llvm::Value* tap, int vector) {
    llvm::Value* channel = b_.CreateAdd(channel_, frame_.number(static_cast<int64_t>(vector) * lanes_));
    llvm::Value* at =
        b_.CreateAdd(b_.CreateMul(tap, frame_.size(k_.tap_step)), b_.CreateMul(channel, frame_.size(k_.channel_step)));
    return load(frame_.advance(frame_.pointer(1), at));
  }

  llvm::Value* combine(llvm::Value* sum, llvm::Value* x, llvm::Value* weight) {
    switch (k_.kind) {
      case WindowKernel::Kind::multiply: return frame_.multiply_add(x, weight, sum);
      case WindowKernel::Kind::average: return b_.CreateFAdd(sum, x);
      case WindowKernel::Kind::maximum: {  // a NaN stays
        llvm::Value* larger = b_.CreateSelect(b_.CreateFCmpOGT(sum, x), sum, x);
        return b_.CreateSelect(b_.CreateFCmpUNO(sum, sum), sum, larger);
      }
    }
    return nullptr;
  }

  llvm::Value* neutral() {
    return llvm::ConstantFP::get(type(), k_.kind == WindowKernel::Kind::maximum ? -INFINITY : 0.0);
  }

  // Loops over the taps of all dims but the last that lie in the image; body(element offset, number of the first tap, sums).
  void outer_taps(std::size_t d, llvm::Value* offset, llvm::Value* tap, Values& sums,
                  const std::function<void(llvm::Value*, llvm::Value*, Values&)>& body) {
    if (d + 1 >= rank_) return body(offset, tap, sums);
    int64_t inner = 1;
    for (std::size_t i = d + 1; i < rank_; ++i) inner *= w_.kernel[i];
    frame_.loop("tap", low_[d], high_[d], 1, sums, [&](llvm::Value* t, Values& s) {
      llvm::Value* at =
          b_.CreateAdd(offset, b_.CreateMul(b_.CreateMul(t, frame_.number(w_.dilations[d])), frame_.size(x_[d + 2])));
      outer_taps(d + 1, at, b_.CreateAdd(tap, b_.CreateMul(t, frame_.number(inner))), s, body);
    });
  }

  llvm::Value* input(llvm::Value* element) {
    llvm::Value* channel = b_.CreateMul(channel_, frame_.size(x_[1]));
    return frame_.advance(frame_.pointer(0), b_.CreateAdd(element, channel));
  }

  void tile(llvm::Value* first, const TileShape& shape) {
    const std::size_t d = last();
    const int64_t taps = w_.kernel[d];
    Values sums(static_cast<std::size_t>(shape.pixels), neutral());
    llvm::Value* origin = b_.CreateSub(b_.CreateMul(first, frame_.number(w_.strides[d])), frame_.number(w_.begins[d]));
    llvm::Value* start = b_.CreateAdd(base_, b_.CreateMul(origin, frame_.size(x_[d + 2])));
    // column -> the pixels and taps that meet it
    std::map<int64_t, std::vector<std::pair<int, int64_t>>> columns;
    for (int p = 0; p < shape.pixels; ++p)
      for (int64_t t = 0; t < taps; ++t)
        if (inside(shape.first + p, t)) columns[p * w_.strides[d] + t * w_.dilations[d]].push_back({p, t});
    outer_taps(0, start, frame_.number(0), sums, [&](llvm::Value* offset, llvm::Value* tap, Values& s) {
      Values weights(static_cast<std::size_t>(taps));
      if (k_.kind == WindowKernel::Kind::multiply)
        for (int64_t t = 0; t < taps; ++t)
          weights[static_cast<std::size_t>(t)] = weight(b_.CreateAdd(tap, frame_.number(t)), 0);
      llvm::Value* place = input(offset);
      for (const auto& [column, uses] : columns) {
        llvm::Value* x = load(frame_.advance(place, b_.CreateMul(frame_.number(column), frame_.size(x_[d + 2]))));
        for (const auto& [p, t] : uses) {
          auto& sum = s[static_cast<std::size_t>(p)];
          sum = combine(sum, x, weights[static_cast<std::size_t>(t)]);
        }
      }
    });
    for (int p = 0; p < shape.pixels; ++p) {
      int64_t valid = 0, counted = 0;
      for (int64_t t = 0; t < taps; ++t) {
        const int64_t at = (shape.first + p) * w_.strides[d] - w_.begins[d] + t * w_.dilations[d];
        valid += inside(shape.first + p, t);
        counted += at < in_[d + 2].value() + w_.ends[d];
      }
      store(b_.CreateAdd(first, frame_.number(p)), sums[static_cast<std::size_t>(p)], 0,
            frame_.number(k_.count_padding ? counted : valid));
    }
  }

  // One pixel, `vectors_` vectors of channels; everything about its window is found at run time.
  void single(llvm::Value* o) {
    Values sums(static_cast<std::size_t>(vectors_), neutral());
    llvm::Value* saved = base_;
    if (rank_ > 0) bounds(last(), o);
    llvm::Value* offset = base_;
    base_ = saved;
    auto tap_of = [&](llvm::Value* at, llvm::Value* tap, Values& s) {
      llvm::Value* place = input(at);
      for (int v = 0; v < vectors_; ++v) {
        llvm::Value* x = load(
            frame_.advance(place, b_.CreateMul(frame_.number(static_cast<int64_t>(v) * lanes_), frame_.size(x_[1]))));
        auto& sum = s[static_cast<std::size_t>(v)];
        sum = combine(sum, x, k_.kind == WindowKernel::Kind::multiply ? weight(tap, v) : nullptr);
      }
    };
    if (rank_ == 0) {
      tap_of(offset, frame_.number(0), sums);
    } else {
      const std::size_t d = last();
      outer_taps(0, offset, frame_.number(0), sums, [&](llvm::Value* at, llvm::Value* tap, Values& s) {
        frame_.loop("column", low_[d], high_[d], 1, s, [&](llvm::Value* t, Values& inner) {
          llvm::Value* step = b_.CreateMul(b_.CreateMul(t, frame_.number(w_.dilations[d])), frame_.size(x_[d + 2]));
          tap_of(b_.CreateAdd(at, step), b_.CreateAdd(tap, t), inner);
        });
      });
    }
    llvm::Value* counted = frame_.number(1);
    if (rank_ > 0) counted = k_.count_padding ? counted_[last()] : b_.CreateSub(high_[last()], low_[last()]);
    for (int v = 0; v < vectors_; ++v) store(o, sums[static_cast<std::size_t>(v)], v, counted);
  }

  void store(llvm::Value* o, llvm::Value* sum, int vector, llvm::Value* counted) {
    if (k_.kind == WindowKernel::Kind::average) {
      for (std::size_t d = 0; d + 1 < rank_; ++d)
        counted = b_.CreateMul(counted, k_.count_padding ? counted_[d] : b_.CreateSub(high_[d], low_[d]));
      counted = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, counted, frame_.number(1));
      llvm::Value* divisor = b_.CreateSIToFP(counted, frame_.f32());
      if (lanes_ > 1) divisor = b_.CreateVectorSplat(static_cast<unsigned>(lanes_), divisor);
      sum = b_.CreateFDiv(sum, divisor);
    }
    std::vector<llvm::Value*> at = {row_[0],
                                    b_.CreateAdd(channel_, frame_.number(static_cast<int64_t>(vector) * lanes_))};
    for (std::size_t d = 0; d + 1 < rank_; ++d) at.push_back(row_[d + 1]);
    if (rank_ > 0) at.push_back(o);
    epilogue_.store(at, sum, active_);
  }

  const WindowKernel k_;
  const Window& w_;
  KernelFrame& frame_;
  llvm::IRBuilder<>& b_;
  Epilogue epilogue_;
  const Dims &in_, &out_, &x_;
  std::size_t rank_;
  std::vector<Dim> extents_;  // of images and all their dims but the last
  int64_t channels_ = 0;
  int lanes_ = 1;
  int tile_ = 0;  // pixels of the row's tiles; 0: pixel by pixel
  // of the current row and channels
  std::vector<llvm::Value*> row_, low_, high_, counted_;
  llvm::Value *base_ = nullptr, *channel_ = nullptr;
  int vectors_ = 1, active_ = 1;
};

WindowRows::WindowRows(KernelFrame& frame, const WindowKernel& what, const Kernel& kernel,
                       std::span<const Storage> storages)
    : emitter_(std::make_unique<WindowEmitter>(frame, what, kernel, storages)) {}
WindowRows::~WindowRows() = default;

void WindowRows::emit(llvm::Value* begin, llvm::Value* end) { emitter_->rows(begin, end); }

int64_t window_rows_per_task(const CpuFeatures& cpu, const Kernel& kernel, const Window& window, double* cycles) {
  constexpr double kTaskCycles = 20'000;
  constexpr int64_t kWantedTasks = 24;
  const auto& out = kernel.anchor->result.dims;
  double row = static_cast<double>(likely(out[1])) / (cpu.vector_bytes() / 4);
  int64_t rows = likely(out[0]);
  if (!window.kernel.empty()) row *= static_cast<double>(likely(out.back()));
  for (std::size_t d = 2; d + 1 < out.size(); ++d) rows *= likely(out[d]);
  row *= static_cast<double>(window.taps()) * 1.3 + 4;
  *cycles = row * static_cast<double>(rows) + 1000;
  const auto wanted = static_cast<int64_t>(std::ceil(kTaskCycles / row));
  return std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, ceil_div(rows, kWantedTasks)));
}

Tactic window_tactic(const CpuFeatures& cpu, const Kernel& kernel, std::string_view name, bool last, int64_t rows,
                     double cycles) {
  const int64_t rank = kernel.anchor->result.rank();
  const Format image = last ? Format::channels_last(DType::f32, rank) : Format::plain(DType::f32, rank);
  Tactic t;
  t.name = std::string(name) + (last ? "" : " plain");
  t.parameters = {{"rows_per_task", rows}};
  // Channels that are not neighbours are done one at a time.
  t.seconds = seconds_of(cycles * (last ? 1 : cpu.vector_bytes() / 4));
  t.why = last ? "vectors of channels" : "one channel at a time";
  t.ports.push_back({image, false});
  std::ranges::move(nest_ports(kernel, image), std::back_inserter(t.ports));
  return t;
}

Result<Emitted> emit_window(const CpuFeatures& cpu, const WindowKernel& what, const Kernel& kernel,
                            std::span<const Storage> storages) {
  KernelModule module(cpu);
  KernelFrame frame(module);
  return WindowEmitter(frame, what, kernel, storages).run();
}

}  // namespace burnish
