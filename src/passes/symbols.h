#pragma once
// Which symbols a node may name: those that are surely bound before it runs.

#include <map>
#include <set>
#include <string>

#include "base/error.h"
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
  bool contains(std::string_view symbol) const { return inputs_.contains(symbol); }

 private:
  std::set<std::string, std::less<>> inputs_;
};

using SymbolValues = std::map<std::string, Dim, std::less<>>;
// What `before` says of a value that is now known to be `after`: symbols that stood alone and are born in the graph.
void learn_symbols(const BoundSymbols& bound, const Type& before, const Type& after, SymbolValues& values);
// A result gives way to another value: sizes that the node bears, and that nothing before it knows, are called otherwise.
void rename_borne(const BoundSymbols& bound, const Node& node, const Type& before, const Type& after,
                  SymbolValues& values);
// In types, contents and attributes of the graph and its regions.
void replace_symbols(Graph& graph, const SymbolValues& values);
// Infers all types. A symbol that turns out to be a number, or an expression of the inputs' symbols, is replaced by it.
Status infer_resolving(Graph& graph);

}  // namespace burnish::passes
