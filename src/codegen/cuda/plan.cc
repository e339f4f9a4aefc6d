#include "codegen/cuda/plan.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;
std::size_t u(int i) { return static_cast<std::size_t>(i); }
bool contains(const std::vector<int>& list, int x) { return std::find(list.begin(), list.end(), x) != list.end(); }
int power_of_two(int64_t n) { return static_cast<int>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(n, 1)))); }

// Costs of an element's access for threads that lie along an axis, in memory traffic.
constexpr double kSame = 0.25, kStrided = 8;
// Threads that fill a large GPU.
constexpr int64_t kFull = 132 * 1024;
// Registers of a multiprocessor, what a thread needs beside those that it keeps values in, and most that it may keep.
constexpr int64_t kRegisters = 65536, kOwnRegisters = 24, kMostKept = 96;
constexpr int kMostRounds = 16, kMostThreads = 1024, kTileThreads = 256;
// Of the shared memory that every block may have.
constexpr std::size_t kTileBytes = 34 * 1024;
// Blocks that keep a large GPU busy, and positions that are worth one.
constexpr double kBlocks = 264, kPartWork = 4096;
// Instructions that may be laid out flat.
constexpr double kMostFlat = 2048;
constexpr int64_t kMostIndex = (int64_t{1} << 31) - 65536;

class Planner {
 public:
  Planner(const LoopForm& form, std::span<const Dim> offsets, const CudaPresumption& presumed)
      : form_(form), offsets_(offsets) {
    plan_.presumed = presumed;
  }

  CudaPlan run() {
    for (StatementGroup& g : statement_groups(form_)) {
      CudaPlan::Group group;
      group.statements = std::move(g.statements), group.axes = std::move(g.axes), group.reduce = g.reduce;
      plan_.groups.push_back(std::move(group));
    }
    choose_kind();
    order_items();
    find_parts();
    plan_.kind == CudaPlan::Kind::rows ? size_rows() : size_lanes();
    if (plan_.kind == CudaPlan::Kind::lanes) find_tiles();
    count_items();
    lay_out();
    presume_vectors();
    plan_.wide = !narrow();
    return std::move(plan_);
  }

 private:
  static int64_t distance(const Dim& step) {
    const auto known = step.constant();
    return known ? std::abs(*known) : std::max(likely(step), likely(Dim(0) - step));
  }
  const LoopForm::FormAxis& axis(int a) const { return form_.axes[u(a)]; }
  int64_t extent(int a) const { return std::max<int64_t>(likely(axis(a).extent), 1); }
  bool is_bound_to(int a) const {
    return std::any_of(form_.axes.begin(), form_.axes.end(), [&](const auto& x) { return x.bound == a; });
  }

  double access_cost(const Access& access, int a) const {
    for (const auto& c : access.computed)
      if (c.index.coefficients[u(a)] != Dim(0) || (c.index.expression >= 0 && form_.depends(c.index.expression, a)))
        return kStrided;
    if (access.steps[u(a)] == Dim(0)) return kSame;
    return access.steps[u(a)] == Dim(1) ? 1 : kStrided;
  }

  // Memory traffic of the statement in one position, for threads along `a`; -1: of threads that each take a row.
  double statement_cost(int s, int a) const {
    double cost = 0.1;
    for (int e : form_.loads_of(form_.nest.statements[u(s)].expression))
      cost += a >= 0 ? access_cost(*form_.loads[u(e)], a) : kStrided;
    if (const auto& store = form_.stores[u(s)]) cost += a >= 0 ? access_cost(*store, a) : kStrided;
    return cost;
  }
  double cost(const std::vector<int>& statements) const {
    double sum = 0;
    for (int s : statements) sum += form_.cost(form_.nest.statements[u(s)].expression) + 1;
    return sum;
  }
  double positions(const std::vector<int>& axes) const {
    double n = 1;
    for (int a : axes) n *= static_cast<double>(extent(a));
    return n;
  }
  // Runs shorter than the 32 bytes that memory hands out.
  double waste(int a) const { return std::max(1.0, 8.0 / static_cast<double>(extent(a))); }

  void choose_kind() {
    double lanes = INFINITY;
    for (int a : form_.outer) {
      if (is_bound_to(a)) continue;
      double total = 0;
      for (const auto& g : plan_.groups)
        for (int s : g.statements) total += statement_cost(s, a) * positions(g.axes);
      total *= waste(a);
      if (total <= lanes) lanes = total, plan_.axis = a;
    }
    double rows = 0;
    bool any = false;
    for (auto& g : plan_.groups) {
      double best = INFINITY;
      int choice = -1;
      for (int a : g.axes) {
        if (is_bound_to(a)) continue;
        double total = 0;
        // Groups over the same axes walk them in the same order.
        for (const auto& other : plan_.groups)
          for (int s : other.statements) total += other.axes == g.axes ? statement_cost(s, a) * waste(a) : 0;
        if (total <= best) best = total, choice = a;
      }
      any = any || choice >= 0;
      for (int s : g.statements)
        rows += choice >= 0 ? statement_cost(s, choice) * waste(choice) * positions(g.axes) : statement_cost(s, -1);
    }
    if (any && rows < lanes) plan_.axis = -1;
    for (auto& g : plan_.groups) {
      int last = -1;
      double best = INFINITY;
      for (int a : g.axes) {
        double total = 0;
        for (const auto& other : plan_.groups)
          for (int s : other.statements) total += other.axes == g.axes ? statement_cost(s, a) * waste(a) : 0;
        if (!is_bound_to(a) && total <= best) best = total, last = a;
      }
      orders_.push_back(ordered(g.axes, last, g.statements));
    }
    for (std::size_t i = 0; i < orders_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j)
        if (std::is_permutation(orders_[i].begin(), orders_[i].end(), orders_[j].begin(), orders_[j].end()))
          orders_[i] = orders_[j];
    }
    for (std::size_t i = 0; i < orders_.size(); ++i) plan_.groups[i].axes = orders_[i];
    plan_.kind = plan_.axis >= 0 ? CudaPlan::Kind::lanes : CudaPlan::Kind::rows;
  }

  // Large steps outside, `last` innermost.
  std::vector<int> ordered(std::vector<int> axes, int last, const std::vector<int>& statements) const {
    auto step = [&](int a) {
      int64_t largest = 0;
      for (int s : statements) {
        if (form_.stores[u(s)]) largest = std::max(largest, distance(form_.stores[u(s)]->steps[u(a)]) * 4);
        for (int e : form_.loads_of(form_.nest.statements[u(s)].expression))
          largest = std::max(largest, distance(form_.loads[u(e)]->steps[u(a)]));
      }
      return largest;
    };
    std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) {
      if ((a == last) != (b == last)) return b == last;
      return step(a) > step(b);
    });
    return axes;
  }

  void order_items() {
    std::vector<int> all;
    for (std::size_t s = 0; s < form_.nest.statements.size(); ++s) all.push_back(static_cast<int>(s));
    plan_.items = ordered(form_.outer, plan_.axis, all);
  }

  // Is the access made along the axis? Of tiles, the loads that go through shared memory are along the one.
  bool is_along(int e, int a) const {
    return plan_.tile_axis < 0 || (a == plan_.tile_axis) == contains(plan_.tiled, e);
  }

  // The widest vectors that all accesses which move along the axis can be made in.
  int widest(int a, const std::vector<int>& statements, bool temporaries) const {
    if (a < 0 || axis(a).bound >= 0 || is_bound_to(a)) return 1;
    const auto varies = varying(form_, a, temporaries);
    std::size_t size = 1;
    std::vector<const Access*> moving;
    for (int s : statements) {
      if (form_.stores[u(s)] && a != plan_.tile_axis) moving.push_back(&*form_.stores[u(s)]);
      for (int e : form_.loads_of(form_.nest.statements[u(s)].expression))
        if (varies[u(e)] && is_along(e, a)) moving.push_back(&*form_.loads[u(e)]);
    }
    for (const Access* access : moving) size = std::max(size, byte_size(access->dtype));
    int vector = static_cast<int>(std::min<std::size_t>(16 / size, 8));
    std::vector<Dim> unused;
    for (const Access* access : moving)
      while (vector > 1 && !is_vector(form_, *access, a, vector, offsets_[u(access->operand)], varies,
                                      plan_.presumed.vectors ? &unused : nullptr))
        vector /= 2;
    // The elements of a vector are written out one after the other.
    while (vector > 1 && cost(statements) * vector > kMostFlat / 4) vector /= 2;
    return moving.empty() ? 1 : vector;
  }

  void size_lanes() {
    std::vector<int> all;
    for (const auto& g : plan_.groups) all.insert(all.end(), g.statements.begin(), g.statements.end());
    plan_.vector = widest(plan_.axis, all, true);
    const double items = positions(plan_.items) / plan_.vector * plan_.parts;
    double most = 1;
    for (const auto& g : plan_.groups) most = std::max(most, positions(g.axes));
    // Too few items fill no GPU: teams of threads share them.
    double team = std::min(static_cast<double>(kFull) / std::max(items, 1.0), most / 4 / plan_.parts);
    plan_.team = std::min(power_of_two(static_cast<int64_t>(team)), 128);
    if (plan_.team < 4) {
      plan_.team = 1;
      plan_.threads = 256;
      return;
    }
    // Lanes that read 128 bytes together, or fewer where else most multiprocessors had no block.
    int lanes = std::max(8, 32 / plan_.vector);
    while (lanes * plan_.vector > 8 && items / lanes < 200) lanes /= 2;
    plan_.team = std::min(plan_.team, kMostThreads / lanes);
    plan_.threads = lanes * plan_.team;
  }

  void size_rows() {
    double steps = 1;
    for (auto& g : plan_.groups) {
      std::vector<int> same;
      for (const auto& other : plan_.groups)
        if (other.axes == g.axes) same.insert(same.end(), other.statements.begin(), other.statements.end());
      if (!g.axes.empty()) g.vector = widest(g.axes.back(), same, false);
      steps = std::max(steps, positions(g.axes) / g.vector);
    }
    const double rows = positions(plan_.items) * plan_.parts;
    steps /= plan_.parts;
    // Four rounds of a thread, eight within a warp; more threads where few rows would leave most of the GPU idle.
    int64_t team = steps <= 256 ? static_cast<int64_t>(std::min(std::ceil(steps / 2), 32.0))
                                : static_cast<int64_t>(std::ceil(steps / 4));
    const auto wanted = static_cast<int64_t>(static_cast<double>(kFull) / std::max(rows, 1.0));
    team = std::max(team, std::min(wanted, static_cast<int64_t>(std::ceil(steps))));
    plan_.team = std::min(power_of_two(team), kMostThreads);
    plan_.threads = plan_.team <= 32 ? 128 : plan_.team;
  }

  // Only by what all presumptions share, so that their functions agree.
  void find_parts() {
    const auto& groups = plan_.groups;
    if (groups.empty() || !groups[0].reduce || groups[0].axes.empty()) return;
    for (std::size_t i = 1; i < groups.size(); ++i)
      if (groups[i].reduce || !groups[i].axes.empty()) return;
    if (std::any_of(form_.axes.begin(), form_.axes.end(), [](const auto& a) { return a.bound >= 0; })) return;
    const double items = positions(plan_.items), all = items * positions(groups[0].axes);
    const double blocks = plan_.axis >= 0 ? std::ceil(items / 32) : items;
    const double parts = std::min({kBlocks / blocks, all / blocks / kPartWork, 256.0});
    if (parts >= 4) plan_.parts = static_cast<int>(std::bit_floor(static_cast<uint64_t>(parts)));
  }

  // Loads that are contiguous along another outer axis than the store.
  void find_tiles() {
    if (form_.reduces() || plan_.team > 1 || axis(plan_.axis).bound >= 0 || extent(plan_.axis) < 8) return;
    for (const auto& g : plan_.groups)
      if (!g.axes.empty()) return;
    for (const auto& a : form_.axes)
      if (a.bound >= 0) return;
    auto usable = [&](const Access& access, int a) {
      const Dim& step = access.steps[u(plan_.axis)];
      return access.computed.empty() && access.guards.empty() && access.steps[u(a)] == Dim(1) && step != Dim(1) &&
             step != Dim(0);
    };
    for (int a : form_.outer) {
      if (a == plan_.axis || extent(a) < 8) continue;
      std::vector<int> found;
      for (const auto& s : form_.nest.statements)
        for (int e : form_.loads_of(s.expression))
          if (usable(*form_.loads[u(e)], a) && !contains(found, e)) found.push_back(e);
      // What there is room for in the memory that every block may have.
      if (found.size() > 4 || found.size() <= plan_.tiled.size()) continue;
      plan_.tiled = found, plan_.tile_axis = a;
    }
    if (plan_.tile_axis < 0) return;
    plan_.kind = CudaPlan::Kind::tiles;
    plan_.threads = kTileThreads;
    std::size_t size = 1;
    for (int e : plan_.tiled) size = std::max(size, byte_size(form_.loads[u(e)]->dtype));
    plan_.tile = size >= 8 ? 32 : size == 1 ? 128 : 64;
    const auto bytes = [&](int side) {
      return static_cast<std::size_t>(side * (side + 1)) * size * plan_.tiled.size();
    };
    while (plan_.tile > 32 &&
           (bytes(plan_.tile) > kTileBytes || extent(plan_.axis) < plan_.tile || extent(plan_.tile_axis) < plan_.tile))
      plan_.tile /= 2;
    // Accesses of 8 bytes; wider ones meet in the banks of the shared memory.
    std::vector<int> all;
    for (const auto& g : plan_.groups) all.insert(all.end(), g.statements.begin(), g.statements.end());
    plan_.vector = std::min({widest(plan_.axis, all, true), widest(plan_.tile_axis, all, true),
                             static_cast<int>(8 / size), plan_.tile * plan_.tile / kTileThreads});
    plan_.flat_tile = cost(all) * plan_.tile * plan_.tile / kTileThreads < kMostFlat;
    std::erase_if(plan_.items, [&](int a) { return a == plan_.axis || a == plan_.tile_axis; });
  }

  void count_items() {
    for (int a : plan_.items)
      plan_.item_count *= a == plan_.axis ? in_vectors(axis(a).extent, plan_.vector) : axis(a).extent;
    for (auto& g : plan_.groups)
      for (int a : g.axes) g.steps *= a == g.axes.back() ? in_vectors(axis(a).extent, g.vector) : axis(a).extent;
  }

  // Loops of few rounds become flat, and then what they computed can stay in registers for later groups.
  void lay_out() {
    if (plan_.parts > 1) return;
    for (auto& g : plan_.groups) {
      const auto rounds = [&](int64_t steps) { return (steps + plan_.team - 1) / plan_.team; };
      const bool known = rounds(g.steps.range().high) <= kMostRounds;
      const int64_t wanted = rounds(known ? g.steps.range().high : likely(g.steps));
      if (wanted < 1 || wanted > kMostRounds || !(known || plan_.presumed.flat)) continue;
      if (cost(g.statements) * static_cast<double>(wanted * g.vector * plan_.vector) > kMostFlat) continue;
      g.rounds = wanted;
      if (!known) require({g.steps, wanted * plan_.team, 1});
    }
    const int64_t room = 4 * std::min(kMostKept, kRegisters / plan_.threads - kOwnRegisters);
    int64_t bytes = 0;
    for (std::size_t i = 1; i < plan_.groups.size(); ++i) {
      const auto& later = plan_.groups[i];
      if (later.rounds == 0 || later.axes.empty()) continue;
      // The first group that computes each expression.
      std::vector<std::size_t> first(form_.nest.expressions.size(), i);
      for (std::size_t j = i; j-- > 0;) {
        const auto& g = plan_.groups[j];
        if (!g.reduce || g.axes != later.axes) continue;
        std::vector<bool> computed(first.size());
        for (int s : g.statements) computed[u(form_.nest.statements[u(s)].expression)] = true;
        for (std::size_t e = first.size(); e-- > 0;)
          if (computed[e]) first[e] = j, arguments(static_cast<int>(e), computed);
      }
      std::vector<bool> wanted(first.size());
      for (int s : later.statements) wanted[u(form_.nest.statements[u(s)].expression)] = true;
      for (std::size_t e = wanted.size(); e-- > 0;) {
        if (!wanted[e]) continue;
        const bool known = std::any_of(plan_.kept.begin(), plan_.kept.end(), [&](const auto& k) {
          return u(k.expression) == e && plan_.groups[k.group].axes == later.axes;
        });
        if (known) continue;
        const int64_t size = std::max<int64_t>(4, static_cast<int64_t>(byte_size(form_.nest.expressions[e].dtype))) *
                             later.rounds * later.vector * plan_.vector;
        if (first[e] < i && moves(static_cast<int>(e), later.axes) && bytes + size <= room && unknown(e)) {
          bytes += size;
          plan_.kept.push_back({static_cast<int>(e), first[e]});
          continue;
        }
        arguments(static_cast<int>(e), wanted);
      }
    }
  }
  bool unknown(std::size_t e) const {
    return std::none_of(plan_.kept.begin(), plan_.kept.end(), [&](const auto& k) { return u(k.expression) == e; });
  }
  bool moves(int e, const std::vector<int>& axes) const {
    if (form_.nest.expressions[u(e)].kind == Kind::axis) return false;
    return std::any_of(axes.begin(), axes.end(), [&](int a) { return form_.depends(e, a); });
  }
  void arguments(int e, std::vector<bool>& seen) const {
    for (int a : form_.nest.expressions[u(e)].arguments) seen[u(a)] = true;
    for (const Index& index : form_.nest.expressions[u(e)].index)
      if (index.expression >= 0) seen[u(index.expression)] = true;
  }

  void require(CudaCondition condition) {
    if (std::find(plan_.conditions.begin(), plan_.conditions.end(), condition) == plan_.conditions.end())
      plan_.conditions.push_back(std::move(condition));
  }

  // Sizes that vectors were presumed to divide.
  void presume_vectors() {
    if (!plan_.presumed.vectors) return;
    for (const auto& g : plan_.groups) {
      const bool lanes = plan_.axis >= 0;
      presume_vectors(g, lanes ? plan_.axis : g.axes.empty() ? -1 : g.axes.back(), lanes ? plan_.vector : g.vector);
      presume_vectors(g, plan_.tile_axis, plan_.vector);
    }
  }
  void presume_vectors(const CudaPlan::Group& g, int a, int vector) {
    if (a < 0 || vector == 1) return;
    const auto varies = varying(form_, a, plan_.axis >= 0);
    std::vector<Dim> presumed;
    const auto add = [&](const Access& access) {
      std::vector<Dim> dims;
      if (is_vector(form_, access, a, vector, offsets_[u(access.operand)], varies, &dims))
        presumed.insert(presumed.end(), dims.begin(), dims.end());
    };
    for (int s : g.statements) {
      if (form_.stores[u(s)] && a != plan_.tile_axis) add(*form_.stores[u(s)]);
      for (int e : form_.loads_of(form_.nest.statements[u(s)].expression))
        if (varies[u(e)] && is_along(e, a)) add(*form_.loads[u(e)]);
    }
    for (const Dim& dim : presumed) require({dim, Range::kMax, vector});
  }

  // Do all places and counts fit into 31 bits? If need be, by conditions on the run's sizes.
  bool narrow() {
    std::vector<Dim> sizes;
    bool known = true;
    const auto size = [&](const Dim& d) {
      const Range range = d.range();
      known = known && (range.low >= 0 || range.high <= 0);
      return range.low >= 0 ? d : Dim(0) - d;
    };
    const auto reach = [&](const std::vector<Dim>& steps, const Dim& offset) {
      Dim sum = size(offset);
      for (std::size_t a = 0; a < steps.size(); ++a)
        if (steps[a] != Dim(0)) sum += size(steps[a]) * form_.axes[a].extent;
      return sum;
    };
    const auto add = [&](const std::optional<Access>& access) {
      if (!access) return;
      Dim sum = reach(access->steps, access->offset);
      for (const auto& c : access->computed) {
        sum += c.extent * max(size(c.stride), Dim(1));
        sizes.push_back(reach(c.index.coefficients, c.index.offset));
      }
      for (const auto& g : access->guards) sizes.push_back(reach(g.index.coefficients, g.index.offset));
      sizes.push_back(sum);
    };
    for (const auto& a : form_.loads) add(a);
    for (const auto& a : form_.stores) add(a);
    Dim items = 1;
    for (int a : form_.outer) items *= max(axis(a).extent, Dim(1));
    sizes.push_back(items * Dim(plan_.parts));
    for (const auto& g : plan_.groups) sizes.push_back(g.steps);
    for (const auto& a : form_.axes) sizes.push_back(a.total);
    std::erase_if(sizes, [](const Dim& d) { return d.range().high <= kMostIndex; });
    if (sizes.empty() && known) return true;
    if (!plan_.presumed.narrow || !known ||
        std::any_of(sizes.begin(), sizes.end(), [](const Dim& d) { return d.range().low > kMostIndex; }))
      return false;
    for (const Dim& d : sizes) require({d, kMostIndex, 1});
    return true;
  }

  const LoopForm& form_;
  std::span<const Dim> offsets_;
  CudaPlan plan_;
  std::vector<std::vector<int>> orders_;
};

}  // namespace

CudaPlan plan_cuda(const LoopForm& form, std::span<const Dim> offsets, const CudaPresumption& presumed) {
  return Planner(form, offsets, presumed).run();
}

CudaPlan second_plan(const LoopForm& form, const CudaPlan& first) {
  CudaPlan plan = first;
  plan.kind = CudaPlan::Kind::rows;
  plan.axis = -1;
  plan.vector = 1;
  plan.threads = 128, plan.team = 32;
  plan.second = true;
  plan.item_count = 1;
  for (int a : plan.items) plan.item_count *= form.axes[u(a)].extent;
  for (auto& g : plan.groups) g.vector = 1;
  return plan;
}

Dim in_vectors(const Dim& extent, int vector) {
  Dim quotient;
  return divides(Dim(vector), extent, &quotient) ? quotient : floordiv(extent, Dim(vector));
}

std::vector<bool> varying(const LoopForm& form, int axis, bool temporaries) {
  std::vector<bool> yes(form.nest.expressions.size());
  for (std::size_t i = 0; i < yes.size(); ++i) {
    const auto& e = form.nest.expressions[i];
    for (int a : e.arguments) yes[i] = yes[i] || yes[u(a)];
    if (e.kind == Kind::axis) yes[i] = e.axis == axis;
    if (e.kind == Kind::temporary) yes[i] = temporaries;
    if (e.kind != Kind::load || !form.loads[i]) continue;
    auto walks = [&](const LinearIndex& index) {
      return index.coefficients[u(axis)] != Dim(0) || (index.expression >= 0 && yes[u(index.expression)]);
    };
    yes[i] = form.loads[i]->steps[u(axis)] != Dim(0);
    for (const auto& c : form.loads[i]->computed) yes[i] = yes[i] || walks(c.index);
    for (const auto& g : form.loads[i]->guards) yes[i] = yes[i] || walks(g.index);
  }
  return yes;
}

bool is_vector(const LoopForm& form, const Access& access, int axis, int vector, const Dim& offset,
               const std::vector<bool>& varies, std::vector<Dim>* presumed) {
  auto whole = [&](const Dim& d) {
    Dim quotient;
    if (d == Dim(0) || divides(Dim(vector), d, &quotient)) return true;
    if (presumed == nullptr || d.is_constant()) return false;
    presumed->push_back(d);
    return true;
  };
  auto still = [&](const LinearIndex& index) {
    return index.coefficients[u(axis)] == Dim(0) && (index.expression < 0 || !varies[u(index.expression)]);
  };
  if (access.steps[u(axis)] != Dim(1) || !whole(form.axes[u(axis)].extent)) return false;
  if (!whole(access.offset) || !whole(offset)) return false;
  for (std::size_t a = 0; a < access.steps.size(); ++a)
    if (static_cast<int>(a) != axis && !whole(access.steps[a])) return false;
  for (const auto& c : access.computed)
    if (!still(c.index) || !whole(c.stride) || c.block > 1) return false;
  // A guard holds for all of a vector or for none.
  for (const auto& g : access.guards) {
    if (still(g.index)) continue;
    if (g.index.expression >= 0 || g.index.coefficients[u(axis)] != Dim(1)) return false;
    if (!whole(g.index.offset) || !whole(g.extent)) return false;
    for (std::size_t a = 0; a < g.index.coefficients.size(); ++a)
      if (static_cast<int>(a) != axis && !whole(g.index.coefficients[a])) return false;
  }
  return true;
}

}  // namespace burnish
