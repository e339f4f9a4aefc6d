#include "ops/support/padding.h"

#include <algorithm>

#include "base/checked.h"
#include "ops/support/core.h"

namespace burnish {

std::optional<PadMode> parse_pad_mode(std::string_view name) {
  static constexpr std::string_view kNames[] = {"constant", "reflect", "edge", "wrap"};
  const auto found = std::ranges::find(kNames, name);
  return found == std::end(kNames) ? std::nullopt : std::optional(static_cast<PadMode>(found - kNames));
}

int64_t padded_source(PadMode mode, int64_t position, int64_t size) {
  if (position >= 0 && position < size) return position;
  switch (mode) {
    case PadMode::constant: return -1;
    case PadMode::edge: return std::clamp<int64_t>(position, 0, size - 1);
    case PadMode::wrap: return floor_mod(position, size);
    case PadMode::reflect: {
      // Back and forth between the ends, which are not repeated.
      const int64_t period = 2 * (size - 1);
      if (period == 0) return 0;
      const int64_t p = floor_mod(position, period);
      return std::min(p, period - p);
    }
  }
  return -1;
}

Status pad_tensor(const Tensor& x, PadMode mode, std::span<const int64_t> before, const Tensor* value, Tensor& y) {
  const auto& dims = y.dims();
  if (y.elements() == 0) return {};
  const std::size_t rank = dims.size();
  // Per axis, where each position comes from. Negative amounts take away first: only what they leave is repeated.
  std::vector<Sizes> source(rank);
  for (std::size_t d = 0; d < rank; ++d) {
    const int64_t after = dims[d] - before[d] - x.dims()[d], first = std::max<int64_t>(-before[d], 0);
    const int64_t left = x.dims()[d] - first - std::max<int64_t>(-after, 0);
    if (mode != PadMode::constant && left < 1) return refused("there is nothing to pad from");
    for (int64_t i = 0; i < dims[d]; ++i) {
      const int64_t at = padded_source(mode, i - before[d] - first, left);
      source[d].push_back(at < 0 ? -1 : first + at);
    }
  }
  const Sizes strides = row_major_strides(x.dims());
  visit_storage(x.dtype(), [&]<class T>(T*) {
    const T* in = reinterpret_cast<const T*>(x.data());
    T* out = reinterpret_cast<T*>(y.mutable_data());
    const T fill = value == nullptr ? T{} : *reinterpret_cast<const T*>(value->data());
    if (rank == 0) {
      *out = *in;
      return;
    }
    Sizes position(rank, 0);
    const Sizes rows(dims.begin(), dims.end() - 1);
    const Sizes& columns = source[rank - 1];
    do {
      int64_t offset = 0;
      bool outside = false;
      for (std::size_t d = 0; d + 1 < rank; ++d) {
        const int64_t from = source[d][idx(position[d])];
        outside |= from < 0;
        offset += from * strides[d];
      }
      for (int64_t i = 0; i < dims[rank - 1]; ++i)
        out[i] = outside || columns[idx(i)] < 0 ? fill : in[offset + columns[idx(i)]];
      out += dims[rank - 1];
    } while (next_position(std::span(position).first(rank - 1), rows));
  });
  return {};
}

}  // namespace burnish
