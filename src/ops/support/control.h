#pragma once
// What if, loop and scan share: types that cross a region's border.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ops/operator.h"

namespace burnish {

// Symbols that mean something outside the regions of a node: those of all values of the graphs around it. Gathered when first
// asked for, as most types have none.
class OuterSymbols {
 public:
  explicit OuterSymbols(const Node& node) : node_(node) {}
  bool contains(std::string_view name) const;
  void add(const Type& type);

 private:
  const Node& node_;
  std::set<std::string, std::less<>> added_;
  mutable std::optional<std::set<std::string, std::less<>>> around_;
};
// The type as seen outside: dims that hold a symbol born inside become fresh ones.
Type outside(InferContext& c, const Type& type, const OuterSymbols& outer);
// One type for values of both: dims that differ become fresh, different ranks unknown. An error for different kinds.
Result<Type> join_types(InferContext& c, const Type& a, const Type& b);
// Types inside a region, from its inputs' types alone when `again` (what was declared there no longer holds).
Status infer_region(Graph& region, bool again);

// Copies the nodes of `from` to the end of `to`; `map` holds what its inputs and captured values become (values that are
// not in it stay themselves) and receives the results.
void copy_nodes(const Graph& from, Graph& to, std::unordered_map<const Value*, Value*>& map);

}  // namespace burnish
