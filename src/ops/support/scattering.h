#pragma once
// How scatter operators combine an update with what is there.

#include <optional>
#include <string_view>

#include "loop/scalar.h"
#include "ops/support/scalars.h"
#include "ops/support/strided.h"

namespace burnish {

// "none" replaces; the others name a scalar function.
inline bool is_scatter_reduction(std::string_view name) {
  return name == "none" || name == "add" || name == "mul" || name == "min" || name == "max";
}

// y[target(n)] = combine(y[target(n)], updates[n]) for n = 0, 1, ... in order.
template <class Target>
void scatter(std::string_view reduction, const Tensor& updates, Tensor& y, Target&& target) {
  const DType dtype = y.dtype();
  if (reduction == "none") {
    visit_storage(dtype, [&]<class T>(T*) {
      const T* in = reinterpret_cast<const T*>(updates.data());
      T* out = reinterpret_cast<T*>(y.mutable_data());
      for (int64_t n = 0; n < updates.elements(); ++n) out[target(n)] = in[n];
    });
    return;
  }
  const Scalar function = *parse_scalar(reduction);
  visit_number_class(dtype, [&]<class N>(N) {
    if constexpr (!std::is_same_v<N, std::string>) {
      const Accessor<N> access(dtype);
      for (int64_t n = 0; n < updates.elements(); ++n) {
        const int64_t at = target(n);
        N old = access.load(y.data(), at), update = access.load(updates.data(), n);
        if constexpr (std::is_same_v<N, bool>) {
          old = function == Scalar::add || function == Scalar::max ? old || update : old && update;
        } else {
          apply_binary<N>(function, &old, &update, &old, 1, bit_width(dtype));
        }
        access.store(y.mutable_data(), at, old);
      }
    }
  });
}

}  // namespace burnish
