#include "codegen/nest/groups.h"

#include <algorithm>

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;
std::size_t u(int i) { return static_cast<std::size_t>(i); }
bool contains(const std::vector<int>& list, int x) { return std::find(list.begin(), list.end(), x) != list.end(); }

// Does the expression read the result of one of the statements?
bool needs(const LoopForm& form, int expression, const std::vector<int>& statements) {
  std::vector<bool> seen(u(expression) + 1);
  seen.back() = true;
  for (std::size_t i = seen.size(); i-- > 0;) {
    if (!seen[i]) continue;
    const auto& e = form.nest.expressions[i];
    if (e.kind == Kind::temporary && contains(statements, e.statement)) return true;
    for (int a : e.arguments) seen[u(a)] = true;
    for (const Index& index : e.index)
      if (index.expression >= 0) seen[u(index.expression)] = true;
  }
  return false;
}

// Could the store, whose output may lie in the memory of an input, overwrite what statements before it read elsewhere in
// the row (may_share)?
bool overwrites(const LoopForm& form, const Statement& store, const std::vector<int>& before) {
  for (int s : before)
    for (int e : form.loads_of(form.nest.statements[u(s)].expression)) {
      const auto& load = form.nest.expressions[u(e)];
      if (load.index != store.index &&
          form.nest.operands[u(load.operand)].type == form.nest.operands[u(store.operand)].type)
        return true;
    }
  return false;
}

}  // namespace

std::vector<StatementGroup> statement_groups(const LoopForm& form) {
  std::vector<StatementGroup> groups;
  for (std::size_t s = 0; s < form.nest.statements.size(); ++s) {
    const Statement& statement = form.nest.statements[s];
    std::vector<int> axes = statement.axes;
    std::sort(axes.begin(), axes.end());
    const bool reduce = statement.kind == Statement::Kind::reduce;
    if (!groups.empty()) {
      auto& last = groups.back();
      if (last.axes == axes && last.reduce == reduce && !needs(form, statement.expression, last.statements) &&
          (reduce || axes.empty() || !overwrites(form, statement, last.statements))) {
        last.statements.push_back(static_cast<int>(s));
        continue;
      }
    }
    groups.push_back({{static_cast<int>(s)}, std::move(axes), reduce});
  }
  return groups;
}

}  // namespace burnish
