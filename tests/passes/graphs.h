#pragma once
// Random inputs for graphs, and comparison of what two graphs compute.

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ops/operator.h"
#include "passes/passes.h"
#include "runtime/executor.h"
#include "tests/support/read_graph.h"

namespace burnish::test {

// Random tensors for the inputs. Every symbol is `size`. Floats lie in [-2, 2], integers in [-4, 4].
std::vector<RuntimeValue> random_inputs(const Graph& graph, std::mt19937& random, int64_t size = 3);

Tensor random_tensor(DType dtype, std::vector<int64_t> dims, std::mt19937& random);

// Both graphs on the same random inputs; empty when the outputs agree to the tolerance, else what differs.
std::string compare_results(const Graph& a, const Graph& b, std::mt19937& random, double tolerance, int64_t size = 3);

PassFunction find_pass(std::string_view name);

}  // namespace burnish::test
