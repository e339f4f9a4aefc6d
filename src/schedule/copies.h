#pragma once
// Kernels that move a value from one storage to another.

#include <map>
#include <string>
#include <vector>

#include "ir/storage.h"
#include "loop/kernel.h"

namespace burnish {

// Element by element, in the order of the dims.
Kernel copy_kernel(const Type& type);

// Copies move bits: what no code computes with (complex, f8, 4- and 2-bit types) goes as integers of its size.
struct Copy {
  Kernel kernel;
  std::vector<Storage> storages;                  // from, to; buffers and offsets are not set
  std::map<std::string, Dim, std::less<>> sizes;  // what symbols of the kernel's own are
};

// Rows of neighbouring elements have sizes that are symbols of the kernel: every such copy is the same kernel then, and a
// graph of many concats compiles one, not one each. Short rows, and rows in rows of rows, have a kernel of their own.
Copy copy_of(const Type& type, const Storage& from, const Storage& to);

}  // namespace burnish
