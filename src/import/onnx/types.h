#pragma once
// Types met in control flow.

#include "ir/graph.h"

namespace burnish::onnx {

// The least type that both are: differing dims become fresh symbols of `graph`, differing ranks an unknown rank.
Result<Type> join(const Type& a, const Type& b, Graph& graph);

}  // namespace burnish::onnx
