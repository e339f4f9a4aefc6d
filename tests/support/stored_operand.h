#pragma once
// A tensor laid out in guarded memory as a storage says, and read back.

#include <memory>
#include <random>

#include "ir/storage.h"
#include "ir/tensor.h"
#include "tests/support/guarded.h"

namespace burnish::test {

class StoredOperand {
 public:
  StoredOperand(DType dtype, std::vector<int64_t> dims, const Storage& storage, const SymbolTable& symbols,
                bool at_start);
  void write(const Tensor& tensor);
  Tensor read() const;
  std::byte* data() { return memory_->data(); }
  std::size_t bytes() const { return memory_->bytes(); }

 private:
  template <class F>
  void each_element(F f) const;  // f(number of the element, its place)

  DType dtype_;
  std::vector<int64_t> dims_, strides_, blocks_, borders_, inner_;
  std::unique_ptr<GuardedMemory> memory_;
};

// A placement of the dims that a tactic must take where it says "any strides": another order, gaps between rows.
Storage scattered_storage(DType dtype, const std::vector<int64_t>& dims, std::mt19937& random);

}  // namespace burnish::test
