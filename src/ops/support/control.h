#pragma once
// What if, loop and scan share: types that cross a region's border.

#include <set>
#include <unordered_map>

#include "ops/operator.h"

namespace burnish {

using Symbols = std::set<std::string, std::less<>>;
// Symbols that mean something outside the regions of `node`: those of all values of the graphs around it.
Symbols outer_symbols(const Node& node);
// The type as seen outside: dims that hold a symbol born inside become fresh ones.
Type outside(InferContext& c, const Type& type, const Symbols& outer);
// One type for values of both: dims that differ become fresh, different ranks unknown. An error for different kinds.
Result<Type> join_types(InferContext& c, const Type& a, const Type& b);
// Types inside a region, from its inputs' types alone when `again` (what was declared there no longer holds).
Status infer_region(Graph& region, bool again);

// Copies the nodes of `from` to the end of `to`; `map` holds what its inputs and captured values become (values that are
// not in it stay themselves) and receives the results.
void copy_nodes(const Graph& from, Graph& to, std::unordered_map<const Value*, Value*>& map);

}  // namespace burnish
