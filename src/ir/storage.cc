#include "ir/storage.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/checked.h"

namespace burnish {

Format Format::plain(DType dtype, int64_t rank) {
  Format f;
  f.dtype = dtype;
  for (int64_t d = 0; d < rank; ++d) f.order.push_back(static_cast<int>(d));
  return f;
}

Format Format::channels_last(DType dtype, int64_t rank) {
  Format f = plain(dtype, rank);
  if (rank > 2) std::rotate(f.order.begin() + 1, f.order.begin() + 2, f.order.end());
  return f;
}

namespace {
bool all_are(const std::vector<int64_t>& list, int64_t value) {
  return std::all_of(list.begin(), list.end(), [&](int64_t v) { return v == value; });
}
bool is_identity(const std::vector<int>& order) {
  for (std::size_t i = 0; i < order.size(); ++i)
    if (order[i] != static_cast<int>(i)) return false;
  return true;
}
}  // namespace

bool Format::is_plain() const { return is_identity(order) && all_are(blocks, 1) && all_are(border, 0); }

std::string Format::text() const {
  if (is_plain()) return "plain";
  std::string text = fmt::format("order({})", fmt::join(order, ","));
  if (!all_are(blocks, 1)) text += fmt::format(" blocks({})", fmt::join(blocks, ","));
  if (!all_are(border, 0)) text += fmt::format(" border({})={}", fmt::join(border, ","), fill);
  else if (!all_are(blocks, 1) && fill != 0) text += fmt::format(" fill={}", fill);
  return text;
}

int64_t inner_stride(const Format& format, std::size_t dim) {
  int64_t stride = 1;
  for (std::size_t d = dim + 1; d < format.blocks.size(); ++d) stride *= format.blocks[d];
  return stride;
}

Status verify(const Format& format, int64_t rank) {
  const auto n = static_cast<std::size_t>(rank);
  auto fail = [&](std::string_view what) { return refused(fmt::format("the format {} {}", format.text(), what)); };
  std::vector<bool> seen(n);
  if (format.order.size() != n) return fail("has another rank than the value");
  for (int d : format.order) {
    if (d < 0 || d >= rank || seen[static_cast<std::size_t>(d)]) return fail("lists no permutation of the dims");
    seen[static_cast<std::size_t>(d)] = true;
  }
  if (!format.blocks.empty() && format.blocks.size() != n) return fail("has blocks of another rank");
  if (!format.border.empty() && format.border.size() != n) return fail("has a border of another rank");
  int64_t inner = 1;
  for (std::size_t d = 0; d < n; ++d) {
    const int64_t block = block_of(format, d), border = border_of(format, d);
    if (block < 1 || block > (1 << 20)) return fail("has a block out of range");
    if (border < 0 || border > (1 << 20)) return fail("has a border out of range");
    if (block > 1 && border > 0) return fail("has a border on a blocked dim");
    inner *= block;
    if (inner > (int64_t{1} << 32)) return fail("has blocks that are too large");
  }
  return {};
}

namespace {
Dim outer_extent(const Format& format, const Dims& dims, std::size_t d) {
  return ceildiv(dims[d] + Dim(2 * border_of(format, d)), Dim(block_of(format, d)));
}
}  // namespace

Dims dense_strides(const Format& format, const Dims& dims) {
  Dims strides(dims.size(), Dim(1));
  Dim stride = 1;
  for (int64_t b : format.blocks) stride *= Dim(b);
  for (std::size_t i = format.order.size(); i-- > 0;) {
    const auto d = static_cast<std::size_t>(format.order[i]);
    strides[d] = stride;
    stride *= outer_extent(format, dims, d);
  }
  return strides;
}

Dim storage_elements(const Format& format, const Dims& dims) {
  Dim count = 1;
  for (std::size_t d = 0; d < dims.size(); ++d) count *= outer_extent(format, dims, d) * Dim(block_of(format, d));
  return count;
}

Storage dense_storage(const Format& format, const Dims& dims, int buffer) {
  return Storage{buffer, format, dense_strides(format, dims), Dim(0)};
}

namespace {

// One axis of the copy: how far a step goes on either side, in elements.
struct Loop {
  int64_t extent, from, to;
};

template <class Word>
void transpose_tile(const Word* from, Word* to, const Loop& a, const Loop& b) {
  // a is contiguous in the source, b in the destination; tiles keep both sides' lines in the cache.
  constexpr int64_t kTile = 16;
  for (int64_t i0 = 0; i0 < a.extent; i0 += kTile) {
    const int64_t i1 = std::min(i0 + kTile, a.extent);
    for (int64_t j0 = 0; j0 < b.extent; j0 += kTile) {
      const int64_t j1 = std::min(j0 + kTile, b.extent);
      for (int64_t i = i0; i < i1; ++i)
        for (int64_t j = j0; j < j1; ++j) to[i * a.to + j] = from[i + j * b.from];
    }
  }
}

template <class Word>
void copy_word(const Word* from, Word* to, std::span<const Loop> loops) {
  if (loops.empty()) {
    *to = *from;
    return;
  }
  const Loop& loop = loops[0];
  if (loops.size() == 1) {
    if (loop.from == 1 && loop.to == 1) {
      std::memcpy(to, from, static_cast<std::size_t>(loop.extent) * sizeof(Word));
    } else {
      for (int64_t i = 0; i < loop.extent; ++i) to[i * loop.to] = from[i * loop.from];
    }
    return;
  }
  if (loops.size() == 2) {
    if (loops[0].from == 1 && loops[1].to == 1) return transpose_tile(from, to, loops[0], loops[1]);
    if (loops[1].from == 1 && loops[0].to == 1) return transpose_tile(from, to, loops[1], loops[0]);
  }
  for (int64_t i = 0; i < loop.extent; ++i) copy_word(from + i * loop.from, to + i * loop.to, loops.subspan(1));
}

struct Byte16 {
  std::byte bytes[16];
};

Status copy_bytes(const std::byte* from, std::byte* to, std::vector<Loop> loops, std::size_t size) {
  std::erase_if(loops, [](const Loop& l) { return l.extent == 1; });
  if (std::any_of(loops.begin(), loops.end(), [](const Loop& l) { return l.extent == 0; })) return {};
  // Outermost the largest step of the destination; the source's contiguous loop joins the innermost one in tiles.
  std::stable_sort(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) { return a.to > b.to; });
  for (std::size_t i = 0; i + 1 < loops.size();) {
    Loop& a = loops[i];
    const Loop& b = loops[i + 1];
    if (a.from == b.from * b.extent && a.to == b.to * b.extent) {
      a = {a.extent * b.extent, b.from, b.to};
      loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      if (i > 0) --i;
    } else {
      ++i;
    }
  }
  if (loops.size() > 2 && loops.back().from != 1) {
    auto contiguous = std::find_if(loops.begin(), loops.end(), [](const Loop& l) { return l.from == 1; });
    if (contiguous != loops.end()) std::rotate(contiguous, contiguous + 1, loops.end() - 1);
  }
  switch (size) {
    case 1: copy_word(reinterpret_cast<const uint8_t*>(from), reinterpret_cast<uint8_t*>(to), loops); break;
    case 2: copy_word(reinterpret_cast<const uint16_t*>(from), reinterpret_cast<uint16_t*>(to), loops); break;
    case 4: copy_word(reinterpret_cast<const uint32_t*>(from), reinterpret_cast<uint32_t*>(to), loops); break;
    case 8: copy_word(reinterpret_cast<const uint64_t*>(from), reinterpret_cast<uint64_t*>(to), loops); break;
    case 16: copy_word(reinterpret_cast<const Byte16*>(from), reinterpret_cast<Byte16*>(to), loops); break;
    default: return internal_error("elements of this size have no formats", "repacking");
  }
  return {};
}

void fill_all(std::byte* data, int64_t elements, DType dtype, double value) {
  Tensor element = Tensor::scalar(dtype, value);
  const std::size_t size = byte_size(dtype);
  if (std::all_of(element.bytes().begin(), element.bytes().end(), [](std::byte b) { return b == std::byte{0}; }))
    return;
  for (int64_t i = 0; i < elements; ++i) std::memcpy(data + static_cast<std::size_t>(i) * size, element.data(), size);
}

// Loops of one side per dim: whole blocks apart from the tail.
struct Side {
  std::vector<int64_t> strides, inner, block;
  int64_t offset = 0;
  Side(const Format& format, const std::vector<int64_t>& dims) {
    const Dims dense = dense_strides(format, to_dims(dims));
    for (std::size_t d = 0; d < dims.size(); ++d) {
      strides.push_back(dense[d].value());
      inner.push_back(block_of(format, d) > 1 ? inner_stride(format, d) : 0);
      block.push_back(block_of(format, d));
      offset += border_of(format, d) * strides.back();
    }
  }
  int64_t at(std::size_t d, int64_t i) const { return i / block[d] * strides[d] + i % block[d] * inner[d]; }
};

// Copies the box that starts at dim d; splits each dim into runs in which both sides step evenly.
Status copy_dims(const std::byte* from, std::byte* to, const Side& a, const Side& b, const std::vector<int64_t>& dims,
                 std::size_t d, std::vector<Loop>& loops, std::size_t size) {
  if (d == dims.size()) return copy_bytes(from, to, loops, size);
  const int64_t n = dims[d];
  auto part = [&](int64_t start, std::vector<Loop> more) -> Status {
    const std::size_t depth = loops.size();
    loops.insert(loops.end(), more.begin(), more.end());
    Status done = copy_dims(from + a.at(d, start) * static_cast<int64_t>(size),
                            to + b.at(d, start) * static_cast<int64_t>(size), a, b, dims, d + 1, loops, size);
    loops.resize(depth);
    return done;
  };
  auto step = [](const Side& s, std::size_t dim) { return s.block[dim] > 1 ? s.inner[dim] : s.strides[dim]; };
  const int64_t x = a.block[d], y = b.block[d];
  const int64_t block = std::max(x, y), run = std::min(x, y) > 1 ? std::min(x, y) : block;
  if (block == 1) return part(0, {{n, a.strides[d], b.strides[d]}});
  if (block % run != 0 || (x > 1 && y > 1 && x != y)) {
    // Blocks of two sizes: run by run.
    for (int64_t i = 0; i < n;) {
      const int64_t next = std::min({n, x > 1 ? (i / x + 1) * x : n, y > 1 ? (i / y + 1) * y : n});
      TRY(part(i, {{next - i, step(a, d), step(b, d)}}));
      i = next;
    }
    return {};
  }
  const int64_t whole = n / block, tail = n % block;
  if (whole > 0) TRY(part(0, {{whole, a.at(d, block), b.at(d, block)}, {block, step(a, d), step(b, d)}}));
  if (tail > 0) TRY(part(whole * block, {{tail, step(a, d), step(b, d)}}));
  return {};
}

Result<int64_t> elements_of(const Format& format, const std::vector<int64_t>& dims) {
  TRY(verify(format, static_cast<int64_t>(dims.size())));
  std::vector<int64_t> padded;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    auto sum = checked_add(dims[d], 2 * border_of(format, d) + block_of(format, d) - 1);
    if (dims[d] < 0 || !sum) return refused("a dim is out of range", "repacking");
    padded.push_back(*sum / block_of(format, d) * block_of(format, d));
  }
  auto count = checked_product(padded);
  if (!count) return refused("a stored value is too large", "repacking");
  return *count;
}

}  // namespace

Result<Tensor> convert(const Tensor& stored, const Format& from, const Format& to, std::vector<int64_t> dims) {
  if (from.dtype != to.dtype || stored.dtype() != from.dtype || from.dtype == DType::string)
    return internal_error(
        fmt::format("{} in {} cannot be repacked as {}", name(stored.dtype()), name(from.dtype), name(to.dtype)),
        "repacking");
  const int64_t have = TRY(elements_of(from, dims));
  if (have != stored.elements())
    return internal_error(fmt::format("{} elements where {} are stored", have, stored.elements()), "repacking");
  if (from == to || (from.is_plain() && to.is_plain())) return stored.reshaped({stored.elements()});
  const int64_t want = TRY(elements_of(to, dims));
  Tensor result = TRY(Tensor::allocate(to.dtype, {want}));
  if (want != have || !to.border.empty() || !to.blocks.empty())
    fill_all(result.mutable_data(), want, to.dtype, to.fill);
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return result;
  const Side a(from, dims), b(to, dims);
  const std::size_t size = byte_size(to.dtype);
  std::vector<Loop> loops;
  TRY(copy_dims(stored.data() + a.offset * static_cast<int64_t>(size),
                result.mutable_data() + b.offset * static_cast<int64_t>(size), a, b, dims, 0, loops, size));
  return result;
}

Result<Tensor> pack(const Tensor& logical, const Format& format) {
  Tensor flat = logical.reshaped({logical.elements()});
  return convert(flat, Format::plain(logical.dtype(), logical.rank()), format, logical.dims());
}

Result<Tensor> unpack(const Tensor& stored, const Format& format, std::vector<int64_t> dims) {
  const Format plain = Format::plain(format.dtype, static_cast<int64_t>(dims.size()));
  Tensor flat = TRY(convert(stored, format, plain, dims));
  return flat.reshaped(std::move(dims));
}

}  // namespace burnish
