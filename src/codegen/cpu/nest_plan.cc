#include "codegen/cpu/nest_plan.h"

#include <algorithm>
#include <cmath>

#include "codegen/cpu/expression.h"
#include "codegen/nest/groups.h"

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;
std::size_t u(int i) { return static_cast<std::size_t>(i); }
bool contains(const std::vector<int>& list, int x) { return std::find(list.begin(), list.end(), x) != list.end(); }

constexpr double kStrided = 4, kStridedStore = 6, kScattered = 6;
// Work that pays for handing out a task, in scalar instructions.
constexpr int64_t kTaskWork = 1 << 16;

class Planner {
 public:
  Planner(const LoopForm& form, const CpuFeatures& cpu) : form_(form), cpu_(cpu) {}

  LoopPlan run() {
    make_groups();
    choose_axis();
    plan_.lanes = plan_.axis >= 0 || row_vectors() ? lanes() : 1;
    plan_.masks = masks();
    if (plan_.axis >= 0) find_transposed();
    set_unroll();
    set_tasks();
    if (plan_.axis < 0) keep_rows();
    return std::move(plan_);
  }

 private:
  // Of neighbours along an axis: 0 where it does not move, and steps back are as far as steps ahead.
  static int64_t distance(const Dim& step) {
    const auto known = step.constant();
    return known ? std::abs(*known) : std::max(likely(step), likely(Dim(0) - step));
  }
  int64_t extent(int axis) const { return likely(form_.axes[u(axis)].extent); }

  void make_groups() {
    for (StatementGroup& g : statement_groups(form_))
      plan_.groups.push_back({std::move(g.statements), std::move(g.axes), g.reduce, -1, 1});
  }

  // Instructions for one vector's worth of an access when vectors lie along `axis`, per element times lanes.
  double access_cost(const Access& access, int axis, double strided) const {
    for (const auto& c : access.computed) {
      const bool varies = c.index.coefficients[u(axis)] != Dim(0) ||
                          (c.index.expression >= 0 && form_.depends(c.index.expression, axis));
      if (varies) return kScattered;
    }
    double cost = access.steps[u(axis)] == Dim(0) ? 0.5 : access.steps[u(axis)] == Dim(1) ? 1 : strided;
    for (const auto& g : access.guards)
      if (g.index.coefficients[u(axis)] != Dim(0)) cost += 1;
    return cost;
  }

  double statement_cost(int s, int axis) const {
    double cost = 0;
    for (int e : form_.loads_of(form_.nest.statements[u(s)].expression))
      cost += access_cost(*form_.loads[u(e)], axis, kStrided);
    if (form_.stores[u(s)]) cost += 2 * access_cost(*form_.stores[u(s)], axis, kStridedStore);
    // What is computed once a vector: cheap beside memory, but not free.
    return cost + form_.cost(form_.nest.statements[u(s)].expression) * 0.25;
  }

  // A vector axis shorter than a vector wastes lanes.
  double waste(int axis) const {
    const double n = static_cast<double>(std::max<int64_t>(extent(axis), 1));
    const double lanes = cpu_.vector_bytes() / 4;
    return std::ceil(n / lanes) * lanes / n;
  }

  double repeats(const std::vector<int>& axes) const {
    double n = 1;
    for (int a : axes) n *= static_cast<double>(std::max<int64_t>(extent(a), 1));
    return n;
  }

  // Lanes along the outer part of a split axis would end at different inner positions.
  bool is_bound_to(int axis) const {
    return std::any_of(form_.axes.begin(), form_.axes.end(), [&](const auto& a) { return a.bound == axis; });
  }

  bool store_allows(int axis) const {
    if (is_bound_to(axis)) return false;
    for (const auto& s : form_.stores)
      if (s && s->steps[u(axis)] == Dim(0) && s->computed.empty()) return false;
    return true;
  }

  void choose_axis() {
    double best = INFINITY;
    for (int axis : form_.outer) {
      if (!store_allows(axis)) continue;
      double total = 0;
      for (const auto& g : plan_.groups)
        for (int s : g.statements) total += statement_cost(s, axis) * repeats(g.axes);
      total *= waste(axis);
      if (total < best) best = total, plan_.axis = axis;
    }
    // Along the rows: every group chooses among its own axes; groups over the same axes agree.
    double rows = 0;
    std::vector<int> choice(plan_.groups.size(), -1);
    for (std::size_t i = 0; i < plan_.groups.size(); ++i) {
      const auto& group = plan_.groups[i];
      double group_best = INFINITY;
      for (int axis : group.axes) {
        double total = 0;
        bool allowed = !is_bound_to(axis);
        for (const auto& other : plan_.groups) {
          if (other.axes != group.axes) continue;
          for (int s : other.statements) {
            total += statement_cost(s, axis) * repeats(group.axes);
            if (form_.stores[u(s)] && form_.stores[u(s)]->steps[u(axis)] == Dim(0)) allowed = false;
          }
        }
        total *= waste(axis);
        if (allowed && total < group_best) group_best = total, choice[i] = axis;
      }
      if (choice[i] >= 0) {
        for (int s : group.statements) rows += statement_cost(s, choice[i]) * repeats(group.axes) * waste(choice[i]);
        // The lanes meet at the end of a row, and chains start anew.
        rows += group.reduce ? 12.0 : 4.0;
      } else {
        for (int s : group.statements)
          rows += (form_.cost(form_.nest.statements[u(s)].expression) + 1) * repeats(group.axes);
      }
    }
    const bool any = std::any_of(choice.begin(), choice.end(), [](int a) { return a >= 0; });
    if (any && rows < best) {
      plan_.axis = -1;
      for (std::size_t i = 0; i < choice.size(); ++i) plan_.groups[i].axis = choice[i];
    }
    for (auto& g : plan_.groups) order(g.axes, g.axis, g.statements);
    // Groups over the same axes walk them in the same order.
    for (std::size_t i = 0; i < plan_.groups.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (std::is_permutation(plan_.groups[i].axes.begin(), plan_.groups[i].axes.end(), plan_.groups[j].axes.begin(),
                                plan_.groups[j].axes.end()))
          plan_.groups[i].axes = plan_.groups[j].axes;
  }

  bool row_vectors() const {
    return std::any_of(plan_.groups.begin(), plan_.groups.end(), [](const auto& g) { return g.axis >= 0; });
  }

  // Large steps outside. Bound axes follow what they are bound by.
  void order(std::vector<int>& axes, int last, const std::vector<int>& statements) const {
    auto step = [&](int axis) {
      int64_t largest = 0;
      for (int s : statements) {
        if (form_.stores[u(s)]) largest = std::max(largest, distance(form_.stores[u(s)]->steps[u(axis)]) * 4);
        for (int e : form_.loads_of(form_.nest.statements[u(s)].expression))
          largest = std::max(largest, distance(form_.loads[u(e)]->steps[u(axis)]));
      }
      return largest;
    };
    std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) {
      if ((a == last) != (b == last)) return b == last;
      return step(a) > step(b);
    });
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t i = 0; i < axes.size() && !moved; ++i) {
        const int bound = form_.axes[u(axes[i])].bound;
        auto it = std::find(axes.begin() + static_cast<std::ptrdiff_t>(i) + 1, axes.end(), bound);
        if (bound < 0 || it == axes.end()) continue;
        std::rotate(axes.begin() + static_cast<std::ptrdiff_t>(i), it, it + 1);
        moved = true;
      }
    }
  }

  std::vector<bool> live() const {
    std::vector<bool> seen(form_.nest.expressions.size());
    for (const auto& s : form_.nest.statements) seen[u(s.expression)] = true;
    for (std::size_t i = seen.size(); i-- > 0;)
      if (seen[i])
        for (int a : form_.nest.expressions[i].arguments) seen[u(a)] = true;
    return seen;
  }

  static int64_t register_bytes(DType dtype) {
    if (dtype == DType::f16 || dtype == DType::bf16) return 4;
    return static_cast<int64_t>(byte_size(dtype));
  }

  int lanes() const {
    int64_t widest = 1;
    const auto seen = live();
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (!seen[i]) continue;
      bool varies = plan_.axis >= 0 && form_.depends(static_cast<int>(i), plan_.axis);
      for (const auto& g : plan_.groups) varies = varies || (g.axis >= 0 && form_.depends(static_cast<int>(i), g.axis));
      if (varies || form_.nest.expressions[i].kind == Kind::temporary)
        widest = std::max(widest, register_bytes(form_.nest.expressions[i].dtype));
    }
    for (const auto& s : form_.nest.statements)
      widest = std::max(widest, register_bytes(form_.nest.expressions[u(s.expression)].dtype));
    return static_cast<int>(cpu_.vector_bytes() / widest);
  }

  // Masked memory accesses exist for all sizes with AVX-512, for 4 and 8 bytes with AVX2. Elements apart from each other
  // are better done one by one.
  bool masks() const {
    if (cpu_.level < 3 || plan_.lanes == 1) return false;
    auto fits = [&](const Access& a, int axis) {
      const auto size = byte_size(a.dtype);
      return cpu_.level >= 4 || size == 4 || size == 8 || a.steps[u(axis)] == Dim(0);
    };
    for (const auto& g : plan_.groups) {
      const int axis = plan_.axis >= 0 ? plan_.axis : g.axis;
      if (axis < 0) continue;
      for (int s : g.statements) {
        if (const auto& store = form_.stores[u(s)];
            store && (store->steps[u(axis)] != Dim(1) || !fits(*store, axis) || !store->computed.empty()))
          return false;
        for (int e : form_.loads_of(form_.nest.statements[u(s)].expression))
          if (!fits(*form_.loads[u(e)], axis)) return false;
      }
    }
    return true;
  }

  void find_transposed() {
    if (form_.reduces() || form_.outer.size() < 2 || form_.axes[u(plan_.axis)].bound >= 0) return;
    for (const auto& g : plan_.groups)
      if (!g.axes.empty()) return;
    auto usable = [&](const Access& a, int axis) {
      return a.computed.empty() && a.guards.empty() && a.steps[u(axis)] == Dim(1) && a.steps[u(plan_.axis)] != Dim(1) &&
             a.steps[u(plan_.axis)] != Dim(0);
    };
    for (int axis : form_.outer) {
      if (axis == plan_.axis || form_.axes[u(axis)].bound >= 0 || is_bound_to(axis) || extent(axis) < 4) continue;
      std::vector<int> found;
      for (const auto& s : form_.nest.statements)
        for (int e : form_.loads_of(s.expression))
          if (usable(*form_.loads[u(e)], axis) && !contains(found, e)) found.push_back(e);
      // Everything about a tile is unrolled, so what is computed in it must be little.
      double cost = 0;
      for (const auto& s : form_.nest.statements) cost += form_.cost(s.expression);
      if (found.size() <= plan_.transposed.size() || cost > 24) continue;
      plan_.transposed = found;
      plan_.tile_axis = axis;
    }
    if (plan_.tile_axis >= 0) plan_.lanes = std::min(plan_.lanes, 16);
  }

  void set_unroll() {
    for (auto& g : plan_.groups) {
      double cost = 0;
      for (int s : g.statements) cost += form_.cost(form_.nest.statements[u(s)].expression) + 1;
      int vectors = g.reduce ? (cost < 12 ? 4 : 2) : (cost < 12 ? 2 : 1);
      // Sums need chains; more than four statements fill the registers by themselves.
      if (g.statements.size() > 4) vectors = 1;
      const int axis = plan_.axis >= 0 ? plan_.axis : g.axis;
      while (vectors > 1 && axis >= 0 && form_.axes[u(axis)].extent.is_constant() &&
             extent(axis) < static_cast<int64_t>(vectors) * plan_.lanes)
        vectors /= 2;
      g.unroll = axis < 0 ? 1 : vectors;
    }
    plan_.unroll = 1;
    if (plan_.axis >= 0 && plan_.tile_axis < 0)
      for (const auto& g : plan_.groups) plan_.unroll = std::max(plan_.unroll, g.unroll);
    if (plan_.axis >= 0)
      for (auto& g : plan_.groups) g.unroll = plan_.unroll;
  }

  void set_tasks() {
    for (int a : form_.outer)
      if (a != plan_.axis && a != plan_.tile_axis) plan_.tasks.push_back(a);
    std::vector<int> all;
    for (std::size_t s = 0; s < form_.nest.statements.size(); ++s) all.push_back(static_cast<int>(s));
    order(plan_.tasks, -1, all);

    Dim inner = 0;  // positions that a row takes, times their cost
    bool loops = false;
    for (const auto& g : plan_.groups) {
      Dim positions = 1;
      double cost = 1;
      for (int a : g.axes) positions *= form_.axes[u(a)].extent, loops = true;
      for (int s : g.statements) cost += form_.cost(form_.nest.statements[u(s)].expression);
      inner += positions * Dim(static_cast<int64_t>(cost));
    }
    Dim count = 1;
    for (int a : plan_.tasks) count *= form_.axes[u(a)].extent;
    Dim work = inner;
    if (plan_.axis >= 0) {
      const auto& axis = form_.axes[u(plan_.axis)];
      const int64_t step = static_cast<int64_t>(plan_.lanes) * plan_.unroll;
      plan_.chunk = plan_.tile_axis >= 0 ? 512 : loops ? step : 4096;
      if (axis.bound >= 0 || (axis.extent.is_constant() && extent(plan_.axis) <= (loops ? step : 2 * plan_.chunk)))
        plan_.chunk = 0;
      count *= plan_.chunk == 0 ? Dim(1) : ceildiv(axis.extent, Dim(plan_.chunk));
      work *= plan_.chunk == 0 ? axis.extent : Dim(plan_.chunk);
    }
    if (plan_.tile_axis >= 0) {
      plan_.tile_chunk = 4 * plan_.lanes;
      count *= ceildiv(form_.axes[u(plan_.tile_axis)].extent, Dim(plan_.tile_chunk));
      work *= Dim(plan_.tile_chunk);
    }
    plan_.task_count = count;
    plan_.grain = work.is_constant() ? Dim(std::max<int64_t>(1, kTaskWork / std::max<int64_t>(1, work.value())))
                                     : max(Dim(1), floordiv(Dim(kTaskWork), max(Dim(1), work)));
  }

  // exp in a softmax: computed for the sum, wanted again for the result.
  void keep_rows() {
    for (std::size_t i = 0; i < plan_.groups.size(); ++i) {
      const auto& g = plan_.groups[i];
      if (!g.reduce || g.axis < 0) continue;
      for (int s : g.statements) {
        const int e = form_.nest.statements[u(s)].expression;
        const auto& expression = form_.nest.expressions[u(e)];
        if (form_.cost(e) < 10 || (expression.dtype != DType::f32 && expression.dtype != DType::f64)) continue;
        bool wanted = false;
        for (std::size_t j = i + 1; j < plan_.groups.size(); ++j) {
          if (plan_.groups[j].axes != g.axes || plan_.groups[j].axis != g.axis) continue;
          for (int later : plan_.groups[j].statements)
            wanted = wanted || reaches(form_.nest.statements[u(later)].expression, e);
        }
        if (!wanted || contains(plan_.kept, e)) continue;
        Dim row = 1;
        for (int a : g.axes) {
          if (form_.axes[u(a)].bound >= 0) wanted = false;
          row *= form_.axes[u(a)].extent;
        }
        if (!wanted || (row.is_constant() && row.value() > (1 << 18))) continue;
        plan_.kept.push_back(e);
        // Rows are written in whole vectors.
        plan_.scratch_bytes += (row + Dim(64)) * Dim(static_cast<int64_t>(byte_size(expression.dtype)));
      }
    }
  }
  bool reaches(int from, int target) const {
    std::vector<bool> seen(u(from) + 1);
    seen.back() = true;
    for (std::size_t i = seen.size(); i-- > 0;) {
      if (!seen[i]) continue;
      if (static_cast<int>(i) == target) return true;
      for (int a : form_.nest.expressions[i].arguments) seen[u(a)] = true;
    }
    return false;
  }

  const LoopForm& form_;
  const CpuFeatures& cpu_;
  LoopPlan plan_;
};

}  // namespace

LoopPlan plan_loops(const LoopForm& form, const CpuFeatures& cpu) { return Planner(form, cpu).run(); }

}  // namespace burnish
