#include "schedule/select.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "schedule/formats.h"
#include "schedule/pbqp.h"

namespace burnish {

bool is_constant(const Value& value) { return value.producer() != nullptr && value.producer()->op() == "constant"; }

namespace {

bool is_possible(const Unit& unit, const Tactic& tactic, const SelectOptions& options) {
  if (options.exact && tactic.inexact) return false;
  for (std::size_t i = 0; i < tactic.ports.size(); ++i)
    if (tactic.ports[i].derived_bytes > 0 && !is_constant(*unit.operands[i])) return false;
  return true;
}

// What is forced for the kernel's family, or null; and whether the kernel has such a tactic.
const std::string* forced_for(const Unit& unit, const SelectOptions& options) {
  if (!unit.kernel.anchor) return nullptr;
  const auto forced = options.forced.find(unit.kernel.anchor->family);
  return forced == options.forced.end() ? nullptr : &forced->second;
}
bool has_forced(const Unit& unit, const std::string& forced, const SelectOptions& options) {
  return std::ranges::any_of(
      unit.tactics, [&](const Tactic& t) { return is_possible(unit, t, options) && t.name.starts_with(forced); });
}

}  // namespace

bool is_allowed(const Unit& unit, const Tactic& tactic, const SelectOptions& options) {
  if (!is_possible(unit, tactic, options)) return false;
  const std::string* forced = forced_for(unit, options);
  return forced == nullptr || tactic.name.starts_with(*forced) || !has_forced(unit, *forced, options);
}

Status check_forced(const std::vector<Unit>& units, const SelectOptions& options) {
  for (const auto& [family, forced] : options.forced) {
    std::set<std::string> names;
    bool found = false;
    for (const Unit& unit : units) {
      if (unit.kind != Unit::Kind::kernel || forced_for(unit, options) != &forced) continue;
      found = found || has_forced(unit, forced, options);
      for (const Tactic& t : unit.tactics)
        if (is_possible(unit, t, options)) names.insert(t.name);
    }
    if (!found && !names.empty())
      return usage_error(fmt::format("no kernel has the tactic '{}={}'", family, forced), "--force",
                         fmt::format("force one of: {}; or none", fmt::join(names, ", ")));
  }
  return {};
}

double likely_bytes(const Type& type) {
  double bytes = static_cast<double>(byte_size(type.dtype));
  for (const Dim& d : type.dims) bytes *= d == Dim(0) ? 0 : static_cast<double>(likely(d));
  return bytes;
}

Format Selection::format_of(const Value& value) const {
  const auto found = formats.find(&value);
  return found != formats.end() ? found->second : Format::plain(value.type().dtype, value.type().rank());
}

namespace {

constexpr std::size_t kMostFormats = 5;  // per value
constexpr double kNever = 1e9;           // seconds; finite, so that sums stay comparable
constexpr double kLater = 0.02;          // of a price of bytes, from the first layer to the last
constexpr double kCopyRate = 8e9;        // bytes a second, read and written
constexpr double kStridedRate = 4e9;     // reading across the order of memory
constexpr double kStep = 2e-6;           // seconds to start a kernel

class Selector {
 public:
  Selector(const Graph& graph, const std::vector<Unit>& units, const SelectOptions& options,
           std::vector<ScheduleNote>& notes)
      : graph_(graph), units_(units), options_(options), notes_(notes) {}

  Result<Selection> run() {
    collect_formats();
    for (const Unit& unit : units_) TRY(add(unit));
    const std::vector<int> choice = solve();
    Selection selection;
    for (const auto& [value, vertex] : vertices_)
      selection.formats[value] = formats_.at(value)[static_cast<std::size_t>(choice[static_cast<std::size_t>(vertex)])];
    for (std::size_t u = 0; u < units_.size(); ++u) {
      selection.tactics.emplace_back();
      if (units_[u].kind != Unit::Kind::kernel) continue;
      const int vertex = unit_vertices_[u];
      const auto& ways = ways_[u];
      const std::size_t taken = vertex < 0 ? 0 : static_cast<std::size_t>(choice[static_cast<std::size_t>(vertex)]);
      selection.tactics.back() = ways[taken];
      explain(u, ways, taken);
    }
    return selection;
  }

 private:
  // What a kernel's constants take beyond one copy of them.
  static int64_t derived_bytes(const Tactic& tactic) {
    int64_t bytes = 0;
    for (std::size_t i = 0; i < tactic.ports.size(); ++i) bytes += tactic.ports[i].derived_bytes;
    return bytes;
  }

  // The cheapest choice within the limit of derived bytes: a price per byte, as low as does it (Lagrange).
  std::vector<int> solve() {
    double constants = 0;
    for (const auto& node : graph_.nodes())
      if (node->op() == "constant") constants += likely_bytes(node->result(0)->type());
    const double most = options_.derived_limit * constants;
    const auto at_price = [&](double price, double& bytes) {
      PairwiseChoice priced = choices_;
      const auto each = [&](auto f) {
        for (std::size_t u = 0; u < units_.size(); ++u)
          for (std::size_t w = 0; unit_vertices_[u] >= 0 && w < ways_[u].size(); ++w)
            if (const int64_t more = derived_bytes(ways_[u][w]); more > 0) f(u, w, more);
      };
      // Of layers that are alike those that come later pay more: else all of them would change their minds at one price.
      each([&](std::size_t u, std::size_t way, int64_t more) {
        const double later = 1 + kLater * static_cast<double>(u) / static_cast<double>(units_.size());
        priced.add_cost(unit_vertices_[u], static_cast<int>(way), price * later * static_cast<double>(more));
      });
      std::vector<int> choice = priced.solve();
      bytes = 0;
      each([&](std::size_t u, std::size_t way, int64_t more) {
        if (choice[static_cast<std::size_t>(unit_vertices_[u])] == static_cast<int>(way))
          bytes += static_cast<double>(more);
      });
      return choice;
    };
    double bytes = 0;
    std::vector<int> best = at_price(0, bytes);
    if (bytes <= most) return best;
    double low = 0, high = 1e-12;  // seconds per byte
    while ((best = at_price(high, bytes), bytes > most) && high < kNever) high *= 16;
    for (int round = 0; round < 12; ++round) {
      const double middle = low == 0 ? high / 4 : std::sqrt(low * high);
      std::vector<int> choice = at_price(middle, bytes);
      if (bytes > most) {
        low = middle;
      } else {
        high = middle;
        best = std::move(choice);
      }
    }
    return best;
  }

  bool has_choice(const Value* value) const {
    return value != nullptr && !is_constant(*value) && !needs_heap(*value, options_.early);
  }
  // What others see, outside this graph.
  bool must_be_plain(const Value* value) const {
    return value->producer() == nullptr || value->is_output() || value->graph() != &graph_;
  }

  bool offer(const Value* value, const Format& format) {
    if (!has_choice(value)) return false;
    auto& list = formats_[value];
    const Dims& dims = value->type().dims;
    if (list.empty()) list.push_back(Format::plain(value->type().dtype, value->type().rank()));
    if (must_be_plain(value) || list.size() >= kMostFormats) return false;
    Format f = format;
    f.dtype = value->type().dtype;
    if (std::ranges::any_of(list, [&](const Format& have) { return same_layout(have, f, dims); })) return false;
    list.push_back(std::move(f));
    return true;
  }

  static bool is_order(const Format& f) { return f.blocks.empty() && f.border.empty(); }

  // Formats that some end of a value would like to see.
  void collect_formats() {
    for (const Unit& unit : units_) {
      for (const auto& list : {unit.operands, unit.results})
        for (const Value* value : list)
          if (has_choice(value)) offer(value, Format::plain(value->type().dtype, value->type().rank()));
      for (const Tactic& tactic : unit.tactics)
        for (std::size_t i = 0; i < tactic.ports.size(); ++i)
          if (!tactic.ports[i].any_strides && is_order(tactic.ports[i].format))
            offer(unit.operands[i], tactic.ports[i].format);
    }
    // Forwards through views and kernels that take anything, and backwards through the latter.
    for (int round = 0; round < 2; ++round) {
      for (const Unit& unit : units_) spread(unit);
      for (auto unit = units_.rbegin(); unit != units_.rend(); ++unit) spread(*unit);
    }
  }

  void spread(const Unit& unit) {
    if (unit.kind == Unit::Kind::view) {
      const Value *from = unit.operands[0], *to = unit.results[0];
      if (!has_choice(from) || !has_choice(to)) return;
      const std::vector<Format> formats = formats_[from];
      for (const Format& f : formats)
        if (const auto seen = view_format(unit.node(), f)) offer(to, *seen);
      return;
    }
    const bool anything = unit.kind == Unit::Kind::concat || (unit.kind == Unit::Kind::kernel && !unit.kernel.anchor);
    if (!anything) return;
    std::vector<const Value*> values = same_rank(unit);
    std::vector<Format> all;
    for (const Value* v : values)
      for (const Format& f : formats_[v]) all.push_back(f);
    for (const Value* v : values)
      for (const Format& f : all) offer(v, f);
  }

  // Operands whose rank is that of the first result, with a choice of format.
  std::vector<const Value*> same_rank(const Unit& unit) const {
    const auto outputs = unit.outputs();
    std::vector<const Value*> values;
    if (outputs.empty()) return values;
    const int64_t rank = outputs.front()->type().rank();
    for (const auto& list : {unit.operands, unit.results})
      for (const Value* v : list)
        if (has_choice(v) && v->type().rank() == rank && std::ranges::find(values, v) == values.end())
          values.push_back(v);
    return values;
  }

  int vertex_of(const Value* value) {
    const auto found = vertices_.find(value);
    if (found != vertices_.end()) return found->second;
    // A value that only control flow sees was offered nothing.
    auto& formats = formats_[value];
    if (formats.empty()) formats.push_back(Format::plain(value->type().dtype, value->type().rank()));
    return vertices_[value] = choices_.add_vertex(std::vector<double>(formats.size(), 0.0));
  }

  // Seconds for a value in `have` at a port.
  static double mismatch(const Value* value, const Format& have, const Tactic::Port& port) {
    Format wanted = port.format;
    wanted.dtype = have.dtype;
    if (same_layout(have, wanted, value->type().dims)) return 0;
    const double bytes = likely_bytes(value->type());
    return port.any_strides ? bytes / kStridedRate : kStep + bytes / kStridedRate + bytes / kCopyRate;
  }

  Status add(const Unit& unit) {
    ways_.emplace_back();
    unit_vertices_.push_back(-1);
    switch (unit.kind) {
      case Unit::Kind::kernel: return add_kernel(unit);
      case Unit::Kind::view: add_view(unit); break;
      case Unit::Kind::concat: add_concat(unit); break;
      case Unit::Kind::reference:
      case Unit::Kind::control:
        for (const auto& list : {unit.inputs(), unit.outputs()})
          for (const Value* v : list)
            if (has_choice(v)) {
              const int vertex = vertex_of(v);
              for (std::size_t i = 1; i < formats_[v].size(); ++i)
                choices_.add_cost(vertex, static_cast<int>(i), likely_bytes(v->type()) / kStridedRate);
            }
        break;
    }
    return {};
  }

  Status add_kernel(const Unit& unit) {
    auto& ways = ways_.back();
    for (std::size_t t = 0; t < unit.tactics.size(); ++t) {
      const Tactic& tactic = unit.tactics[t];
      if (!is_allowed(unit, tactic, options_)) continue;
      if (!unit.timed.empty() && unit.timed[t]) timed_[unit_vertices_.size() - 1].insert(tactic.name);
      const bool free = !unit.kernel.anchor && std::ranges::all_of(tactic.ports, &Tactic::Port::any_strides);
      if (!free) {
        ways.push_back(tactic);
        continue;
      }
      for (const Format& f : wishes(unit)) {
        ways.push_back(tactic);
        for (std::size_t i = 0; i < tactic.ports.size(); ++i) {
          Format& format = ways.back().ports[i].format;
          if (unit.operands[i]->type().rank() != static_cast<int64_t>(f.order.size())) continue;
          if (needs_heap(*unit.operands[i], options_.early)) continue;
          format.order = f.order;
        }
      }
    }
    if (ways.empty()) {
      return usage_error("no tactic is left for this kernel", unit.name, "allow those that --exact leaves out");
    }
    std::vector<double> costs;
    for (const Tactic& way : ways) costs.push_back(way.seconds + kStep);
    const int vertex = unit_vertices_.back() = choices_.add_vertex(costs);
    for (std::size_t i = 0; i < unit.operands.size(); ++i) {
      const Value* value = unit.operands[i];
      if (is_constant(*value)) continue;
      if (!has_choice(value)) {  // plain, on the heap
        for (std::size_t w = 0; w < ways.size(); ++w) {
          const auto& port = ways[w].ports[i];
          if (!port.any_strides && !port.format.is_plain()) choices_.add_cost(vertex, static_cast<int>(w), kNever);
        }
        continue;
      }
      const auto& formats = formats_[value];
      std::vector<double> edge;
      for (const Tactic& way : ways)
        for (const Format& f : formats) edge.push_back(mismatch(value, f, way.ports[i]));
      choices_.add_edge(vertex, vertex_of(value), std::move(edge));
    }
    return {};
  }

  // Orders that a kernel which takes anything might run in: those of its operands.
  std::vector<Format> wishes(const Unit& unit) {
    std::vector<Format> list;
    const std::vector<const Value*> values = same_rank(unit);
    for (const Value* v : values)
      for (const Format& f : formats_[v])
        if (list.size() < kMostFormats && std::ranges::find(list, f.order, &Format::order) == list.end())
          list.push_back(f);
    if (list.empty()) {
      const auto outputs = unit.outputs();
      list.push_back(Format::plain(DType::f32, outputs.empty() ? 0 : outputs.front()->type().rank()));
    }
    return list;
  }

  void add_view(const Unit& unit) {
    const Value *from = unit.operands[0], *to = unit.results[0];
    if (!has_choice(from) && !has_choice(to)) return;
    const auto cost = [&](const Format& have, const Format& wanted) {
      Format f = have;
      f.dtype = wanted.dtype;
      return same_layout(f, wanted, to->type().dims) ? 0.0 : kStep + 2 * likely_bytes(to->type()) / kStridedRate;
    };
    const Format plain = Format::plain(to->type().dtype, to->type().rank());
    std::vector<Format> sources =
        has_choice(from) ? formats_[from] : std::vector<Format>{Format::plain(from->type().dtype, from->type().rank())};
    std::vector<double> edge;
    for (const Format& f : sources) {
      const auto seen = view_format(unit.node(), f);
      const double copy = seen ? 0 : kStep + 2 * likely_bytes(to->type()) / kStridedRate;
      for (const Format& wanted : has_choice(to) ? formats_[to] : std::vector<Format>{plain})
        edge.push_back(copy + cost(seen ? *seen : plain, wanted));
    }
    if (has_choice(from) && has_choice(to)) {
      choices_.add_edge(vertex_of(from), vertex_of(to), std::move(edge));
    } else if (has_choice(to)) {
      const int vertex = vertex_of(to);
      for (std::size_t i = 0; i < edge.size(); ++i) choices_.add_cost(vertex, static_cast<int>(i), edge[i]);
    }
  }

  void add_concat(const Unit& unit) {
    const Value* to = unit.results[0];
    if (!has_choice(to)) return;
    const int vertex = vertex_of(to);
    for (const Value* from : unit.operands) {
      if (!has_choice(from)) continue;
      std::vector<double> edge;
      for (const Format& f : formats_[from])
        for (const Format& wanted : formats_[to])
          edge.push_back(
              same_layout(f, wanted, to->type().dims) ? 0 : kStep + 2 * likely_bytes(from->type()) / kStridedRate);
      if (from != to) choices_.add_edge(vertex_of(from), vertex, std::move(edge));
    }
  }

  void explain(std::size_t u, const std::vector<Tactic>& ways, std::size_t taken) {
    const Unit& unit = units_[u];
    const Tactic& won = ways[taken];
    const auto is_timed = [&](const Tactic& t) { return timed_[u].contains(t.name); };
    // Beside times that were measured, an estimate is marked as one.
    const auto time = [&](const Tactic& t) {
      return fmt::format("{}{:.1f} us", is_timed(won) && !is_timed(t) ? "estimated " : "", t.seconds * 1e6);
    };
    std::string losers;
    bool faster = false;
    for (const Tactic& way : ways) {
      if (way.name == won.name || losers.find(way.name) != std::string::npos) continue;
      losers += fmt::format("{}{} {}", losers.empty() ? "" : ", ", way.name, time(way));
      faster = faster || way.seconds < won.seconds;
    }
    if (faster) losers += ", where conversions of formats or derived weights would be added";
    if (const std::string* forced = forced_for(unit, options_);
        forced != nullptr && !has_forced(unit, *forced, options_))
      losers += fmt::format("{}it has no tactic '{}', which is forced", losers.empty() ? "" : "; ", *forced);
    const bool lacks_family = won.name == kPlainLoops && unit.kernel.anchor;
    notes_.push_back(
        {"select.tactic", unit.name,
         fmt::format("{}{}, {} {}", unit.kernel.anchor ? unit.kernel.anchor->family + ": " : "", won.name,
                     is_timed(won) ? "measured" : "estimated", time(won)),
         (lacks_family ? "no family has code for it: " : "") + won.why + (losers.empty() ? "" : "; others: " + losers),
         ""});
  }

  const Graph& graph_;
  const std::vector<Unit>& units_;
  const SelectOptions& options_;
  std::vector<ScheduleNote>& notes_;
  std::unordered_map<const Value*, std::vector<Format>> formats_;
  std::unordered_map<const Value*, int> vertices_;
  std::vector<int> unit_vertices_;
  std::vector<std::vector<Tactic>> ways_;
  std::map<std::size_t, std::set<std::string>> timed_;  // unit -> names of the tactics that were run
  PairwiseChoice choices_;
};

}  // namespace

Result<Selection> select(const Graph& graph, const std::vector<Unit>& units, const SelectOptions& options,
                         std::vector<ScheduleNote>& notes) {
  return Selector(graph, units, options, notes).run();
}

}  // namespace burnish
