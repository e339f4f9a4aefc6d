#include "ops/operator.h"
#include "runtime/composite.h"
#include "runtime/executor.h"

namespace burnish {

Result<std::vector<RuntimeValue>> interpret(const Graph& graph, std::span<const RuntimeValue> inputs,
                                            const RunOptions& options) {
  // The graph outlives the call, so the program need not own it.
  const std::shared_ptr<const Graph> borrowed(&graph, [](const Graph*) {});
  Context context(TRY(Executor::create(TRY(reference_program(borrowed)))), nullptr);
  return context.run(inputs, options);
}

Result<std::vector<RuntimeValue>> interpret(const Node& node, std::span<const RuntimeValue* const> inputs,
                                            const SymbolTable& symbols) {
  if (node.region_count() > 0)
    return refused("a node with bodies cannot be evaluated alone", "node '" + node.source() + "'");
  if (inputs.size() != node.operand_count()) return internal_error("a node is evaluated on too few values");
  std::vector<RuntimeValue> results(node.result_count());
  if (node.definition() != nullptr && node.definition()->reference != nullptr) {
    TRY(run_reference(node, inputs, symbols, results));
  } else {
    CompositeCache cache;
    TRY(cache.run(node, inputs, symbols, RunOptions{}, results));
  }
  return results;
}

}  // namespace burnish
