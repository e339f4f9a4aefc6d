#pragma once
// Pixels of images whose rows lie in one piece, channel by channel, as a panel [k][pixel]: vectors of neighbours are loaded
// for each tap, where a panel [pixel][k] would take a few elements at a time.

#include "codegen/cpu/frame.h"
#include "kernels/cpu/contraction.h"

namespace burnish {

// The last digit of pixels walks such rows by one or two elements, and k ends with its taps.
bool reads_planes(const CpuFeatures& cpu, const Contraction& contraction);

class Planes {
 public:
  Planes(KernelFrame& frame, const Contraction& contraction) : frame_(frame), c_(contraction) {}
  // Rows [first, first + count) of pixels: that of k and pixel i to panel + k * k_elements + i. Up to a vector behind the last
  // pixel is written, too. `base` is the operand at the outer index.
  void fill(llvm::Value* base, llvm::Value* first, llvm::Value* count, llvm::Value* panel, int64_t k_elements);

 private:
  using Values = KernelFrame::Values;
  // Pixels of one image row.
  struct Piece {
    llvm::Value* base;                 // address of tap 0 of every sum at element 0 of the row
    std::vector<llvm::Value*> origin;  // per spatial but that of the row: input index at tap 0
    llvm::Value* start;                // input index of tap 0 of the first pixel
    llvm::Value *count, *panel;
  };
  void piece(const Piece& piece, int64_t k_elements);
  void taps(const Piece& piece, std::size_t depth, llvm::Value* from, llvm::Value* to, llvm::Value* valid,
            const std::function<void(llvm::Value* from, llvm::Value* to, llvm::Value* valid)>& body,
            int64_t k_elements);

  KernelFrame& frame_;
  const Contraction& c_;
};

}  // namespace burnish
