#include "ops/support/reals.h"

#include <cmath>

namespace burnish {

std::vector<double> reals(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.elements()));
  visit_number_class(tensor.dtype(), [&]<class N>(N) {
    if constexpr (std::is_convertible_v<N, double>) {
      const Accessor<N> access(tensor.dtype());
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<double>(access.load(tensor.data(), static_cast<int64_t>(i)));
    } else {
      CHECK(false, "numbers are read from a tensor that has none");
    }
  });
  return values;
}

void store_reals(Tensor& tensor, const std::vector<double>& values) {
  CHECK(static_cast<int64_t>(values.size()) == tensor.elements());
  visit_number_class(tensor.dtype(), [&]<class N>(N) {
    if constexpr (std::is_convertible_v<N, double>) {
      const Accessor<N> access(tensor.dtype());
      for (std::size_t i = 0; i < values.size(); ++i) {
        if constexpr (std::is_same_v<N, int64_t> || std::is_same_v<N, uint64_t>)
          access.store(tensor.mutable_data(), static_cast<int64_t>(i), static_cast<N>(std::nearbyint(values[i])));
        else access.store(tensor.mutable_data(), static_cast<int64_t>(i), static_cast<N>(values[i]));
      }
    } else {
      CHECK(false, "numbers are written to a tensor that holds none");
    }
  });
}

}  // namespace burnish
