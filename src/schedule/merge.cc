#include "schedule/merge.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;

std::size_t at_size(int i) { return static_cast<std::size_t>(i); }

// Copies expressions of one nest into another: operands are renumbered, axes become indices, some expressions are replaced.
class Copier {
 public:
  Copier(Nest& to, const Nest& from) : to_(to), from_(from), copies_(from.expressions.size(), -1) {
    axes.resize(from.axes.size());
    operands.assign(from.operands.size(), -1);
  }

  std::vector<std::optional<Index>> axes;  // per axis of `from`; none: it has no counterpart
  std::vector<int> operands;               // per operand of `from`
  void replace(int expression, int by) { copies_[at_size(expression)] = by; }

  // -1: the expression has no counterpart.
  int copy(int number) {
    int& known = copies_[at_size(number)];
    if (known >= 0) return known;
    ScalarExpression e = from_.expressions[at_size(number)];
    switch (e.kind) {
      case Kind::constant:
      case Kind::size: break;
      case Kind::anchor:
      case Kind::temporary: return -1;
      case Kind::axis: {
        const auto& index = axes[at_size(e.axis)];
        if (!index) return -1;
        const int value = index_value(*index, e.dtype);
        return value < 0 ? -1 : copies_[at_size(number)] = value;
      }
      case Kind::load: {
        if (operands[at_size(e.operand)] < 0) return -1;
        e.operand = operands[at_size(e.operand)];
        for (Index& index : e.index) {
          auto there = substitute(index);
          if (!there) return -1;
          index = std::move(*there);
        }
        break;
      }
      case Kind::apply:
      case Kind::cast:
      case Kind::checked:
        for (int& argument : e.arguments)
          if ((argument = copy(argument)) < 0) return -1;
        break;
    }
    return copies_[at_size(number)] = add(std::move(e));
  }

  std::optional<Index> substitute(const Index& index) {
    Index result;
    result.offset = index.offset;
    if (index.expression >= 0 && (result.expression = copy(index.expression)) < 0) return std::nullopt;
    for (const Index::Term& term : index.terms) {
      const auto& axis = axes[at_size(term.axis)];
      if (!axis) return std::nullopt;
      result.offset += term.coefficient * axis->offset;
      for (const Index::Term& part : axis->terms) add_term(result, part.axis, term.coefficient * part.coefficient);
      if (axis->expression < 0) continue;
      if (result.expression >= 0 || term.coefficient != Dim(1)) return std::nullopt;
      result.expression = axis->expression;
    }
    return result;
  }

 private:
  static void add_term(Index& index, int axis, const Dim& coefficient) {
    for (Index::Term& term : index.terms) {
      if (term.axis != axis) continue;
      term.coefficient += coefficient;
      return;
    }
    index.terms.push_back({axis, coefficient});
  }

  int add(ScalarExpression e) {
    const auto found = std::find(to_.expressions.begin(), to_.expressions.end(), e);
    if (found != to_.expressions.end()) return static_cast<int>(found - to_.expressions.begin());
    to_.expressions.push_back(std::move(e));
    return static_cast<int>(to_.expressions.size()) - 1;
  }

  int number(const Dim& dim, DType dtype) {
    ScalarExpression e;
    e.kind = dim.is_constant() ? Kind::constant : Kind::size;
    e.dtype = dtype;
    if (dim.is_constant()) e.value = static_cast<double>(dim.value());
    else e.dim = dim;
    return add(std::move(e));
  }

  int apply(Scalar function, int a, int b) {
    ScalarExpression e;
    e.kind = Kind::apply;
    e.function = function;
    e.dtype = to_.expressions[at_size(a)].dtype;
    e.arguments = {a, b};
    return add(std::move(e));
  }

  // An index as a number of `dtype`.
  int index_value(const Index& index, DType dtype) {
    int sum = -1;
    const auto plus = [&](int value) { sum = sum < 0 ? value : apply(Scalar::add, sum, value); };
    for (const Index::Term& term : index.terms) {
      ScalarExpression e;
      e.kind = Kind::axis;
      e.dtype = dtype;
      e.axis = term.axis;
      const int axis = add(std::move(e));
      plus(term.coefficient == Dim(1) ? axis : apply(Scalar::mul, axis, number(term.coefficient, dtype)));
    }
    if (index.expression >= 0) {
      if (to_.expressions[at_size(index.expression)].dtype != dtype) return -1;
      plus(index.expression);
    }
    if (index.offset != Dim(0) || sum < 0) plus(number(index.offset, dtype));
    return sum;
  }

  Nest& to_;
  const Nest& from_;
  std::vector<int> copies_;
};

bool has_one_position(const Nest& nest, int axis) { return nest.axes[at_size(axis)].extent == Dim(1); }

// The axis that an index walks, -1 where it stays at 0, nullopt where it is anything else. Axes of one position count
// as staying.
std::optional<int> walked(const Nest& nest, const Index& index) {
  if (index.expression >= 0 || index.offset != Dim(0)) return std::nullopt;
  int axis = -1;
  for (const Index::Term& term : index.terms) {
    if (has_one_position(nest, term.axis)) continue;
    if (axis >= 0 || term.coefficient != Dim(1)) return std::nullopt;
    axis = term.axis;
  }
  return axis;
}

// Removes expressions and operands that nothing reads, and brings inputs before outputs.
void compact(Group& group) {
  Nest& nest = group.kernel.nest;
  std::vector<bool> live(nest.expressions.size(), false);
  std::vector<int> todo;
  const auto want = [&](int e) {
    if (e >= 0 && !live[at_size(e)]) live[at_size(e)] = true, todo.push_back(e);
  };
  const auto want_index = [&](const std::vector<Index>& list) {
    for (const Index& index : list) want(index.expression);
  };
  for (const Statement& s : nest.statements) want(s.expression), want_index(s.index);
  std::vector<bool> used(nest.operands.size(), false);
  while (!todo.empty()) {
    const ScalarExpression& e = nest.expressions[at_size(todo.back())];
    todo.pop_back();
    for (int a : e.arguments) want(a);
    want_index(e.index);
    if (e.kind == Kind::load) used[at_size(e.operand)] = true;
  }
  for (const Statement& s : nest.statements)
    if (s.kind == Statement::Kind::store) used[at_size(s.operand)] = true;

  std::vector<NestOperand> operands;
  std::vector<Value*> values(group.operands.begin(),
                             group.operands.begin() + static_cast<std::ptrdiff_t>(group.anchor_inputs()));
  std::vector<int> operand_map(nest.operands.size(), -1), expression_map(nest.expressions.size(), -1);
  for (const bool output : {false, true}) {
    for (std::size_t i = 0; i < nest.operands.size(); ++i) {
      if (!used[i] || nest.operands[i].output != output) continue;
      operand_map[i] = static_cast<int>(operands.size());
      operands.push_back(nest.operands[i]);
      operands.back().name = (output ? "y" : "x") + std::to_string(operands.size() - 1);
      values.push_back(group.operands[group.anchor_inputs() + i]);
    }
  }
  std::vector<ScalarExpression> expressions;
  const auto renumber = [&](std::vector<Index>& list) {
    for (Index& index : list)
      if (index.expression >= 0) index.expression = expression_map[at_size(index.expression)];
  };
  for (std::size_t i = 0; i < nest.expressions.size(); ++i) {
    if (!live[i]) continue;
    expression_map[i] = static_cast<int>(expressions.size());
    ScalarExpression& e = expressions.emplace_back(std::move(nest.expressions[i]));
    for (int& a : e.arguments) a = expression_map[at_size(a)];
    renumber(e.index);
    if (e.kind == Kind::load) e.operand = operand_map[at_size(e.operand)];
  }
  for (Statement& s : nest.statements) {
    s.expression = expression_map[at_size(s.expression)];
    renumber(s.index);
    if (s.kind == Statement::Kind::store) s.operand = operand_map[at_size(s.operand)];
  }
  nest.operands = std::move(operands);
  nest.expressions = std::move(expressions);
  group.operands = std::move(values);
}

// The store of an operand that one statement writes; null where several do, each its own elements.
const Statement* only_store(const Nest& nest, int operand) {
  const Statement* found = nullptr;
  for (const Statement& s : nest.statements) {
    if (s.kind != Statement::Kind::store || s.operand != operand) continue;
    if (found != nullptr) return nullptr;
    found = &s;
  }
  return found;
}

// Does a step of the value matter to the expression that reads it?
bool sees_steps(const ScalarExpression& reader) {
  if (reader.kind == Kind::cast) return true;
  if (reader.kind != Kind::apply) return false;
  switch (reader.function) {
    case Scalar::eq:
    case Scalar::ne:
    case Scalar::lt:
    case Scalar::le:
    case Scalar::gt:
    case Scalar::ge:
    case Scalar::is_nan:
    case Scalar::is_inf:
    case Scalar::sign:
    case Scalar::floor:
    case Scalar::ceil:
    case Scalar::round_even:
    case Scalar::trunc: return true;
    default: return false;
  }
}

// The number in `to` of what stands for `load` of the expressions `from`. A value of 16 bits lies in registers with 32, more than it would
// have had in memory. That is welcome in a chain of arithmetic, but not where others see the value as it is stored, nor
// where a comparison or a conversion would tell the two apart: there it is rounded.
int at_seam(Nest& to, int value, const std::vector<ScalarExpression>& from, int load, const Value& seen) {
  const DType dtype = from[at_size(load)].dtype;
  if (dtype != DType::f16 && dtype != DType::bf16) return value;
  bool rounded = seen.is_output() || seen.users().size() > 1;
  for (const ScalarExpression& e : from)
    rounded = rounded || (sees_steps(e) && std::ranges::find(e.arguments, load) != e.arguments.end());
  return rounded ? to.cast(to.cast(value, DType::f32), dtype) : value;
}

}  // namespace

int Group::output_of(const Value* value) const {
  for (std::size_t i = 0; i < kernel.nest.operands.size(); ++i)
    if (kernel.nest.operands[i].output && operands[anchor_inputs() + i] == value) return static_cast<int>(i);
  return -1;
}

bool Group::reads(const Value* value) const {
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (operands[i] == value && !kernel.is_output(i)) return true;
  return false;
}

bool is_pointwise(const Nest& nest) {
  return std::ranges::all_of(nest.statements,
                             [](const auto& s) { return s.kind == Statement::Kind::store && s.axes.empty(); });
}

double pointwise_cost(const Nest& nest) {
  double cost = 0;
  for (const auto& e : nest.expressions) cost += e.kind == Kind::apply ? static_cast<double>(info(e.function).cost) : 0;
  return cost;
}

bool append(Group& producer, const Group& consumer) {
  const Nest& from = consumer.kernel.nest;
  if (consumer.kernel.anchor || !is_pointwise(from)) return false;
  Group result = producer;
  Nest& to = result.kernel.nest;
  Copier copier(to, from);
  std::vector<int> inner;  // axes that the producer's store has for itself
  bool found = false;
  for (std::size_t e = 0; e < from.expressions.size(); ++e) {
    const ScalarExpression& load = from.expressions[e];
    if (load.kind != Kind::load) continue;
    const int output = result.output_of(consumer.operands[at_size(load.operand)]);
    if (output < 0) continue;
    if (load.guarded) return false;
    const Statement* store = only_store(to, output);
    if (store == nullptr || (found && store->axes != inner)) return false;
    inner = store->axes;
    found = true;
    // The same element: their indices walk axes of equal extents, one for one.
    for (std::size_t d = 0; d < load.index.size(); ++d) {
      const auto theirs = walked(from, load.index[d]), ours = walked(to, store->index[d]);
      if (!theirs || !ours || (*theirs < 0) != (*ours < 0)) return false;
      if (*theirs < 0) continue;
      if (from.axes[at_size(*theirs)].extent != to.axes[at_size(*ours)].extent) return false;
      auto& axis = copier.axes[at_size(*theirs)];
      if (axis && axis->terms[0].axis != *ours) return false;
      axis = at(*ours);
    }
    const int place = store->expression;
    copier.replace(static_cast<int>(e), at_seam(to, place, from.expressions, static_cast<int>(e),
                                                *consumer.operands[at_size(load.operand)]));
  }
  if (!found) return false;
  // Every position of one is exactly one of the other.
  std::vector<int> covered;
  for (std::size_t a = 0; a < from.axes.size(); ++a) {
    auto& axis = copier.axes[a];
    if (axis && std::ranges::find(covered, axis->terms[0].axis) != covered.end()) return false;
    if (axis) covered.push_back(axis->terms[0].axis);
    else if (has_one_position(from, static_cast<int>(a))) axis = Index{};
    else return false;
  }
  std::vector<int> all = to.outer;
  all.insert(all.end(), inner.begin(), inner.end());
  for (int a : all)
    if (!has_one_position(to, a) && std::ranges::find(covered, a) == covered.end()) return false;

  for (std::size_t i = 0; i < from.operands.size(); ++i) {
    Value* value = consumer.operands[i];
    if (!from.operands[i].output && result.output_of(value) >= 0) continue;
    int place = -1;
    for (std::size_t k = 0; k < to.operands.size(); ++k)
      if (!from.operands[i].output && !to.operands[k].output && result.operands[result.anchor_inputs() + k] == value)
        place = static_cast<int>(k);
    if (place < 0) {
      place = to.add_operand("x", from.operands[i].type, from.operands[i].output);
      result.operands.push_back(value);
    }
    copier.operands[i] = place;
  }
  for (const Statement& s : from.statements) {
    const int value = copier.copy(s.expression);
    if (value < 0) return false;
    std::vector<Index> index;
    for (const Index& i : s.index) {
      auto there = copier.substitute(i);
      if (!there) return false;
      index.push_back(std::move(*there));
    }
    to.store(copier.operands[at_size(s.operand)], std::move(index), value, inner);
  }
  compact(result);
  producer = std::move(result);
  return true;
}

bool inline_producer(Group& consumer, const Group& producer, const Value* value) {
  const Nest& from = producer.kernel.nest;
  if (producer.kernel.anchor || !is_pointwise(from)) return false;
  for (std::size_t i = 0; i < consumer.anchor_inputs(); ++i)
    if (consumer.operands[i] == value) return false;
  const int output = producer.output_of(value);
  const Statement* store = output < 0 ? nullptr : only_store(from, output);
  if (store == nullptr) return false;

  Group result = consumer;
  // Rebuilt from its start, so that what takes a load's place comes before its readers.
  Nest& to = result.kernel.nest;
  const std::vector<ScalarExpression> old = std::move(to.expressions);
  to.expressions.clear();
  std::vector<int> place(old.size(), -1), operands(from.operands.size(), -1);
  for (std::size_t i = 0; i < from.operands.size(); ++i) {
    if (from.operands[i].output) continue;
    operands[i] = to.add_operand("x", from.operands[i].type, false);
    result.operands.push_back(producer.operands[i]);
  }
  const auto renumber = [&](std::vector<Index>& list) {
    for (Index& index : list)
      if (index.expression >= 0) index.expression = place[at_size(index.expression)];
  };
  for (std::size_t n = 0; n < old.size(); ++n) {
    ScalarExpression e = old[n];
    for (int& a : e.arguments) a = place[at_size(a)];
    renumber(e.index);
    const bool ours = e.kind == Kind::load && !to.operands[at_size(e.operand)].output &&
                      result.operands[result.anchor_inputs() + at_size(e.operand)] == value;
    if (!ours) {
      place[n] = static_cast<int>(to.expressions.size());
      to.expressions.push_back(std::move(e));
      continue;
    }
    if (e.guarded) return false;
    Copier copier(to, from);
    copier.operands = operands;
    for (std::size_t d = 0; d < e.index.size(); ++d) {
      const auto axis = walked(from, store->index[d]);
      if (!axis) return false;
      if (*axis >= 0) copier.axes[at_size(*axis)] = e.index[d];
    }
    for (std::size_t a = 0; a < from.axes.size(); ++a) {
      if (copier.axes[a]) continue;
      if (!has_one_position(from, static_cast<int>(a))) return false;
      copier.axes[a] = Index{};
    }
    const int copied = copier.copy(store->expression);
    if (copied < 0) return false;
    place[n] = at_seam(to, copied, old, static_cast<int>(n), *value);
  }
  for (Statement& s : to.statements) {
    s.expression = place[at_size(s.expression)];
    renumber(s.index);
  }
  // Operands that both read are one.
  const std::size_t first = result.anchor_inputs();
  for (std::size_t i = 0; i < to.operands.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (!to.operands[i].output && !to.operands[k].output && result.operands[first + i] == result.operands[first + k])
        for (ScalarExpression& e : to.expressions)
          if (e.kind == Kind::load && e.operand == static_cast<int>(i)) e.operand = static_cast<int>(k);
  compact(result);
  consumer = std::move(result);
  return true;
}

namespace {

template <class T>
T attribute_or(const Problem& problem, const char* name, T otherwise) {
  const auto found = problem.attributes.find(name);
  const T* value = found == problem.attributes.end() ? nullptr : std::get_if<T>(&found->second);
  return value == nullptr ? otherwise : *value;
}

// Is every element of the result made of one pixel of the image, at the same place?
bool takes_single_pixels(const Problem& problem) {
  const auto all = [&](const char* name, int64_t number) {
    return std::ranges::all_of(attribute_or(problem, name, Ints()), [&](int64_t n) { return n == number; });
  };
  if (problem.family != "convolution" || problem.operands.size() != 2) return false;
  const Dims& w = problem.operands[1].dims;
  return w.size() > 2 && attribute_or(problem, "groups", int64_t{1}) == 1 &&
         std::all_of(w.begin() + 2, w.end(), [](const Dim& d) { return d == Dim(1); }) && all("strides", 1) &&
         all("pads", 0) && attribute_or(problem, "exact", int64_t{0}) == 0;
}

// Does the consumer read `value` once, and the producer give nothing else, each element in its place?
bool hands_over(const Group& producer, const Group& consumer, const Value* value) {
  if (std::ranges::count(consumer.operands, value) != 1 || producer.operands.back() != value) return false;
  const Nest& nest = producer.kernel.nest;
  if (!is_pointwise(nest) || nest.statements.size() != 1) return false;
  const std::vector<Index>& index = nest.statements[0].index;
  if (index.size() != nest.outer.size()) return false;
  for (std::size_t d = 0; d < index.size(); ++d)
    if (!(index[d] == at(nest.outer[d])) && !(index[d] == Index() && value->type().dims[d] == Dim(1))) return false;
  return true;
}

}  // namespace

bool join_separable(Group& consumer, const Group& producer, const Value* value) {
  const Kernel &outer = consumer.kernel, &inner = producer.kernel;
  if (!outer.anchor || !inner.anchor || inner.anchor->family != "convolution" || inner.anchor->operands.size() != 2 ||
      !takes_single_pixels(*outer.anchor) || consumer.operands[0] != value)
    return false;
  const Dims &x = inner.anchor->operands[0].dims, &w = inner.anchor->operands[1].dims;
  const Dim groups = attribute_or(*inner.anchor, "groups", int64_t{1});
  if (x.size() < 3 || x[1] != groups || w[0] != groups || attribute_or(*inner.anchor, "exact", int64_t{0}) != 0 ||
      !hands_over(producer, consumer, value))
    return false;

  Group joined;
  Problem problem;
  problem.family = "separable";
  for (std::size_t i = 0; i + 1 < producer.operands.size(); ++i) {
    problem.operands.push_back(inner.operand_type(i));
    joined.operands.push_back(producer.operands[i]);
  }
  problem.operands.push_back(outer.anchor->operands[1]);
  problem.result = outer.anchor->result;
  problem.before = std::make_shared<const Kernel>(inner);
  joined.operands.insert(joined.operands.end(), consumer.operands.begin() + 1, consumer.operands.end());
  joined.kernel = {std::move(problem), outer.nest};
  consumer = std::move(joined);
  return true;
}

bool join_image(Group& consumer, const Group& producer, const Value* value) {
  const Kernel &outer = consumer.kernel, &inner = producer.kernel;
  if (!outer.anchor || !inner.anchor || consumer.operands[0] != value || !hands_over(producer, consumer, value))
    return false;
  const bool convolution = inner.anchor->family == "convolution" && inner.anchor->operands.size() == 2 &&
                           attribute_or(*inner.anchor, "groups", int64_t{1}) == 1 &&
                           attribute_or(*inner.anchor, "exact", int64_t{0}) == 0;
  if (!convolution && inner.anchor->family != "separable") return false;
  // What gives the image stands before the window that reads it.
  Problem problem = *outer.anchor;
  const auto first = std::make_shared<const Kernel>(inner);
  if (problem.family == "separable" && !problem.before->anchor->before) {
    Kernel window = *problem.before;
    window.anchor->before = first;
    problem.before = std::make_shared<const Kernel>(std::move(window));
  } else if (problem.family == "pool" && !problem.before) {
    problem.before = first;
  } else {
    return false;
  }

  Group joined;
  problem.operands.clear();
  for (std::size_t i = 0; i + 1 < producer.operands.size(); ++i) problem.operands.push_back(inner.operand_type(i));
  problem.operands.insert(problem.operands.end(), outer.anchor->operands.begin() + 1, outer.anchor->operands.end());
  joined.operands.assign(producer.operands.begin(), producer.operands.end() - 1);
  joined.operands.insert(joined.operands.end(), consumer.operands.begin() + 1, consumer.operands.end());
  joined.kernel = {std::move(problem), outer.nest};
  consumer = std::move(joined);
  return true;
}

void drop_result(Group& group, const Value* value) {
  const int output = group.output_of(value);
  if (output < 0) return;
  Nest& nest = group.kernel.nest;
  std::vector<int> places;
  std::vector<Statement> kept;
  for (Statement& s : nest.statements) {
    places.push_back(static_cast<int>(kept.size()));
    if (s.kind != Statement::Kind::store || s.operand != output) kept.push_back(std::move(s));
  }
  nest.statements = std::move(kept);
  for (ScalarExpression& e : nest.expressions)
    if (e.kind == Kind::temporary) e.statement = places[at_size(e.statement)];
  compact(group);
}

void fold_scalars(Group& group) {
  Nest& nest = group.kernel.nest;
  bool changed = false;
  for (ScalarExpression& e : nest.expressions) {
    if (e.kind != Kind::load) continue;
    const Value* value = group.operands[group.anchor_inputs() + at_size(e.operand)];
    const Node* node = value->producer();
    if (node == nullptr || node->op() != "constant") continue;
    const auto* tensor = std::get_if<Tensor>(node->attribute("value"));
    if (tensor == nullptr || tensor->elements() != 1 || number_class(tensor->dtype()) == NumberClass::complex ||
        tensor->dtype() == DType::string)
      continue;
    const double number = tensor->real_at(0);
    // Not exact. The limit itself may be what a larger number was rounded to.
    if (is_integer(tensor->dtype()) && std::abs(number) >= 9007199254740992.0) continue;
    if (e.guarded) continue;
    ScalarExpression constant;
    constant.kind = Kind::constant;
    constant.dtype = e.dtype;
    constant.value = number;
    e = constant;
    changed = true;
  }
  if (changed) compact(group);
}

}  // namespace burnish
