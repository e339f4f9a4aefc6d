#pragma once
// Types of inputs as users write them: "f32[1..8..64,3,224,224]", for each dim a number, a symbol or min..opt..max.

#include <span>
#include <string>

#include "compile/shapes.h"
#include "ir/graph.h"

namespace burnish {

struct InputShape {
  std::string name, type;
};

struct Shapes {
  InputTypes types;
  SymbolTable opt;  // what to expect of each symbol: for tuning, and for inputs that nobody gives
};

Result<Shapes> read_shapes(std::span<const InputShape> shapes, const Graph& graph);

}  // namespace burnish
