#include "schedule/copies.h"

#include <algorithm>
#include <optional>

namespace burnish {

Kernel copy_kernel(const Type& type) {
  Kernel kernel;
  Nest& nest = kernel.nest;
  const int x = nest.add_operand("x", type), y = nest.add_operand("y", type, true);
  std::vector<Index> index;
  for (int64_t d = 0; d < type.rank(); ++d) {
    const int axis = nest.add_axis("i" + std::to_string(d), type.dims[static_cast<std::size_t>(d)]);
    nest.outer.push_back(axis);
    index.push_back(at(axis));
  }
  nest.store(y, index, nest.load(x, index));
  return kernel;
}

namespace {

// Elements that lie one step apart, in both storages.
struct Run {
  Dim extent, from, to;
};

bool in_pieces(const Format& format) {
  return std::ranges::any_of(format.blocks, [](int64_t b) { return b > 1; }) ||
         std::ranges::any_of(format.border, [](int64_t b) { return b > 0; });
}

DType bits_of(DType dtype) {
  switch (number_class(dtype)) {
    case NumberClass::complex: return DType::u64;
    case NumberClass::real: return byte_size(dtype) == 1 ? DType::u8 : dtype;
    case NumberClass::signed_int:
    case NumberClass::unsigned_int: return byte_size(dtype) == 1 ? DType::u8 : dtype;
    default: return dtype;
  }
}

// c128 is two numbers: a last dim of its own.
void split(Storage& storage) {
  for (Dim& stride : storage.strides) stride = stride * 2;
  storage.strides.emplace_back(1);
  storage.format.order.push_back(static_cast<int>(storage.format.order.size()));
  if (!storage.format.blocks.empty()) storage.format.blocks.push_back(1);
  if (!storage.format.border.empty()) storage.format.border.push_back(0);
}

std::optional<Copy> rows_of(const Type& type, const Storage& from, const Storage& to) {
  constexpr int64_t kShort = 16;
  if (in_pieces(from.format) || in_pieces(to.format)) return std::nullopt;
  std::vector<Run> runs;  // innermost first
  for (std::size_t i = to.format.order.size(); i-- > 0;) {
    const auto d = static_cast<std::size_t>(to.format.order[i]);
    const Dim& extent = type.dims[d];
    if (extent == Dim(1)) continue;
    Run* inner = runs.empty() ? nullptr : &runs.back();
    if (inner != nullptr && from.strides[d] == inner->extent * inner->from &&
        to.strides[d] == inner->extent * inner->to)
      inner->extent = inner->extent * extent;
    else runs.push_back({extent, from.strides[d], to.strides[d]});
  }
  if (runs.empty()) runs.push_back({1, 1, 1});
  if (runs.size() > 2 || runs[0].from != Dim(1) || runs[0].to != Dim(1)) return std::nullopt;
  if (runs.size() == 2 && runs[0].extent.constant().value_or(kShort) < kShort) return std::nullopt;

  Copy copy;
  const auto size = [&](const char* name, const Dim& value) {
    copy.sizes.emplace(name, value);
    return Dim::symbol(name);
  };
  Dims dims = {size("length", runs[0].extent)};
  Dims strides[2] = {{1}, {1}};
  if (runs.size() == 2) {
    dims.insert(dims.begin(), size("rows", runs[1].extent));
    strides[0].insert(strides[0].begin(), size("from", runs[1].from));
    strides[1].insert(strides[1].begin(), size("to", runs[1].to));
  }
  const Format format = Format::plain(type.dtype, static_cast<int64_t>(dims.size()));
  for (Dims& list : strides) copy.storages.push_back({.format = format, .strides = std::move(list)});
  copy.kernel = copy_kernel(Type::tensor(type.dtype, std::move(dims)));
  return copy;
}

}  // namespace

Copy copy_of(const Type& type, const Storage& from, const Storage& to) {
  Type bits = type;
  std::vector<Storage> storages = {from, to};
  bits.dtype = bits_of(type.dtype);
  for (Storage& storage : storages) storage.format.dtype = bits.dtype;
  if (type.dtype == DType::c128) {
    bits.dims.emplace_back(2);
    for (Storage& storage : storages) split(storage);
  }
  if (auto rows = rows_of(bits, storages[0], storages[1])) return std::move(*rows);
  return {copy_kernel(bits), std::move(storages), {}};
}

}  // namespace burnish
