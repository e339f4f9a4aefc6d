#include "codegen/nest/form.h"

#include <algorithm>

#include <fmt/format.h>

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;

std::size_t u(int i) { return static_cast<std::size_t>(i); }

// Equal expressions become one: fusing kernels spells the same subexpression more than once.
void share_expressions(Nest& nest) {
  std::vector<int> first(nest.expressions.size());
  for (std::size_t i = 0; i < nest.expressions.size(); ++i) {
    auto& e = nest.expressions[i];
    for (int& a : e.arguments) a = first[u(a)];
    for (Index& index : e.index)
      if (index.expression >= 0) index.expression = first[u(index.expression)];
    first[i] = static_cast<int>(i);
    for (std::size_t j = 0; j < i; ++j)
      if (first[j] == static_cast<int>(j) && nest.expressions[j] == e) {
        first[i] = static_cast<int>(j);
        break;
      }
  }
  for (auto& s : nest.statements) {
    s.expression = first[u(s.expression)];
    for (Index& index : s.index)
      if (index.expression >= 0) index.expression = first[u(index.expression)];
  }
}

class Former {
 public:
  Former(const Nest& nest, std::span<const Storage> storages) : storages_(storages) {
    form_.nest = nest;
    share_expressions(form_.nest);
    for (const Axis& a : nest.axes) form_.axes.push_back({a.extent, -1, 0});
    form_.outer = nest.outer;
  }

  Result<LoopForm> run() {
    TRY(split_blocks());
    const Nest& nest = form_.nest;
    form_.loads.resize(nest.expressions.size());
    form_.stores.resize(nest.statements.size());
    for (int e : live()) {
      const auto& expression = nest.expressions[u(e)];
      if (expression.kind != Kind::load) continue;
      Access access = form_access(expression.operand, expression.index, expression.guarded);
      access.fallback = expression.fallback;
      form_.loads[u(e)] = std::move(access);
    }
    for (std::size_t s = 0; s < nest.statements.size(); ++s) {
      const auto& statement = nest.statements[s];
      if (statement.kind != Statement::Kind::store) continue;
      for (const Index& index : statement.index)
        if (index.expression >= 0) return refused("a store's index is computed", "nest");
      form_.stores[s] = form_access(statement.operand, statement.index, false);
    }
    lift_stores();
    drop_units();
    collapse();
    return std::move(form_);
  }

 private:
  // Expressions that statements need.
  std::vector<int> live() const {
    std::vector<bool> seen(form_.nest.expressions.size());
    for (const auto& s : form_.nest.statements) seen[u(s.expression)] = true;
    for (std::size_t i = seen.size(); i-- > 0;) {
      if (!seen[i]) continue;
      const auto& e = form_.nest.expressions[i];
      for (int a : e.arguments) seen[u(a)] = true;
      for (const Index& index : e.index)
        if (index.expression >= 0) seen[u(index.expression)] = true;
    }
    std::vector<int> list;
    for (std::size_t i = 0; i < seen.size(); ++i)
      if (seen[i]) list.push_back(static_cast<int>(i));
    return list;
  }

  static int plain_axis(const Index& index) {
    const bool plain = index.terms.size() == 1 && index.terms[0].coefficient == Dim(1) && index.offset == Dim(0) &&
                       index.expression < 0;
    return plain ? index.terms[0].axis : -1;
  }

  // An axis that indexes a dim stored in blocks becomes two, so that both steps are linear.
  Status split_blocks() {
    std::vector<int64_t> block(form_.axes.size(), 1);
    auto note = [&](int operand, const std::vector<Index>& list) {
      for (std::size_t d = 0; d < list.size(); ++d) {
        const int64_t b = block_of(storages_[u(operand)].format, d);
        const int axis = plain_axis(list[d]);
        if (b > 1 && axis >= 0 && block[u(axis)] == 1) block[u(axis)] = b;
      }
    };
    // Outputs first: their blocks win where several differ.
    for (const auto& s : form_.nest.statements)
      if (s.kind == Statement::Kind::store) note(s.operand, s.index);
    for (const auto& e : form_.nest.expressions)
      if (e.kind == Kind::load) note(e.operand, e.index);
    for (const auto& e : form_.nest.expressions)
      if (e.kind == Kind::axis) block[u(e.axis)] = 1;

    split_.assign(form_.axes.size(), -1);
    block_ = block;
    for (std::size_t a = 0; a < block.size(); ++a) {
      if (block[a] == 1) continue;
      const Dim total = form_.axes[a].extent;
      split_[a] = static_cast<int>(form_.axes.size());
      LoopForm::FormAxis inner{Dim(block[a]), -1, 0};
      Dim quotient;
      if (!divides(Dim(block[a]), total, &quotient)) inner.bound = static_cast<int>(a), inner.total = total;
      form_.axes[a].extent = ceildiv(total, Dim(block[a]));
      form_.axes.push_back(inner);
      auto extend = [&](std::vector<int>& list) {
        auto it = std::find(list.begin(), list.end(), static_cast<int>(a));
        if (it != list.end()) list.push_back(split_[a]);
      };
      extend(form_.outer);
      for (auto& s : form_.nest.statements) extend(s.axes);
    }
    split_.resize(form_.axes.size(), -1);
    block_.resize(form_.axes.size(), 1);
    return {};
  }

  LinearIndex linear(const Index& index) const {
    LinearIndex result;
    result.coefficients.assign(form_.axes.size(), Dim(0));
    result.offset = index.offset;
    result.expression = index.expression;
    for (const auto& term : index.terms) {
      result.coefficients[u(term.axis)] += term.coefficient * Dim(block_[u(term.axis)]);
      if (split_[u(term.axis)] >= 0) result.coefficients[u(split_[u(term.axis)])] += term.coefficient;
    }
    return result;
  }

  // Whatever the axes' positions, does the index lie in the dim?
  bool always_inside(const Index& index, const Dim& extent) const {
    if (index.expression >= 0 || index.offset.range().low < 0) return false;
    Dim last = index.offset;
    for (const auto& term : index.terms) {
      if (term.coefficient.range().low < 0) return false;
      last += term.coefficient * (form_.nest.axes[u(term.axis)].extent - Dim(1));
    }
    return less_equal(last + Dim(1), extent) == Truth::yes;
  }

  Access form_access(int operand, const std::vector<Index>& list, bool guarded) const {
    const Storage& storage = storages_[u(operand)];
    const Type& type = form_.nest.operands[u(operand)].type;
    Access access;
    access.operand = operand;
    access.dtype = type.dtype;
    access.steps.assign(form_.axes.size(), Dim(0));
    for (std::size_t d = 0; d < list.size(); ++d) {
      const Dim& stride = storage.strides[d];
      const int64_t block = block_of(storage.format, d);
      const int64_t inner = block > 1 ? inner_stride(storage.format, d) : 0;
      access.offset += Dim(border_of(storage.format, d)) * stride;
      LinearIndex index = linear(list[d]);
      if (guarded && !always_inside(list[d], type.dims[d])) access.guards.push_back({index, type.dims[d]});
      const int axis = plain_axis(list[d]);
      if (block > 1 && axis >= 0 && block_[u(axis)] == block) {
        access.steps[u(axis)] += stride;
        access.steps[u(split_[u(axis)])] += Dim(inner);
      } else if (block > 1 || index.expression >= 0) {
        // Gathered indices are hostile: never outside. An empty dim cannot be clamped into.
        const bool clamp = index.expression >= 0 && !guarded;
        if (clamp && type.dims[d].range().low < 1) {
          LinearIndex first;
          first.coefficients.assign(form_.axes.size(), Dim(0));
          access.guards.push_back({first, type.dims[d]});
        }
        access.computed.push_back({std::move(index), clamp, type.dims[d], stride, block, inner});
      } else {
        for (std::size_t a = 0; a < form_.axes.size(); ++a) access.steps[a] += index.coefficients[a] * stride;
        access.offset += index.offset * stride;
      }
    }
    return access;
  }

  // Stores without reductions around them: their own loops are parallel too.
  void lift_stores() {
    auto& statements = form_.nest.statements;
    if (form_.reduces() || statements.empty()) return;
    auto sorted = [](std::vector<int> v) {
      std::sort(v.begin(), v.end());
      return v;
    };
    for (const auto& s : statements)
      if (sorted(s.axes) != sorted(statements[0].axes)) return;
    form_.outer.insert(form_.outer.end(), statements[0].axes.begin(), statements[0].axes.end());
    for (auto& s : statements) s.axes.clear();
  }

  void drop_units() {
    auto unit = [&](int a) { return form_.axes[u(a)].extent == Dim(1) && form_.axes[u(a)].bound < 0; };
    std::erase_if(form_.outer, unit);
    for (auto& s : form_.nest.statements) std::erase_if(s.axes, unit);
  }

  template <class F>
  void for_each_access(F f) {
    for (auto& a : form_.loads)
      if (a) f(*a);
    for (auto& a : form_.stores)
      if (a) f(*a);
  }

  bool together(int a, int b) const {
    auto in = [](const std::vector<int>& list, int x) { return std::find(list.begin(), list.end(), x) != list.end(); };
    if (in(form_.outer, a) != in(form_.outer, b)) return false;
    for (const auto& s : form_.nest.statements)
      if (in(s.axes, a) != in(s.axes, b)) return false;
    return true;
  }

  bool can_collapse(int a, int b) {
    if (!together(a, b)) return false;
    for (const auto& axis : form_.axes)
      if (axis.bound == a || axis.bound == b) return false;
    if (form_.axes[u(a)].bound >= 0 || form_.axes[u(b)].bound >= 0) return false;
    for (int e : live()) {
      const auto& expression = form_.nest.expressions[u(e)];
      if (expression.kind == Kind::axis && (expression.axis == a || expression.axis == b)) return false;
    }
    const Dim& inner = form_.axes[u(b)].extent;
    bool joint = true;
    auto check = [&](const std::vector<Dim>& steps) { joint = joint && steps[u(a)] == steps[u(b)] * inner; };
    for_each_access([&](Access& access) {
      check(access.steps);
      for (auto& c : access.computed) check(c.index.coefficients);
      for (auto& g : access.guards) check(g.index.coefficients);
    });
    return joint;
  }

  void collapse() {
    auto lists = [&] {
      std::vector<int> all = form_.outer;
      for (const auto& s : form_.nest.statements)
        for (int a : s.axes)
          if (std::find(all.begin(), all.end(), a) == all.end()) all.push_back(a);
      return all;
    };
    for (bool changed = true; changed;) {
      changed = false;
      const std::vector<int> all = lists();
      for (int a : all)
        for (int b : all) {
          if (changed || a == b || !can_collapse(a, b)) continue;
          changed = true;
          form_.axes[u(a)].extent = form_.axes[u(a)].extent * form_.axes[u(b)].extent;
          for_each_access([&](Access& access) {
            auto merge = [&](std::vector<Dim>& steps) { steps[u(a)] = steps[u(b)], steps[u(b)] = Dim(0); };
            merge(access.steps);
            for (auto& c : access.computed) merge(c.index.coefficients);
            for (auto& g : access.guards) merge(g.index.coefficients);
          });
          std::erase(form_.outer, b);
          for (auto& s : form_.nest.statements) std::erase(s.axes, b);
        }
    }
  }

  std::span<const Storage> storages_;
  LoopForm form_;
  std::vector<int> split_;      // the inner part of a split axis
  std::vector<int64_t> block_;  // and its extent
};

}  // namespace

bool LoopForm::reduces() const {
  return std::any_of(nest.statements.begin(), nest.statements.end(),
                     [](const Statement& s) { return s.kind == Statement::Kind::reduce; });
}

std::vector<int> LoopForm::loads_of(int expression) const {
  std::vector<bool> seen(u(expression) + 1);
  seen.back() = true;
  std::vector<int> list;
  for (std::size_t i = seen.size(); i-- > 0;) {
    if (!seen[i]) continue;
    const auto& e = nest.expressions[i];
    for (int a : e.arguments) seen[u(a)] = true;
    for (const Index& index : e.index)
      if (index.expression >= 0) seen[u(index.expression)] = true;
    if (e.kind == Kind::load) list.push_back(static_cast<int>(i));
  }
  return list;
}

bool LoopForm::depends(int expression, int axis) const {
  std::vector<bool> yes(u(expression) + 1);
  for (std::size_t i = 0; i < yes.size(); ++i) {
    const auto& e = nest.expressions[i];
    for (int a : e.arguments) yes[i] = yes[i] || yes[u(a)];
    if (e.kind == Kind::axis) yes[i] = e.axis == axis;
    if (e.kind != Kind::load || !loads[i]) continue;
    auto walks = [&](const LinearIndex& index) {
      return index.coefficients[u(axis)] != Dim(0) || (index.expression >= 0 && yes[u(index.expression)]);
    };
    yes[i] = loads[i]->steps[u(axis)] != Dim(0);
    for (const auto& c : loads[i]->computed) yes[i] = yes[i] || walks(c.index);
    for (const auto& g : loads[i]->guards) yes[i] = yes[i] || walks(g.index);
  }
  return yes.back();
}

double LoopForm::cost(int expression) const {
  std::vector<bool> seen(u(expression) + 1);
  seen.back() = true;
  double sum = 0;
  for (std::size_t i = seen.size(); i-- > 0;) {
    if (!seen[i]) continue;
    const auto& e = nest.expressions[i];
    for (int a : e.arguments) seen[u(a)] = true;
    for (const Index& index : e.index)
      if (index.expression >= 0) seen[u(index.expression)] = true;
    if (e.kind == Kind::apply) sum += static_cast<double>(info(e.function).cost);
    else if (e.kind == Kind::load || e.kind == Kind::cast || e.kind == Kind::checked) sum += 1;
  }
  return sum;
}

int only_operand(const Nest& nest, int expression) {
  std::vector<int> todo = {expression};
  int found = -1;
  while (!todo.empty()) {
    const auto& e = nest.expressions[u(todo.back())];
    todo.pop_back();
    todo.insert(todo.end(), e.arguments.begin(), e.arguments.end());
    if (e.kind != Kind::load) continue;
    if (found >= 0 && found != e.operand) return -1;
    found = e.operand;
  }
  return found;
}

Result<LoopForm> loop_form(const Nest& nest, std::span<const Storage> storages) {
  if (storages.size() != nest.operands.size())
    return internal_error(fmt::format("{} storages for {} operands", storages.size(), nest.operands.size()), "nest");
  for (std::size_t i = 0; i < storages.size(); ++i) {
    const auto& operand = nest.operands[i];
    if (storages[i].format.dtype != operand.type.dtype || storages[i].strides.size() != operand.type.dims.size())
      return internal_error(
          fmt::format("{} of {} is stored as {}", operand.name, operand.type.text(), name(storages[i].format.dtype)),
          "nest");
    TRY(verify(storages[i].format, operand.type.rank()));
  }
  return Former(nest, storages).run();
}

std::vector<LoopForm> fill_forms(const NestOperand& operand, int number, const Storage& storage) {
  const Format& format = storage.format;
  const Dims& dims = operand.type.dims;
  std::vector<LoopForm> forms;
  struct Part {
    Dim start, extent, step;
  };
  // What dim d spans in memory: one or two loops.
  auto whole = [&](std::size_t d) -> std::vector<Part> {
    const int64_t block = block_of(format, d);
    if (block == 1) return {{0, dims[d] + Dim(2 * border_of(format, d)), storage.strides[d]}};
    return {{0, ceildiv(dims[d], Dim(block)), storage.strides[d]}, {0, Dim(block), Dim(inner_stride(format, d))}};
  };
  auto add = [&](std::size_t special, std::vector<Part> parts) {
    LoopForm form;
    Access access;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      std::vector<Part> list = d == special ? parts : whole(d);
      // Corners belong to the first dim's slabs.
      if (d < special && border_of(format, d) > 0) list = {{Dim(border_of(format, d)), dims[d], storage.strides[d]}};
      for (const Part& part : list) {
        access.offset += part.start * part.step;
        if (part.extent == Dim(1)) continue;
        form.outer.push_back(static_cast<int>(form.axes.size()));
        form.axes.push_back({part.extent, -1, 0});
        access.steps.push_back(part.step);
      }
    }
    access.operand = number;
    access.dtype = operand.type.dtype;
    form.nest.constant(format.fill, operand.type.dtype);
    Statement store;
    store.operand = number;
    store.expression = 0;
    form.nest.statements.push_back(store);
    form.loads.resize(1);
    form.stores.push_back(std::move(access));
    // Adjacent loops that step jointly become one.
    Access& a = *form.stores[0];
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < form.outer.size() && !changed; ++i)
        for (std::size_t j = 0; j < form.outer.size() && !changed; ++j) {
          const auto x = u(form.outer[i]), y = u(form.outer[j]);
          if (x == y || a.steps[x] != a.steps[y] * form.axes[y].extent) continue;
          form.axes[x].extent = form.axes[x].extent * form.axes[y].extent;
          a.steps[x] = a.steps[y];
          form.outer.erase(form.outer.begin() + static_cast<std::ptrdiff_t>(j));
          changed = true;
        }
    }
    forms.push_back(std::move(form));
  };
  for (std::size_t d = 0; d < dims.size(); ++d) {
    const int64_t border = border_of(format, d), block = block_of(format, d);
    if (border > 0) {
      add(d, {{0, Dim(border), storage.strides[d]}});
      add(d, {{dims[d] + Dim(border), Dim(border), storage.strides[d]}});
    }
    Dim quotient;
    if (block > 1 && !divides(Dim(block), dims[d], &quotient)) {
      const Dim blocks = ceildiv(dims[d], Dim(block)), missing = blocks * Dim(block) - dims[d];
      add(d, {{blocks - Dim(1), Dim(1), storage.strides[d]},
              {Dim(block) - missing, missing, Dim(inner_stride(format, d))}});
    }
  }
  return forms;
}

}  // namespace burnish
