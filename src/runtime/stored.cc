#include "runtime/stored.h"

#include <cstring>

#include "base/checked.h"

namespace burnish {
namespace {

// Extent in memory of a logical dim: with its border, in whole blocks.
int64_t memory_extent(const Format& format, std::size_t d, int64_t dim) {
  return round_up(dim + 2 * border_of(format, d), block_of(format, d));
}

int64_t address(const Placement& p, const Format& format, std::span<const int64_t> memory_index) {
  int64_t element = p.offset;
  for (std::size_t d = 0; d < memory_index.size(); ++d) {
    const int64_t block = block_of(format, d), m = memory_index[d];
    element += m / block * p.strides[d] + (block > 1 ? m % block * inner_stride(format, d) : 0);
  }
  return element;
}

// Calls f(memory index) for a box, last dim fastest.
template <class F>
void for_each(std::span<const int64_t> extents, F&& f) {
  for (int64_t e : extents)
    if (e <= 0) return;
  std::vector<int64_t> index(extents.size(), 0);
  while (true) {
    f(index);
    std::size_t d = extents.size();
    while (d > 0 && ++index[d - 1] == extents[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

}  // namespace

int64_t Placement::elements() const {
  int64_t count = 1;
  for (int64_t d : dims) count *= d;
  return count;
}

Result<int64_t> Placement::extent(const Format& format) const {
  int64_t last = offset;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    const int64_t block = block_of(format, d), extent = memory_extent(format, d, dims[d]);
    if (extent <= 0) return offset;
    const auto outer = checked_mul(extent / block - 1, strides[d]);
    const auto sum = outer ? checked_add(last, *outer + (block - 1) * inner_stride(format, d)) : std::nullopt;
    if (!sum || strides[d] < 0) return internal_error("a value's storage is out of range");
    last = *sum;
  }
  return last + 1;
}

Result<Placement> place(const Type& type, const Storage& storage, const SymbolTable& symbols) {
  Placement p;
  p.dims = TRY(evaluate(std::span(type.dims), symbols));
  p.strides = TRY(evaluate(std::span(storage.strides), symbols));
  p.offset = TRY(evaluate(storage.offset, symbols));
  if (p.strides.size() != p.dims.size()) return internal_error("a value's strides are not of its rank");
  TRY(verify(storage.format, static_cast<int64_t>(p.dims.size())));
  for (int64_t d : p.dims)
    if (d < 0)
      return usage_error("a value would have a negative size: " + type.text() + " is " +
                             Type::tensor(type.dtype, to_dims(p.dims)).text(),
                         {}, "give larger inputs");
  if (!checked_product(p.dims)) return refused("a value of " + type.text() + " is too large");
  if (p.offset < 0) return internal_error("a value lies before its buffer");
  p.contiguous = true;
  for (std::size_t d = 0; d < p.dims.size(); ++d)
    if (block_of(storage.format, d) != 1 || border_of(storage.format, d) != 0) p.contiguous = false;
  int64_t stride = 1;
  for (std::size_t d = p.dims.size(); d-- > 0;) {
    if (p.dims[d] != 1 && p.strides[d] != stride) p.contiguous = false;
    stride *= p.dims[d];
  }
  if (stride == 0) p.contiguous = true;
  return p;
}

void load_stored(const std::byte* buffer, const Placement& placement, const Format& format, std::byte* row_major) {
  const std::size_t size = byte_size(format.dtype);
  std::vector<int64_t> at(placement.dims.size());
  for_each(placement.dims, [&](const std::vector<int64_t>& index) {
    for (std::size_t d = 0; d < at.size(); ++d) at[d] = index[d] + border_of(format, d);
    std::memcpy(row_major, buffer + static_cast<std::size_t>(address(placement, format, at)) * size, size);
    row_major += size;
  });
}

void store_stored(const std::byte* row_major, std::byte* buffer, const Placement& placement, const Format& format) {
  const std::size_t size = byte_size(format.dtype);
  const Tensor fill = Tensor::scalar(format.dtype, format.fill);
  std::vector<int64_t> extents(placement.dims.size());
  for (std::size_t d = 0; d < extents.size(); ++d) extents[d] = memory_extent(format, d, placement.dims[d]);
  for_each(extents, [&](const std::vector<int64_t>& index) {
    bool inside = true;
    for (std::size_t d = 0; d < index.size(); ++d) {
      const int64_t i = index[d] - border_of(format, d);
      inside = inside && i >= 0 && i < placement.dims[d];
    }
    std::memcpy(buffer + static_cast<std::size_t>(address(placement, format, index)) * size,
                inside ? row_major : fill.data(), size);
    if (inside) row_major += size;
  });
}

}  // namespace burnish
