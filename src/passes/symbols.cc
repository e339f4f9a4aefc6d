#include "passes/symbols.h"

#include <algorithm>

namespace burnish::passes {

BoundSymbols::BoundSymbols(Graph& graph) {
  for (const auto& input : graph.root().inputs())
    for (const Dim& dim : input->type().dims)
      if (auto name = dim.symbol_name()) inputs_.emplace(*name);
}

bool BoundSymbols::allow(std::span<const Dim> dims) const {
  for (const Dim& dim : dims)
    for (const std::string& name : dim.symbols())
      if (!inputs_.contains(name)) return false;
  return true;
}

bool BoundSymbols::allow(std::span<const Dim> dims, const Node& node) const {
  for (const Dim& dim : dims) {
    for (const std::string& name : dim.symbols()) {
      if (inputs_.contains(name)) continue;
      bool read = false;
      for (const Value* operand : node.operands()) {
        if (operand == nullptr) continue;
        for (const Dim& d : operand->type().dims) {
          std::vector<std::string> symbols = d.symbols();
          read |= std::ranges::find(symbols, name) != symbols.end();
        }
      }
      if (!read) return false;
    }
  }
  return true;
}

}  // namespace burnish::passes
