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
  // Each load of weights asks for those so many elements further on, which come next; 0: nothing is asked for. Weights are
  // read once a run, from memory, and a processor's own prefetcher is too late for them.
  int64_t prefetch = 0;

  // Sums [row * vectors + vector]. Element (row, k) of `a` is at row * row_step + k; in the last vector `last_active`
  // lanes count.
  KernelFrame::Values multiply(llvm::Value* a, const Dim& row_step, llvm::Value* weights, int rows, int vectors,
                               int last_active) const;
  llvm::Type* type() const { return lanes == 1 ? frame.f32() : frame.vector_type(lanes); }

 private:
  llvm::Value* weight(llvm::Value* at, int vector, bool masked, int active) const;
};

}  // namespace burnish
