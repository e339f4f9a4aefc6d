#pragma once
// DLPack tensors to ours and back.

#include <burnish/burnish.h>

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "ir/tensor.h"

namespace burnish::api {

// What a DLTensor says, checked: on the processor, a dtype that we have, sizes that make sense, data that is there.
struct TensorView {
  DType dtype = DType::f32;
  std::vector<int64_t> dims;
  std::byte* data = nullptr;
  std::vector<int64_t> strides;  // in elements; empty: dense
  bool packed = false;           // several elements of 4 or 2 bits in a byte
  std::string text() const;      // "f32[2,3]"
};
Result<TensorView> view_of(const DLTensor* tensor, const std::string& where);
// Bytes from data to data + this are the tensor's (dense tensors only).
std::size_t byte_extent(const TensorView& view);

// The same data where it is dense, unpacked and aligned to its elements, else a copy. `owner` keeps the data alive.
Result<Tensor> borrow(const TensorView& view, std::shared_ptr<const void> owner = nullptr);
Result<Tensor> copy(const TensorView& view);
// Writes a tensor of the same dtype and dims into the caller's memory.
Status store(const Tensor& tensor, const TensorView& into);
// How DLPack names the dtype; nothing for strings.
std::optional<DLDataType> dl_type(DType dtype);
// A managed tensor that shares the tensor's bytes. Throws std::bad_alloc.
Result<DLManagedTensorVersioned*> lend(Tensor tensor);

}  // namespace burnish::api
