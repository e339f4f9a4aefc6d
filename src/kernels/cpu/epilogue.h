#pragma once
// What a family does with its result: the store statements of the kernel's nest, applied to vectors along one axis.

#include <span>
#include <string>
#include <vector>

#include "codegen/cpu/expression.h"
#include "loop/kernel.h"

namespace burnish {

class Epilogue {
 public:
  // An empty string, or why families cannot run the kernel's nest after themselves.
  static std::string unsupported(const Kernel& kernel);
  // `storages`: one per operand of the kernel. Vectors lie along `vector_axis` of the anchor's result.
  Epilogue(KernelFrame& frame, const Kernel& kernel, std::span<const Storage> storages, int vector_axis);

  // True when every address steps evenly along these axes of the result taken as one flat number (digits as given,
  // outermost first) and nothing else reads them: then the last may carry the flat number and the others be zero.
  bool flattens(std::span<const int> axes) const;
  // Rough number of vector instructions for one vector.
  double cost() const;

  // `position`: per axis of the anchor's result (the first lane's along vector_axis); `anchor`: a vector or scalar of the
  // result's dtype, of which the first `active` lanes count, or those of `mask` where one is given.
  void store(const std::vector<llvm::Value*>& position, llvm::Value* anchor, int active, llvm::Value* mask = nullptr);

 private:
  struct Access {
    int operand;             // of the kernel
    std::vector<Dim> steps;  // elements per axis of the result
    Dim offset;
  };
  Access access(int nest_operand, const std::vector<Index>& index) const;
  llvm::Value* address(const Access& access, const std::vector<llvm::Value*>& position);
  llvm::Value* leaf(int expression, const std::vector<llvm::Value*>& position, llvm::Value* anchor, int active);
  llvm::Value* load(int expression, const std::vector<llvm::Value*>& position, int lanes, int active);
  llvm::Value* live_lanes(int lanes, int active);  // null: all
  llvm::Value* live_lane(int lane, int active);    // an i1
  llvm::Value* lane_address(llvm::Value* place, const Access& access, int lane);
  int64_t bytes(const Access& access) const;
  llvm::Value* guard(int expression, const std::vector<llvm::Value*>& position, int lanes);

  KernelFrame& frame_;
  const Kernel& kernel_;
  std::span<const Storage> storages_;
  std::size_t first_operand_;
  int vector_axis_;
  std::vector<int> axis_place_;  // nest axis -> axis of the result, or -1
  std::vector<Access> loads_;    // per expression (empty access where it is no load)
  std::vector<Access> stores_;   // per statement
  Expressions expressions_;
  llvm::Value* mask_ = nullptr;  // of the current store
};

}  // namespace burnish
