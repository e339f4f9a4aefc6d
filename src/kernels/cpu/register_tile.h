#pragma once
// The innermost product: `rows` broadcast values against `vectors` vectors of weights, summed over k in registers.

#include "codegen/cpu/frame.h"

namespace burnish {

// Weights of one block: element (k, n) at k * w_sum + n * w_channel.
struct RegisterTile {
  KernelFrame& frame;
  int lanes = 8;
  int unroll = 4;   // steps of k in the loop
  int64_t sum = 1;  // of k
  int64_t w_sum = 0, w_channel = 1;
  bool w_padded = false;  // storage is whole even where channels end: no masked loads
  int64_t a_sum = 1;      // distance of steps of k in `a`
  // Sums of each element that are added up at the end. The same for all tiles of a kernel, smaller ones at the ends, too: so
  // equal rows and equal columns give equal results.
  int sets = 1;
  // Weights that come next are asked for meanwhile: so many cache lines from `ahead` on in a turn of the loop over k.
  llvm::Value* ahead = nullptr;
  int64_t ahead_lines = 0;

  // Tiles of few vectors need several to keep the multipliers busy.
  static int sets_of(int rows, int vectors, int unroll);

  // As many weights as these, at `next`, of which each of `tiles` tiles asks for its part. Weights are read once a run, from
  // memory: a processor's own prefetcher is too late for them, and all at once they would hold up what is read now.
  void ask_for(llvm::Value* next, llvm::Value* tile, int64_t tiles);
  // Sums [row * vectors + vector], which begin as `initial`, or as zeros where it is empty. Element (row, k) of `a` is at
  // row * row_step + k * a_sum; in the last vector `last_active` lanes count.
  KernelFrame::Values multiply(llvm::Value* a, const Dim& row_step, llvm::Value* weights, int rows, int vectors,
                               int last_active, KernelFrame::Values initial = {}) const;
  llvm::Type* type() const { return lanes == 1 ? frame.f32() : frame.vector_type(lanes); }

 private:
  llvm::Value* weight(llvm::Value* at, int vector, bool masked, int active) const;
  void prefetch(llvm::Value* at) const;
};

}  // namespace burnish
