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

// The same seed gives the same graph: 1 to 30 samples, more often few, some with symbolic sizes and control flow.
RandomGraph random_graph(uint64_t seed);

}  // namespace burnish::test
