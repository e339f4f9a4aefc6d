#include "ops/support/blocks.h"

namespace burnish {
namespace {

template <class T, class N>
void load_as(const std::byte* data, int64_t start, int64_t step, int64_t count, N* out) {
  const T* in = reinterpret_cast<const T*>(data) + start;
  if (step == 1) {
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<N>(in[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<N>(in[i * step]);
  }
}

template <class T, class N>
void store_as(std::byte* data, int64_t start, int64_t step, int64_t count, const N* in) {
  T* out = reinterpret_cast<T*>(data) + start;
  for (int64_t i = 0; i < count; ++i) out[i * step] = static_cast<T>(in[i]);
}

// Calls f with a null pointer to the C++ type that is the dtype's memory form, where there is one of class N.
template <class N, class F>
bool with_native(DType dtype, F&& f) {
  const auto call = [&]<class T>(T*) {
    f(static_cast<T*>(nullptr));
    return true;
  };
  if constexpr (std::is_same_v<N, double>) {
    if (dtype == DType::f32) return call(static_cast<float*>(nullptr));
    if (dtype == DType::f64) return call(static_cast<double*>(nullptr));
  } else if constexpr (std::is_same_v<N, int64_t>) {
    if (dtype == DType::i64) return call(static_cast<int64_t*>(nullptr));
    if (dtype == DType::i32) return call(static_cast<int32_t*>(nullptr));
    if (dtype == DType::i16) return call(static_cast<int16_t*>(nullptr));
    if (dtype == DType::i8) return call(static_cast<int8_t*>(nullptr));
  } else if constexpr (std::is_same_v<N, uint64_t>) {
    if (dtype == DType::u64) return call(static_cast<uint64_t*>(nullptr));
    if (dtype == DType::u32) return call(static_cast<uint32_t*>(nullptr));
    if (dtype == DType::u16) return call(static_cast<uint16_t*>(nullptr));
    if (dtype == DType::u8) return call(static_cast<uint8_t*>(nullptr));
  }
  return false;
}

}  // namespace

template <class N>
void load_block(DType dtype, const std::byte* data, int64_t start, int64_t step, int64_t count, N* out) {
  if (with_native<N>(dtype, [&]<class T>(T*) { load_as<T>(data, start, step, count, out); })) return;
  const Accessor<N> access(dtype);
  for (int64_t i = 0; i < count; ++i) out[i] = access.load(data, start + i * step);
}

template <class N>
void store_block(DType dtype, std::byte* data, int64_t start, int64_t step, int64_t count, const N* in) {
  if (with_native<N>(dtype, [&]<class T>(T*) { store_as<T>(data, start, step, count, in); })) return;
  const Accessor<N> access(dtype);
  for (int64_t i = 0; i < count; ++i) access.store(data, start + i * step, in[i]);
}

#define BURNISH_BLOCKS(N)                                                              \
  template void load_block<N>(DType, const std::byte*, int64_t, int64_t, int64_t, N*); \
  template void store_block<N>(DType, std::byte*, int64_t, int64_t, int64_t, const N*);
BURNISH_BLOCKS(double)
BURNISH_BLOCKS(int64_t)
BURNISH_BLOCKS(uint64_t)
BURNISH_BLOCKS(bool)
BURNISH_BLOCKS(std::complex<double>)
BURNISH_BLOCKS(std::string)
#undef BURNISH_BLOCKS

int64_t integer_at(const Tensor& tensor, int64_t index) {
  if (tensor.dtype() == DType::i64) return tensor.as<int64_t>()[static_cast<std::size_t>(index)];
  return tensor.int_at(index);
}

std::vector<int64_t> integers(const Tensor& tensor) {
  std::vector<int64_t> values(static_cast<std::size_t>(tensor.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = integer_at(tensor, static_cast<int64_t>(i));
  return values;
}

}  // namespace burnish
