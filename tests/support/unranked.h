#pragma once
// Samples of operators whose operands are declared of unknown rank, and are fed with tensors of other ranks and sizes than
// those that the sample means: a run gives an error, or what the same node gives with the tensors' types declared.

#include <functional>

#include "ops/operator.h"

namespace burnish::test {

using RunGraph = std::function<Result<std::vector<RuntimeValue>>(std::span<const RuntimeValue> inputs)>;
// How to run a graph; null: it cannot be made ready, which is no failure.
using Runner = std::function<RunGraph(const Graph& graph)>;

// Runs the sample in all variants and records failures; returns how many runs gave results. Nothing happens for samples
// that are whole graphs.
int check_unranked(const Sample& sample, const Runner& runner);

}  // namespace burnish::test
