#pragma once
// --shapes "NAME=f32[1..8..64,3,224,224]": one number or min..opt..max for each dim.

#include <span>
#include <string>

#include "compile/shape_text.h"
#include "ir/graph.h"

namespace burnish::cli {

Result<Shapes> read_shapes(std::span<const std::string> texts, const Graph& graph);

}  // namespace burnish::cli
