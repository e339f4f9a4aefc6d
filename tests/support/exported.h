#pragma once
// A graph as ONNX, with data for other engines.

#include <span>
#include <string>

#include "ir/graph.h"

namespace burnish::test {

// STEM.onnx, STEM.json (inputs, outputs and the tolerance) and STEM.bin (their bytes). Read by tools/random_graphs_peer.py.
Status leave_exported(const Graph& graph, std::span<const RuntimeValue> inputs, std::span<const RuntimeValue> expected,
                      const std::string& stem);

}  // namespace burnish::test
