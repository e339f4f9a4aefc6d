#include "ops/support/reduction.h"

#include <cmath>
#include <limits>

#include "ops/support/core.h"

namespace burnish {
namespace {

template <class N>
N combine(Reduction kind, N a, N b) {
  if constexpr (std::is_same_v<N, bool>) {
    return kind == Reduction::logical_or || kind == Reduction::max ? a || b : a && b;
  } else if constexpr (std::is_same_v<N, std::complex<double>>) {
    return kind == Reduction::sum ? a + b : a * b;
  } else if constexpr (std::is_same_v<N, double>) {
    switch (kind) {
      case Reduction::sum: return a + b;
      case Reduction::product: return a * b;
      case Reduction::min: return std::isnan(a) || a < b ? a : b;  // NaN stays
      default: return std::isnan(a) || a > b ? a : b;
    }
  } else {
    using U = uint64_t;
    switch (kind) {
      case Reduction::sum: return static_cast<N>(static_cast<U>(a) + static_cast<U>(b));
      case Reduction::product: return static_cast<N>(static_cast<U>(a) * static_cast<U>(b));
      case Reduction::min: return a < b ? a : b;
      default: return a > b ? a : b;
    }
  }
}

// What an empty reduction gives: for min and max the dtype's own limit.
template <class N>
N identity_of(Reduction kind, DType dtype) {
  if constexpr (std::is_same_v<N, bool>) {
    return kind == Reduction::logical_and || kind == Reduction::min;
  } else {
    if (kind == Reduction::sum) return N(0);
    if (kind == Reduction::product) return N(1);
    const int bits = bit_width(dtype);
    if constexpr (std::is_same_v<N, double>) {
      return kind == Reduction::min ? std::numeric_limits<double>::infinity()
                                    : -std::numeric_limits<double>::infinity();
    } else if constexpr (std::is_same_v<N, int64_t>) {
      const int64_t high = std::numeric_limits<int64_t>::max() >> (64 - bits);
      return kind == Reduction::min ? high : -high - 1;
    } else if constexpr (std::is_same_v<N, uint64_t>) {
      return kind == Reduction::min ? std::numeric_limits<uint64_t>::max() >> (64 - bits) : 0;
    }
    return N(0);
  }
}

}  // namespace

Sizes reduced_sizes(std::span<const int64_t> dims, const std::vector<bool>& drop, bool keep) {
  Sizes result;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!drop[i]) result.push_back(dims[i]);
    else if (keep) result.push_back(1);
  }
  return result;
}

void reduce_tensor(const Tensor& x, Reduction kind, const std::vector<bool>& drop, Tensor& y) {
  const Sizes targets = broadcast_strides(reduced_sizes(x.dims(), drop, true), x.dims());
  const DType dtype = x.dtype();
  visit_number_class(dtype, [&]<class N>(N) {
    if constexpr (!std::is_same_v<N, std::string>) {
      std::unique_ptr<N[]> sums(new N[idx(y.elements())]);
      std::fill_n(sums.get(), y.elements(), identity_of<N>(kind, dtype));
      std::array<N, kBlock> block;
      for_each_run<2>(x.dims(), {row_major_strides(x.dims()), targets},
                      [&](const auto& offsets, int64_t count, const auto& steps) {
                        for (int64_t done = 0; done < count; done += kBlock) {
                          const int64_t n = std::min(kBlock, count - done);
                          load_block(dtype, x.data(), offsets[0] + done * steps[0], steps[0], n, block.data());
                          N* sum = sums.get() + offsets[1] + done * steps[1];
                          for (int64_t i = 0; i < n; ++i)
                            sum[i * steps[1]] = combine(kind, sum[i * steps[1]], block[idx(i)]);
                        }
                      });
      store_block(dtype, y.mutable_data(), 0, 1, y.elements(), sums.get());
    }
  });
}

}  // namespace burnish
