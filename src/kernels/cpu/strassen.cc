#include "kernels/cpu/strassen.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <llvm/IR/Constants.h>

#include "base/checked.h"
#include "codegen/cpu/expression.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/gather.h"
#include "kernels/cpu/products.h"

namespace burnish {
namespace {

constexpr int64_t kProducts = 7;
// Sums of squares of two pixels that may differ by this factor: beyond, the small one's results would take errors from the
// large one, and from one that is not finite, everything.
constexpr double kAlike = 4096;

// A task transforms a group of pairs of pixels; then, for each pair of blocks of channels, it multiplies and adds the products
// up into the epilogue.
class StrassenEmitter {
 public:
  StrassenEmitter(KernelModule& module, const Contraction& contraction, const ContractionTile& tile,
                  const Kernel& kernel, std::span<const Storage> storages)
      : c_(contraction),
        t_(tile),
        frame_(module),
        b_(frame_.builder()),
        kernel_(kernel),
        epilogue_(frame_, kernel, storages, contraction.channel_axis),
        gather_(frame_, contraction),
        e_(frame_),
        sum_(contraction.sum_count()),
        half_(sum_ / 2),
        blocks_(ceil_div(contraction.channels, 2 * tile.block())),
        chunks_(ceil_div(blocks_, tile.chunk_blocks)),
        pixels_(contraction.pixel_count()),
        pairs_(ceildiv(pixels_, Dim(2))),
        evenly_(lie_evenly(contraction)) {
    panel_row_ = on_other_sets(round_up(half_, 16) + 16);
    panel_tile_ = on_other_sets(kProducts * panel_row_);
    copied_row_ = round_up(sum_, 16) + 16;  // Gather may write a vector behind a row
    std::vector<int> axes;
    for (const auto& p : c_.pixels) axes.push_back(p.axis);
    flat_ = epilogue_.flattens(axes);
  }

  Result<Emitted> run() {
    int64_t scratch = 0;
    const auto reserve = [&](int64_t floats) {
      llvm::Value* at = frame_.advance(frame_.scratch(), frame_.number(scratch), 1);
      scratch += round_up(floats * 4, 64);
      return at;
    };
    panel_ = reserve(t_.group_rows * panel_tile_);
    products_ = reserve(kProducts * t_.group_rows * t_.block());
    alike_ = reserve(t_.group_rows);
    none_ = reserve(copied_row_);
    if (!evenly_) copied_ = reserve(2 * copied_row_);
    gather_.prepare(reserve(gather_.zero_bytes() / 4));
    clear(none_, frame_.number(copied_row_), 16);
    const Dim groups = ceildiv(pairs_, Dim(t_.group_rows));
    frame_.loop("task", frame_.first(), frame_.last(), 1, [&](llvm::Value* number) { task(number, groups); });
    Emitted emitted = TRY(frame_.finish());
    emitted.tasks = Dim(chunks_) * groups;
    emitted.scratch_bytes = scratch;
    return emitted;
  }

 private:
  using Values = KernelFrame::Values;

  void clear(llvm::Value* at, llvm::Value* floats, int lanes) {
    frame_.loop("clear", frame_.number(0), floats, lanes, [&](llvm::Value* i) {
      b_.CreateAlignedStore(llvm::Constant::getNullValue(frame_.vector_type(lanes)), frame_.advance(at, i),
                            llvm::Align(4));
    });
  }

  llvm::Type* type(int lanes) {
    return lanes == 1 ? frame_.f32() : static_cast<llvm::Type*>(frame_.vector_type(lanes));
  }
  llvm::Value* load(llvm::Value* at, int lanes) { return b_.CreateAlignedLoad(type(lanes), at, llvm::Align(4)); }

  void task(llvm::Value* number, const Dim& groups) {
    const Dim counts[] = {Dim(chunks_), groups};
    const auto place = split_number(frame_, number, counts);
    first_ = b_.CreateMul(place[1], frame_.number(t_.group_rows));
    count_ = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateSub(frame_.size(pairs_), first_),
                                      frame_.number(t_.group_rows));
    frame_.loop("pair", frame_.number(0), count_, 1, [&](llvm::Value* pair) { transform_pixels(pair); }, true);
    // The last blocks may be narrower: their own code, in the last chunk only.
    const bool odd = c_.channels % (2 * t_.block()) != 0;
    llvm::Value* begin = b_.CreateMul(place[0], frame_.number(t_.chunk_blocks));
    llvm::Value* end = b_.CreateBinaryIntrinsic(
        llvm::Intrinsic::smin, b_.CreateAdd(begin, frame_.number(t_.chunk_blocks)), frame_.number(blocks_ - odd));
    if (blocks_ > odd) frame_.loop("block", begin, end, 1, [&](llvm::Value* block) { blocks(block, t_.vectors); });
    if (!odd) return;
    frame_.branch(
        b_.CreateICmpEQ(place[0], frame_.number(chunks_ - 1)),
        [&]() -> Values {
          blocks(frame_.number(blocks_ - 1), static_cast<int>(last_vectors(c_.channels, t_)));
          return {};
        },
        []() -> Values { return {}; });
  }

  // panel[pair][product][k]
  void transform_pixels(llvm::Value* pair) {
    llvm::Value* first = b_.CreateMul(b_.CreateAdd(first_, pair), frame_.number(2));
    llvm::Value* second = b_.CreateAdd(first, frame_.number(1));
    llvm::Value* both = b_.CreateICmpSLT(second, frame_.size(pixels_));
    llvm::Value* rows[2];
    if (evenly_) {
      const Dim& step = c_.pixels.back().a_stride;
      rows[0] = frame_.advance(frame_.pointer(c_.a_operand), b_.CreateMul(first, frame_.size(step)));
      rows[1] = frame_.advance(rows[0], frame_.size(step));
    } else {
      llvm::Value* count = b_.CreateSelect(both, frame_.number(2), frame_.number(1));
      gather_.rows(frame_.pointer(c_.a_operand), first, count, copied_, copied_row_);
      rows[0] = copied_;
      rows[1] = frame_.advance(copied_, frame_.number(copied_row_));
    }
    rows[1] = b_.CreateSelect(both, rows[1], none_);
    llvm::Value* panel = frame_.advance(panel_, b_.CreateMul(pair, frame_.number(panel_tile_)));
    Values squares(2, real(0));
    for_each_vector(
        [&](llvm::Value* k, int lanes, Values& energy) {
          const Values a = load_quarters(rows, k, lanes);
          for (std::size_t i = 0; i < a.size(); ++i) energy[i / 2] = frame_.multiply_add(a[i], a[i], energy[i / 2]);
          keep(panel, k, of_pixels(a));
        },
        squares);
    const auto at_most = [&](llvm::Value* x, double factor, llvm::Value* y) {
      return b_.CreateFCmpOLE(x, b_.CreateFMul(y, real(factor)));
    };
    llvm::Value* near = b_.CreateAnd(at_most(squares[0], kAlike, squares[1]), at_most(squares[1], kAlike, squares[0]));
    llvm::Value* finite = b_.CreateFCmpOLT(squares[0], real(std::numeric_limits<float>::infinity()));
    llvm::Value* alike = b_.CreateAnd(finite, b_.CreateOr(near, b_.CreateNot(both)));
    b_.CreateAlignedStore(b_.CreateZExt(alike, b_.getInt32Ty()), frame_.advance(alike_, pair), llvm::Align(4));
    frame_.branch(
        alike, []() -> Values { return {}; },
        [&]() -> Values {  // quarters as they are: `apart` multiplies them
          Values none;
          for_each_vector([&](llvm::Value* k, int lanes, Values&) { keep(panel, k, load_quarters(rows, k, lanes)); },
                          none);
          return {};
        });
  }

  llvm::Value* real(double x) { return llvm::ConstantFP::get(frame_.f32(), x); }

  // Calls body(k, lanes, carried) over a half of k. `carried` are scalars outside, sums of vectors' lanes.
  void for_each_vector(const std::function<void(llvm::Value*, int, Values&)>& body, Values& carried) {
    int64_t done = half_ / t_.lanes * t_.lanes;
    const auto vectors = [&](int lanes) { return Values(carried.size(), llvm::Constant::getNullValue(type(lanes))); };
    const auto add = [&](const Values& sums) {
      for (std::size_t i = 0; i < sums.size(); ++i)
        carried[i] = b_.CreateFAdd(carried[i], e_.reduce_lanes(Reduction::sum, DType::f32, sums[i]));
    };
    Values sums = vectors(t_.lanes);
    frame_.loop("k", frame_.number(0), frame_.number(done), t_.lanes, sums,
                [&](llvm::Value* k, Values& now) { body(k, t_.lanes, now); });
    add(sums);
    for (int lanes = t_.lanes / 2; lanes > 0; lanes /= 2)
      for (; done + lanes <= half_; done += lanes) {
        Values rest = vectors(lanes);
        body(frame_.number(done), lanes, rest);
        add(rest);
      }
  }

  // First pixel: left, right half; second.
  Values load_quarters(llvm::Value* const (&rows)[2], llvm::Value* k, int lanes) {
    Values a;
    for (llvm::Value* row : rows)
      for (const int64_t half : {int64_t{0}, half_})
        a.push_back(load(frame_.advance(row, b_.CreateAdd(k, frame_.number(half))), lanes));
    return a;
  }

  void keep(llvm::Value* panel, llvm::Value* k, const Values& values) {
    for (std::size_t q = 0; q < values.size(); ++q) {
      llvm::Value* at = b_.CreateAdd(k, frame_.number(static_cast<int64_t>(q) * panel_row_));
      b_.CreateAlignedStore(values[q], frame_.advance(panel, at), llvm::Align(4));
    }
  }

  // What of a = (first pixel: left, right half; second: left, right) goes into each product.
  Values of_pixels(const Values& a) {
    llvm::Value* s1 = b_.CreateFAdd(a[2], a[3]);
    llvm::Value* s2 = b_.CreateFSub(s1, a[0]);
    return {a[0], a[1], b_.CreateFSub(a[1], s2), a[3], s1, s2, b_.CreateFSub(a[0], a[2])};
  }
  // (first pixel: left, right block; second).
  Values of_products(const Values& p) {
    llvm::Value* u2 = b_.CreateFAdd(p[0], p[5]);
    llvm::Value* u3 = b_.CreateFAdd(u2, p[6]);
    return {b_.CreateFAdd(p[0], p[1]), b_.CreateFAdd(b_.CreateFAdd(u2, p[4]), p[2]), b_.CreateFSub(u3, p[3]),
            b_.CreateFAdd(u3, p[4])};
  }

  // Two blocks of `vectors` vectors each, against all pairs of the task.
  void blocks(llvm::Value* number, int vectors) {
    const PointProducts product{t_.lanes,      t_.rows,    vectors,     kProducts, half_,
                                t_.group_rows, panel_row_, panel_tile_, t_.slice};
    const int64_t floats = kProducts * half_ * t_.block();
    llvm::Value* weights = frame_.advance(frame_.pointer(c_.w_operand), b_.CreateMul(number, frame_.number(floats)));
    product.multiply(frame_, panel_, weights, products_, count_, pairs_.constant());
    results(number, weights, vectors);
  }

  void results(llvm::Value* number, llvm::Value* weights, int vectors) {
    const int64_t width = int64_t{vectors} * t_.lanes;
    llvm::Value* channel = b_.CreateMul(number, frame_.number(2 * t_.block()));
    frame_.loop(
        "pair", frame_.number(0), count_, 1,
        [&](llvm::Value* pair) {
          llvm::Value* first = b_.CreateMul(b_.CreateAdd(first_, pair), frame_.number(2));
          llvm::Value* second = b_.CreateAdd(first, frame_.number(1));
          llvm::Value* both = b_.CreateICmpSLT(second, frame_.size(pixels_));
          const std::vector<llvm::Value*> places[] = {position(first), position(second)};
          llvm::Value* from = frame_.advance(products_, b_.CreateMul(pair, frame_.number(width)));
          llvm::Value* alike = b_.CreateTrunc(
              b_.CreateAlignedLoad(b_.getInt32Ty(), frame_.advance(alike_, pair), llvm::Align(4)), b_.getInt1Ty());
          frame_.loop(
              "vector", frame_.number(0), frame_.number(width), t_.lanes,
              [&](llvm::Value* v) {
                const Values sums = frame_.branch(
                    alike,
                    [&]() -> Values {
                      Values products;
                      for (int64_t q = 0; q < kProducts; ++q)
                        products.push_back(load(
                            frame_.advance(from, b_.CreateAdd(v, frame_.number(q * t_.group_rows * width))), t_.lanes));
                      return of_products(products);
                    },
                    [&] { return apart(pair, frame_.advance(weights, v), width); });
                llvm::Value* left = b_.CreateAdd(channel, v);
                llvm::Value* right = b_.CreateAdd(left, frame_.number(width));
                store(places[0], left, sums[0]);
                store(places[0], right, sums[1]);
                frame_.branch(
                    both,
                    [&]() -> Values {
                      store(places[1], left, sums[2]);
                      store(places[1], right, sums[3]);
                      return {};
                    },
                    []() -> Values { return {}; });
              },
              true);
        },
        true);
  }

  // The results of a pair that is not added up, for a vector of each block. Weights of the first half's right block are not
  // among those of the products, but their difference from the left ones is.
  Values apart(llvm::Value* pair, llvm::Value* weights, int64_t width) {
    llvm::Value* panel = frame_.advance(panel_, b_.CreateMul(pair, frame_.number(panel_tile_)));
    Values sums(4, llvm::Constant::getNullValue(type(t_.lanes)));
    frame_.loop(
        "apart", frame_.number(0), frame_.number(half_), 1, sums,
        [&](llvm::Value* k, Values& s) {
          const auto w = [&](int64_t product) {
            llvm::Value* at =
                b_.CreateAdd(frame_.number(product * half_ * width), b_.CreateMul(k, frame_.number(width)));
            return load(frame_.advance(weights, at), t_.lanes);
          };
          llvm::Value* left = w(0);
          const Values upper = {left, b_.CreateFAdd(left, w(4))}, lower = {w(1), w(2)};
          for (std::size_t pixel = 0; pixel < 2; ++pixel) {
            const auto a = [&](std::size_t half) {
              llvm::Value* at = b_.CreateAdd(k, frame_.number(static_cast<int64_t>(2 * pixel + half) * panel_row_));
              return b_.CreateVectorSplat(static_cast<unsigned>(t_.lanes), load(frame_.advance(panel, at), 1));
            };
            llvm::Value *first = a(0), *second = a(1);
            for (std::size_t block = 0; block < 2; ++block) {
              llvm::Value*& sum = s[2 * pixel + block];
              sum = frame_.multiply_add(second, lower[block], frame_.multiply_add(first, upper[block], sum));
            }
          }
        },
        true);
    return sums;
  }

  std::vector<llvm::Value*> position(llvm::Value* pixel) {
    std::vector<llvm::Value*> at(kernel_.anchor->result.dims.size(), frame_.number(0));
    place_pixel(frame_, c_, pixel, flat_, at);
    return at;
  }

  // As much of a vector as there are channels.
  void store(std::vector<llvm::Value*> at, llvm::Value* channel, llvm::Value* values) {
    at[static_cast<std::size_t>(c_.channel_axis)] = channel;
    if (c_.channels % (2 * t_.block()) == 0) return epilogue_.store(at, values, t_.lanes);
    const int rest = static_cast<int>(c_.channels % t_.lanes);
    llvm::Value* end = b_.CreateAdd(channel, frame_.number(t_.lanes));
    frame_.branch(
        b_.CreateICmpSLE(end, frame_.number(c_.channels)),
        [&]() -> Values {
          epilogue_.store(at, values, t_.lanes);
          return {};
        },
        [&]() -> Values {
          if (rest == 0) return {};
          frame_.branch(
              b_.CreateICmpSLT(channel, frame_.number(c_.channels)),
              [&]() -> Values {
                epilogue_.store(at, values, rest);
                return {};
              },
              []() -> Values { return {}; });
          return {};
        });
  }

  const Contraction& c_;
  const ContractionTile& t_;
  KernelFrame frame_;
  llvm::IRBuilder<>& b_;
  const Kernel& kernel_;
  Epilogue epilogue_;
  Gather gather_;
  Expressions e_;
  int64_t sum_, half_, blocks_, chunks_;
  Dim pixels_, pairs_;
  bool evenly_, flat_ = false;
  int64_t panel_row_ = 0, panel_tile_ = 0, copied_row_ = 0;
  llvm::Value *panel_ = nullptr, *products_ = nullptr, *copied_ = nullptr;
  llvm::Value* alike_ = nullptr;                     // per pair: are its quarters added up?
  llvm::Value* none_ = nullptr;                      // zeros: the second of a last, single pixel
  llvm::Value *first_ = nullptr, *count_ = nullptr;  // pairs of the current task
};

int64_t weight_floats(int64_t sum, int64_t channels, const ContractionTile& tile) {
  const int64_t blocks = channels / (2 * tile.block());
  return kProducts * (sum / 2) * tile.lanes * (blocks * tile.vectors + last_vectors(channels, tile));
}

Result<ContractionTile> strassen_tile(const Tactic& tactic) {
  ContractionTile tile = TRY(tile_of(tactic));
  if (tile.group_rows % tile.rows != 0 || tile.slice < 1)
    return internal_error(fmt::format("tactic {} lacks its parameters", tactic.name));
  return tile;
}

}  // namespace

int64_t last_vectors(int64_t channels, const ContractionTile& tile) {
  return ceil_div(ceil_div(channels % (2 * tile.block()), tile.lanes), 2);
}

Tactic strassen_tactic(const Contraction& contraction, const TileEstimate& estimate, Tactic::Port a,
                       const Format& weights) {
  const ContractionTile& tile = estimate.tile;
  Tactic t;
  t.name = fmt::format("strassen {}x{}", tile.rows, tile.vectors);
  t.seconds = estimate.seconds;
  t.why = estimate.why;
  t.inexact = true;
  t.parameters = parameters_of(tile);
  t.parameters["strassen"] = int64_t{1};
  t.parameters["multiplications"] = kProducts / 8.0;
  t.ports.push_back(std::move(a));
  t.ports.push_back({weights, false, weight_floats(contraction.sum_count(), contraction.channels, tile) * 4});
  return t;
}

bool is_strassen(const Tactic& tactic) { return integer(tactic.parameters, "strassen", 0) != 0; }

// [two blocks][product][k of a half][channel of a block]: sums of the quarters (left half of k: left, right block; right half).
Result<Tensor> strassen_weights(const Tactic& tactic, int64_t sum, int64_t channels,
                                const std::function<float(int64_t k, int64_t n)>& w) {
  const ContractionTile tile = TRY(strassen_tile(tactic));
  const int64_t half = sum / 2, both = 2 * tile.block();
  Tensor result = TRY(Tensor::allocate(DType::f32, {weight_floats(sum, channels, tile)}));
  auto* to = reinterpret_cast<float*>(result.mutable_data());
  const auto at = [&](int64_t k, int64_t n) { return n < channels ? static_cast<double>(w(k, n)) : 0.0; };
  for (int64_t first = 0; first < channels; first += both) {
    const int64_t width = first + both <= channels ? tile.block() : last_vectors(channels, tile) * tile.lanes;
    for (int64_t k = 0; k < half; ++k)
      for (int64_t n = 0; n < width; ++n) {
        const int64_t left = first + n, right = left + width;
        const double b[] = {at(k, left), at(k, right), at(k + half, left), at(k + half, right)};
        const double t1 = b[1] - b[0], t2 = b[3] - t1;
        const double sums[] = {b[0], b[2], b[3], t2 - b[2], t1, t2, b[3] - b[1]};
        for (int64_t q = 0; q < kProducts; ++q) to[(q * half + k) * width + n] = static_cast<float>(sums[q]);
      }
    to += kProducts * half * width;
  }
  return result;
}

Result<Emitted> emit_strassen(const CpuFeatures& cpu, const Contraction& contraction, const Tactic& tactic,
                              const Kernel& kernel, std::span<const Storage> storages) {
  const ContractionTile tile = TRY(strassen_tile(tactic));
  KernelModule module(cpu);
  return StrassenEmitter(module, contraction, tile, kernel, storages).run();
}

}  // namespace burnish
