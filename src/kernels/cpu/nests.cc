// Kernels without an anchor: emitted loops. And those with one that no family has code for, spelled out as loops.

#include <algorithm>
#include <set>

#include "codegen/cpu/nest_emit.h"
#include "kernels/cpu/expand.h"
#include "kernels/cpu/family.h"

namespace burnish {
namespace {

// Axes that the loads of an expression walk.
std::set<int> axes_of(const Nest& nest, int expression) {
  std::set<int> axes;
  std::vector<int> todo = {expression};
  while (!todo.empty()) {
    const auto& e = nest.expressions[static_cast<std::size_t>(todo.back())];
    todo.pop_back();
    todo.insert(todo.end(), e.arguments.begin(), e.arguments.end());
    if (e.kind == ScalarExpression::Kind::axis) axes.insert(e.axis);
    for (const Index& index : e.index) {
      if (index.expression >= 0) todo.push_back(index.expression);
      for (const auto& term : index.terms) axes.insert(term.axis);
    }
  }
  return axes;
}

// Sums of products of which each factor is used again and again: what a family would keep in registers.
bool is_contraction(const Nest& nest) {
  for (const Statement& s : nest.statements) {
    if (s.kind != Statement::Kind::reduce || s.reduction != Reduction::sum) continue;
    const auto& product = nest.expressions[static_cast<std::size_t>(s.expression)];
    if (product.kind != ScalarExpression::Kind::apply || product.function != Scalar::mul) continue;
    const std::set<int> a = axes_of(nest, product.arguments[0]), b = axes_of(nest, product.arguments[1]);
    const auto alone = [&](const std::set<int>& ours, const std::set<int>& theirs) {
      return std::ranges::any_of(nest.outer, [&](int axis) {
        return nest.axes[static_cast<std::size_t>(axis)].extent != Dim(1) && ours.contains(axis) &&
               !theirs.contains(axis);
      });
    };
    if (alone(a, b) && alone(b, a)) return true;
  }
  return false;
}

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  for (Tactic& tactic : nest_tactics(kernel, cpu, &why_not)) {
    if (is_contraction(kernel.nest)) {
      tactic.name = kPlainLoops;
      tactic.why = "no family has such sums of products";
    }
    found.push_back(std::move(tactic));
  }
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  return emit_nest(kernel, tactic, storages, cpu);
}

void spelled_tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  auto expanded = expand_anchor(kernel);
  if (!expanded) {
    why_not = expanded.error().what;
    return;
  }
  for (Tactic& tactic : nest_tactics(*expanded, cpu, &why_not)) found.push_back(std::move(tactic));
  for (Tactic& tactic : found) tactic.name = kPlainLoops;
}

Result<Emitted> emit_spelled(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                             std::span<const Storage> storages) {
  return emit_nest(TRY(expand_anchor(kernel)), tactic, storages, cpu);
}

}  // namespace

const Family kSpelledOut = {"spelled out", "", spelled_tactics, emit_spelled};

const Family kNests = {"nest", "", tactics, emit};

}  // namespace burnish
