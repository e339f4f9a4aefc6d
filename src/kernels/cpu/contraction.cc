#include "kernels/cpu/contraction.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/checked.h"
#include "codegen/cpu/frame.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/gather.h"
#include "kernels/cpu/image_rows.h"
#include "kernels/cpu/planes.h"
#include "kernels/cpu/register_tile.h"

namespace burnish {

int64_t Contraction::sum_count() const {
  int64_t count = 1;
  for (const auto& s : sums) count *= s.extent;
  return count;
}
Dim Contraction::pixel_count() const {
  Dim count = 1;
  for (const auto& p : pixels) count *= p.extent;
  return count;
}
Dim Contraction::outer_count() const {
  Dim count = 1;
  for (const auto& o : outers) count *= o.extent;
  return count;
}

namespace {

// With fewer rows a block of weights is gone before the next one could come.
constexpr int kReusingRows = 4;
// Instructions a vector above which an epilogue runs as a loop over sums in memory: written out after each sum it takes so
// many registers that the sums themselves lose theirs in the loop over k.
constexpr double kLongEpilogue = 12;

class ContractionEmitter {
 public:
  // `each`: so many pixels are asked for every time.
  ContractionEmitter(KernelFrame& frame, const Contraction& contraction, const ContractionTile& tile,
                     const Kernel& kernel, std::span<const Storage> storages, const PanelFiller* filler,
                     std::optional<int64_t> each)
      : c_(contraction),
        t_(tile),
        frame_(frame),
        b_(frame_.builder()),
        kernel_(kernel),
        epilogue_(frame_, kernel, storages, contraction.channel_axis),
        gather_(frame_, contraction),
        planes_(frame_, contraction),
        filler_(filler),
        sum_(contraction.sum_count()),
        blocks_(ceil_div(contraction.channels, tile.block())),
        chunks_(ceil_div(blocks_, tile.chunk_blocks)),
        pixels_(contraction.pixel_count()) {
    // Of planes, a row for each step of k, with room for a vector behind the last pixel.
    panel_row_ = on_other_sets(round_up(t_.planes ? round_up(t_.group_rows, t_.rows) : sum_, 16) + 16);
    std::vector<int> axes;
    for (const auto& p : c_.pixels) axes.push_back(p.axis);
    flat_ = epilogue_.flattens(axes);
    long_epilogue_ = epilogue_.cost() > kLongEpilogue;
    known_ = each ? each : t_.group_rows % t_.rows == 0 ? pixels_.constant() : std::nullopt;
    slice_ = t_.slice > 0 ? std::min(t_.slice, sum_) : sum_;
  }

  // Takes what it needs of the kernel's scratch, of which `taken` bytes belong to others. Once per call of the kernel.
  void prepare(int64_t& taken) {
    const int64_t rows = round_up(t_.group_rows, t_.rows);
    const bool needs_panel = t_.gather || !known_;
    auto reserve = [&](bool wanted, int64_t bytes) -> llvm::Value* {
      if (!wanted) return nullptr;
      llvm::Value* place = frame_.advance(frame_.scratch(), frame_.number(taken), 1);
      taken += round_up(bytes, 64);
      return place;
    };
    panel_ = reserve(needs_panel, ((t_.planes ? sum_ : rows) * panel_row_ + 64) * 4);
    accumulators_ = reserve(!flat_ || long_epilogue_ || !known_, t_.rows * t_.block() * 4);
    partial_ = reserve(slice_ < sum_, rows * t_.block() * 4);
    const int64_t zeros = needs_panel ? gather_.zero_bytes() : 0;
    if (zeros > 0) gather_.prepare(reserve(true, zeros));
  }

  // All tasks; `taken` as above.
  Result<Emitted> run(int64_t taken, std::string* assembly) {
    prepare(taken);
    const Dim groups = ceildiv(pixels_, Dim(t_.group_rows));
    frame_.loop("task", frame_.first(), frame_.last(), 1, [&](llvm::Value* task) { this->task(task, groups); });
    JitOptions options;
    options.assembly = assembly;
    Emitted emitted = TRY(frame_.finish(options));
    emitted.tasks = c_.outer_count() * Dim(chunks_) * groups;
    emitted.scratch_bytes = taken;
    return emitted;
  }

  // Pixels [first, first + count), all channels: of a contraction without outer dims.
  void pixels(llvm::Value* first, llvm::Value* count) {
    CHECK(c_.outers.empty());
    a_ = frame_.pointer(c_.a_operand);
    w_ = frame_.pointer(c_.w_operand);
    channel_base_ = frame_.number(0);
    group(first, count, nullptr);
  }

 private:
  using Values = KernelFrame::Values;

  // Tasks count (outer..., chunk of channels, group of pixels).
  void task(llvm::Value* number, const Dim& groups) {
    const Dim counts[] = {c_.outer_count(), Dim(chunks_), groups};
    const auto place = split_number(frame_, number, counts);
    std::vector<Dim> extents;
    for (const auto& o : c_.outers) extents.push_back(o.extent);
    outer_ = split_number(frame_, place[0], extents);
    a_ = frame_.pointer(c_.a_operand);
    w_ = frame_.pointer(c_.w_operand);
    channel_base_ = frame_.number(0);
    for (std::size_t i = 0; i < outer_.size(); ++i) {
      const auto& o = c_.outers[i];
      a_ = frame_.advance(a_, b_.CreateMul(outer_[i], frame_.size(o.a_stride)));
      w_ = frame_.advance(w_, b_.CreateMul(outer_[i], frame_.size(o.w_stride)));
      if (o.axis < 0) channel_base_ = b_.CreateMul(outer_[i], frame_.number(c_.channels));
    }
    llvm::Value* first = b_.CreateMul(place[2], frame_.number(t_.group_rows));
    llvm::Value* left = b_.CreateSub(frame_.size(pixels_), first);
    group(first, b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, left, frame_.number(t_.group_rows)), place[1]);
  }

  // `chunk`: of the blocks of channels; null: all of them.
  void group(llvm::Value* first, llvm::Value* count, llvm::Value* chunk) {
    first_pixel_ = first;
    full_ = b_.CreateSDiv(count, frame_.number(t_.rows));
    tail_ = b_.CreateSRem(count, frame_.number(t_.rows));
    if (filler_) (*filler_)(first, count, panel_, panel_row_);
    else if (t_.planes) planes_.fill(a_, first, count, panel_, panel_row_);
    else if (t_.gather) gather_.rows(a_, first, count, panel_, panel_row_);

    // The last block of channels may have fewer vectors: its own code, in the last chunk only.
    const int64_t rest = c_.channels % t_.block();
    const bool odd = rest != 0;
    llvm::Value* begin = frame_.number(0);
    llvm::Value* end = frame_.number(blocks_ - odd);
    if (chunk) {
      begin = b_.CreateMul(chunk, frame_.number(t_.chunk_blocks));
      end = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateAdd(begin, frame_.number(t_.chunk_blocks)), end);
    }
    if (blocks_ > odd) frame_.loop("block", begin, end, 1, [&](llvm::Value* block) { this->block(block, t_.block()); });
    if (!odd) return;
    if (!chunk) return block(frame_.number(blocks_ - 1), rest);
    frame_.branch(
        b_.CreateICmpEQ(chunk, frame_.number(chunks_ - 1)),
        [&]() -> Values {
          block(frame_.number(blocks_ - 1), rest);
          return {};
        },
        []() -> Values { return {}; });
  }

  // A block of channels, and the steps of k that are taken now.
  struct Pass {
    llvm::Value* weights;  // of the first step
    llvm::Value* channel;
    int64_t channels;
    llvm::Value* k;  // the first step; null: there is one pass, else sums come from `partial_`
    int64_t steps;
    bool ends;  // results are stored, not sums
  };

  // All pixels of the task against one block of channels. Where the second cache does not hold both they are taken a slice of k
  // after the other, so that all pixels find a slice of weights there, and the next block its pixels.
  void block(llvm::Value* number, int64_t channels) {
    Pass pass{frame_.advance(w_, b_.CreateMul(number, frame_.number(c_.w_block))),
              b_.CreateAdd(channel_base_, b_.CreateMul(number, frame_.number(t_.block()))),
              channels,
              nullptr,
              slice_,
              true};
    const int64_t passes = ceil_div(sum_, slice_);
    if (passes > 1) {
      llvm::Value* weights = pass.weights;
      clear(channels);
      pass.ends = false;
      frame_.loop(
          "slice", frame_.number(0), frame_.number(passes - 1), 1,
          [&](llvm::Value* i) {
            pass.k = b_.CreateMul(i, frame_.number(slice_));
            pass.weights = frame_.advance(weights, b_.CreateMul(pass.k, frame_.number(c_.w_sum)));
            tiles(pass);
          },
          true);
      pass.ends = true;
      pass.k = frame_.number((passes - 1) * slice_);
      pass.steps = sum_ - (passes - 1) * slice_;
      pass.weights = frame_.advance(weights, frame_.number((passes - 1) * slice_ * c_.w_sum));
    }
    tiles(pass);
  }

  // Sums of the block are 0.
  void clear(int64_t channels) {
    const int64_t row = ceil_div(channels, t_.lanes) * t_.lanes;
    llvm::Type* type = t_.lanes == 1 ? frame_.f32() : static_cast<llvm::Type*>(frame_.vector_type(t_.lanes));
    frame_.loop(
        "clear", frame_.number(0), frame_.number(round_up(t_.group_rows, t_.rows) * row), t_.lanes,
        [&](llvm::Value* i) {
          b_.CreateAlignedStore(llvm::Constant::getNullValue(type), frame_.advance(partial_, i), llvm::Align(4));
        },
        true);
  }

  void tiles(const Pass& pass) {
    if (!known_ || *known_ >= t_.rows)
      frame_.loop("tile", frame_.number(0), full_, 1, [&](llvm::Value* i) {
        llvm::Value* first = b_.CreateMul(i, frame_.number(t_.rows));
        tile(pass, first, t_.rows, nullptr, t_.gather);
      });
    if (known_ && *known_ % t_.rows == 0) return;
    frame_.branch(
        b_.CreateICmpSGT(tail_, frame_.number(0)),
        [&]() -> Values {
          llvm::Value* first = b_.CreateMul(full_, frame_.number(t_.rows));
          if (known_) {
            tile(pass, first, static_cast<int>(*known_ % t_.rows), nullptr, t_.gather);
          } else {
            // How many rows are left is not known here: a whole tile runs on a copy, and only `tail_` rows are stored.
            if (!t_.gather) gather_.rows(a_, b_.CreateAdd(first_pixel_, first), tail_, panel_, panel_row_);
            tile(pass, t_.gather ? first : frame_.number(0), t_.rows, tail_, true, first);
          }
          return {};
        },
        []() -> Values { return {}; });
  }

  // `first`: the tile's first row in the panel or, read in place, in the task's pixels. `count`: rows that are stored.
  void tile(const Pass& pass, llvm::Value* first, int rows, llvm::Value* count, bool panel,
            llvm::Value* first_in_task = nullptr) {
    if (!first_in_task) first_in_task = first;
    llvm::Value* pixel = b_.CreateAdd(first_pixel_, first_in_task);
    llvm::Value* a;
    Dim row;
    if (panel) {
      row = t_.planes ? 1 : panel_row_;
      a = frame_.advance(panel_, b_.CreateMul(first, frame_.number(row.value())));
    } else {
      row = c_.pixels.empty() ? Dim(0) : c_.pixels.back().a_stride;
      a = frame_.advance(a_, b_.CreateMul(pixel, frame_.size(row)));
    }
    const int64_t a_sum = panel && t_.planes ? panel_row_ : 1;
    if (pass.k) a = frame_.advance(a, b_.CreateMul(pass.k, frame_.number(a_sum)));
    const int vectors = static_cast<int>(ceil_div(pass.channels, t_.lanes));
    const int last_active = static_cast<int>(pass.channels - static_cast<int64_t>(vectors - 1) * t_.lanes);
    const int sets = RegisterTile::sets_of(t_.rows, t_.vectors, t_.unroll);
    RegisterTile product{frame_, t_.lanes, t_.unroll, pass.steps, c_.w_sum, c_.w_channel, c_.w_padded, a_sum, sets};
    if (c_.w_padded && t_.rows >= kReusingRows && (blocks_ > 1 || slice_ < sum_))
      product.ask_for(frame_.advance(pass.weights, frame_.number(slice_ * c_.w_sum)),
                      b_.CreateSDiv(first_in_task, frame_.number(t_.rows)),
                      std::max<int64_t>(1, t_.group_rows / t_.rows));
    llvm::Value* kept =
        pass.k ? frame_.advance(partial_, b_.CreateMul(first_in_task, frame_.number(int64_t{vectors} * t_.lanes)))
               : nullptr;
    const Values sums = product.multiply(a, row, pass.weights, rows, vectors, last_active,
                                         kept ? sums_at(kept, rows * vectors, product.type()) : Values());
    if (!pass.ends) keep_sums(sums, kept);
    else if (flat_ && !count && !long_epilogue_) store_flat(sums, pixel, rows, vectors, pass.channel, last_active);
    else store_rows(sums, pixel, count ? count : frame_.number(rows), vectors, pass.channel, last_active);
  }

  Values sums_at(llvm::Value* from, int count, llvm::Type* type) {
    Values sums;
    for (int i = 0; i < count; ++i)
      sums.push_back(b_.CreateAlignedLoad(type, frame_.advance(from, frame_.number(i * t_.lanes)), llvm::Align(4)));
    return sums;
  }

  void keep_sums(const Values& sums, llvm::Value* to) {
    for (std::size_t i = 0; i < sums.size(); ++i)
      b_.CreateAlignedStore(sums[i], frame_.advance(to, frame_.number(static_cast<int64_t>(i) * t_.lanes)),
                            llvm::Align(4));
  }

  std::vector<llvm::Value*> position() {
    std::vector<llvm::Value*> at(kernel_.anchor->result.dims.size(), frame_.number(0));
    for (std::size_t i = 0; i < outer_.size(); ++i)
      if (c_.outers[i].axis >= 0) at[static_cast<std::size_t>(c_.outers[i].axis)] = outer_[i];
    return at;
  }

  void store_flat(const Values& sums, llvm::Value* pixel, int rows, int vectors, llvm::Value* channel,
                  int last_active) {
    auto at = position();
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v) {
        place_pixel(frame_, c_, b_.CreateNSWAdd(pixel, frame_.number(r)), true, at);
        at[static_cast<std::size_t>(c_.channel_axis)] = b_.CreateNSWAdd(channel, frame_.number(v * t_.lanes));
        epilogue_.store(at, sums[static_cast<std::size_t>(r * vectors + v)], v == vectors - 1 ? last_active : t_.lanes);
      }
  }

  void store_rows(const Values& sums, llvm::Value* pixel, llvm::Value* count, int vectors, llvm::Value* channel,
                  int last_active) {
    const int64_t row = static_cast<int64_t>(vectors) * t_.lanes;
    keep_sums(sums, accumulators_);
    frame_.loop(
        "row", frame_.number(0), count, 1,
        [&](llvm::Value* r) {
          auto at = position();
          place_pixel(frame_, c_, b_.CreateNSWAdd(pixel, r), flat_, at);
          llvm::Value* from = frame_.advance(accumulators_, b_.CreateMul(r, frame_.number(row)));
          for (int v = 0; v < vectors; ++v) {
            at[static_cast<std::size_t>(c_.channel_axis)] = b_.CreateNSWAdd(channel, frame_.number(v * t_.lanes));
            llvm::Value* x = b_.CreateAlignedLoad(sums[0]->getType(), frame_.advance(from, frame_.number(v * t_.lanes)),
                                                  llvm::Align(4));
            epilogue_.store(at, x, v == vectors - 1 ? last_active : t_.lanes);
          }
        },
        true);
  }

  const Contraction& c_;
  const ContractionTile& t_;
  KernelFrame& frame_;
  llvm::IRBuilder<>& b_;
  const Kernel& kernel_;
  Epilogue epilogue_;
  Gather gather_;
  Planes planes_;
  const PanelFiller* filler_;
  int64_t sum_, blocks_, chunks_, slice_ = 0;
  Dim pixels_;
  int64_t panel_row_ = 0;
  std::optional<int64_t> known_;  // the number of pixels, where each task but the last has whole tiles
  bool flat_ = false, long_epilogue_ = false;
  llvm::Value *panel_ = nullptr, *accumulators_ = nullptr, *partial_ = nullptr;
  // of the current task
  std::vector<llvm::Value*> outer_;
  llvm::Value *a_ = nullptr, *w_ = nullptr, *channel_base_ = nullptr, *first_pixel_ = nullptr;
  llvm::Value *full_ = nullptr, *tail_ = nullptr;
};

}  // namespace

Result<Emitted> emit_contraction(const CpuFeatures& cpu, const Contraction& contraction, const ContractionTile& tile,
                                 const Kernel& kernel, std::span<const Storage> storages, std::string* assembly) {
  KernelModule module(cpu);
  KernelFrame frame(module);
  return ContractionEmitter(frame, contraction, tile, kernel, storages, nullptr, {}).run(0, assembly);
}

Result<Emitted> emit_contraction(KernelFrame& frame, int64_t taken, const Contraction& contraction,
                                 const ContractionTile& tile, const Kernel& kernel, std::span<const Storage> storages,
                                 const PanelFiller& filler, std::optional<int64_t> each) {
  return ContractionEmitter(frame, contraction, tile, kernel, storages, &filler, each).run(taken, nullptr);
}

struct ContractionRows::State {
  Contraction contraction;
  ContractionTile tile;
  std::vector<Storage> storages;
  PanelFiller filler;
  KernelFrame& frame;
  ContractionEmitter emitter;

  State(KernelFrame& f, Contraction c, ContractionTile t, const Kernel& kernel, std::vector<Storage> s,
        PanelFiller fill)
      : contraction(std::move(c)),
        tile(t),
        storages(std::move(s)),
        filler(std::move(fill)),
        frame(f),
        emitter(f, contraction, tile, kernel, storages, filler ? &filler : nullptr, tile.group_rows) {}
};

ContractionRows::ContractionRows(KernelFrame& frame, Contraction contraction, ContractionTile tile, int64_t width,
                                 const Kernel& kernel, std::vector<Storage> storages, PanelFiller filler) {
  tile.rows = static_cast<int>(ceil_div(width, ceil_div(width, tile.rows)));  // even
  tile.group_rows = width;
  tile.chunk_blocks = ceil_div(contraction.channels, tile.block());
  tile.slice = 0;
  state_ = std::make_unique<State>(frame, std::move(contraction), tile, kernel, std::move(storages), std::move(filler));
}
ContractionRows::~ContractionRows() = default;

void ContractionRows::prepare(int64_t& taken) { state_->emitter.prepare(taken); }

void ContractionRows::emit(llvm::Value* begin, llvm::Value* end) {
  KernelFrame& frame = state_->frame;
  llvm::Value* width = frame.number(state_->tile.group_rows);
  frame.loop("image row", begin, end, 1,
             [&](llvm::Value* row) { state_->emitter.pixels(frame.builder().CreateMul(row, width), width); });
}

}  // namespace burnish
