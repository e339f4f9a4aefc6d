#pragma once
// Values in slots, as tensors: concrete strides of one shape, and copies between a slot's storage and row-major data.

#include <cstdint>
#include <vector>

#include "ir/storage.h"
#include "ir/tensor.h"
#include "runtime/program.h"

namespace burnish {

// A slot's storage in numbers. Distances are in elements.
struct Placement {
  std::vector<int64_t> dims, strides;
  int64_t offset = 0;
  bool contiguous = false;  // row-major without gaps from `offset` on: can be seen as a Tensor

  int64_t elements() const;
  // Elements from the buffer's start to behind the last one.
  Result<int64_t> extent(const Format& format) const;
};

Result<Placement> place(const Type& type, const Storage& storage, const SymbolTable& symbols);

// `buffer` is the start of the slot's buffer. Strings have no storage.
void load_stored(const std::byte* buffer, const Placement& placement, const Format& format, std::byte* row_major);
// Writes borders and the rest of blocks with the format's fill, too.
void store_stored(const std::byte* row_major, std::byte* buffer, const Placement& placement, const Format& format);

}  // namespace burnish
