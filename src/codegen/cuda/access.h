#pragma once
// Places in memory and the expressions read there, as text.

#include <span>
#include <string>
#include <vector>

#include "codegen/cuda/text.h"
#include "codegen/nest/form.h"

namespace burnish {

// Where the text stands: what the axes' current indices are called, "" for 0; and which positions count, "" for all.
struct CudaPlace {
  std::vector<std::string> index;
  std::string active;
};

class CudaAccess {
 public:
  // What expressions are called, by number; "" where they have no name yet.
  using Names = std::vector<std::string>;

  CudaAccess(const LoopForm& form, CudaText& text) : form_(form), text_(text) {}

  // sum of coefficient * index + offset
  std::string linear(const std::vector<Dim>& coefficients, const Dim& offset, const CudaPlace& at);
  // In elements from the operand's pointer.
  std::string offset(const Access& access, const CudaPlace& at, const Names& names);
  // Whether a guarded access is inside; "" when it always is.
  std::string guard(const Access& access, const CudaPlace& at, const Names& names);
  // Gives the expression a name, by a line of text where it needs one. Its arguments have theirs.
  void define(int expression, const CudaPlace& at, Names& names);
  // Marks what the expressions need, and stops at those that are `ready`.
  std::vector<bool> needed(std::span<const int> expressions, const std::vector<bool>& ready) const;

 private:
  std::string value(int expression, const CudaPlace& at, const Names& names);
  void check(int expression, const CudaPlace& at, const Names& names);
  const LoopForm& form_;
  CudaText& text_;
};

}  // namespace burnish
