#pragma once
// One node run on values. Composites have no reference of their own: one is decomposed for the types at hand, and the
// small graph interpreted.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/executor.h"

namespace burnish {

// Of an operator that has a reference. References rely on what infer refuses, and infer asks little of operands whose rank
// is not known: it is asked again, with the types of the values at hand.
Status run_reference(const Node& node, std::span<const RuntimeValue* const> inputs, const SymbolTable& symbols,
                     std::span<RuntimeValue> results);

// Remembers the last decomposition of one node.
class CompositeCache {
 public:
  Status run(const Node& node, std::span<const RuntimeValue* const> inputs, const SymbolTable& symbols,
             const RunOptions& options, std::span<RuntimeValue> results);

 private:
  Status build(const Node& node, std::span<const RuntimeValue* const> inputs, const SymbolTable& symbols,
               const std::vector<bool>& constant);
  std::string key_;
  std::vector<std::size_t> arguments_;  // which operands are the small graph's inputs
  std::vector<int> outputs_;            // per result: which output, -1 = none
  std::unique_ptr<Context> context_;
};

}  // namespace burnish
