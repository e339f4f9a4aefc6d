#include "api/runtime/tensors.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/checked.h"

namespace burnish::api {
namespace {

struct Row {
  DType dtype;
  uint8_t code, bits;
};
constexpr Row kRows[] = {
    {DType::f64, 2, 64},      {DType::f32, 2, 32},        {DType::f16, 2, 16},    {DType::bf16, 4, 16},
    {DType::f8e4m3fn, 10, 8}, {DType::f8e4m3fnuz, 11, 8}, {DType::f8e5m2, 12, 8}, {DType::f8e5m2fnuz, 13, 8},
    {DType::f8e8m0, 14, 8},   {DType::f4e2m1, 17, 4},     {DType::i64, 0, 64},    {DType::i32, 0, 32},
    {DType::i16, 0, 16},      {DType::i8, 0, 8},          {DType::i4, 0, 4},      {DType::i2, 0, 2},
    {DType::u64, 1, 64},      {DType::u32, 1, 32},        {DType::u16, 1, 16},    {DType::u8, 1, 8},
    {DType::u4, 1, 4},        {DType::u2, 1, 2},          {DType::boolean, 6, 8}, {DType::c64, 5, 64},
    {DType::c128, 5, 128},
};
constexpr int32_t kMaxRank = 64;

const Row* row_of(DType dtype) {
  for (const Row& row : kRows)
    if (row.dtype == dtype) return &row;
  return nullptr;
}

std::size_t alignment_of(DType dtype) { return std::min<std::size_t>(byte_size(dtype), 8); }

// Elements of 4 and 2 bits: the first in the low bits of a byte. In memory we keep one a byte, sign-extended.
void unpack(const std::byte* from, std::byte* to, int64_t elements, int bits, bool is_signed) {
  const int per_byte = 8 / bits;
  for (int64_t i = 0; i < elements; ++i) {
    const auto byte = std::to_integer<unsigned>(from[i / per_byte]);
    unsigned value = byte >> (i % per_byte * bits) & ((1U << bits) - 1);
    if (is_signed && (value >> (bits - 1)) != 0) value |= ~((1U << bits) - 1);
    to[i] = static_cast<std::byte>(value);
  }
}
void pack(const std::byte* from, std::byte* to, int64_t elements, int bits) {
  const int per_byte = 8 / bits;
  std::memset(to, 0, static_cast<std::size_t>(ceil_div(elements, per_byte)));
  for (int64_t i = 0; i < elements; ++i) {
    const unsigned value = std::to_integer<unsigned>(from[i]) & ((1U << bits) - 1);
    to[i / per_byte] |= static_cast<std::byte>(value << (i % per_byte * bits));
  }
}

// Calls f(offset of the element in memory, in elements) in row-major order.
template <class F>
void for_each_element(const TensorView& view, F&& f) {
  std::vector<int64_t> index(view.dims.size(), 0);
  int64_t offset = 0;
  const int64_t elements = checked_product(view.dims).value_or(0);
  for (int64_t i = 0; i < elements; ++i) {
    f(offset);
    for (std::size_t d = view.dims.size(); d-- > 0;) {
      offset += view.strides[d];
      if (++index[d] < view.dims[d]) break;
      offset -= view.strides[d] * view.dims[d];
      index[d] = 0;
    }
  }
}

struct Lent {
  DLManagedTensorVersioned managed{};
  Tensor tensor;
  std::vector<int64_t> shape;
};

}  // namespace

std::string TensorView::text() const { return Type::tensor(dtype, to_dims(dims)).text(); }

Result<TensorView> view_of(const DLTensor* tensor, const std::string& where) {
  if (tensor == nullptr) return usage_error("there is no tensor", where, "give a DLPack tensor");
  if (tensor->device.device_type != kDLCPU)
    return usage_error("the tensor is on device type " + std::to_string(static_cast<int>(tensor->device.device_type)) +
                           ", not in the processor's memory (kDLCPU)",
                       where, "copy it there");
  TensorView view;
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) {
    return r.code == tensor->dtype.code && r.bits == tensor->dtype.bits;
  });
  if (row == std::end(kRows) || tensor->dtype.lanes != 1)
    return usage_error("the tensor has DLPack dtype code " + std::to_string(tensor->dtype.code) + " with " +
                           std::to_string(tensor->dtype.bits) + " bits and " + std::to_string(tensor->dtype.lanes) +
                           " lanes, which is none of ours",
                       where, "convert it to one of the dtypes in docs/operators.md");
  view.dtype = row->dtype;
  view.packed = row->bits < 8;
  if (tensor->ndim < 0 || tensor->ndim > kMaxRank)
    return usage_error("the tensor has rank " + std::to_string(tensor->ndim), where, "ranks are 0 to 64");
  if (tensor->ndim > 0 && tensor->shape == nullptr) return usage_error("the tensor has no shape", where);
  for (int32_t d = 0; d < tensor->ndim; ++d) view.dims.push_back(tensor->shape[d]);
  const auto elements = checked_product(view.dims);
  const auto bytes = elements ? checked_mul(*elements, static_cast<int64_t>(byte_size(view.dtype))) : std::nullopt;
  if (!bytes || *bytes > Range::kMax)
    return usage_error("the tensor's shape has a negative size or is too large", where);
  if (*elements > 0 && tensor->data == nullptr)
    return usage_error("the tensor " + view.text() + " has no data", where, "set DLTensor::data");
  view.data = static_cast<std::byte*>(tensor->data);
  if (view.data != nullptr) view.data += tensor->byte_offset;
  if (tensor->strides != nullptr && *elements > 0) {
    int64_t dense = 1;
    bool is_dense = true;
    for (std::size_t d = view.dims.size(); d-- > 0;) {
      if (view.dims[d] != 1 && tensor->strides[d] != dense) is_dense = false;
      dense *= view.dims[d];
      const auto reach = checked_mul(tensor->strides[d], std::max<int64_t>(view.dims[d], 1));
      if (!reach || *reach > Range::kMax || *reach < -Range::kMax)
        return usage_error("the tensor's stride " + std::to_string(tensor->strides[d]) + " is too large", where);
    }
    if (!is_dense) {
      if (view.packed)
        return usage_error("a tensor of " + std::string(name(view.dtype)) + " has strides", where,
                           "elements of less than a byte must be dense");
      view.strides.assign(tensor->strides, tensor->strides + tensor->ndim);
    }
  }
  return view;
}

std::size_t byte_extent(const TensorView& view) {
  const auto elements = static_cast<std::size_t>(checked_product(view.dims).value_or(0));
  if (view.packed) return (elements * static_cast<std::size_t>(bit_width(view.dtype)) + 7) / 8;
  return elements * byte_size(view.dtype);
}

Result<Tensor> borrow(const TensorView& view, std::shared_ptr<const void> owner) {
  const bool aligned = reinterpret_cast<uintptr_t>(view.data) % alignment_of(view.dtype) == 0;
  if (!view.packed && view.strides.empty() && aligned && view.data != nullptr)
    return Tensor::view(view.dtype, view.dims, view.data, std::move(owner));
  return copy(view);
}

Result<Tensor> copy(const TensorView& view) {
  Tensor result = TRY(Tensor::allocate(view.dtype, view.dims));
  if (result.elements() == 0) return result;
  const std::size_t size = byte_size(view.dtype);
  if (view.packed) {
    unpack(view.data, result.mutable_data(), result.elements(), bit_width(view.dtype),
           number_class(view.dtype) == NumberClass::signed_int);
  } else if (view.strides.empty()) {
    std::memcpy(result.mutable_data(), view.data, result.byte_size());
  } else {
    std::byte* to = result.mutable_data();
    for_each_element(view, [&](int64_t offset) {
      std::memcpy(to, view.data + offset * static_cast<int64_t>(size), size);
      to += size;
    });
  }
  return result;
}

Status store(const Tensor& tensor, const TensorView& into) {
  if (tensor.dtype() != into.dtype || tensor.dims() != into.dims)
    return internal_error("a result of another type than the caller's tensor");
  if (tensor.elements() == 0 || tensor.data() == into.data) return {};
  const std::size_t size = byte_size(into.dtype);
  if (into.packed) {
    pack(tensor.data(), into.data, tensor.elements(), bit_width(into.dtype));
  } else if (into.strides.empty()) {
    std::memmove(into.data, tensor.data(), tensor.byte_size());
  } else {
    const std::byte* from = tensor.data();
    for_each_element(into, [&](int64_t offset) {
      std::memcpy(into.data + offset * static_cast<int64_t>(size), from, size);
      from += size;
    });
  }
  return {};
}

std::optional<DLDataType> dl_type(DType dtype) {
  const Row* row = row_of(dtype);
  if (row == nullptr) return std::nullopt;
  return DLDataType{row->code, row->bits, 1};
}

Result<DLManagedTensorVersioned*> lend(Tensor tensor) {
  const Row* row = row_of(tensor.dtype());
  if (row == nullptr)
    return refused("a tensor of " + std::string(name(tensor.dtype())) + " has no form in DLPack", {},
                   "run the model with the burnish program");
  auto lent = std::make_unique<Lent>();
  lent->shape = tensor.dims();
  if (row->bits < 8) {
    const int64_t per_byte = 8 / row->bits;
    Tensor packed = TRY(Tensor::allocate(DType::u8, {ceil_div(tensor.elements(), per_byte)}));
    pack(tensor.data(), packed.mutable_data(), tensor.elements(), row->bits);
    tensor = std::move(packed);
  }
  lent->tensor = std::move(tensor);
  DLManagedTensorVersioned& managed = lent->managed;
  managed.version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
  managed.manager_ctx = lent.get();
  managed.deleter = [](DLManagedTensorVersioned* self) {
    if (self != nullptr) delete static_cast<Lent*>(self->manager_ctx);
  };
  managed.dl_tensor.data = lent->tensor.mutable_data();
  managed.dl_tensor.device = {kDLCPU, 0};
  managed.dl_tensor.ndim = static_cast<int32_t>(lent->shape.size());
  managed.dl_tensor.dtype = {row->code, row->bits, 1};
  managed.dl_tensor.shape = lent->shape.data();
  return &lent.release()->managed;
}

}  // namespace burnish::api
