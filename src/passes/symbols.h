#pragma once
// Which symbols a node may name: those that are surely bound before it runs.

#include <set>
#include <string>

#include "ir/graph.h"

namespace burnish::passes {

// Symbols that the types of the graph's inputs bind: each stands alone as a dim of one of them. Other symbols are born by
// a value (a size that depends on data) and known only to what reads that value.
class BoundSymbols {
 public:
  explicit BoundSymbols(Graph& graph);
  // Every symbol of the dims is bound by an input or stands in the type of an operand of the node.
  bool allow(std::span<const Dim> dims, const Node& node) const;
  bool allow(std::span<const Dim> dims) const;

 private:
  std::set<std::string, std::less<>> inputs_;
};

}  // namespace burnish::passes
