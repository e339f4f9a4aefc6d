#include "schedule/formats.h"

#include <algorithm>

namespace burnish {
namespace {

template <class T>
const T* find_attribute(const Node& node, std::string_view name) {
  const Attribute* attribute = node.attribute(name);
  return attribute == nullptr ? nullptr : std::get_if<T>(attribute);
}

bool has_blocks(const Format& f) {
  return std::ranges::any_of(f.blocks, [](int64_t b) { return b != 1; }) ||
         std::ranges::any_of(f.border, [](int64_t b) { return b != 0; });
}

std::optional<Storage> transposed(const Node& view, const Storage& from) {
  const auto* permutation = find_attribute<Ints>(view, "permutation");
  if (permutation == nullptr) return std::nullopt;
  Storage to = from;
  std::vector<int> place(permutation->size());  // operand's dim -> result's
  for (std::size_t i = 0; i < permutation->size(); ++i) {
    const auto p = static_cast<std::size_t>((*permutation)[i]);
    to.strides[i] = from.strides[p];
    place[p] = static_cast<int>(i);
  }
  for (std::size_t i = 0; i < place.size(); ++i)
    to.format.order[i] = place[static_cast<std::size_t>(from.format.order[i])];
  return to;
}

std::optional<Storage> sliced(const Node& view, const Storage& from) {
  const auto *starts = find_attribute<Dims>(view, "starts"), *sizes = find_attribute<Dims>(view, "sizes");
  const auto* steps = find_attribute<Ints>(view, "steps");
  if (starts == nullptr || sizes == nullptr || steps == nullptr) return std::nullopt;
  Storage to = from;
  for (std::size_t d = 0; d < starts->size(); ++d) {
    if ((*steps)[d] < 1) return std::nullopt;
    to.offset += (*starts)[d] * from.strides[d];
    to.strides[d] = from.strides[d] * Dim((*steps)[d]);
  }
  return to;
}

// Groups of dims with equal products, from the last to the first. Dims of 1 are left out.
struct Part {
  std::vector<std::size_t> from, to;
};
std::optional<std::vector<Part>> split(const Dims& from, const Dims& to) {
  std::vector<Part> parts;
  auto i = static_cast<std::ptrdiff_t>(from.size()) - 1, k = static_cast<std::ptrdiff_t>(to.size()) - 1;
  const auto skip = [](const Dims& dims, std::ptrdiff_t& at) {
    while (at >= 0 && dims[static_cast<std::size_t>(at)] == Dim(1)) --at;
  };
  for (;;) {
    skip(from, i);
    skip(to, k);
    if (i < 0 && k < 0) return parts;
    if (i < 0 || k < 0) return std::nullopt;
    Part part;
    Dim a = from[static_cast<std::size_t>(i)], b = to[static_cast<std::size_t>(k)];
    part.from.push_back(static_cast<std::size_t>(i--));
    part.to.push_back(static_cast<std::size_t>(k--));
    while (a != b) {
      // The smaller product grows; for symbols the one that divides the other.
      Dim quotient;
      const bool grow_a = a.is_constant() && b.is_constant() ? a.value() < b.value() : divides(a, b, &quotient);
      skip(from, i);
      skip(to, k);
      if (grow_a) {
        if (i < 0) return std::nullopt;
        a = from[static_cast<std::size_t>(i)] * a;
        part.from.push_back(static_cast<std::size_t>(i--));
      } else {
        if (k < 0) return std::nullopt;
        b = to[static_cast<std::size_t>(k)] * b;
        part.to.push_back(static_cast<std::size_t>(k--));
      }
    }
    parts.push_back(std::move(part));  // its dims innermost first
  }
}

std::optional<Storage> reshaped(const Node& view, const Storage& from) {
  const Dims &old = view.operand(0)->type().dims, &now = view.result()->type().dims;
  Storage to;
  to.buffer = from.buffer;
  to.offset = from.offset;
  to.format = Format::plain(from.format.dtype, static_cast<int64_t>(now.size()));
  to.strides.assign(now.size(), Dim(1));
  if (std::ranges::any_of(old, [](const Dim& d) { return d == Dim(0); })) return std::nullopt;
  const auto parts = split(old, now);
  if (!parts) {
    // Elements without gaps, in order, are so under any dims.
    if (!from.format.is_plain() || from.strides != dense_strides(from.format, old)) return std::nullopt;
    to.strides = dense_strides(to.format, now);
    return to;
  }
  std::vector<std::size_t> rank(now.size(), 0);  // place in memory of each result dim, outermost first
  const auto place = [&](std::size_t dim) {
    return static_cast<std::size_t>(std::ranges::find(from.format.order, static_cast<int>(dim)) -
                                    from.format.order.begin());
  };
  for (const Part& part : *parts) {
    for (std::size_t i = 0; i + 1 < part.from.size(); ++i) {
      const std::size_t inner = part.from[i], outer = part.from[i + 1];
      if (from.strides[outer] != from.strides[inner] * old[inner]) return std::nullopt;
    }
    Dim stride = from.strides[part.from.front()];
    for (std::size_t dim : part.to) {
      to.strides[dim] = stride;
      stride *= now[dim];
      rank[dim] = (place(part.from.front()) + 1) * (now.size() + 1);
    }
  }
  // Dims of 1 lie beside the next inner dim.
  for (std::size_t d = now.size(); d-- > 0;) {
    if (now[d] != Dim(1)) continue;
    rank[d] = d + 1 < now.size() ? rank[d + 1] : (old.size() + 1) * (now.size() + 1);
    to.strides[d] = d + 1 < now.size() ? to.strides[d + 1] * now[d + 1] : Dim(1);
  }
  std::ranges::stable_sort(to.format.order, {}, [&](int d) { return rank[static_cast<std::size_t>(d)]; });
  return to;
}

}  // namespace

std::vector<int> memory_order(const Format& format, const Dims& dims) {
  std::vector<int> order;
  for (int d : format.order)
    if (dims[static_cast<std::size_t>(d)] != Dim(1)) order.push_back(d);
  return order;
}

bool same_layout(const Format& a, const Format& b, const Dims& dims) {
  if (has_blocks(a) || has_blocks(b)) return a == b;
  return a.dtype == b.dtype && memory_order(a, dims) == memory_order(b, dims);
}

std::optional<Storage> view_storage(const Node& view, const Storage& operand) {
  if (has_blocks(operand.format)) return std::nullopt;
  const std::string& op = view.op();
  if (op == "identity") return operand;
  if (op == "transpose") return transposed(view, operand);
  if (op == "slice") return sliced(view, operand);
  if (op == "reshape") return reshaped(view, operand);
  if (op == "bitcast") {
    Storage other = operand;
    other.format.dtype = view.result()->type().dtype;
    return other;
  }
  return std::nullopt;
}

std::optional<Format> view_format(const Node& view, const Format& operand) {
  const auto storage = view_storage(view, dense_storage(operand, view.operand(0)->type().dims));
  return storage ? std::optional(storage->format) : std::nullopt;
}

bool fits(const Storage& storage, const Format& wanted, const Dims& dims) {
  if (!same_layout(storage.format, wanted, dims)) return false;
  if (has_blocks(wanted)) return storage.strides == dense_strides(wanted, dims);
  const auto order = memory_order(wanted, dims);
  return order.empty() || storage.strides[static_cast<std::size_t>(order.back())] == Dim(1);
}

Storage as_format(const Storage& storage, const Format& wanted, const Dims& dims) {
  if (storage.format == wanted) return storage;
  Storage result = storage;
  result.format = wanted;
  // Steps along dims of 1 mean nothing; they get what a dense value would have.
  Dim step = 1;
  for (auto d = wanted.order.rbegin(); d != wanted.order.rend(); ++d) {
    const auto i = static_cast<std::size_t>(*d);
    if (dims[i] == Dim(1)) result.strides[i] = step;
    else step = result.strides[i] * dims[i];
  }
  return result;
}

}  // namespace burnish
