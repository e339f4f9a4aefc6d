#pragma once
// What two runs of a graph may differ by, the first difference, and what is left of a graph that shows one.

#include "tests/support/random_graph.h"

namespace burnish::test {

// What results of the graph may differ by, relative to the larger of 1 and the number.
double tolerance_of(const Graph& graph);
// The first difference between two results, in words; empty when they agree.
std::string first_difference(std::span<const RuntimeValue> got, std::span<const RuntimeValue> want, double tolerance);

// A graph with fewer nodes for which `fails` still holds: outputs are dropped, nodes become inputs of the value that they
// had. `fails` is asked with the graph and its inputs.
RandomGraph minimise(const RandomGraph& failing, const std::function<bool(const RandomGraph&)>& fails);

}  // namespace burnish::test
