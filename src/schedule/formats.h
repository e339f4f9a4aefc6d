#pragma once
// Formats of activations, and what views make of them.

#include <optional>
#include <vector>

#include "ir/graph.h"
#include "ir/storage.h"

namespace burnish {

// The dims of more than one element, outermost first: what two formats have to agree on.
std::vector<int> memory_order(const Format& format, const Dims& dims);
bool same_layout(const Format& a, const Format& b, const Dims& dims);

// The node's result as another reading of the memory of its operand: reshape, transpose, slice, identity. Nothing where a
// reshape would join dims that do not lie evenly in memory.
std::optional<Storage> view_storage(const Node& view, const Storage& operand);
// The same for a dense value: the result's format.
std::optional<Format> view_format(const Node& view, const Format& operand);

// May a kernel that asks for exactly `wanted` read or write this storage? Its steps may be larger than dense ones.
bool fits(const Storage& storage, const Format& wanted, const Dims& dims);
// The storage in the very terms of `wanted`, which it fits.
Storage as_format(const Storage& storage, const Format& wanted, const Dims& dims);

}  // namespace burnish
