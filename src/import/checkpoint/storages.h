#pragma once
// From a pickle's descriptions and the bytes of the storages to tensors.

#include <memory>

#include "import/checkpoint/pickle.h"

namespace burnish::checkpoint {

// Bytes of a storage, and what keeps them alive.
struct StorageBytes {
  Bytes bytes;
  std::shared_ptr<const void> owner;
};

// In place where the bytes are aligned for the dtype, else a copy of them all.
Result<StorageBytes> aligned(StorageBytes storage, DType dtype);
// A view of the first elements. Bools that are neither 0 nor 1 are made 1 in a copy.
Result<Tensor> contiguous(DType dtype, std::vector<int64_t> dims, const StorageBytes& storage);

// Every tensor under the pickle's root, with its path as its name. One entry of `storages` for each of the pickle's; those
// of views are not looked at.
Result<std::vector<NamedTensor>> named_tensors(const Pickle& pickle, std::vector<StorageBytes> storages,
                                               int64_t file_size, const Limits& limits);

}  // namespace burnish::checkpoint
