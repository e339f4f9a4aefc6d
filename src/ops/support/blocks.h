#pragma once
// Elements of any dtype as numbers of its class, a block at a time: the cost of the dtype switch is paid once a block.

#include <complex>
#include <cstdint>

#include "ir/tensor.h"

namespace burnish {

inline constexpr int64_t kBlock = 512;

// in[0], in[step], ...: `count` elements from `start`. N is the arithmetic type of the dtype's number class.
template <class N>
void load_block(DType dtype, const std::byte* data, int64_t start, int64_t step, int64_t count, N* out);
template <class N>
void store_block(DType dtype, std::byte* data, int64_t start, int64_t step, int64_t count, const N* in);

// Elements of any integer tensor as int64_t; of any real or integer tensor as double.
int64_t integer_at(const Tensor& tensor, int64_t index);
std::vector<int64_t> integers(const Tensor& tensor);

}  // namespace burnish
