#pragma once
// ONNX's tensors, sequences, optionals and maps as values. Payload sizes are compared with the dims before anything is
// allocated; what lies in a file aligned and unpacked is used in place.

#include <memory>
#include <optional>

#include "import/onnx/external.h"
#include "import/onnx/messages.h"
#include "ir/tensor.h"

namespace burnish::onnx {

std::optional<DType> to_dtype(int64_t onnx_type);
DataType to_onnx(DType dtype);
// With an error that names the number.
Result<DType> require_dtype(int64_t onnx_type);

// `owner` keeps the bytes that `proto` points into alive; null: everything is copied. Limits rank (64) and elements.
Result<Tensor> to_tensor(const TensorProto& proto, const std::shared_ptr<const void>& owner, ExternalFiles* external);
Result<Tensor> to_dense(const SparseTensorProto& proto, const Limits& limits);
Result<RuntimeValue> to_value(const SequenceProto& proto);
Result<RuntimeValue> to_value(const OptionalProto& proto);

// The element bytes as ONNX stores them (2- and 4-bit types packed).
std::string raw_bytes(const Tensor& tensor);

}  // namespace burnish::onnx
