#pragma once
// Other input types for a graph: a batch fixed, a range of sizes allowed.

#include <map>
#include <string>

#include "ir/graph.h"

namespace burnish {

using InputTypes = std::map<std::string, Type, std::less<>>;

// Replaces the types of the named inputs and infers all others again. A symbol of the old type stands for the new type's
// dim in the whole graph, so that inputs which share it stay in step. Unknown names, other dtypes or ranks are usage
// errors. The graph must be bound to the catalogue.
Status apply_shapes(Graph& graph, const InputTypes& types);

// Tells every size of the graph which numbers its symbols have as a rule: those of `opt`, and 1 for the other batches (first
// axes of inputs), which is also what a run without inputs takes.
void expect_sizes(Graph& graph, const SymbolTable& opt);

}  // namespace burnish
