// Walks the table of rules over every node until none applies.

#include <map>
#include <set>

#include "passes/algebra_rules.h"
#include "passes/passes.h"

namespace burnish::passes {

namespace {

struct Compiled {
  const AlgebraRule* rule;
  Pattern pattern, replacement;
};

// By the operator at the root of the pattern.
const std::multimap<std::string, Compiled, std::less<>>& compiled() {
  static const auto table = [] {
    std::multimap<std::string, Compiled, std::less<>> rules;
    for (const AlgebraRule& rule : algebra_rules()) {
      Pattern pattern = parse_pattern(rule.pattern);
      std::string op = pattern.op;
      rules.emplace(std::move(op), Compiled{&rule, std::move(pattern), parse_pattern(rule.replacement)});
    }
    return rules;
  }();
  return table;
}

bool dtypes_fit(const AlgebraRule& rule, const Match& match) {
  for (const auto& [name, value] : match.values)
    if (name != "p" && name != "q" && !dtype_allowed(rule.numbers, value->type().dtype)) return false;
  return true;
}

Result<bool> apply(Node* node, const PassContext& context) {
  auto [first, last] = compiled().equal_range(node->op());
  for (auto it = first; it != last; ++it) {
    const Compiled& c = it->second;
    if (context.exact && !c.rule->exact) continue;
    auto found = match(c.pattern, node->result());
    if (!found || !dtypes_fit(*c.rule, *found)) continue;
    if (c.rule->needs_closed && !closed(*found)) continue;
    if (c.rule->condition != nullptr && !c.rule->condition(*found)) continue;
    Builder builder(*node->graph(), node, joined_sources(*found));
    Value* value = build(c.replacement, *found, builder, node->result()->type().dtype);
    TRY(builder.finish());
    if (replace(node, value)) return true;
  }
  return false;
}

}  // namespace

Result<bool> algebra(Graph& graph, const PassContext& context) {
  bool changed = false;
  // Every rule makes the graph smaller or cheaper; the bound is for rules that would undo each other.
  for (int round = 0; round < 16; ++round) {
    bool again = false;
    for (Node* node : all_nodes(graph)) {
      if (node->result_count() != 1 || node->result() == nullptr || node->result()->unused()) continue;
      if (!node->result()->type().is_ranked_tensor())
        continue;  // of two unknown ranks nobody can say that they are equal
      if (TRY(apply(node, context))) again = true;
    }
    if (!again) break;
    changed = true;
    graph.remove_dead_nodes();
  }
  return changed;
}

}  // namespace burnish::passes
