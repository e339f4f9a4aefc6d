#pragma once
// Walking and copying boxes of tensors for references. Strides and offsets are in elements.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "ir/tensor.h"

namespace burnish {

using Sizes = std::vector<int64_t>;

Sizes row_major_strides(std::span<const int64_t> dims);
int64_t element_count(std::span<const int64_t> dims);  // of an existing tensor's dims: cannot overflow
// NumPy's result of broadcasting; an error says which dims do not fit.
Result<Sizes> broadcast_sizes(std::span<const int64_t> a, std::span<const int64_t> b);
// Strides of an operand seen as `result`: 0 along dims that it repeats. Its dims must fit.
Sizes broadcast_strides(std::span<const int64_t> dims, std::span<const int64_t> result);
// The next position of a box in row-major order; false after the last.
bool next_position(std::span<int64_t> position, std::span<const int64_t> dims);
std::string text(std::span<const int64_t> dims);  // "2,3"

// Calls run(offsets, count, steps) for each innermost run of the box `dims`, in row-major order, for K operands at once.
// Neighbouring axes that all operands walk evenly become one.
template <std::size_t K, class F>
void for_each_run(std::span<const int64_t> dims, const std::array<Sizes, K>& strides, F&& run) {
  Sizes extents;
  std::array<Sizes, K> steps;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0) return;
    if (dims[i] == 1) continue;
    bool joins = !extents.empty();
    for (std::size_t k = 0; joins && k < K; ++k) joins = steps[k].back() == strides[k][i] * dims[i];
    if (joins) extents.back() *= dims[i];
    else extents.push_back(dims[i]);
    for (std::size_t k = 0; k < K; ++k) {
      if (joins) steps[k].back() = strides[k][i];
      else steps[k].push_back(strides[k][i]);
    }
  }
  std::array<int64_t, K> offsets{}, inner{};
  if (extents.empty()) {
    run(offsets, int64_t{1}, inner);
    return;
  }
  const std::size_t last = extents.size() - 1;
  for (std::size_t k = 0; k < K; ++k) inner[k] = steps[k][last];
  Sizes position(last, 0);
  while (true) {
    run(offsets, extents[last], inner);
    std::size_t axis = last;
    while (axis-- > 0) {
      for (std::size_t k = 0; k < K; ++k) offsets[k] += steps[k][axis];
      if (++position[axis] < extents[axis]) break;
      for (std::size_t k = 0; k < K; ++k) offsets[k] -= steps[k][axis] * extents[axis];
      position[axis] = 0;
    }
    if (axis == static_cast<std::size_t>(-1)) return;
  }
}

// Calls f(T*) with a type that moves an element of the dtype: an unsigned integer of its size, or std::string.
template <class F>
auto visit_storage(DType dtype, F&& f) {
  struct Sixteen {
    uint64_t low, high;
  };
  if (dtype == DType::string) return f(static_cast<std::string*>(nullptr));
  switch (byte_size(dtype)) {
    case 1: return f(static_cast<uint8_t*>(nullptr));
    case 2: return f(static_cast<uint16_t*>(nullptr));
    case 4: return f(static_cast<uint32_t*>(nullptr));
    case 8: return f(static_cast<uint64_t*>(nullptr));
    default: return f(static_cast<Sixteen*>(nullptr));
  }
}

// Copies a box of `dims` elements between tensors of one dtype.
struct Box {
  int64_t start = 0;
  Sizes strides;
};
void copy_box(std::span<const int64_t> dims, const Tensor& from, const Box& source, Tensor& to, const Box& target);
// `count` consecutive elements.
void copy_elements(const Tensor& from, int64_t from_index, Tensor& to, int64_t to_index, int64_t count);

}  // namespace burnish
