#include "cli/layers.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace burnish::cli {
namespace {

// Numbers and texts of the record, which may come from a file of anybody.
class Reader {
 public:
  Reader(const Json& json, const SymbolTable& symbols) : json_(json), symbols_(symbols) {}

  std::string text(const char* key) const {
    const Json* j = member(key);
    return j != nullptr && j->is_string() ? j->get<std::string>() : std::string();
  }
  bool flag(const char* key) const {
    const Json* j = member(key);
    return j != nullptr && j->is_boolean() && j->get<bool>();
  }
  std::optional<double> number(const char* key) const {
    const Json* j = member(key);
    if (j == nullptr || !j->is_number()) return std::nullopt;
    const auto value = j->get<double>();
    return value >= 0 && std::isfinite(value) ? std::optional(value) : std::nullopt;
  }
  // A number, or an expression of symbols.
  std::optional<double> size(const char* key) const {
    const Json* j = member(key);
    if (j == nullptr || !j->is_string()) return number(key);
    const auto dim = parse_dim(j->get<std::string>());
    if (!dim) return std::nullopt;
    const auto value = evaluate(*dim, symbols_);
    return value && *value >= 0 ? std::optional(static_cast<double>(*value)) : std::nullopt;
  }
  std::vector<int64_t> numbers(const char* key, int64_t low, int64_t end) const {
    std::vector<int64_t> list;
    const Json* j = member(key);
    if (j == nullptr || !j->is_array()) return list;
    for (const Json& item : *j)
      if (item.is_number_integer() && item.get<int64_t>() >= low && item.get<int64_t>() < end)
        list.push_back(item.get<int64_t>());
    return list;
  }
  const Json* member(const char* key) const {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(key);
    return found == json_.end() ? nullptr : &*found;
  }

 private:
  const Json& json_;
  const SymbolTable& symbols_;
};

void read_step(const Json& json, const SymbolTable& symbols, int64_t nodes, Layer& layer) {
  const Reader step(json, symbols);
  layer.nodes = step.numbers("nodes", 0, nodes);
  layer.copy = step.flag("copy");
  layer.tactic = step.text("tactic");
  layer.why = step.text("why");
  layer.dtype = step.text("dtype");
  layer.macs = step.size("macs");
  layer.left = step.number("multiplications").value_or(1);
  layer.bytes = step.size("bytes");
  layer.estimate = step.number("seconds");
  layer.timed = step.flag("timed");
  if (const Json* losers = step.member("losers"); losers != nullptr && losers->is_array())
    for (const Json& item : *losers) {
      const Reader loser(item, symbols);
      layer.losers.push_back({loser.text("tactic"), loser.number("seconds").value_or(0), loser.flag("timed")});
    }
}

Json read_nodes(const Json* list) {
  Json nodes = Json::array();
  if (list == nullptr || !list->is_array()) return nodes;
  static const SymbolTable kNone;
  const auto count = static_cast<int64_t>(list->size());
  for (const Json& item : *list) {
    const Reader node(item, kNone);
    Json read = json_object("op", node.text("op"), "value", node.text("value"), "type", node.text("type"), "layer",
                            node.text("layer"), "from", node.numbers("from", -(int64_t{1} << 20), count));
    if (const auto inside = node.number("inside"); inside && *inside < static_cast<double>(count))
      read["inside"] = static_cast<int64_t>(*inside);
    nodes.push_back(std::move(read));
  }
  return nodes;
}

std::string kind_of(const Program& program, const Step& step) {
  switch (step.kind) {
    case Step::Kind::kernel: return "kernel " + program.kernels[static_cast<std::size_t>(step.code)].name;
    case Step::Kind::reference: return "reference";
    case Step::Kind::branch: return "if";
    case Step::Kind::loop: return "loop";
    case Step::Kind::scan: return "scan";
  }
  return {};
}

// Who waits for whom in one program, by the memory that they share.
class Dependencies {
 public:
  Dependencies(const Program& program, std::size_t first) : program_(program), first_(first) {
    for (std::size_t i = 0; i < program.inputs.size(); ++i) inputs_[program.inputs[i]] = -1 - static_cast<int64_t>(i);
  }

  std::vector<int64_t> of(std::size_t number) {
    const Step& step = program_.steps[number];
    std::set<int64_t> from;
    const auto read = [&](int slot) {
      if (slot >= 0) add(slot, from);
    };
    for (const int slot : step.inputs) read(slot);
    for (const int body : step.bodies)
      for (const auto& [inner, outer] : program_.bodies[static_cast<std::size_t>(body)]->captures) read(outer);
    for (const int slot : step.outputs)
      if (slot >= 0) writers_[place(slot)].emplace_back(slot, number);
    return {from.begin(), from.end()};
  }

 private:
  // Heap slots are places of their own.
  int place(int slot) const {
    const Slot& s = program_.slots[static_cast<std::size_t>(slot)];
    return s.heap() ? -1 - slot : s.storage.buffer;
  }
  void add(int slot, std::set<int64_t>& from) {
    if (const auto input = inputs_.find(slot); input != inputs_.end() && first_ == 0) from.insert(input->second);
    const auto found = writers_.find(place(slot));
    if (found == writers_.end()) return;
    const auto& writers = found->second;
    for (auto w = writers.rbegin(); w != writers.rend(); ++w)
      if (w->first == slot) {
        from.insert(static_cast<int64_t>(first_ + w->second));
        return;
      }
    // Another view of the memory: what was last written to each of its parts.
    std::set<std::string> parts;
    for (auto w = writers.rbegin(); w != writers.rend(); ++w) {
      const Storage& storage = program_.slots[static_cast<std::size_t>(w->first)].storage;
      if (!parts.insert(storage.offset.text()).second) break;
      from.insert(static_cast<int64_t>(first_ + w->second));
    }
  }

  const Program& program_;
  std::size_t first_;
  std::map<int, int64_t> inputs_;
  std::map<int, std::vector<std::pair<int, std::size_t>>> writers_;
};

}  // namespace

const Layer* Layers::find(const Program* program, int step) const {
  const auto found = places.find({program, step});
  return found == places.end() ? nullptr : &list[found->second];
}

Result<Layers> layers_of(const Engine& engine, const SymbolTable& symbols) {
  Layers layers;
  const Json record = engine.layers.empty() ? Json::object() : Json::parse(engine.layers, nullptr, false);
  if (!record.is_object()) return refused("the record of the layers is damaged", engine.path, "build the plan again");
  const Reader reader(record, symbols);
  layers.nodes = read_nodes(reader.member("nodes"));
  const Json* programs = reader.member("programs");
  int number = 0;
  const auto visit = [&](const auto& self, const Program& program, int inside) -> void {
    const int own = number++;
    const Json* steps = programs != nullptr && programs->is_array() && std::cmp_less(own, programs->size())
                            ? &(*programs)[static_cast<std::size_t>(own)]
                            : nullptr;
    if (steps != nullptr && (!steps->is_array() || steps->size() != program.steps.size())) steps = nullptr;
    const std::size_t first = layers.list.size();
    Dependencies dependencies(program, first);
    std::vector<int> owners(program.bodies.size(), -1);
    for (std::size_t s = 0; s < program.steps.size(); ++s) {
      const Step& step = program.steps[s];
      Layer& layer = layers.list.emplace_back();
      layer.program = &program;
      layer.number = own;
      layer.step = static_cast<int>(s);
      layer.inside = inside;
      layer.name = step.name;
      layer.kind = kind_of(program, step);
      layer.from = dependencies.of(s);
      if (steps != nullptr) read_step((*steps)[s], symbols, static_cast<int64_t>(layers.nodes.size()), layer);
      layers.places.emplace(std::pair(&program, layer.step), first + s);
      for (const int body : step.bodies) owners[static_cast<std::size_t>(body)] = static_cast<int>(first + s);
    }
    for (std::size_t b = 0; b < program.bodies.size(); ++b) self(self, *program.bodies[b], owners[b]);
  };
  visit(visit, *engine.program, -1);
  return layers;
}

SymbolTable expected_symbols(const Engine& engine) {
  SymbolTable symbols = engine.opt;
  for (const InputInfo& input : engine.inputs)
    for (std::size_t d = 0; d < input.type.dims.size(); ++d)
      if (const auto name = input.type.dims[d].symbol_name(); name && symbols.find(*name) == symbols.end()) {
        const Range range = input.type.dims[d].range();
        symbols.emplace(*name, std::clamp<int64_t>(d == 0 ? 1 : 64, range.low, std::max(range.low, range.high)));
      }
  return symbols;
}

std::optional<Bound> bound_of(const Layer& layer, const Peaks& peaks) {
  if (!layer.bytes || peaks.macs <= 0) return std::nullopt;
  Bound bound;
  const double lanes = layer.dtype == "f64" ? 2 : 1;  // half as many to a vector
  bound.seconds = layer.multiplications().value_or(0) * lanes / peaks.macs;
  const double rate = peaks.reading_rate(*layer.bytes), moving = rate > 0 ? *layer.bytes / rate : 0;
  if (moving > bound.seconds) bound = {moving, true};
  return bound;
}

Peaks measure_peaks(const Program& program, int threads) {
  const auto code = parse_cpu(program.cpu.empty() ? "host" : program.cpu);
  return burnish::measure_peaks(threads, (code ? *code : host_cpu()).vector_bytes() * 8);
}

Json to_json(const Peaks& peaks) {
  Json reading = Json::array();
  for (const Peaks::Rate& rate : peaks.reading)
    reading.push_back({{"bytes", rate.bytes}, {"bytes_per_second", std::round(rate.per_second)}});
  return {{"processor", host_model()}, {"threads", peaks.threads},
          {"vector_bits", peaks.bits}, {"macs_per_second", std::round(peaks.macs)},
          {"reading", reading},        {"measured_ms", peaks.seconds * 1e3}};
}

std::string text(const Peaks& peaks) {
  std::string reading;
  for (const Peaks::Rate& rate : peaks.reading)
    reading +=
        fmt::format("{}{:.0f} GB/s of {}", reading.empty() ? "" : ", ", rate.per_second / 1e9, bytes_text(rate.bytes));
  return fmt::format("{} multiply-adds a second in registers of {} bits; reads {}", count_text(peaks.macs), peaks.bits,
                     reading);
}

Json losers_json(const Layer& layer) {
  Json list = Json::array();
  for (const Loser& loser : layer.losers)
    list.push_back({{"tactic", loser.tactic}, {"ms", loser.seconds * 1e3}, {"measured", loser.timed}});
  return list;
}

std::string count_text(double count) {
  if (count < 1e3) return fmt::format("{:.0f}", count);
  if (count < 1e6) return fmt::format("{:.2f} k", count / 1e3);
  if (count < 1e9) return fmt::format("{:.2f} M", count / 1e6);
  if (count < 1e12) return fmt::format("{:.2f} G", count / 1e9);
  return fmt::format("{:.2f} T", count / 1e12);
}

}  // namespace burnish::cli
