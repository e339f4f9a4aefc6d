#pragma once
// What the file of a core operator needs.

#include <algorithm>
#include <array>
#include <cmath>

#include "base/checked.h"
#include "ops/operator.h"
#include "ops/support/blocks.h"
#include "ops/support/contents.h"
#include "ops/support/lowering.h"
#include "ops/support/strided.h"

namespace burnish {

// Known contents seen through a box: element n of the result is contents[start + position . strides].
inline std::optional<Dims> pick_contents(const std::optional<Dims>& contents, std::span<const int64_t> sizes,
                                         int64_t start, std::span<const int64_t> strides) {
  if (!contents) return std::nullopt;
  const auto count = checked_product(sizes);
  if (!count || *count > static_cast<int64_t>(kMaxContents)) return std::nullopt;
  Dims result;
  Sizes position(sizes.size(), 0);
  for (int64_t n = 0; n < *count; ++n, next_position(position, sizes)) {
    int64_t offset = start;
    for (std::size_t d = 0; d < position.size(); ++d) offset += position[d] * strides[d];
    if (offset < 0 || offset >= static_cast<int64_t>(contents->size())) return std::nullopt;
    result.push_back((*contents)[static_cast<std::size_t>(offset)]);
  }
  return result;
}

// The dim that two values share: the number where one is known, the first otherwise. Null: they differ.
inline std::optional<Dim> common_dim(const Dim& a, const Dim& b) {
  if (equal(a, b) == Truth::no) return std::nullopt;
  return !a.is_constant() && b.is_constant() ? b : a;
}

// A tensor of one element, or of rank 0: what many optional operands must be.
inline bool is_single(const Type& type) {
  if (!type.ranked) return true;
  return std::ranges::all_of(type.dims, [](const Dim& d) { return equal(d, 1) != Truth::no; });
}

// sum + a * b; integers wrap.
template <class N>
N multiply_add(N sum, N a, N b) {
  if constexpr (std::is_same_v<N, int64_t>)
    return static_cast<int64_t>(static_cast<uint64_t>(sum) + static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else return sum + a * b;
}

inline std::size_t idx(int64_t i) { return static_cast<std::size_t>(i); }
inline std::string text(const Dims& dims) { return text(std::span(dims)); }
inline std::string text(const Sizes& sizes) { return text(std::span(sizes)); }

}  // namespace burnish
