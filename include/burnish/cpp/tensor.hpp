// Dense data: a DLPack tensor with its owner. Copies share the bytes.
#ifndef BURNISH_CPP_TENSOR_HPP_
#define BURNISH_CPP_TENSOR_HPP_

#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <burnish/cpp/result.hpp>

BURNISH_NAMESPACE_BEGIN

enum class DType {
  f64,
  f32,
  f16,
  bf16,
  f8e4m3fn,
  f8e4m3fnuz,
  f8e5m2,
  f8e5m2fnuz,
  f8e8m0,
  f4e2m1,
  i64,
  i32,
  i16,
  i8,
  i4,
  i2,
  u64,
  u32,
  u16,
  u8,
  u4,
  u2,
  boolean,
  c64,
  c128,
};

namespace detail {

struct DTypeRow {
  std::string_view name;
  uint8_t code, bits;
};
inline constexpr DTypeRow kDTypes[] = {
    {"f64", 2, 64},        {"f32", 2, 32},    {"f16", 2, 16},        {"bf16", 4, 16},   {"f8e4m3fn", 10, 8},
    {"f8e4m3fnuz", 11, 8}, {"f8e5m2", 12, 8}, {"f8e5m2fnuz", 13, 8}, {"f8e8m0", 14, 8}, {"f4e2m1", 17, 4},
    {"i64", 0, 64},        {"i32", 0, 32},    {"i16", 0, 16},        {"i8", 0, 8},      {"i4", 0, 4},
    {"i2", 0, 2},          {"u64", 1, 64},    {"u32", 1, 32},        {"u16", 1, 16},    {"u8", 1, 8},
    {"u4", 1, 4},          {"u2", 1, 2},      {"bool", 6, 8},        {"c64", 5, 64},    {"c128", 5, 128},
};

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>) return DType::boolean;
  else if constexpr (std::is_same_v<T, float>) return DType::f32;
  else if constexpr (std::is_same_v<T, double>) return DType::f64;
  else if constexpr (std::is_same_v<T, std::complex<float>>) return DType::c64;
  else if constexpr (std::is_same_v<T, std::complex<double>>) return DType::c128;
  else {
    static_assert(std::is_integral_v<T>, "no dtype for this C++ type: use Tensor::from_bytes");
    constexpr DType with_sign[] = {DType::i8, DType::i16, DType::i32, DType::i64};
    constexpr DType without[] = {DType::u8, DType::u16, DType::u32, DType::u64};
    constexpr int row = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    return std::is_signed_v<T> ? with_sign[row] : without[row];
  }
}

// Elements, or -1 when a size is negative or the product is too large to be true.
inline int64_t element_count(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) return -1;
    if (size == 0) empty = true;
    else if (count > (int64_t{1} << 56) / size) return -1;
    else count *= size;
  }
  return empty ? 0 : count;
}

}  // namespace detail

inline std::string_view name(DType dtype) { return detail::kDTypes[static_cast<int>(dtype)].name; }
inline std::optional<DType> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i < std::size(detail::kDTypes); ++i)
    if (detail::kDTypes[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

class Tensor {
 public:
  Tensor() = default;  // none: an output to be made, an operand that is absent

  // Zeroed memory of its own.
  static Result<Tensor> zeros(DType dtype, std::vector<int64_t> shape) {
    const int64_t count = detail::element_count(shape);
    const std::size_t bits = detail::kDTypes[static_cast<int>(dtype)].bits;
    if (count < 0) return Unexpected(bad("a tensor cannot have this shape", shape));
    const std::size_t bytes = (static_cast<std::size_t>(count) * bits + 7) / 8;
    // Aligned to 64 bytes, so that kernels read it where it lies.
    void* memory = ::operator new(bytes + 64, std::align_val_t(64), std::nothrow);
    if (memory == nullptr) return Unexpected(Error{ErrorCode::memory, "no memory for a tensor", {}, {}});
    std::memset(memory, 0, bytes);
    std::shared_ptr<void> owner(memory, [](void* p) { ::operator delete(p, std::align_val_t(64)); });
    return make(dtype, std::move(shape), memory, std::move(owner));
  }

  // A copy of the values, row-major: from<float>({1, 2, 3, 4}, {2, 2}).
  template <class T>
  static Result<Tensor> from(std::span<const T> values, std::vector<int64_t> shape) {
    if (detail::element_count(shape) != static_cast<int64_t>(values.size()))
      return Unexpected(bad(std::to_string(values.size()) + " values do not fill this shape", shape));
    Result<Tensor> result = zeros(detail::dtype_of<T>(), std::move(shape));
    if (result && !values.empty()) std::memcpy(result->mutable_data(), values.data(), values.size_bytes());
    return result;
  }
  template <class T>
  static Result<Tensor> from(std::initializer_list<T> values, std::vector<int64_t> shape) {
    return from(std::span<const T>(values.begin(), values.size()), std::move(shape));
  }
  // Keeps the vector.
  template <class T>
  static Result<Tensor> from(std::vector<T> values, std::vector<int64_t> shape) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> holds bits: use std::span<const bool>");
    if (detail::element_count(shape) != static_cast<int64_t>(values.size()))
      return Unexpected(bad(std::to_string(values.size()) + " values do not fill this shape", shape));
    auto owner = std::make_shared<std::vector<T>>(std::move(values));
    void* data = owner->data();
    return make(detail::dtype_of<T>(), std::move(shape), data, std::move(owner));
  }
  template <class T>
  static Result<Tensor> scalar(T value) {
    return from<T>(std::span<const T>(&value, 1), {});
  }
  // A copy of bytes of any dtype; 4- and 2-bit elements are packed, the first in the low bits.
  static Result<Tensor> from_bytes(DType dtype, std::vector<int64_t> shape, std::span<const std::byte> bytes) {
    Result<Tensor> result = zeros(dtype, std::move(shape));
    if (!result) return result;
    if (result->byte_size() != bytes.size())
      return Unexpected(
          bad(std::to_string(bytes.size()) + " bytes do not fill this shape of " + std::string(burnish::name(dtype)),
              result->shape()));
    if (!bytes.empty()) std::memcpy(result->mutable_data(), bytes.data(), bytes.size());
    return result;
  }
  // The caller's memory, which must outlive the tensor and its copies.
  template <class T>
  static Result<Tensor> view(T* data, std::vector<int64_t> shape) {
    if (detail::element_count(shape) < 0) return Unexpected(bad("a tensor cannot have this shape", shape));
    return make(detail::dtype_of<std::remove_const_t<T>>(), std::move(shape), const_cast<std::remove_const_t<T>*>(data),
                nullptr);
  }
  // A DLPack tensor's memory, which must outlive the tensor and its copies.
  static Tensor borrow(const DLTensor& tensor, bool read_only) {
    Tensor result;
    result.state_ = std::make_shared<State>();
    State& s = *result.state_;
    s.tensor = tensor;
    s.shape.assign(tensor.shape, tensor.shape + tensor.ndim);
    s.tensor.shape = s.shape.data();
    s.read_only = read_only;
    return result;
  }
  // Takes a DLPack tensor; its deleter is called when the last copy ends.
  static Tensor adopt(DLManagedTensorVersioned* managed) {
    Tensor result;
    if (managed == nullptr) return result;
    std::shared_ptr<DLManagedTensorVersioned> owner(managed, [](DLManagedTensorVersioned* m) {
      if (m->deleter != nullptr) m->deleter(m);
    });
    result.state_ = std::make_shared<State>();
    result.state_->tensor = managed->dl_tensor;
    result.state_->owner = std::move(owner);
    result.state_->read_only = (managed->flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0;
    return result;
  }

  explicit operator bool() const { return state_ != nullptr; }
  // No dtype when it is one that Burnish lacks, or there is no tensor.
  std::optional<DType> dtype() const {
    if (state_ == nullptr || state_->tensor.dtype.lanes != 1) return std::nullopt;
    for (std::size_t i = 0; i < std::size(detail::kDTypes); ++i)
      if (detail::kDTypes[i].code == state_->tensor.dtype.code && detail::kDTypes[i].bits == state_->tensor.dtype.bits)
        return static_cast<DType>(i);
    return std::nullopt;
  }
  std::span<const int64_t> shape() const {
    if (state_ == nullptr) return {};
    return {state_->tensor.shape, static_cast<std::size_t>(state_->tensor.ndim)};
  }
  int64_t rank() const { return static_cast<int64_t>(shape().size()); }
  int64_t elements() const { return state_ == nullptr ? 0 : detail::element_count(shape()); }
  std::size_t byte_size() const {
    return state_ == nullptr ? 0 : (static_cast<std::size_t>(elements()) * state_->tensor.dtype.bits + 7) / 8;
  }
  // Memory that must not be written, such as a mapped file's.
  bool read_only() const { return state_ != nullptr && state_->read_only; }
  const void* data() const { return start(); }
  // Null for memory that is read-only.
  void* mutable_data() { return read_only() ? nullptr : start(); }
  // The elements; empty when T is not the tensor's dtype or it has gaps.
  template <class T>
  std::span<const T> values() const {
    return {fits<T>() ? static_cast<const T*>(data()) : nullptr, fits<T>() ? static_cast<std::size_t>(elements()) : 0};
  }
  template <class T>
  std::span<T> mutable_values() {
    const bool right = fits<T>() && !read_only();
    return {right ? static_cast<T*>(start()) : nullptr, right ? static_cast<std::size_t>(elements()) : 0};
  }

  // For the C functions and other libraries; null when there is no tensor.
  const DLTensor* dl() const { return state_ == nullptr ? nullptr : &state_->tensor; }
  DLTensor* dl() { return state_ == nullptr ? nullptr : &state_->tensor; }
  // A managed tensor that shares the bytes: hand it to another library, or end it by its deleter.
  DLManagedTensorVersioned* share() const {
    if (state_ == nullptr) return nullptr;
    auto* managed = new DLManagedTensorVersioned{};
    managed->version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
    managed->flags = state_->read_only ? DLPACK_FLAG_BITMASK_READ_ONLY : 0;
    managed->dl_tensor = state_->tensor;
    managed->manager_ctx = new std::shared_ptr<State>(state_);
    managed->deleter = [](DLManagedTensorVersioned* m) {
      delete static_cast<std::shared_ptr<State>*>(m->manager_ctx);
      delete m;
    };
    return managed;
  }

 private:
  struct State {
    DLTensor tensor{};
    std::vector<int64_t> shape;
    std::shared_ptr<void> owner;
    bool read_only = false;
  };

  static Tensor make(DType dtype, std::vector<int64_t> shape, void* data, std::shared_ptr<void> owner) {
    const detail::DTypeRow& row = detail::kDTypes[static_cast<int>(dtype)];
    Tensor result;
    result.state_ = std::make_shared<State>();
    State& s = *result.state_;
    s.shape = std::move(shape);
    s.owner = std::move(owner);
    s.tensor.data = data;
    s.tensor.device = {kDLCPU, 0};
    s.tensor.ndim = static_cast<int32_t>(s.shape.size());
    s.tensor.dtype = {row.code, row.bits, 1};
    s.tensor.shape = s.shape.data();
    return result;
  }
  static Error bad(std::string what, std::span<const int64_t> shape) {
    std::string where = "tensor [";
    for (std::size_t i = 0; i < shape.size(); ++i) where += (i > 0 ? "," : "") + std::to_string(shape[i]);
    return {ErrorCode::usage, std::move(what), where + "]", {}};
  }
  void* start() const {
    return state_ == nullptr || state_->tensor.data == nullptr
               ? nullptr
               : static_cast<char*>(state_->tensor.data) + state_->tensor.byte_offset;
  }
  bool contiguous() const {
    if (state_ == nullptr || state_->tensor.strides == nullptr) return true;
    int64_t expected = 1;
    for (int32_t i = state_->tensor.ndim; i-- > 0;) {
      if (state_->tensor.shape[i] != 1 && state_->tensor.strides[i] != expected) return false;
      expected *= state_->tensor.shape[i];
    }
    return true;
  }
  template <class T>
  bool fits() const {
    return state_ != nullptr && state_->tensor.device.device_type == kDLCPU && dtype() == detail::dtype_of<T>() &&
           contiguous();
  }
  std::shared_ptr<State> state_;
};

BURNISH_NAMESPACE_END
#endif  // BURNISH_CPP_TENSOR_HPP_
