#include "kernels/cpu/products.h"

#include "base/checked.h"
#include "kernels/cpu/register_tile.h"

namespace burnish {
namespace {

constexpr int kUnroll = 4;
constexpr double kNearestShare = 0.5;  // of it, for a slice

}  // namespace

int64_t near_steps(const CpuFeatures& cpu, int64_t block) {
  return std::max<int64_t>(1, static_cast<int64_t>(kNearestShare * static_cast<double>(cpu.l1_bytes)) / (block * 4));
}

int64_t even_slice(int64_t sum, int64_t fits, int64_t unroll) {
  return round_up(ceil_div(sum, ceil_div(sum, fits)), unroll);
}

int64_t PointProducts::slice_of(const CpuFeatures& cpu, int64_t sum, int64_t block, int64_t tiles_of_registers) {
  const int64_t fits = near_steps(cpu, block);
  return sum <= fits || tiles_of_registers < kSliceTiles ? sum : even_slice(sum, fits, kUnroll);
}

void PointProducts::multiply(KernelFrame& frame, llvm::Value* panel, llvm::Value* weights, llvm::Value* products,
                             llvm::Value* count, std::optional<int64_t> tiles) const {
  using Values = KernelFrame::Values;
  auto& b = frame.builder();
  const int64_t width = block();
  const int tail = tiles ? static_cast<int>(*tiles % rows) : 0;
  // Steps [k, k + steps) of all tiles; sums go on where others have been before.
  const auto pass = [&](llvm::Value* from, llvm::Value* w, llvm::Value* to, int64_t steps, bool goes_on) {
    RegisterTile product{
        frame, lanes, kUnroll, steps, width, 1, true, 1, RegisterTile::sets_of(rows, vectors, kUnroll)};
    const auto tile = [&](llvm::Value* first, int used) {
      product.ask_for(frame.advance(w, frame.number(steps * width)), b.CreateSDiv(first, frame.number(rows)),
                      group / rows);
      llvm::Value* place = frame.advance(to, b.CreateMul(first, frame.number(width)));
      const auto at = [&](int i) { return frame.advance(place, frame.number(int64_t{i} * lanes)); };
      Values sums;
      for (int i = 0; goes_on && i < used * vectors; ++i)
        sums.push_back(b.CreateAlignedLoad(product.type(), at(i), llvm::Align(4)));
      sums = product.multiply(frame.advance(from, b.CreateMul(first, frame.number(panel_tile))), panel_tile, w, used,
                              vectors, lanes, std::move(sums));
      for (int i = 0; i < used * vectors; ++i)
        b.CreateAlignedStore(sums[static_cast<std::size_t>(i)], at(i), llvm::Align(4));
    };
    llvm::Value* end = tail == 0 ? count : b.CreateMul(b.CreateSDiv(count, frame.number(rows)), frame.number(rows));
    frame.loop("rows", frame.number(0), end, rows, [&](llvm::Value* first) { tile(first, rows); });
    if (tail == 0) return;
    frame.branch(
        b.CreateICmpSLT(end, count),
        [&]() -> Values {
          tile(end, tail);
          return {};
        },
        []() -> Values { return {}; });
  };
  const int64_t passes = ceil_div(sum, slice), first = sum - (passes - 1) * slice;
  frame.loop(
      "point", frame.number(0), frame.number(points), 1,
      [&](llvm::Value* q) {
        llvm::Value* w = frame.advance(weights, b.CreateMul(q, frame.number(sum * width)));
        llvm::Value* from = frame.advance(panel, b.CreateMul(q, frame.number(panel_row)));
        llvm::Value* to = frame.advance(products, b.CreateMul(q, frame.number(group * width)));
        pass(from, w, to, first, false);
        if (passes == 1) return;
        frame.loop(
            "slice", frame.number(0), frame.number(passes - 1), 1,
            [&](llvm::Value* i) {
              llvm::Value* k = b.CreateAdd(b.CreateMul(i, frame.number(slice)), frame.number(first));
              pass(frame.advance(from, k), frame.advance(w, b.CreateMul(k, frame.number(width))), to, slice, true);
            },
            true);
      },
      true);
}

}  // namespace burnish
