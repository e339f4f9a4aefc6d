#include "loop/nest.h"

#include <algorithm>

#include "loop/kernel.h"

namespace burnish {
namespace {

// Names appear in the text form, so they must tell axes and operands apart.
template <class List>
std::string unique_name(const List& list, std::string name) {
  auto taken = [&](const std::string& candidate) {
    return std::any_of(list.begin(), list.end(), [&](const auto& item) { return item.name == candidate; });
  };
  if (!taken(name)) return name;
  for (int i = 2;; ++i) {
    std::string candidate = name + "_" + std::to_string(i);
    if (!taken(candidate)) return candidate;
  }
}

int add_expression(Nest& nest, ScalarExpression expression) {
  nest.expressions.push_back(std::move(expression));
  return static_cast<int>(nest.expressions.size()) - 1;
}

}  // namespace

int Nest::add_operand(std::string name, Type type, bool output) {
  operands.push_back({unique_name(operands, std::move(name)), std::move(type), output});
  return static_cast<int>(operands.size()) - 1;
}

int Nest::add_axis(std::string name, Dim extent) {
  axes.push_back({unique_name(axes, std::move(name)), std::move(extent)});
  return static_cast<int>(axes.size()) - 1;
}

int Nest::constant(double value, DType dtype) {
  ScalarExpression e;
  e.kind = ScalarExpression::Kind::constant;
  e.dtype = dtype;
  e.value = value;
  return add_expression(*this, std::move(e));
}

int Nest::load(int operand, std::vector<Index> index) {
  ScalarExpression e;
  e.kind = ScalarExpression::Kind::load;
  e.dtype = operands.at(static_cast<std::size_t>(operand)).type.dtype;
  e.operand = operand;
  e.index = std::move(index);
  return add_expression(*this, std::move(e));
}

int Nest::anchor(DType dtype) {
  ScalarExpression e;
  e.kind = ScalarExpression::Kind::anchor;
  e.dtype = dtype;
  return add_expression(*this, std::move(e));
}

int Nest::apply(Scalar function, std::vector<int> arguments) {
  const ScalarInfo& row = info(function);
  CHECK(static_cast<int>(arguments.size()) == row.arity, std::string(row.name));
  ScalarExpression e;
  e.kind = ScalarExpression::Kind::apply;
  // A selection's condition comes first; its dtype is that of the values.
  e.dtype = row.result == ScalarResult::boolean ? DType::boolean
                                                : expressions.at(static_cast<std::size_t>(arguments.back())).dtype;
  e.function = function;
  e.arguments = std::move(arguments);
  return add_expression(*this, std::move(e));
}

int Nest::cast(int argument, DType dtype) {
  if (expressions.at(static_cast<std::size_t>(argument)).dtype == dtype) return argument;
  ScalarExpression e;
  e.kind = ScalarExpression::Kind::cast;
  e.dtype = dtype;
  e.arguments = {argument};
  return add_expression(*this, std::move(e));
}

int Nest::checked(int value, Dim extent, int given) {
  ScalarExpression e;
  e.kind = ScalarExpression::Kind::checked;
  e.dtype = expressions.at(static_cast<std::size_t>(value)).dtype;
  e.dim = std::move(extent);
  e.arguments = {value, given};
  return add_expression(*this, std::move(e));
}

int Nest::reduce(Reduction reduction, std::vector<int> reduced, int expression) {
  Statement s;
  s.kind = Statement::Kind::reduce;
  s.axes = std::move(reduced);
  s.expression = expression;
  s.reduction = reduction;
  statements.push_back(std::move(s));
  ScalarExpression e;
  e.kind = ScalarExpression::Kind::temporary;
  e.dtype = expressions.at(static_cast<std::size_t>(expression)).dtype;
  e.statement = static_cast<int>(statements.size()) - 1;
  return add_expression(*this, std::move(e));
}

void Nest::store(int operand, std::vector<Index> index, int expression, std::vector<int> inner) {
  Statement s;
  s.kind = Statement::Kind::store;
  s.axes = std::move(inner);
  s.expression = expression;
  s.operand = operand;
  s.index = std::move(index);
  statements.push_back(std::move(s));
}

namespace {

// The axis when an index is that axis and nothing else; -1 otherwise.
int plain_axis(const Index& index) {
  const bool plain =
      index.terms.size() == 1 && index.terms[0].coefficient == Dim(1) && index.offset == Dim(0) && index.expression < 0;
  return plain ? index.terms[0].axis : -1;
}

// Marks the expressions that `root` is made of; temporaries are leaves.
void mark(const Nest& nest, int root, std::vector<bool>& seen) {
  if (root < 0 || seen[static_cast<std::size_t>(root)]) return;
  seen[static_cast<std::size_t>(root)] = true;
  const auto& e = nest.expressions[static_cast<std::size_t>(root)];
  for (int a : e.arguments) mark(nest, a, seen);
  for (const Index& index : e.index) mark(nest, index.expression, seen);
}

}  // namespace

std::string outside_text(int64_t index, int64_t low, int64_t high, std::string_view source) {
  std::string text = "index " + std::to_string(index);
  text.append(source).append(" is out of range");
  if (high < 0) return text + ": nothing is there";
  return text + ": " + std::to_string(low) + " to " + std::to_string(high) + " are there";
}

bool may_share(const Nest& nest, int input, int output) {
  const auto& in = nest.operands.at(static_cast<std::size_t>(input));
  const auto& out = nest.operands.at(static_cast<std::size_t>(output));
  if (in.output || !out.output || !(in.type == out.type)) return false;
  int store = -1;
  for (std::size_t s = 0; s < nest.statements.size(); ++s) {
    if (nest.statements[s].operand != output) continue;
    if (store >= 0) return false;
    store = static_cast<int>(s);
  }
  if (store < 0) return false;
  const Statement& target = nest.statements[static_cast<std::size_t>(store)];
  auto is_outer = [&](int a) { return std::find(nest.outer.begin(), nest.outer.end(), a) != nest.outer.end(); };
  std::vector<int> stored;
  for (const Index& index : target.index) {
    const int axis = plain_axis(index);
    if (axis < 0 || std::find(stored.begin(), stored.end(), axis) != stored.end()) return false;
    stored.push_back(axis);
  }
  // Every iteration must own its element.
  auto owned = [&](int a) {
    return nest.axes[static_cast<std::size_t>(a)].extent == Dim(1) ||
           std::find(stored.begin(), stored.end(), a) != stored.end();
  };
  if (!std::all_of(nest.outer.begin(), nest.outer.end(), owned) ||
      !std::all_of(target.axes.begin(), target.axes.end(), owned))
    return false;

  for (std::size_t s = 0; s < nest.statements.size(); ++s) {
    std::vector<bool> seen(nest.expressions.size());
    mark(nest, nest.statements[s].expression, seen);
    for (const Index& index : nest.statements[s].index) mark(nest, index.expression, seen);
    for (std::size_t e = 0; e < seen.size(); ++e) {
      const auto& load = nest.expressions[e];
      if (!seen[e] || load.kind != ScalarExpression::Kind::load || load.operand != input) continue;
      if (static_cast<int>(s) > store) return false;
      if (static_cast<int>(s) == store) {
        if (load.index != target.index) return false;
        continue;
      }
      // Stores over the same axes may share one pass: what the earlier one reads must not have been overwritten in it.
      const Statement& reader = nest.statements[s];
      if (reader.kind == Statement::Kind::store && std::ranges::is_permutation(reader.axes, target.axes)) {
        if (load.index != target.index) return false;
        continue;
      }
      // An earlier statement may read the whole row of its own task.
      for (std::size_t d = 0; d < stored.size(); ++d)
        if (is_outer(stored[d]) && plain_axis(load.index[d]) != stored[d]) return false;
    }
  }
  return true;
}

bool Problem::operator==(const Problem& other) const {
  const bool same_before = before == other.before || (before && other.before && *before == *other.before);
  return family == other.family && operands == other.operands && result == other.result &&
         attributes == other.attributes && same_before;
}

const Type& Kernel::operand_type(std::size_t i) const {
  const std::size_t inputs = anchor ? anchor->operands.size() : 0;
  return i < inputs ? anchor->operands[i] : nest.operands.at(i - inputs).type;
}

bool Kernel::is_output(std::size_t i) const {
  const std::size_t inputs = anchor ? anchor->operands.size() : 0;
  return i >= inputs && nest.operands.at(i - inputs).output;
}

}  // namespace burnish
