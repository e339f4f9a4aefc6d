// Composites become core operators, again and again until only those are left that the target keeps whole.

#include "passes/match.h"
#include "passes/passes.h"
#include "passes/symbols.h"

namespace burnish::passes {

namespace {

// A composite may be made of composites; one made of itself would never end.
constexpr int kDepth = 16;

Result<bool> decompose_node(Node& node, const BoundSymbols& bound, const PassContext& context) {
  const Operator* definition = node.definition();
  if (definition == nullptr || definition->is_core() || (context.keep != nullptr && context.keep(node))) return false;
  Builder builder(*node.graph(), &node, node.source());
  DecomposeContext decompose(node, builder);
  // What a composite is made of may depend on sizes that only a run can tell; then it stays and is decomposed there. What
  // was built until then is dead.
  auto made = definition->decompose(decompose);
  if (Status status = builder.finish(); made && !status) made = std::unexpected(std::move(status).error());
  if (!made && made.error().code == ErrorCode::refused) return false;
  std::vector<Value*> results = TRY(std::move(made));
  if (results.size() > node.result_count()) results.resize(node.result_count());
  SymbolValues sizes;
  for (std::size_t i = 0; i < node.result_count(); ++i) {
    Value* result = node.result(i);
    if (result == nullptr || result->unused()) continue;
    if (i >= results.size() || results[i] == nullptr)
      return internal_error(node.op() + " does not decompose into its result " + std::to_string(i), node.source());
    node.graph()->replace_uses(result, results[i]);
    rename_borne(bound, node, result->type(), results[i]->type(), sizes);
  }
  if (!sizes.empty()) replace_symbols(node.graph()->root(), sizes);
  return true;
}

}  // namespace

Result<bool> decompose(Graph& graph, const PassContext& context) {
  bool changed = false;
  const BoundSymbols bound(graph);
  for (int depth = 0; depth < kDepth; ++depth) {
    bool again = false;
    graph.remove_dead_nodes();  // of decompositions that were given up
    for (Node* node : all_nodes(graph)) {
      bool used = false;
      for (std::size_t r = 0; r < node->result_count(); ++r)
        used |= node->result(r) != nullptr && !node->result(r)->unused();
      if (used && TRY(decompose_node(*node, bound, context))) again = true;
    }
    if (!again) return changed;
    changed = true;
    graph.remove_dead_nodes();
  }
  return internal_error("composites decompose into each other without end", graph.name());
}

}  // namespace burnish::passes
