#include "ir/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "base/checked.h"
#include "ir/tensor_limit.h"

namespace burnish {

namespace {
thread_local int64_t largest_tensor = Range::kMax;
constexpr std::size_t kMostDims = 64;
}  // namespace

TensorLimit::TensorLimit(int64_t bytes) : outer_(largest_tensor) { largest_tensor = std::min(outer_, bytes); }
TensorLimit::~TensorLimit() { largest_tensor = outer_; }
int64_t tensor_limit() { return largest_tensor; }

Result<Tensor> Tensor::allocate(DType dtype, std::vector<int64_t> dims) {
  const auto elements = checked_product(dims);
  const auto bytes = elements ? checked_mul(*elements, static_cast<int64_t>(burnish::byte_size(dtype))) : std::nullopt;
  if (!bytes || *bytes > Range::kMax)
    return refused(fmt::format("a tensor {}[{}] is too large", name(dtype), fmt::join(dims, ",")), {},
                   "no tensor has more than 1 TiB: use smaller sizes");
  if (dims.size() > kMostDims)
    return refused(fmt::format("a tensor has {} dims; at most {} are known", dims.size(), kMostDims), {},
                   "use fewer dims");
  if (*bytes > largest_tensor)
    return refused(
        fmt::format("a tensor {}[{}] needs more than the {} bytes that it may take", name(dtype), fmt::join(dims, ","),
                    largest_tensor),
        {},
        "use smaller inputs, or raise the limit 'run_bytes' (--limit run_bytes=VALUE; max_bytes of a run's options)");
  Tensor t;
  t.dtype_ = dtype;
  t.dims_ = std::move(dims);
  t.elements_ = *elements;
  if (dtype == DType::string) {
    auto strings = std::make_shared<std::vector<std::string>>(static_cast<std::size_t>(*elements));
    t.data_ = reinterpret_cast<const std::byte*>(strings->data());
    t.owner_ = std::move(strings);
    return t;
  }
  // calloc leaves large blocks to the kernel's zero pages; over-allocated by a cache line to align.
  const auto size = static_cast<std::size_t>(*bytes) + 64;
  void* memory = std::calloc(size, 1);
  if (memory == nullptr) return memory_error(fmt::format("no memory for {} bytes ({})", *bytes, t.type().text()));
  t.owner_ = std::shared_ptr<const void>(memory, std::free);
  const auto address = (reinterpret_cast<std::uintptr_t>(memory) + 63) & ~std::uintptr_t{63};
  t.data_ = reinterpret_cast<const std::byte*>(address);
  return t;
}

Tensor Tensor::view(DType dtype, std::vector<int64_t> dims, const std::byte* data, std::shared_ptr<const void> owner) {
  Tensor t;
  t.dtype_ = dtype;
  const auto elements = checked_product(dims);
  CHECK(elements.has_value(), "dims of a view");
  t.elements_ = *elements;
  t.dims_ = std::move(dims);
  t.data_ = data;
  t.owner_ = std::move(owner);
  return t;
}

namespace {
Tensor allocate_or_abort(DType dtype, std::vector<int64_t> dims) {
  auto t = Tensor::allocate(dtype, std::move(dims));
  if (!t) throw std::bad_alloc();
  return *std::move(t);
}
// The integer that a number is without its fraction; numbers that are out of range become the limits, negative ones wrap
// where there is no sign.
template <class N>
N nearest(double value) {
  if (std::isnan(value)) return 0;
  if (std::is_unsigned_v<N> && value >= 0x1p63)
    return value >= 0x1p64 ? std::numeric_limits<N>::max() : static_cast<N>(value);
  if (value >= 0x1p63) return static_cast<N>(std::numeric_limits<int64_t>::max());
  return static_cast<N>(value < -0x1p63 ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(value));
}
}  // namespace

Tensor Tensor::scalar(DType dtype, double value) {
  Tensor t = allocate_or_abort(dtype, {});
  visit_number_class(dtype, [&](auto zero) {
    using N = decltype(zero);
    if constexpr (std::is_same_v<N, std::string>) CHECK(false, "a string scalar from a number");
    else if constexpr (std::is_integral_v<N>) Accessor<N>(dtype).store(t.mutable_data(), 0, nearest<N>(value));
    else Accessor<N>(dtype).store(t.mutable_data(), 0, static_cast<N>(value));
  });
  return t;
}

Tensor Tensor::i64s(std::span<const int64_t> values) {
  Tensor t = allocate_or_abort(DType::i64, {static_cast<int64_t>(values.size())});
  if (!values.empty()) std::memcpy(t.mutable_data(), values.data(), values.size_bytes());
  return t;
}

Tensor Tensor::f32s(std::vector<int64_t> dims, std::span<const float> values) {
  Tensor t = allocate_or_abort(DType::f32, std::move(dims));
  CHECK(static_cast<std::size_t>(t.elements_) == values.size(), "values fill the dims");
  if (!values.empty()) std::memcpy(t.mutable_data(), values.data(), values.size_bytes());
  return t;
}

Tensor Tensor::reshaped(std::vector<int64_t> dims) const {
  const auto elements = checked_product(dims);
  CHECK(elements && *elements == elements_, "reshape keeps the element count");
  Tensor t = *this;
  t.dims_ = std::move(dims);
  return t;
}

double Tensor::real_at(int64_t index) const {
  return visit_number_class(dtype_, [&](auto zero) -> double {
    using N = decltype(zero);
    if constexpr (std::is_same_v<N, std::string>) return 0;
    else if constexpr (std::is_same_v<N, std::complex<double>>) return Accessor<N>(dtype_).load(data_, index).real();
    else return static_cast<double>(Accessor<N>(dtype_).load(data_, index));
  });
}

int64_t Tensor::int_at(int64_t index) const {
  return visit_number_class(dtype_, [&](auto zero) -> int64_t {
    using N = decltype(zero);
    if constexpr (std::is_same_v<N, std::string>) return 0;
    else if constexpr (std::is_same_v<N, std::complex<double>>)
      return static_cast<int64_t>(Accessor<N>(dtype_).load(data_, index).real());
    else return static_cast<int64_t>(Accessor<N>(dtype_).load(data_, index));
  });
}

bool Tensor::identical(const Tensor& other) const {
  if (dtype_ != other.dtype_ || dims_ != other.dims_) return false;
  if (data_ == other.data_ || elements_ == 0) return true;
  if (dtype_ == DType::string) {
    const auto a = as<std::string>(), b = other.as<std::string>();
    return std::equal(a.begin(), a.end(), b.begin());
  }
  return std::memcmp(data_, other.data_, byte_size()) == 0;
}

std::string Tensor::text(int64_t limit) const {
  std::string s = type().text() + " [";
  for (int64_t i = 0; i < std::min(limit, elements_); ++i) {
    if (i > 0) s += ", ";
    visit_number_class(dtype_, [&](auto zero) {
      using N = decltype(zero);
      const N v = Accessor<N>(dtype_).load(data_, i);
      if constexpr (std::is_same_v<N, std::string>) s += fmt::format("{:?}", v);
      else if constexpr (std::is_same_v<N, std::complex<double>>) s += fmt::format("({}, {})", v.real(), v.imag());
      else if constexpr (std::is_same_v<N, bool>) s += v ? "1" : "0";
      else if constexpr (std::is_same_v<N, double>)
        s += dtype_ == DType::f64 ? fmt::format("{}", v) : fmt::format("{}", static_cast<float>(v));
      else s += fmt::format("{}", v);
    });
  }
  return s + (elements_ > limit ? ", ...]" : "]");
}

RuntimeValue RuntimeValue::sequence(std::vector<RuntimeValue> elements) {
  RuntimeValue v;
  v.data = std::make_shared<const std::vector<RuntimeValue>>(std::move(elements));
  return v;
}

namespace {

template <class T>
T read(const std::byte* data, int64_t index) {
  T v;
  std::memcpy(&v, data + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return v;
}
template <class T>
void write(std::byte* data, int64_t index, T value) {
  std::memcpy(data + index * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

template <class N, class T>
N load_as(const std::byte* data, int64_t index) {
  return static_cast<N>(read<T>(data, index));
}
template <class N, class T>
void store_as(std::byte* data, int64_t index, N value) {
  write<T>(data, index, static_cast<T>(value));
}
template <DType D>
double load_small(const std::byte* data, int64_t index) {
  return small_float_to_double(D, read<uint8_t>(data, index));
}
template <DType D>
void store_small(std::byte* data, int64_t index, double value) {
  write<uint8_t>(data, index, double_to_small_float(D, value));
}
// Sub-byte integers wrap to their width.
template <int Bits>
void store_signed_bits(std::byte* data, int64_t index, int64_t value) {
  const auto shifted = static_cast<int8_t>(static_cast<uint8_t>(static_cast<uint64_t>(value) << (8 - Bits)));
  write<int8_t>(data, index, static_cast<int8_t>(shifted >> (8 - Bits)));
}
template <int Bits>
void store_unsigned_bits(std::byte* data, int64_t index, uint64_t value) {
  write<uint8_t>(data, index, static_cast<uint8_t>(value & ((1u << Bits) - 1)));
}

}  // namespace

#define BURNISH_PAIR(L, S) \
  do {                     \
    load = L;              \
    store = S;             \
    return;                \
  } while (0)

template <>
Accessor<double>::Accessor(DType dtype) {
  switch (dtype) {
    case DType::f64: BURNISH_PAIR((load_as<double, double>), (store_as<double, double>));
    case DType::f32: BURNISH_PAIR((load_as<double, float>), (store_as<double, float>));
    case DType::f16:
      BURNISH_PAIR(([](const std::byte* d, int64_t i) -> double { return half_to_float(read<uint16_t>(d, i)); }),
                   ([](std::byte* d, int64_t i, double v) { write<uint16_t>(d, i, float_to_half(v)); }));
    case DType::bf16:
      BURNISH_PAIR(([](const std::byte* d, int64_t i) -> double { return bfloat_to_float(read<uint16_t>(d, i)); }),
                   ([](std::byte* d, int64_t i, double v) { write<uint16_t>(d, i, float_to_bfloat(v)); }));
    case DType::f8e4m3fn: BURNISH_PAIR(load_small<DType::f8e4m3fn>, store_small<DType::f8e4m3fn>);
    case DType::f8e4m3fnuz: BURNISH_PAIR(load_small<DType::f8e4m3fnuz>, store_small<DType::f8e4m3fnuz>);
    case DType::f8e5m2: BURNISH_PAIR(load_small<DType::f8e5m2>, store_small<DType::f8e5m2>);
    case DType::f8e5m2fnuz: BURNISH_PAIR(load_small<DType::f8e5m2fnuz>, store_small<DType::f8e5m2fnuz>);
    case DType::f8e8m0: BURNISH_PAIR(load_small<DType::f8e8m0>, store_small<DType::f8e8m0>);
    case DType::f4e2m1: BURNISH_PAIR(load_small<DType::f4e2m1>, store_small<DType::f4e2m1>);
    default: CHECK(false, std::string(name(dtype)) + " is not real");
  }
}
template <>
Accessor<int64_t>::Accessor(DType dtype) {
  switch (dtype) {
    case DType::i64: BURNISH_PAIR((load_as<int64_t, int64_t>), (store_as<int64_t, int64_t>));
    case DType::i32: BURNISH_PAIR((load_as<int64_t, int32_t>), (store_as<int64_t, int32_t>));
    case DType::i16: BURNISH_PAIR((load_as<int64_t, int16_t>), (store_as<int64_t, int16_t>));
    case DType::i8: BURNISH_PAIR((load_as<int64_t, int8_t>), (store_as<int64_t, int8_t>));
    case DType::i4: BURNISH_PAIR((load_as<int64_t, int8_t>), store_signed_bits<4>);
    case DType::i2: BURNISH_PAIR((load_as<int64_t, int8_t>), store_signed_bits<2>);
    default: CHECK(false, std::string(name(dtype)) + " is not a signed integer");
  }
}
template <>
Accessor<uint64_t>::Accessor(DType dtype) {
  switch (dtype) {
    case DType::u64: BURNISH_PAIR((load_as<uint64_t, uint64_t>), (store_as<uint64_t, uint64_t>));
    case DType::u32: BURNISH_PAIR((load_as<uint64_t, uint32_t>), (store_as<uint64_t, uint32_t>));
    case DType::u16: BURNISH_PAIR((load_as<uint64_t, uint16_t>), (store_as<uint64_t, uint16_t>));
    case DType::u8: BURNISH_PAIR((load_as<uint64_t, uint8_t>), (store_as<uint64_t, uint8_t>));
    case DType::u4: BURNISH_PAIR((load_as<uint64_t, uint8_t>), store_unsigned_bits<4>);
    case DType::u2: BURNISH_PAIR((load_as<uint64_t, uint8_t>), store_unsigned_bits<2>);
    default: CHECK(false, std::string(name(dtype)) + " is not an unsigned integer");
  }
}
template <>
Accessor<bool>::Accessor(DType dtype) {
  CHECK(dtype == DType::boolean, std::string(name(dtype)));
  load = [](const std::byte* d, int64_t i) { return read<uint8_t>(d, i) != 0; };
  store = [](std::byte* d, int64_t i, bool v) { write<uint8_t>(d, i, v ? 1 : 0); };
}
template <>
Accessor<std::complex<double>>::Accessor(DType dtype) {
  using C = std::complex<double>;
  if (dtype == DType::c128) BURNISH_PAIR(read<C>, write<C>);
  CHECK(dtype == DType::c64, std::string(name(dtype)));
  load = [](const std::byte* d, int64_t i) { return C(read<std::complex<float>>(d, i)); };
  store = [](std::byte* d, int64_t i, C v) { write<std::complex<float>>(d, i, std::complex<float>(v)); };
}
template <>
Accessor<std::string>::Accessor(DType dtype) {
  CHECK(dtype == DType::string, std::string(name(dtype)));
  load = [](const std::byte* d, int64_t i) { return reinterpret_cast<const std::string*>(d)[i]; };
  store = [](std::byte* d, int64_t i, std::string v) { reinterpret_cast<std::string*>(d)[i] = std::move(v); };
}
#undef BURNISH_PAIR

}  // namespace burnish
