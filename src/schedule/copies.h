#pragma once
// Kernels that move a value from one storage to another.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/storage.h"
#include "loop/kernel.h"

namespace burnish {

Kernel copy_kernel_of(const Type& type);

// A copy whose sizes are symbols of its own kernel. Every copy of rows of neighbouring elements is the same kernel then: a
// graph of many concats compiles one, not one each.
struct RowCopy {
  Kernel kernel;
  std::vector<Storage> storages;                  // from, to; buffers and offsets are not set
  std::map<std::string, Dim, std::less<>> sizes;  // what the kernel's symbols are
};
// Nothing where elements that are neighbours in one storage are none in the other, or rows lie in rows of rows.
std::optional<RowCopy> row_copy(const Type& type, const Storage& from, const Storage& to);

}  // namespace burnish
