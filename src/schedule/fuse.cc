#include "schedule/fuse.h"

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <unordered_map>

#include <fmt/format.h>

#include "ops/operator.h"
#include "schedule/merge.h"

namespace burnish {

std::vector<Value*> Unit::inputs() const {
  std::vector<Value*> list;
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (operands[i] != nullptr && (kind != Kind::kernel || !kernel.is_output(i))) list.push_back(operands[i]);
  if (kind == Kind::control) captured_values(node(), [&](Value* value) { list.push_back(value); });
  return list;
}

std::vector<Value*> Unit::outputs() const {
  std::vector<Value*> list;
  if (kind == Kind::kernel) {
    for (std::size_t i = 0; i < operands.size(); ++i)
      if (kernel.is_output(i)) list.push_back(operands[i]);
  } else {
    for (Value* result : results)
      if (result != nullptr) list.push_back(result);
  }
  return list;
}

void captured_values(const Node& node, const std::function<void(Value*)>& f) {
  const auto outside = [&](const Value* value) {
    for (const Graph* g = value->graph(); g != nullptr; g = g->parent())
      if (g->owner() == &node) return false;
    return true;
  };
  std::set<Value*> seen;
  const auto visit = [&](Value* value) {
    if (value != nullptr && outside(value) && seen.insert(value).second) f(value);
  };
  for (std::size_t r = 0; r < node.region_count(); ++r) {
    const Graph& region = node.region(r);
    walk(region, [&](Node& inner) {
      for (Value* operand : inner.operands()) visit(operand);
      for (std::size_t i = 0; i < inner.region_count(); ++i)
        for (const auto& output : inner.region(i).outputs()) visit(output.value);
    });
    for (const auto& output : region.outputs()) visit(output.value);
  }
}

namespace {

void add_symbols(const Type& type, SymbolSet& set) {
  for (const Dim& d : type.dims)
    for (std::string& name : d.symbols()) set.insert(std::move(name));
}

bool all_known(std::span<const Dim> dims, const SymbolSet& early) {
  return std::ranges::all_of(dims, [&](const Dim& d) {
    return d.is_constant() || std::ranges::all_of(d.symbols(), [&](const auto& s) { return early.contains(s); });
  });
}

}  // namespace

SymbolSet early_symbols(const Graph& graph, const SymbolSet& outer) {
  SymbolSet early = outer;
  // Only those that stand alone as a dim of an input. Others, that the executor solves for, may come late.
  for (const auto& input : graph.inputs())
    for (const Dim& d : input->type().dims)
      if (const auto name = d.symbol_name()) early.emplace(*name);
  return early;
}

bool known_early(const Type& type, const SymbolSet& early) { return all_known(type.dims, early); }

bool needs_heap(const Value& value, const SymbolSet& early) {
  const Type& type = value.type();
  return !type.is_ranked_tensor() || type.dtype == DType::string || !known_early(type, early);
}

bool binds_symbols(const Value& value, const SymbolSet& early) {
  return value.contents() && !all_known(*value.contents(), early);
}

namespace {

constexpr double kTraffic = 1e-10;  // seconds to write a byte and read it again
constexpr double kCheap = 24;       // instructions an element that may be repeated instead of stored and loaded
// Of a fused nest. Beyond, loads and stores between two kernels are a small part of the work, and compiling takes its square.
constexpr std::size_t kMostExpressions = 256, kMostOperands = 32;

// Slices that go backwards are kernels: memory is read in its own direction everywhere else.
bool goes_backwards(const Node& node) {
  const Attribute* steps = node.attribute("steps");
  const auto* list = steps == nullptr ? nullptr : std::get_if<Ints>(steps);
  return list != nullptr && std::ranges::any_of(*list, [](int64_t s) { return s < 1; });
}
// Elements of whole bytes, as another dtype.
bool reinterprets(const Node& node) {
  const auto whole = [](const Value* v) {
    return v->type().dtype == DType::boolean || bit_width(v->type().dtype) >= 8;
  };
  return node.op() == "bitcast" && whole(node.operand(0)) && whole(node.result());
}
bool is_view(const Node& node) {
  const std::string& op = node.op();
  return reinterprets(node) || op == "reshape" || op == "transpose" || op == "identity" ||
         (op == "slice" && !goes_backwards(node));
}
bool is_control(const Node& node) { return node.region_count() > 0; }

class Fuser {
 public:
  Fuser(const Graph& graph, const FuseOptions& options, std::vector<ScheduleNote>& notes)
      : graph_(graph), options_(options), notes_(notes) {}

  Result<std::vector<Unit>> run() {
    for (const auto& node : graph_.nodes())
      if (node->op() != "constant") TRY(add(*node));
    for (std::size_t i = 0; i < units_.size(); ++i)
      if (alive_[i] && units_[i].kind == Unit::Kind::kernel) finish_kernel(i);
    return sorted();
  }

 private:
  Status add(const Node& node) {
    Unit unit;
    unit.nodes = {&node};
    unit.name = node.source().empty() ? node.op() : node.source();
    unit.operands.assign(node.operands().begin(), node.operands().end());
    for (std::size_t i = 0; i < node.result_count(); ++i) unit.results.push_back(node.result(i));
    const bool births = bears_symbols(node);
    if (is_control(node)) {
      unit.kind = Unit::Kind::control;
    } else if (births) {
      TRY(as_reference(node, unit, "the size of its result is known when it has run"));
    } else if (on_heap(node) ? !as_copy(node, unit) : !as_view(node, unit)) {
      TRY(lower(node, unit));
    }
    const std::size_t number = units_.size();
    for (Value* value : unit.outputs()) producers_[value] = number;
    unit_of_[&node] = number;
    units_.push_back(std::move(unit));
    alive_.push_back(true);
    first_.push_back(number);
    last_.push_back(number);
    SymbolSet late;
    late_symbols(units_[number], late);
    late_.push_back(!late.empty());
    // Sizes that are bound on the way order the steps; merged ones might wait for each other.
    if (units_[number].kind == Unit::Kind::kernel && !late_[number]) fuse_with_producers(number);
    return {};
  }

  bool on_heap(const Node& node) const {
    for (const Value* v : node.operands())
      if (v != nullptr && needs_heap(*v, options_.early)) return true;
    for (std::size_t i = 0; i < node.result_count(); ++i)
      if (node.result(i) != nullptr && needs_heap(*node.result(i), options_.early)) return true;
    return false;
  }

  // Reshapes and other dtypes of what lies on the heap are copies of all elements, as those of other values that cannot be views.
  static bool as_copy(const Node& node, Unit& unit) {
    const auto ranked = [](const Value* value) {
      return value != nullptr && value->type().is_ranked_tensor() && value->type().dtype != DType::string;
    };
    if ((node.op() != "reshape" && !reinterprets(node)) || !ranked(node.operand(0)) || !ranked(node.result()))
      return false;
    unit.kind = Unit::Kind::view;
    return true;
  }

  static bool as_view(const Node& node, Unit& unit) {
    if (node.op() == "concat") unit.kind = Unit::Kind::concat;
    else if (is_view(node)) unit.kind = Unit::Kind::view;
    else return false;
    return true;
  }

  // Is a size of a result known to nobody before this node has run? A kernel needs it, a reference finds it out.
  bool bears_symbols(const Node& node) {
    bool births = false;
    const auto see = [&](std::span<const Dim> dims) {
      for (const Dim& d : dims)
        for (std::string& name : d.symbols())
          if (!options_.early.contains(name) && born_.insert(std::move(name)).second) births = true;
    };
    for (std::size_t i = 0; i < node.result_count(); ++i) {
      const Value* value = node.result(i);
      if (value == nullptr) continue;
      see(value->type().dims);
      // Elements that are sizes of others are told by the result once it is there: a kernel can make it.
      const bool of_its_own = births;
      if (value->contents()) see(*value->contents());
      births = of_its_own;
    }
    return births;
  }

  Status as_reference(const Node& node, Unit& unit, std::string why) {
    unit.kind = Unit::Kind::reference;
    if (node.definition() == nullptr)
      return refused(fmt::format("the operator '{}' is not known", node.op()), unit.name,
                     "'check' lists what a model needs; give a custom operator of that name");
    notes_.push_back({"fallback.reference", unit.name, fmt::format("{} runs as a reference step", node.op()),
                      std::move(why),
                      node.definition()->users ? "give the operator a decompose"
                                               : "use other dtypes or attributes where the model allows"});
    return {};
  }

  Status lower(const Node& node, Unit& unit) {
    std::string why;
    if (node.definition() == nullptr) return as_reference(node, unit, {});
    bool strings = false;
    for (const Value* v : node.operands()) strings = strings || (v != nullptr && !v->type().is_ranked_tensor());
    if (node.definition()->users) {
      why = node.definition()->decompose == nullptr ? "the operator is a user's own and has no decompose"
                                                    : "its decompose needs sizes that only a run can tell";
    } else if (node.definition()->lower == nullptr) {
      why = "the operator has no kernel";
    } else if (strings) {
      why = "an operand is no tensor of known rank";
    } else {
      LowerContext context(node);
      if (auto kernel = node.definition()->lower(context); !kernel) {
        why = kernel.error().what;
      } else {
        Group group{std::move(*kernel), {}};
        for (Value* v : node.operands())
          if (v != nullptr) group.operands.push_back(v);
        for (std::size_t i = 0; i < node.result_count(); ++i)
          if (node.result(i) != nullptr) group.operands.push_back(node.result(i));
        if (group.operands.size() != group.kernel.operand_count())
          return internal_error(fmt::format("{} lowers to {} operands, not {}", node.op(), group.kernel.operand_count(),
                                            group.operands.size()),
                                unit.name);
        fold_scalars(group);
        unit.tactics = options_.target->tactics(group.kernel, &why);
        // What lies on the heap is plain.
        std::erase_if(unit.tactics, [&](const Tactic& tactic) {
          for (std::size_t i = 0; i < group.operands.size(); ++i)
            if (needs_heap(*group.operands[i], options_.early) && !tactic.ports[i].any_strides &&
                !tactic.ports[i].format.is_plain()) {
              why = "its sizes are only known while it runs, and " + tactic.name + " wants another format";
              return true;
            }
          return false;
        });
        if (!unit.tactics.empty()) {
          unit.kind = Unit::Kind::kernel;
          unit.kernel = std::move(group.kernel);
          unit.operands = std::move(group.operands);
          unit.results.clear();
          return {};
        }
      }
    }
    return as_reference(node, unit, why);
  }

  // -- merging

  // By anyone but these two units, now or later?
  bool is_needed(const Value* value, std::size_t except, std::size_t and_except) const {
    if (value->is_output() || binds_symbols(*value, options_.early)) return true;
    return std::ranges::any_of(value->users(), [&](const Node* user) {
      const auto found = unit_of_.find(user);
      return found == unit_of_.end() || (found->second != except && found->second != and_except);
    });
  }

  // Does anything that unit `from` needs depend on unit `on`? Units only depend on live ones.
  bool depends(std::size_t from, std::size_t on, std::size_t skip_edge_from) const {
    std::vector<std::size_t> todo = {from};
    std::set<std::size_t> seen;
    while (!todo.empty()) {
      const std::size_t unit = todo.back();
      todo.pop_back();
      for (const Value* value : units_[unit].inputs()) {
        const auto found = producers_.find(value);
        if (found == producers_.end()) continue;
        const std::size_t p = found->second;
        if (last_[p] < first_[on]) continue;  // all of it is older
        if (p == on) {
          if (unit == skip_edge_from) continue;
          return true;
        }
        if (seen.insert(p).second) todo.push_back(p);
      }
    }
    return false;
  }

  static Group group_of(const Unit& unit) { return {unit.kernel, unit.operands}; }

  // Puts unit `number` into a unit that produces one of its operands; then pointwise producers into the result.
  void fuse_with_producers(std::size_t number) {
    std::size_t unit = number;
    if (options_.epilogues && join(number)) {
      while (join(number)) {
      }
      return;
    }
    if (options_.epilogues && is_pointwise(units_[number].kernel.nest) && !units_[number].kernel.anchor) {
      std::vector<std::size_t> candidates;
      for (const Value* value : units_[number].inputs())
        if (const auto p = producers_.find(value); p != producers_.end() && can_take(p->second, number))
          candidates.push_back(p->second);
      // An anchor first, then the youngest.
      std::ranges::sort(candidates, [&](std::size_t a, std::size_t b) {
        const bool x = units_[a].kernel.anchor.has_value(), y = units_[b].kernel.anchor.has_value();
        return x != y ? x : a > b;
      });
      candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
      for (std::size_t candidate : candidates) {
        if (!take(candidate, number)) continue;
        unit = candidate;
        break;
      }
    }
    if (options_.prologues) inline_into(unit);
  }

  // Puts the depthwise convolution before a convolution of single pixels into its unit, or what gives the image of such two,
  // where they are faster together.
  bool join(std::size_t number) {
    if (!units_[number].kernel.anchor) return false;
    const Value* value = units_[number].operands[0];
    const auto p = producers_.find(value);
    if (p == producers_.end() || p->second == number) return false;
    const Unit& producer = units_[p->second];
    if (producer.kind != Unit::Kind::kernel || late_[p->second] || is_needed(value, number, number) ||
        producer.outputs().size() != 1 || too_large(units_[number], producer))
      return false;
    Group group = group_of(units_[number]);
    const Group given = group_of(producer);
    if (!join_separable(group, given, value) && !join_image(group, given, value)) return false;
    auto tactics = options_.target->tactics(group.kernel, nullptr);
    if (tactics.empty()) return false;
    double bytes = static_cast<double>(byte_size(value->type().dtype));
    for (const Dim& d : value->type().dims) bytes *= static_cast<double>(likely(d));
    const double apart = producer.tactics.front().seconds + units_[number].tactics.front().seconds + kTraffic * bytes;
    if (tactics.front().seconds > apart) return false;
    absorb(number, p->second, std::move(group), std::move(tactics));
    return true;
  }

  bool can_take(std::size_t producer, std::size_t consumer) const {
    return units_[producer].kind == Unit::Kind::kernel && !late_[producer] && !depends(consumer, producer, consumer);
  }

  bool too_large(const Unit& a, const Unit& b) const {
    return a.kernel.nest.expressions.size() + b.kernel.nest.expressions.size() > kMostExpressions ||
           a.operands.size() + b.operands.size() > kMostOperands;
  }

  bool take(std::size_t producer, std::size_t consumer) {
    if (too_large(units_[producer], units_[consumer])) {
      notes_.push_back({"fuse.epilogue", units_[consumer].name, fmt::format("not fused with {}", units_[producer].name),
                        "one kernel of both would be too large", ""});
      return false;
    }
    Group group = group_of(units_[producer]);
    const Group ours = group_of(units_[consumer]);
    if (!append(group, ours)) return false;
    for (Value* value : units_[producer].outputs())
      if (ours.reads(value) && !is_needed(value, producer, consumer)) drop_result(group, value);
    std::string why;
    auto tactics = options_.target->tactics(group.kernel, &why);
    if (tactics.empty()) {
      notes_.push_back(
          {"fuse.epilogue", units_[consumer].name, fmt::format("not fused with {}", units_[producer].name), why, ""});
      return false;
    }
    absorb(producer, consumer, std::move(group), std::move(tactics));
    return true;
  }

  void absorb(std::size_t into, std::size_t other, Group group, std::vector<Tactic> tactics) {
    Unit& unit = units_[into];
    forget(into);
    forget(other);
    alive_[other] = false;
    first_[into] = std::min(first_[into], first_[other]);
    last_[into] = std::max(last_[into], last_[other]);
    unit.kernel = std::move(group.kernel);
    unit.operands = std::move(group.operands);
    unit.tactics = std::move(tactics);
    unit.nodes.insert(unit.nodes.end(), units_[other].nodes.begin(), units_[other].nodes.end());
    for (Value* value : unit.outputs()) producers_[value] = into;
    for (const Node* node : units_[other].nodes) unit_of_[node] = into;
  }

  void forget(std::size_t number) {
    for (Value* value : units_[number].outputs()) producers_.erase(value);
  }

  void inline_into(std::size_t number) {
    for (bool again = true; again;) {
      again = false;
      const std::vector<Value*> inputs = units_[number].inputs();
      for (const Value* value : inputs)
        if (try_inline(number, value)) {
          again = true;
          break;
        }
    }
  }

  bool try_inline(std::size_t number, const Value* value) {
    const auto p = producers_.find(value);
    if (p == producers_.end() || p->second == number) return false;
    const Unit& producer = units_[p->second];
    if (producer.kind != Unit::Kind::kernel || late_[p->second]) return false;
    if (producer.kernel.anchor || !is_pointwise(producer.kernel.nest)) return false;
    if (producer.outputs().size() != 1 || is_needed(value, number, number)) return false;
    if (too_large(units_[number], producer)) return false;
    const double cost = pointwise_cost(producer.kernel.nest);
    // An element that is read more often than once is computed more often.
    const auto size = [](const Dims& dims) {
      double n = 1;
      for (const Dim& d : dims) n *= d == Dim(0) ? 0 : static_cast<double>(likely(d));
      return n;
    };
    double reads = 0;
    const Unit& unit = units_[number];
    const Nest& nest = unit.kernel.nest;
    double positions = 1;
    for (const Axis& axis : nest.axes) positions *= size({axis.extent});
    const std::size_t first = unit.kernel.anchor ? unit.kernel.anchor->operands.size() : 0;
    for (const ScalarExpression& e : nest.expressions)
      if (e.kind == ScalarExpression::Kind::load && unit.operands[first + static_cast<std::size_t>(e.operand)] == value)
        reads += positions;
    if (cost > 0 && reads > 1.5 * size(value->type().dims) && cost > kCheap / 8) return false;
    if (cost > kCheap && !is_pointwise(nest)) return false;
    Group group = group_of(unit);
    if (!inline_producer(group, group_of(producer), value)) return false;
    auto tactics = options_.target->tactics(group.kernel, nullptr);
    if (tactics.empty()) return false;
    absorb(number, p->second, std::move(group), std::move(tactics));
    return true;
  }

  void finish_kernel(std::size_t number) {
    Unit& unit = units_[number];
    std::ranges::sort(unit.nodes, {}, [&](const Node* n) { return order(n); });
    std::vector<std::string> names;
    for (const Node* node : unit.nodes) {
      const std::string name = node->source().empty() ? node->op() : node->source();
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    unit.name = fmt::format("{}", fmt::join(names, " + "));
  }

  std::size_t order(const Node* node) {
    if (order_.empty())
      for (const auto& n : graph_.nodes()) order_.emplace(n.get(), order_.size());
    return order_.at(node);
  }

  // -- order

  // Late symbols that a unit's types and sizes speak of.
  void late_symbols(const Unit& unit, SymbolSet& set) const {
    SymbolSet all;
    const auto dims = [&](std::span<const Dim> list) {
      for (const Dim& d : list)
        for (std::string& name : d.symbols()) all.insert(std::move(name));
    };
    for (const auto& list : {unit.operands, unit.results})
      for (const Value* value : list) {
        if (value == nullptr) continue;
        add_symbols(value->type(), all);
        if (value->contents()) dims(*value->contents());
      }
    for (const Node* node : unit.nodes)
      for (const auto& [name, attribute] : node->attributes())
        if (const auto* d = std::get_if<Dims>(&attribute)) dims(*d);
    for (const std::string& name : all)
      if (!options_.early.contains(name)) set.insert(name);
  }

  Result<std::vector<Unit>> sorted() {
    const std::size_t n = units_.size();
    std::vector<std::size_t> rank(n), waiting(n, 0);
    std::vector<std::vector<std::size_t>> after(n);
    std::map<std::string, std::size_t, std::less<>> binders;
    const auto edge = [&](std::size_t from, std::size_t to) {
      if (from == to) return;
      after[from].push_back(to);
      ++waiting[to];
    };
    // Units stand where their last node stood.
    for (std::size_t i = 0; i < n; ++i)
      if (alive_[i]) rank[i] = order(units_[i].nodes.back());
    std::vector<std::size_t> by_rank;
    for (std::size_t i = 0; i < n; ++i)
      if (alive_[i]) by_rank.push_back(i);
    std::ranges::sort(by_rank, {}, [&](std::size_t i) { return rank[i]; });
    std::optional<std::size_t> effect;
    for (std::size_t i : by_rank) {
      for (const Value* value : units_[i].inputs())
        if (const auto p = producers_.find(value); p != producers_.end()) edge(p->second, i);
      SymbolSet late;
      late_symbols(units_[i], late);
      for (const std::string& name : late) {
        const auto [found, fresh] = binders.emplace(name, i);
        if (!fresh) edge(found->second, i);
      }
      if (std::ranges::any_of(units_[i].nodes, [](const Node* node) { return node->effectful; })) {
        if (effect) edge(*effect, i);
        effect = i;
      }
    }
    using Entry = std::pair<std::size_t, std::size_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    for (std::size_t i : by_rank)
      if (waiting[i] == 0) ready.emplace(rank[i], i);
    std::vector<Unit> result;
    while (!ready.empty()) {
      const std::size_t i = ready.top().second;
      ready.pop();
      for (std::size_t next : after[i])
        if (--waiting[next] == 0) ready.emplace(rank[next], next);
      result.push_back(std::move(units_[i]));
    }
    if (result.size() != by_rank.size()) return internal_error("fused kernels depend on each other in a circle");
    return result;
  }

  const Graph& graph_;
  const FuseOptions& options_;
  std::vector<ScheduleNote>& notes_;
  std::vector<Unit> units_;
  std::vector<bool> alive_, late_;
  SymbolSet born_;                         // late symbols of the results seen so far
  std::vector<std::size_t> first_, last_;  // per unit: numbers of its oldest and its youngest node
  std::unordered_map<const Value*, std::size_t> producers_;
  std::unordered_map<const Node*, std::size_t> unit_of_;
  std::unordered_map<const Node*, std::size_t> order_;
};

}  // namespace

Result<std::vector<Unit>> fuse(const Graph& graph, const FuseOptions& options, std::vector<ScheduleNote>& notes) {
  return Fuser(graph, options, notes).run();
}

}  // namespace burnish
