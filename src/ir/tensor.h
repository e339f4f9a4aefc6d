#pragma once
// Concrete data: a dense row-major tensor that shares its bytes, and the value kinds built of tensors.

#include <complex>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "ir/type.h"

namespace burnish {

// Copies share the bytes. Bytes reached through a const Tensor are never written.
class Tensor {
 public:
  Tensor() = default;  // empty f32[0]
  // Zeroed (strings empty); an Error when the size overflows or memory is not to be had.
  static Result<Tensor> allocate(DType dtype, std::vector<int64_t> dims);
  // A view of bytes that `owner` keeps alive (a mapped file, an arena). `data` must hold all elements.
  static Tensor view(DType dtype, std::vector<int64_t> dims, const std::byte* data, std::shared_ptr<const void> owner);
  static Tensor scalar(DType dtype, double value);
  static Tensor i64s(std::span<const int64_t> values);  // rank 1
  static Tensor f32s(std::vector<int64_t> dims, std::span<const float> values);

  DType dtype() const { return dtype_; }
  const std::vector<int64_t>& dims() const { return dims_; }
  int64_t rank() const { return static_cast<int64_t>(dims_.size()); }
  int64_t elements() const { return elements_; }
  std::size_t byte_size() const { return static_cast<std::size_t>(elements_) * burnish::byte_size(dtype_); }
  Type type() const { return Type::tensor(dtype_, to_dims(dims_)); }

  const std::byte* data() const { return data_; }
  std::byte* mutable_data() { return const_cast<std::byte*>(data_); }  // only for the tensor's maker
  std::span<const std::byte> bytes() const { return {data_, byte_size()}; }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data_), static_cast<std::size_t>(elements_)};
  }
  template <class T>
  std::span<T> mutable_as() {
    return {reinterpret_cast<T*>(mutable_data()), static_cast<std::size_t>(elements_)};
  }

  // The same bytes under other dims of equal element count.
  Tensor reshaped(std::vector<int64_t> dims) const;
  // Element as a number, with the dtype's meaning. Any non-string dtype.
  double real_at(int64_t index) const;
  int64_t int_at(int64_t index) const;
  // Same dtype, dims and bits.
  bool identical(const Tensor& other) const;
  // dtype[dims] and up to `limit` elements: "f32[2] [1, 2]".
  std::string text(int64_t limit = 16) const;

 private:
  DType dtype_ = DType::f32;
  std::vector<int64_t> dims_ = {0};
  int64_t elements_ = 0;
  const std::byte* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

// Any run-time value. An absent optional is std::monostate.
struct RuntimeMap;
struct RuntimeValue {
  std::variant<std::monostate, Tensor, std::shared_ptr<const std::vector<RuntimeValue>>,
               std::shared_ptr<const RuntimeMap>>
      data;
  RuntimeValue() = default;
  RuntimeValue(Tensor tensor) : data(std::move(tensor)) {}  // NOLINT: a tensor is a value
  static RuntimeValue sequence(std::vector<RuntimeValue> elements);
  bool absent() const { return std::holds_alternative<std::monostate>(data); }
  bool is_tensor() const { return std::holds_alternative<Tensor>(data); }
  bool is_sequence() const { return data.index() == 2; }
  const Tensor& tensor() const { return std::get<Tensor>(data); }
  Tensor& tensor() { return std::get<Tensor>(data); }
  const std::vector<RuntimeValue>& elements() const { return *std::get<2>(data); }
};
struct RuntimeMap {
  Tensor keys;
  std::vector<RuntimeValue> values;
};

// Element access by number class: N is double, int64_t, uint64_t, bool, std::complex<double> or std::string. Loads widen
// any dtype of the class; stores round (floats) or wrap (integers) to it. Indices are in elements.
template <class N>
struct Accessor {
  explicit Accessor(DType dtype);
  N (*load)(const std::byte* data, int64_t index);
  void (*store)(std::byte* data, int64_t index, N value);
};

template <>
Accessor<double>::Accessor(DType dtype);
template <>
Accessor<int64_t>::Accessor(DType dtype);
template <>
Accessor<uint64_t>::Accessor(DType dtype);
template <>
Accessor<bool>::Accessor(DType dtype);
template <>
Accessor<std::complex<double>>::Accessor(DType dtype);
template <>
Accessor<std::string>::Accessor(DType dtype);

// Calls f(N{}) with the arithmetic type of the dtype's number class.
template <class F>
auto visit_number_class(DType dtype, F&& f) {
  switch (number_class(dtype)) {
    case NumberClass::real: return f(double{});
    case NumberClass::signed_int: return f(int64_t{});
    case NumberClass::unsigned_int: return f(uint64_t{});
    case NumberClass::boolean: return f(bool{});
    case NumberClass::complex: return f(std::complex<double>{});
    case NumberClass::string: break;
  }
  return f(std::string{});
}

}  // namespace burnish
