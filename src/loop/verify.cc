#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/checked.h"
#include "loop/nest.h"

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;

class Verifier {
 public:
  explicit Verifier(const Nest& nest)
      : nest_(nest), used_(nest.expressions.size()), needs_(nest.expressions.size(), -1) {}

  Status run() {
    TRY(declarations());
    for (std::size_t e = 0; e < nest_.expressions.size(); ++e) TRY(expression(e));
    for (std::size_t s = 0; s < nest_.statements.size(); ++s) TRY(statement(s));
    return {};
  }

 private:
  template <class... Args>
  static std::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
    return internal_error(fmt::format(format, std::forward<Args>(args)...), "nest");
  }
  bool is_axis(int a) const { return a >= 0 && a < static_cast<int>(nest_.axes.size()); }
  const ScalarExpression& at(int e) const { return nest_.expressions[static_cast<std::size_t>(e)]; }

  Status declarations() {
    std::set<std::string> names;
    for (const auto& a : nest_.axes)
      if (!names.insert(a.name).second) return fail("two axes are called {}", a.name);
    names.clear();
    bool outputs = false;
    for (const auto& o : nest_.operands) {
      if (!names.insert(o.name).second) return fail("two operands are called {}", o.name);
      if (!o.type.is_ranked_tensor()) return fail("operand {} is no tensor of known rank", o.name);
      if (outputs && !o.output) return fail("input {} follows an output", o.name);
      outputs |= o.output;
    }
    std::set<int> seen;
    for (int a : nest_.outer)
      if (!is_axis(a) || !seen.insert(a).second) return fail("outer axis {} is unknown or listed twice", a);
    return {};
  }

  // Smallest and largest value of an index without expression, when all numbers are known; nullopt: nothing to say.
  std::optional<std::pair<int64_t, int64_t>> bounds(const Index& index) const {
    if (index.expression >= 0 || !index.offset.is_constant()) return std::nullopt;
    int64_t low = index.offset.value(), high = low;
    for (const auto& term : index.terms) {
      auto extent = nest_.axes[static_cast<std::size_t>(term.axis)].extent.constant();
      auto coefficient = term.coefficient.constant();
      if (!extent || !coefficient || *extent <= 0) return std::nullopt;
      auto reach = checked_mul(*coefficient, *extent - 1);
      auto next = reach ? checked_add(*reach < 0 ? low : high, *reach) : std::nullopt;
      if (!next) return std::nullopt;
      (*reach < 0 ? low : high) = *next;
    }
    return std::pair(low, high);
  }

  Status indices(int operand, const std::vector<Index>& list, bool guarded, int before, std::set<int>* used,
                 int* needs) {
    const NestOperand& o = nest_.operands[static_cast<std::size_t>(operand)];
    if (static_cast<int64_t>(list.size()) != o.type.rank())
      return fail("{} has rank {} and is indexed by {}", o.name, o.type.rank(), list.size());
    for (std::size_t d = 0; d < list.size(); ++d) {
      const Index& index = list[d];
      for (const auto& term : index.terms) {
        if (!is_axis(term.axis)) return fail("an index of {} names no axis", o.name);
        used->insert(term.axis);
      }
      if (index.expression >= 0) {
        if (index.expression >= before) return fail("an index of {} reads a later expression", o.name);
        if (!is_integer(at(index.expression).dtype)) return fail("an index of {} is no integer", o.name);
        const auto& inner = used_[static_cast<std::size_t>(index.expression)];
        used->insert(inner.begin(), inner.end());
        *needs = std::max(*needs, needs_[static_cast<std::size_t>(index.expression)]);
      }
      auto range = guarded ? std::nullopt : bounds(index);
      auto extent = o.type.dims[d].constant();
      if (range && extent && (range->first < 0 || range->second >= *extent) && !empty(list))
        return fail("dim {} of {} is {}, its index runs from {} to {}", d, o.name, *extent, range->first,
                    range->second);
    }
    return {};
  }
  // Nothing is accessed when an axis in use has no positions.
  bool empty(const std::vector<Index>& list) const {
    for (const auto& index : list)
      for (const auto& term : index.terms)
        if (nest_.axes[static_cast<std::size_t>(term.axis)].extent == Dim(0)) return true;
    for (int a : nest_.outer)
      if (nest_.axes[static_cast<std::size_t>(a)].extent == Dim(0)) return true;
    return false;
  }

  Status expression(std::size_t number) {
    const auto& e = nest_.expressions[number];
    auto& used = used_[number];
    int& needs = needs_[number];
    for (int a : e.arguments) {
      if (a < 0 || a >= static_cast<int>(number)) return fail("%{} reads %{}, which is not earlier", number, a);
      used.insert(used_[static_cast<std::size_t>(a)].begin(), used_[static_cast<std::size_t>(a)].end());
      needs = std::max(needs, needs_[static_cast<std::size_t>(a)]);
    }
    if (e.dtype == DType::string) return fail("%{} is a string", number);
    switch (e.kind) {
      case Kind::constant:
      case Kind::anchor: break;
      case Kind::size:
        if (!is_integer(e.dtype) && !is_float(e.dtype)) return fail("%{} is a size of dtype {}", number, name(e.dtype));
        break;
      case Kind::axis:
        if (!is_axis(e.axis)) return fail("%{} names no axis", number);
        used.insert(e.axis);
        break;
      case Kind::load: {
        if (e.operand < 0 || e.operand >= static_cast<int>(nest_.operands.size()))
          return fail("%{} loads nothing", number);
        const auto& o = nest_.operands[static_cast<std::size_t>(e.operand)];
        if (o.output) return fail("%{} loads the output {}", number, o.name);
        if (o.type.dtype != e.dtype) return fail("%{} loads {} as {}", number, o.name, name(e.dtype));
        TRY(indices(e.operand, e.index, e.guarded, static_cast<int>(number), &used, &needs));
        break;
      }
      case Kind::temporary: {
        if (e.statement < 0 || e.statement >= static_cast<int>(nest_.statements.size()))
          return fail("%{} reads no statement", number);
        const auto& s = nest_.statements[static_cast<std::size_t>(e.statement)];
        if (s.kind != Statement::Kind::reduce) return fail("%{} reads a store", number);
        if (s.expression < 0 || s.expression >= static_cast<int>(number))
          return fail("%{} reads a later result", number);
        if (at(s.expression).dtype != e.dtype) return fail("%{} reads t{} as {}", number, e.statement, name(e.dtype));
        needs = e.statement;
        break;
      }
      case Kind::apply: return apply(number);
      case Kind::cast:
        if (e.arguments.size() != 1) return fail("%{} casts {} values", number, e.arguments.size());
        break;
      case Kind::checked:
        if (e.arguments.size() != 2) return fail("%{} checks {} values", number, e.arguments.size());
        for (int a : e.arguments)
          if (at(a).dtype != DType::i64) return fail("%{} checks the {} %{}", number, name(at(a).dtype), a);
        if (e.dtype != DType::i64) return fail("%{} is a checked {}", number, name(e.dtype));
        break;
    }
    return {};
  }

  Status apply(std::size_t number) {
    const auto& e = nest_.expressions[number];
    const ScalarInfo& row = info(e.function);
    if (static_cast<int>(e.arguments.size()) != row.arity)
      return fail("%{}: {} takes {} arguments, not {}", number, row.name, row.arity, e.arguments.size());
    std::size_t first = 0;
    if (e.function == Scalar::select) {
      if (at(e.arguments[0]).dtype != DType::boolean) return fail("%{}: the condition is no bool", number);
      first = 1;
    }
    const DType dtype = at(e.arguments[first]).dtype;
    for (std::size_t i = first; i < e.arguments.size(); ++i)
      if (at(e.arguments[i]).dtype != dtype)
        return fail("%{}: {} of {} and {}", number, row.name, name(dtype), name(at(e.arguments[i]).dtype));
    if (e.dtype != (row.result == ScalarResult::boolean ? DType::boolean : dtype))
      return fail("%{}: {} of {} is not {}", number, row.name, name(dtype), name(e.dtype));
    return {};
  }

  Status statement(std::size_t number) {
    const auto& s = nest_.statements[number];
    if (s.expression < 0 || s.expression >= static_cast<int>(nest_.expressions.size()))
      return fail("statement {} has no expression", number);
    std::set<int> scope(nest_.outer.begin(), nest_.outer.end());
    for (int a : s.axes)
      if (!is_axis(a) || !scope.insert(a).second) return fail("statement {}: axis {} is unknown or in use", number, a);
    std::set<int> used = used_[static_cast<std::size_t>(s.expression)];
    int needs = needs_[static_cast<std::size_t>(s.expression)];
    if (s.kind == Statement::Kind::store) {
      if (s.operand < 0 || s.operand >= static_cast<int>(nest_.operands.size()))
        return fail("statement {} stores nowhere", number);
      const auto& o = nest_.operands[static_cast<std::size_t>(s.operand)];
      if (!o.output) return fail("statement {} stores to the input {}", number, o.name);
      if (o.type.dtype != at(s.expression).dtype)
        return fail("statement {} stores {} to {} of {}", number, name(at(s.expression).dtype), o.name,
                    name(o.type.dtype));
      TRY(indices(s.operand, s.index, false, static_cast<int>(nest_.expressions.size()), &used, &needs));
    } else if (!s.index.empty() || s.operand != -1) {
      return fail("statement {} reduces and stores", number);
    }
    for (int a : used)
      if (!scope.contains(a))
        return fail("statement {} uses the axis {} outside its loop", number,
                    nest_.axes[static_cast<std::size_t>(a)].name);
    if (needs >= static_cast<int>(number))
      return fail("statement {} needs t{}, which is not computed yet", number, needs);
    return {};
  }

  const Nest& nest_;
  std::vector<std::set<int>> used_;  // axes that an expression depends on
  std::vector<int> needs_;           // the last statement that it depends on
};

}  // namespace

Status verify(const Nest& nest) { return Verifier(nest).run(); }

}  // namespace burnish
