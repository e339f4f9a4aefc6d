#include "kernels/cpu/register_tile.h"

#include <llvm/IR/Constants.h>

#include "base/checked.h"

namespace burnish {
namespace {
constexpr int64_t kLine = 16;  // f32 of a cache line
}

int RegisterTile::sets_of(int rows, int vectors, int unroll) {
  int sets = 1;
  while (rows * vectors * sets < 8 && sets < unroll) sets *= 2;
  return sets;
}

void RegisterTile::ask_for(llvm::Value* next, llvm::Value* tile, int64_t tiles) {
  ahead_lines = ceil_div(ceil_div(unroll * w_sum, kLine), tiles);
  const int64_t part = sum / unroll * ahead_lines * kLine;
  ahead = frame.advance(next, frame.builder().CreateMul(tile, frame.number(part)));
}

void RegisterTile::prefetch(llvm::Value* at) const {
  auto& b = frame.builder();
  b.CreateIntrinsic(llvm::Intrinsic::prefetch, {at->getType()}, {at, b.getInt32(0), b.getInt32(2), b.getInt32(1)});
}

llvm::Value* RegisterTile::weight(llvm::Value* at, int vector, bool masked, int active) const {
  auto& b = frame.builder();
  llvm::Value* place = frame.advance(at, frame.number(vector * lanes * w_channel));
  const bool partial = masked && !w_padded && active < lanes;
  if (lanes == 1 || (w_channel == 1 && !partial))
    return frame.constant_load(b.CreateAlignedLoad(type(), place, llvm::Align(4)));
  if (w_channel == 1) {
    std::vector<llvm::Constant*> mask;
    for (int i = 0; i < lanes; ++i) mask.push_back(b.getInt1(i < active));
    return b.CreateMaskedLoad(type(), place, llvm::Align(4), llvm::ConstantVector::get(mask),
                              llvm::Constant::getNullValue(type()));
  }
  llvm::Value* result = llvm::Constant::getNullValue(type());
  for (int i = 0; i < (masked ? active : lanes); ++i) {
    llvm::Value* lane = frame.advance(place, frame.number(i * w_channel));
    result = b.CreateInsertElement(result, frame.constant_load(b.CreateAlignedLoad(frame.f32(), lane, llvm::Align(4))),
                                   static_cast<uint64_t>(i));
  }
  return result;
}

KernelFrame::Values RegisterTile::multiply(llvm::Value* a, const Dim& row_step, llvm::Value* weights, int rows,
                                           int vectors, int last_active, KernelFrame::Values initial) const {
  auto& b = frame.builder();
  const int count = rows * vectors;
  KernelFrame::Values sums = std::move(initial);
  sums.resize(static_cast<std::size_t>(count * sets), llvm::Constant::getNullValue(type()));
  std::vector<llvm::Value*> row_base;
  for (int r = 0; r < rows; ++r)
    row_base.push_back(row_step.is_constant() ? nullptr : b.CreateMul(frame.number(r), frame.size(row_step)));
  auto step = [&](llvm::Value* a_at, llvm::Value* w_at, int k, KernelFrame::Values& s) {
    std::vector<llvm::Value*> w;
    for (int v = 0; v < vectors; ++v)
      w.push_back(weight(frame.advance(w_at, frame.number(k * w_sum)), v, v == vectors - 1, last_active));
    for (int r = 0; r < rows; ++r) {
      const auto ur = static_cast<std::size_t>(r);
      llvm::Value* place = row_base[ur] ? frame.advance(frame.advance(a_at, row_base[ur]), frame.number(k * a_sum))
                                        : frame.advance(a_at, frame.number(r * row_step.value() + k * a_sum));
      llvm::Value* x = b.CreateAlignedLoad(frame.f32(), place, llvm::Align(4));
      if (lanes > 1) x = b.CreateVectorSplat(static_cast<unsigned>(lanes), x);
      for (int v = 0; v < vectors; ++v) {
        auto& into = s[static_cast<std::size_t>((k % sets) * count + r * vectors + v)];
        into = frame.multiply_add(x, w[static_cast<std::size_t>(v)], into);
      }
    }
  };
  const int64_t whole = sum / unroll * unroll;
  if (whole > 0) {
    KernelFrame::Values carried = {a, weights, ahead_lines > 0 ? ahead : weights};
    carried.insert(carried.end(), sums.begin(), sums.end());
    frame.loop(
        "k", frame.number(0), frame.number(whole), unroll, carried,
        [&](llvm::Value*, KernelFrame::Values& v) {
          KernelFrame::Values s(v.begin() + 3, v.end());
          for (int u = 0; u < unroll; ++u) {
            for (int64_t line = ahead_lines * u / unroll; line < ahead_lines * (u + 1) / unroll; ++line)
              prefetch(frame.advance(v[2], frame.number(line * kLine)));
            step(v[0], v[1], u, s);
          }
          v[0] = frame.advance(v[0], frame.number(unroll * a_sum));
          v[1] = frame.advance(v[1], frame.number(unroll * w_sum));
          v[2] = frame.advance(v[2], frame.number(ahead_lines * kLine));
          std::copy(s.begin(), s.end(), v.begin() + 3);
        },
        true);
    a = carried[0];
    weights = carried[1];
    sums.assign(carried.begin() + 3, carried.end());
  }
  for (int u = 0; u < static_cast<int>(sum - whole); ++u) step(a, weights, u, sums);
  for (int width = sets / 2; width >= 1; width /= 2)
    for (int i = 0; i < width * count; ++i)
      sums[static_cast<std::size_t>(i)] =
          b.CreateFAdd(sums[static_cast<std::size_t>(i)], sums[static_cast<std::size_t>(i + width * count)]);
  sums.resize(static_cast<std::size_t>(count));
  return sums;
}

}  // namespace burnish
