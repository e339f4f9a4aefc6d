#include "schedule/place.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "ops/operator.h"
#include "schedule/alias.h"
#include "schedule/copies.h"
#include "schedule/formats.h"

namespace burnish {

namespace {

class Placer {
 public:
  Placer(const Graph& graph, const std::vector<Unit>& units, const Selection& selection, const PlaceOptions& options,
         std::vector<ScheduleNote>& notes)
      : graph_(graph), units_(units), selection_(selection), options_(options), notes_(notes) {}

  Result<Placed> run() {
    placed_.program = std::make_unique<Program>();
    program_ = placed_.program.get();
    // What a body reads from outside arrives after its inputs. Constants are its own.
    std::vector<Value*> captured;
    if (graph_.owner() != nullptr)
      captured_values(*graph_.owner(), [&](Value* value) {
        if (!is_constant(*value) && reads(value)) captured.push_back(value);
      });
    aliases_ = solve_aliases(graph_, units_, selection_, captured,
                             {options_.early, options_.in_place, options_.join_concats}, notes_);
    program_->buffers = aliases_.buffers;
    for (const auto& input : graph_.inputs()) {
      program_->inputs.push_back(slot_of(input.get()));
      program_->input_names.push_back(input->name());
      program_->input_roles.push_back(input->role);
    }
    for (Value* value : captured) {
      captured_.push_back(value);
      program_->captures.emplace_back(slot_of(value), -1);
    }
    for (std::size_t u = 0; u < units_.size(); ++u) {
      TRY(add(u));
      placed_.units.resize(program_->steps.size(), u);
    }
    for (const auto& output : graph_.outputs()) {
      program_->outputs.push_back(is_constant(*output.value) ? TRY(constant_slot(output.value, plain(*output.value)))
                                                             : slot_of(output.value));
      program_->output_names.push_back(output.name);
    }
    find_lives();
    return std::move(placed_);
  }

 private:
  static Format plain(const Value& value) { return Format::plain(value.type().dtype, value.type().rank()); }

  // Does this very graph (not a sibling region) read the value?
  bool reads(const Value* value) const {
    return std::ranges::any_of(graph_.outputs(), [&](const auto& o) { return o.value == value; }) ||
           std::ranges::any_of(units_, [&](const Unit& unit) {
             const auto inputs = unit.inputs();
             return std::ranges::find(inputs, value) != inputs.end();
           });
  }

  // -- slots

  int add_slot(std::string name, Type type, Storage storage) {
    Slot slot;
    slot.name = std::move(name);
    slot.type = std::move(type);
    slot.storage = std::move(storage);
    program_->slots.push_back(std::move(slot));
    return static_cast<int>(program_->slots.size()) - 1;
  }

  int slot_of(const Value* value) {
    if (const auto found = slots_.find(value); found != slots_.end()) return found->second;
    const int number = slots_[value] = add_slot(value->name(), value->type(), aliases_.of(value));
    if (value->graph() == &graph_ && binds_symbols(*value, options_.early))
      program_->slots.back().contents = value->contents();
    return number;
  }

  int add_buffer(Dim bytes) {
    Buffer buffer;
    buffer.bytes = std::move(bytes);
    program_->buffers.push_back(std::move(buffer));
    return static_cast<int>(program_->buffers.size()) - 1;
  }

  int add_temporary(const Value& value, const Format& format) {
    Format f = format;
    f.dtype = value.type().dtype;
    const int buffer =
        add_buffer(storage_elements(f, value.type().dims) * Dim(static_cast<int64_t>(byte_size(f.dtype))));
    return add_slot(value.name(), value.type(), dense_storage(f, value.type().dims, buffer));
  }

  // A constant as a kernel wants it: packed here and now.
  Result<int> constant_slot(const Value* value, Format format) {
    const auto* tensor = std::get_if<Tensor>(value->producer()->attribute("value"));
    if (tensor == nullptr) return internal_error("a constant without a tensor", value->name());
    format.dtype = tensor->dtype();
    for (const auto& [have, slot] : constants_[value])
      if (have == format) return slot;
    const bool reordered = tensor->dtype() != DType::string && !same_layout(format, plain(*value), value->type().dims);
    count_bytes(value, *tensor, static_cast<int64_t>(tensor->byte_size()));
    const int buffer = add_constant(reordered ? TRY(pack(*tensor, format)) : *tensor);
    const int number = add_slot(value->name(), tensor->type(), dense_storage(format, tensor->type().dims, buffer));
    constants_[value].emplace_back(format, number);
    return number;
  }

  // What a kernel wants that no format describes.
  Result<int> derived_slot(const Unit& unit, const Tactic& tactic, std::size_t i) {
    const Value* value = unit.operands[i];
    const auto* tensor = std::get_if<Tensor>(value->producer()->attribute("value"));
    if (tensor == nullptr) return internal_error("a constant without a tensor", value->name());
    std::string key;
    for (const auto& [name, parameter] : tactic.parameters) key += fmt::format(" {}={}", name, text(parameter));
    for (const auto& [have, slot] : derived_[value])
      if (have == key) return slot;
    Tensor made = TRY(options_.target->derive(unit.kernel, tactic, i, *tensor));
    count_bytes(value, *tensor, static_cast<int64_t>(made.byte_size()), true);
    const Type type = made.type();
    const int buffer = add_constant(std::move(made));
    const int number =
        add_slot(value->name(), type, dense_storage(Format::plain(type.dtype, type.rank()), type.dims, buffer));
    derived_[value].emplace_back(std::move(key), number);
    return number;
  }

  // A plan keeps one copy of every constant: in its first packed form, from which the user's can be had back, or else as
  // it was.
  void count_bytes(const Value* value, const Tensor& constant, int64_t stored, bool derived = false) {
    if (constants_[value].empty() && derived_[value].empty())
      placed_.weight_bytes += static_cast<int64_t>(constant.byte_size());
    if (derived || !constants_[value].empty()) placed_.derived_bytes += stored;
  }

  int add_constant(Tensor tensor) {
    Buffer buffer;
    buffer.kind = Buffer::Kind::constant;
    buffer.index = static_cast<int>(program_->constants.size());
    buffer.bytes = static_cast<int64_t>(tensor.byte_size());
    program_->constants.push_back(std::move(tensor));
    program_->buffers.push_back(std::move(buffer));
    return static_cast<int>(program_->buffers.size()) - 1;
  }

  // -- steps

  // What kernels and views take for granted. References look for themselves.
  Status add_checks(const Unit& unit) {
    if (unit.kind == Unit::Kind::reference || unit.kind == Unit::Kind::control) return {};
    for (const Node* node : unit.nodes) {
      for (Requirement& r : TRY(ops::requirements(*node))) {
        const std::string question = std::to_string(static_cast<int>(r.kind)) + r.value.text() + "?" + r.bound.text();
        if (!asked_.insert(question).second) continue;
        program_->checks.push_back({std::move(r), unit.name, static_cast<int>(program_->steps.size())});
      }
    }
    return {};
  }

  Status add(std::size_t u) {
    const Unit& unit = units_[u];
    TRY(add_checks(unit));
    switch (unit.kind) {
      case Unit::Kind::kernel: return add_kernel(u);
      case Unit::Kind::view: return aliases_.copied[u] ? copy_view(unit) : Status{};
      case Unit::Kind::concat: return add_concat(unit);
      case Unit::Kind::reference: return add_reference(unit);
      case Unit::Kind::control: return add_control(unit);
    }
    return {};
  }

  Status add_kernel(std::size_t u) {
    const Unit& unit = units_[u];
    const Tactic& tactic = selection_.tactics[u];
    std::vector<int> inputs, outputs;
    std::vector<std::pair<int, int>> after;  // copies of results
    for (std::size_t i = 0; i < unit.operands.size(); ++i) {
      const Value* value = unit.operands[i];
      const Tactic::Port& port = tactic.ports[i];
      if (unit.kernel.is_output(i)) {
        const int slot = slot_of(value);
        outputs.push_back(slot);
        if (takes(slot, port)) continue;
        outputs.back() = add_temporary(*value, port.format);
        after.emplace_back(outputs.back(), slot);
      } else {
        inputs.push_back(TRY(operand(unit, tactic, i)));
      }
    }
    for (std::vector<int>* list : {&inputs, &outputs})
      for (int& slot : *list) slot = in_terms_of(slot, unit, tactic, *list, &slot, list == &outputs);
    TRY(add_job(unit.kernel, tactic, unit.name, std::move(inputs), std::move(outputs)));
    for (const auto& [from, to] : after) TRY(add_copy(from, to, unit.name + " (to its place)"));
    return {};
  }

  // Emitters read a storage's format; where it says the same in other words, they get theirs.
  int in_terms_of(int slot, const Unit& unit, const Tactic& tactic, const std::vector<int>& list, const int* place,
                  bool output) {
    const auto nth = static_cast<std::size_t>(place - list.data());
    std::size_t port = 0, seen = 0;
    for (; port < unit.operands.size(); ++port)
      if (unit.kernel.is_output(port) == output && seen++ == nth) break;
    const auto& wanted = tactic.ports[port];
    const Slot& s = program_->slots[static_cast<std::size_t>(slot)];
    Format format = wanted.format;
    format.dtype = s.storage.format.dtype;
    if (wanted.any_strides || wanted.derived_bytes > 0 || s.heap() || s.storage.format == format) return slot;
    if (!fits(s.storage, format, s.type.dims)) return slot;
    return add_slot(s.name, s.type, as_format(s.storage, format, s.type.dims));
  }

  bool takes(int slot, const Tactic::Port& port) const {
    const Slot& s = program_->slots[static_cast<std::size_t>(slot)];
    if (port.any_strides) return true;
    Format wanted = port.format;
    wanted.dtype = s.storage.format.dtype;
    return fits(s.storage, wanted, s.type.dims);
  }

  Result<int> operand(const Unit& unit, const Tactic& tactic, std::size_t i) {
    const Value* value = unit.operands[i];
    const Tactic::Port& port = tactic.ports[i];
    if (is_constant(*value))
      return port.derived_bytes > 0 ? derived_slot(unit, tactic, i) : constant_slot(value, port.format);
    const int slot = slot_of(value);
    if (takes(slot, port)) return slot;
    Format wanted = port.format;
    wanted.dtype = value->type().dtype;
    for (const auto& [format, converted] : converted_[value])
      if (format == wanted) return converted;
    if (program_->slots[static_cast<std::size_t>(slot)].heap())
      return internal_error("a value of a size that is not known at the start is wanted in another format",
                            value->name());
    const int converted = add_temporary(*value, wanted);
    TRY(add_copy(slot, converted, value->name() + " (format)"));
    converted_[value].emplace_back(wanted, converted);
    return converted;
  }

  Status add_copy(int from, int to, const std::string& name) {
    const Slot &source = program_->slots[static_cast<std::size_t>(from)],
               &target = program_->slots[static_cast<std::size_t>(to)];
    return add_copy(copy_of(source.type, source.storage, target.storage), from, to, name);
  }

  Status add_copy(Copy copy, int from, int to, const std::string& name) {
    std::string why;
    const auto tactics = options_.target->tactics(copy.kernel, &why);
    if (tactics.empty()) return internal_error("nothing can copy a value: " + why, name);
    TRY(add_job(copy.kernel, tactics.front(), name, {from}, {to}));
    placed_.jobs.back().storages = std::move(copy.storages);
    placed_.jobs.back().sizes = std::move(copy.sizes);
    return {};
  }

  Status add_job(const Kernel& kernel, const Tactic& tactic, std::string name, std::vector<int> inputs,
                 std::vector<int> outputs) {
    KernelJob job{kernel, tactic, {}, program_, program_->steps.size(), {}};
    for (const auto* list : {&inputs, &outputs})
      for (int slot : *list) job.storages.push_back(program_->slots[static_cast<std::size_t>(slot)].storage);
    placed_.jobs.push_back(std::move(job));
    Step step;
    step.kind = Step::Kind::kernel;
    step.name = std::move(name);
    step.inputs = std::move(inputs);
    step.outputs = std::move(outputs);
    program_->steps.push_back(std::move(step));
    return {};
  }

  // The operand as it is, into the result's memory: with the operand's own dims where that memory is plain.
  Status copy_view(const Unit& unit) {
    const Value *from = unit.operands[0], *to = unit.results[0];
    const int source = is_constant(*from) ? TRY(constant_slot(from, plain(*from))) : slot_of(from);
    const int target = slot_of(to);
    if (program_->slots[static_cast<std::size_t>(source)].heap() ||
        program_->slots[static_cast<std::size_t>(target)].heap())
      return copy_elements(source, target, unit);
    const Storage& given = program_->slots[static_cast<std::size_t>(source)].storage;
    if (auto seen = view_storage(unit.node(), given))
      return add_copy(add_slot(to->name(), to->type(), std::move(*seen)), target, unit.name);
    const Storage& lies = program_->slots[static_cast<std::size_t>(target)].storage;
    const auto dense = [&](const Value* value, int buffer) {
      return add_slot(value->name(), value->type(), dense_storage(plain(*value), value->type().dims, buffer));
    };
    if (same_layout(lies.format, plain(*to), to->type().dims) && lies.offset == Dim(0) &&
        fits(lies, plain(*to), to->type().dims) && lies.strides == dense_strides(plain(*to), to->type().dims))
      return add_copy(source, dense(from, lies.buffer), unit.name);
    const int buffer = add_buffer(storage_elements(plain(*from), from->type().dims) *
                                  Dim(static_cast<int64_t>(byte_size(from->type().dtype))));
    TRY(add_copy(source, dense(from, buffer), unit.name));
    return add_copy(dense(to, buffer), target, unit.name);
  }

  // One or both of them lie on the heap, dense and in plain order: as one row of elements.
  Status copy_elements(int from, int to, const Unit& unit) {
    const Value& value = *unit.results[0];
    if (const Value& operand = *unit.operands[0]; !is_row(from)) {
      const int row = add_temporary(operand, plain(operand));
      TRY(add_copy(from, row, unit.name));
      from = row;
    }
    if (!is_row(to)) {
      const int row = add_temporary(value, plain(value));
      TRY(copy_elements(from, row, unit));
      return add_copy(row, to, unit.name);
    }
    const Type row = Type::tensor(value.type().dtype, {value.type().element_count()});
    const Storage storage = dense_storage(Format::plain(row.dtype, 1), row.dims);
    return add_copy(copy_of(row, storage, storage), from, to, unit.name);
  }

  bool is_row(int number) const {
    const Slot& slot = program_->slots[static_cast<std::size_t>(number)];
    if (slot.heap()) return true;
    const Format format = Format::plain(slot.type.dtype, slot.type.rank());
    return same_layout(slot.storage.format, format, slot.type.dims) &&
           slot.storage.strides == dense_strides(format, slot.type.dims);
  }

  Status add_concat(const Unit& unit) {
    const Value* whole = unit.results[0];
    const int target = slot_of(whole);
    const Storage storage = program_->slots[static_cast<std::size_t>(target)].storage;
    const int64_t given = std::get<int64_t>(*unit.node().attribute("axis"));
    const auto axis = static_cast<std::size_t>(given < 0 ? given + whole->type().rank() : given);
    Dim start = 0;
    for (const Value* part : unit.operands) {
      Storage there = storage;
      there.offset += start * storage.strides[axis];
      start += part->type().dims[axis];
      const int source = is_constant(*part) ? TRY(constant_slot(part, plain(*part))) : slot_of(part);
      const Storage& lies = program_->slots[static_cast<std::size_t>(source)].storage;
      if (lies.buffer == there.buffer && lies.offset == there.offset && lies.strides == there.strides) continue;
      TRY(add_copy(source, add_slot(part->name(), part->type(), std::move(there)), unit.name));
    }
    return {};
  }

  Result<int> any_slot(const Value* value) {
    if (value == nullptr) return -1;
    return is_constant(*value) ? constant_slot(value, plain(*value)) : Result<int>(slot_of(value));
  }

  Result<Step> node_step(const Unit& unit) {
    Step step;
    step.name = unit.name;
    for (const Value* value : unit.operands) step.inputs.push_back(TRY(any_slot(value)));
    for (const Value* value : unit.results) step.outputs.push_back(value == nullptr ? -1 : slot_of(value));
    return step;
  }

  Status add_reference(const Unit& unit) {
    Step step = TRY(node_step(unit));
    step.kind = Step::Kind::reference;
    step.node = options_.reference_number(unit.node());
    program_->steps.push_back(std::move(step));
    return {};
  }

  Status add_control(const Unit& unit) {
    const Node& node = unit.node();
    Step step = TRY(node_step(unit));
    if (node.op() == "if" && node.region_count() == 2) {
      step.kind = Step::Kind::branch;
    } else if (node.op() == "loop" && node.region_count() == 1) {
      step.kind = Step::Kind::loop;
      while (step.inputs.size() < 2) step.inputs.push_back(-1);
    } else if (node.op() == "scan" && node.region_count() == 1) {
      step.kind = Step::Kind::scan;
      const auto list = [&](std::string_view name) {
        const Attribute* attribute = node.attribute(name);
        const auto* ints = attribute == nullptr ? nullptr : std::get_if<Ints>(attribute);
        return ints == nullptr ? Ints() : *ints;
      };
      step.scan = {std::get<int64_t>(*node.attribute("num_scan_inputs")), list("scan_input_axes"),
                   list("scan_output_axes"), list("scan_input_directions"), list("scan_output_directions")};
    } else {
      return refused(fmt::format("the operator '{}' cannot be run: only if, loop and scan have bodies", node.op()),
                     unit.name);
    }
    SymbolSet symbols = options_.early;
    for (const Value* value : unit.inputs())
      for (const Dim& d : value->type().dims)
        for (std::string& name : d.symbols()) symbols.insert(std::move(name));
    for (std::size_t r = 0; r < node.region_count(); ++r) {
      auto body = TRY(options_.body(node.region(r), symbols));
      step.bodies.push_back(static_cast<int>(program_->bodies.size()));
      // Its captures, in the order in which it lists them.
      std::size_t next = 0;
      Status failed;
      captured_values(node, [&](Value* value) {
        if (!failed || is_constant(*value) || next >= body->captures.size()) return;
        if (body->slots[static_cast<std::size_t>(body->captures[next].first)].name != value->name()) return;
        body->captures[next++].second = slot_of(value);
      });
      if (next != body->captures.size()) return internal_error("a body captures what is not there", unit.name);
      program_->bodies.push_back(std::move(body));
    }
    program_->steps.push_back(std::move(step));
    return {};
  }

  // From the first step that touches a buffer to the last.
  void find_lives() {
    std::vector<bool> seen(program_->buffers.size(), false);
    const auto touch = [&](int slot, int step) {
      if (slot < 0) return;
      const int buffer = program_->slots[static_cast<std::size_t>(slot)].storage.buffer;
      if (buffer < 0) return;
      Buffer& b = program_->buffers[static_cast<std::size_t>(buffer)];
      if (!seen[static_cast<std::size_t>(buffer)]) b.first_step = step;
      b.last_step = step;
      seen[static_cast<std::size_t>(buffer)] = true;
    };
    const int last = std::max(static_cast<int>(program_->steps.size()) - 1, 0);
    for (int i = 0; i < static_cast<int>(program_->steps.size()); ++i) {
      const Step& step = program_->steps[static_cast<std::size_t>(i)];
      for (const auto* list : {&step.inputs, &step.outputs})
        for (int slot : *list) touch(slot, i);
      for (int body : step.bodies)
        for (const auto& [inner, outer] : program_->bodies[static_cast<std::size_t>(body)]->captures) touch(outer, i);
    }
    for (int slot : program_->outputs) touch(slot, last);
  }

  const Graph& graph_;
  const std::vector<Unit>& units_;
  const Selection& selection_;
  const PlaceOptions& options_;
  std::vector<ScheduleNote>& notes_;
  Aliases aliases_;
  Placed placed_;
  Program* program_ = nullptr;
  std::set<std::string> asked_;  // questions about sizes
  std::vector<Value*> captured_;
  std::unordered_map<const Value*, int> slots_;
  using Versions = std::vector<std::pair<Format, int>>;
  std::unordered_map<const Value*, Versions> constants_, converted_;
  std::unordered_map<const Value*, std::vector<std::pair<std::string, int>>> derived_;
};

}  // namespace

Result<Placed> place(const Graph& graph, const std::vector<Unit>& units, const Selection& selection,
                     const PlaceOptions& options, std::vector<ScheduleNote>& notes) {
  return Placer(graph, units, selection, options, notes).run();
}

}  // namespace burnish
