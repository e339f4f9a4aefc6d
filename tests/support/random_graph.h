#pragma once
// Random graphs: samples of the catalogue, glued together by views and clamps, with inputs that stay finite.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace burnish::test {

struct RandomGraph {
  std::unique_ptr<Graph> graph;
  std::vector<RuntimeValue> inputs;
};

// `nodes` samples at most; a sample that does not fit is left out. The same seed gives the same graph.
RandomGraph random_graph(uint64_t seed, int nodes);

// What results of the graph may differ by, relative to the larger of 1 and the number.
double tolerance_of(const Graph& graph);
// The first difference between two results, in words; empty when they agree.
std::string first_difference(std::span<const RuntimeValue> got, std::span<const RuntimeValue> want, double tolerance);

// A graph with fewer nodes for which `fails` still holds: outputs are dropped, nodes become inputs of the value that they
// had. `fails` is asked with the graph and its inputs.
RandomGraph minimise(const RandomGraph& failing, const std::function<bool(const RandomGraph&)>& fails);

}  // namespace burnish::test
