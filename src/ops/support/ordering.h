#pragma once
// The order of elements that top_k and arg_sort share: the first of equals comes first, NaN is larger than every number.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <type_traits>
#include <vector>

namespace burnish {

// The places of the first `count` elements of the row in order; `order` is as long as the row.
template <class N>
void order_row(std::span<const N> row, std::size_t count, bool largest, std::vector<int64_t>& order) {
  std::iota(order.begin(), order.end(), 0);
  const auto before = [&](int64_t a, int64_t b) {
    const N &u = row[static_cast<std::size_t>(largest ? b : a)], &v = row[static_cast<std::size_t>(largest ? a : b)];
    bool less = u < v, greater = v < u;
    if constexpr (std::is_same_v<N, double>) {
      less = less || (!std::isnan(u) && std::isnan(v));
      greater = greater || (std::isnan(u) && !std::isnan(v));
    }
    return less || (!greater && a < b);
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), before);
}

}  // namespace burnish
