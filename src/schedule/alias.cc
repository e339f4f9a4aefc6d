#include "schedule/alias.h"

#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "schedule/formats.h"

namespace burnish {
namespace {

constexpr std::size_t kForever = std::numeric_limits<std::size_t>::max();

class Solver {
 public:
  Solver(const Graph& graph, const std::vector<Unit>& units, const Selection& selection, const AliasOptions& options,
         std::vector<ScheduleNote>& notes)
      : graph_(graph), units_(units), selection_(selection), options_(options), notes_(notes) {
    result_.copied.assign(units.size(), false);
  }

  Aliases run(std::span<Value* const> captured) {
    int arrival = 0;
    for (const auto& input : graph_.inputs()) add_arrival(input.get(), arrival++);
    for (const Value* value : captured) add_arrival(value, arrival++);
    for (std::size_t u = 0; u < units_.size(); ++u)
      for (const Value* value : units_[u].outputs()) producers_[value] = u;
    find_ends();
    choose_outputs();
    // Outer concats first, so that inner ones lie in them.
    for (std::size_t u = units_.size(); u-- > 0;)
      if (units_[u].kind == Unit::Kind::concat) join(u);
    for (std::size_t u = 0; u < units_.size(); ++u) place_outputs(u);
    return std::move(result_);
  }

 private:
  bool on_heap(const Value* value) const { return needs_heap(*value, options_.early); }

  int add_buffer(Buffer::Kind kind, int index, Dim bytes) {
    Buffer buffer;
    buffer.kind = kind;
    buffer.index = index;
    buffer.bytes = std::move(bytes);
    result_.buffers.push_back(std::move(buffer));
    return static_cast<int>(result_.buffers.size()) - 1;
  }

  Storage dense(const Value* value, int buffer) const {
    return dense_storage(selection_.format_of(*value), value->type().dims, buffer);
  }
  Dim bytes_of(const Value* value) const {
    return storage_elements(selection_.format_of(*value), value->type().dims) *
           Dim(static_cast<int64_t>(byte_size(value->type().dtype)));
  }
  static Storage heap_storage(const Value* value) {
    Storage storage;
    if (value->type().is_ranked_tensor())
      storage = dense_storage(Format::plain(value->type().dtype, value->type().rank()), value->type().dims);
    storage.buffer = -1;
    return storage;
  }

  void add_arrival(const Value* value, int index) {
    Storage& storage = result_.storages[value];
    if (on_heap(value)) {
      storage = heap_storage(value);
      return;
    }
    const Format plain = Format::plain(value->type().dtype, value->type().rank());
    storage = dense_storage(plain, value->type().dims);
    storage.buffer = add_buffer(
        Buffer::Kind::input, index,
        storage_elements(plain, value->type().dims) * Dim(static_cast<int64_t>(byte_size(value->type().dtype))));
  }

  // The last unit that reads a value or what is a view of it.
  void find_ends() {
    for (std::size_t u = units_.size(); u-- > 0;) {
      const Unit& unit = units_[u];
      std::size_t end = u;
      if (unit.kind == Unit::Kind::view) end = std::max(end, end_of(unit.results[0]));
      if (unit.kind == Unit::Kind::concat) end = std::max(end, end_of(unit.results[0]));
      for (const Value* value : unit.inputs()) {
        std::size_t& known = ends_[value];
        known = std::max(known, end);
      }
    }
  }
  std::size_t end_of(const Value* value) const {
    if (value->is_output()) return kForever;
    const auto found = ends_.find(value);
    return found == ends_.end() ? 0 : found->second;
  }

  // Results of the graph are written where the caller wants them, where one kernel or step makes all of them.
  void choose_outputs() {
    std::unordered_map<const Value*, int> count;
    for (const auto& output : graph_.outputs()) ++count[output.value];
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
      const Value* value = graph_.outputs()[i].value;
      if (count[value] > 1 || on_heap(value) || is_constant(*value)) continue;
      // Through views that only give the same elements other dims.
      const Value* root = value;
      bool whole = true;
      std::vector<const Unit*> views;
      while (whole) {
        const auto p = producers_.find(root);
        if (p == producers_.end()) whole = false;
        else if (units_[p->second].kind != Unit::Kind::view) break;
        else {
          const std::string& op = units_[p->second].node().op();
          views.push_back(&units_[p->second]);
          root = units_[p->second].operands[0];
          whole = (op == "reshape" || op == "identity") && !root->is_output() && !is_constant(*root) &&
                  !on_heap(root) && selection_.format_of(*root).is_plain();
        }
      }
      if (!whole || root->graph() != &graph_ || result_.storages.contains(root)) continue;
      std::optional<Storage> seen = dense(root, 0);
      for (std::size_t v = views.size(); seen && v-- > 0;) seen = view_storage(views[v]->node(), *seen);
      if (!seen) continue;  // one of them has to copy
      result_.storages[root] = dense(root, add_buffer(Buffer::Kind::output, static_cast<int>(i), bytes_of(root)));
    }
  }

  // The operands of a concat are made in their places, where they can be.
  void join(std::size_t u) {
    const Unit& unit = units_[u];
    const Value* whole = unit.results[0];
    if (on_heap(whole)) return;
    if (!result_.storages.contains(whole))
      result_.storages[whole] = dense(whole, add_buffer(Buffer::Kind::arena, -1, bytes_of(whole)));
    if (!options_.join_concats) return;
    Dim start = 0;
    const auto axis = concat_axis(unit);
    for (const Value* part : unit.operands) {
      const Storage storage = concat_part(result_.storages.at(whole), axis, start, *part);
      start += part->type().dims[axis];
      if (const std::string why = why_not_joined(u, part); !why.empty()) {
        notes_.push_back(
            {"place.concat", unit.name, fmt::format("'{}' is copied into its place", part->name()), why, ""});
        continue;
      }
      result_.storages[part] = storage;
    }
  }

  std::string why_not_joined(std::size_t u, const Value* part) const {
    if (is_constant(*part)) return "it is a constant";
    const auto p = producers_.find(part);
    if (p == producers_.end()) return "it is an input";
    if (on_heap(part)) return "its size is known late";
    if (result_.storages.contains(part)) return "it lies elsewhere already";
    if (units_[p->second].kind == Unit::Kind::view) return "it is a view of another value";
    if (units_[p->second].kind == Unit::Kind::control) return "control flow gives it";
    if (std::ranges::count(units_[u].operands, part) > 1) return "it is there twice";
    if (!same_layout(selection_.format_of(*part), selection_.format_of(*units_[u].results[0]),
                     units_[u].results[0]->type().dims))
      return "it has another format";
    return {};
  }

  void place_outputs(std::size_t u) {
    const Unit& unit = units_[u];
    for (const Value* value : unit.outputs()) {
      if (result_.storages.contains(value) && unit.kind != Unit::Kind::view) continue;
      if (on_heap(value)) {
        result_.storages[value] = heap_storage(value);
        if (unit.kind == Unit::Kind::view) result_.copied[u] = true;
        continue;
      }
      if (unit.kind == Unit::Kind::view && place_view(u, value)) continue;
      if (result_.storages.contains(value)) continue;
      if (unit.kind == Unit::Kind::kernel && options_.in_place && reuse(u, value)) continue;
      result_.storages[value] = dense(value, add_buffer(Buffer::Kind::arena, -1, bytes_of(value)));
    }
  }

  bool place_view(std::size_t u, const Value* value) {
    const Value* from = units_[u].operands[0];
    if (!is_constant(*from) && !on_heap(from) && !result_.storages.contains(value)) {
      if (auto storage = view_storage(units_[u].node(), result_.storages.at(from))) {
        result_.storages[value] = std::move(*storage);
        return true;
      }
    }
    result_.copied[u] = true;
    return false;
  }

  // In the place of an operand that nobody reads afterwards.
  bool reuse(std::size_t u, const Value* value) {
    const Unit& unit = units_[u];
    const Tactic& tactic = selection_.tactics[u];
    const std::size_t first = unit.kernel.anchor ? unit.kernel.anchor->operands.size() : 0;
    std::size_t out = 0;
    while (unit.operands[out] != value || !unit.kernel.is_output(out)) ++out;
    const Storage wanted = dense(value, -1);
    if (!fits(wanted, tactic.ports[out].format, value->type().dims) && !tactic.ports[out].any_strides) return false;
    for (std::size_t in = first; in < unit.operands.size(); ++in) {
      const Value* operand = unit.operands[in];
      if (unit.kernel.is_output(in) || is_constant(*operand) || on_heap(operand)) continue;
      if (std::ranges::count(unit.operands, operand) > 1) continue;
      const Storage& storage = result_.storages.at(operand);
      const bool arena =
          storage.buffer >= 0 && result_.buffers[static_cast<std::size_t>(storage.buffer)].kind == Buffer::Kind::arena;
      if (!arena || end_of(operand) > u || shared_.contains(operand)) continue;
      if (storage.strides != wanted.strides || storage.format != wanted.format) continue;
      if (!may_share(unit.kernel.nest, static_cast<int>(in - first), static_cast<int>(out - first))) continue;
      if (others_live(storage.buffer, operand, u)) continue;
      result_.storages[value] = storage;
      shared_.insert(operand);
      return true;
    }
    return false;
  }

  // Is the buffer read later, or by this very unit through another value than `except`? A kernel may write over what it
  // reads at the same position only.
  bool others_live(int buffer, const Value* except, std::size_t u) const {
    return std::ranges::any_of(result_.storages, [&](const auto& entry) {
      const auto& [other, storage] = entry;
      if (storage.buffer != buffer || other == except) return false;
      return end_of(other) > u || std::ranges::find(units_[u].operands, other) != units_[u].operands.end();
    });
  }

  static std::size_t concat_axis(const Unit& unit) {
    const int64_t axis = std::get<int64_t>(*unit.node().attribute("axis"));
    return static_cast<std::size_t>(axis < 0 ? axis + unit.results[0]->type().rank() : axis);
  }

 public:
  static Storage concat_part(const Storage& whole, std::size_t axis, const Dim& start, const Value& part) {
    Storage storage = whole;
    storage.offset += start * whole.strides[axis];
    storage.format.dtype = part.type().dtype;
    return storage;
  }

 private:
  const Graph& graph_;
  const std::vector<Unit>& units_;
  const Selection& selection_;
  const AliasOptions& options_;
  std::vector<ScheduleNote>& notes_;
  Aliases result_;
  std::unordered_map<const Value*, std::size_t> producers_, ends_;
  std::set<const Value*> shared_;
};

}  // namespace

Aliases solve_aliases(const Graph& graph, const std::vector<Unit>& units, const Selection& selection,
                      std::span<Value* const> captured, const AliasOptions& options, std::vector<ScheduleNote>& notes) {
  return Solver(graph, units, selection, options, notes).run(captured);
}

}  // namespace burnish
