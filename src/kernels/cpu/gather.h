#pragma once
// Copies pixels of a contraction's first operand into dense rows of k, zeros where the image ends.

#include "codegen/cpu/frame.h"
#include "kernels/cpu/contraction.h"

namespace burnish {

// Digits of a flat number, outermost extent first.
std::vector<llvm::Value*> split_number(KernelFrame& frame, llvm::Value* flat, std::span<const Dim> extents);

// Digits of a pixel's number in a position of the result. `flat`: addresses step evenly from pixel to pixel
// (Epilogue::flattens), the innermost digit carries the whole number.
void place_pixel(KernelFrame& frame, const Contraction& contraction, llvm::Value* pixel, bool flat,
                 std::vector<llvm::Value*>& position);

// A distance of rows in a panel, a multiple of 16 floats: at least so much, and such that rows start on different cache sets.
constexpr int64_t on_other_sets(int64_t floats) { return floats / 16 % 2 == 0 ? floats + 16 : floats; }

class Gather {
 public:
  Gather(KernelFrame& frame, const Contraction& contraction);
  // Bytes of zeros that it wants in scratch.
  int64_t zero_bytes() const;
  // Once per call of the kernel.
  void prepare(llvm::Value* zeros);
  // Rows [first, first + count) of pixels to `panel`, `row_elements` apart; `base` is the operand at the outer index.
  void rows(llvm::Value* base, llvm::Value* first, llvm::Value* count, llvm::Value* panel, int64_t row_elements);

 private:
  struct Row {
    llvm::Value* base;  // address at tap 0 of every sum (may lie outside the image)
    llvm::Value* panel;
    std::vector<llvm::Value*> origin;  // per spatial: input index at tap 0
  };
  void sum(const Row& row, std::size_t depth, llvm::Value* from, llvm::Value* to, llvm::Value* valid);
  void copy(llvm::Value* from, llvm::Value* to, llvm::Value* valid, int64_t count);
  void copy_range(const Row& row, llvm::Value* from, llvm::Value* to, llvm::Value* valid);
  void copy_strided(const Row& row, llvm::Value* from, llvm::Value* to, llvm::Value* valid);
  llvm::Value* inside(const Contraction::Spatial& spatial, llvm::Value* index);

  KernelFrame& frame_;
  const Contraction& c_;
  llvm::Value* zeros_ = nullptr;
  // The innermost sums that form one run of memory: from here to the last.
  std::size_t run_from_;
  bool range_ = false;    // the run crosses taps of one image dim: its valid part is a range
  bool strided_ = false;  // the last sum is not contiguous
  int64_t run_ = 1;       // elements
};

}  // namespace burnish
