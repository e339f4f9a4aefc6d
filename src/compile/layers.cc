#include "compile/layers.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/json.h"
#include "compile/work.h"

namespace burnish {
namespace {

constexpr std::size_t kMostLosers = 16;

// Names come from models: what is no UTF-8 is replaced.
void append(std::string& list, const Json& item) {
  list += list.empty() ? "\n" : ",\n";
  list += item.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Six digits: times that come from a cache differ in the last bit from those that went into it, and plans must not.
double rounded(double seconds) { return std::strtod(fmt::format("{:.6g}", seconds).c_str(), nullptr); }

Json size_json(const Dim& size) {
  if (const auto number = size.constant()) return *number;
  return size.text();
}

void add_work(Json& step, const KernelJob& job) {
  const Work work = work_of(job.kernel, job.tactic);
  step["tactic"] = job.tactic.name;
  step["macs"] = size_json(work.macs.substitute(job.sizes));
  if (work.multiplications != 1) step["multiplications"] = work.multiplications;
  step["bytes"] = size_json(work.bytes.substitute(job.sizes));
  if (work.dtype != DType::f32) step["dtype"] = name(work.dtype);
}

// The same tactic is offered once per format.
void add_choice(Json& step, const Unit& unit, const Tactic& won, const SelectOptions& selecting) {
  const auto was_timed = [&](std::size_t t) { return !unit.timed.empty() && unit.timed[t]; };
  Json losers = Json::array();
  std::vector<std::string_view> seen = {won.name};
  bool timed = false;
  for (std::size_t t = 0; t < unit.tactics.size(); ++t) {
    const Tactic& tactic = unit.tactics[t];
    if (tactic.name == won.name) timed = timed || was_timed(t);
    if (std::ranges::find(seen, tactic.name) != seen.end() || !is_allowed(unit, tactic, selecting)) continue;
    seen.push_back(tactic.name);
    Json loser = json_object("tactic", tactic.name, "seconds", rounded(tactic.seconds));
    if (was_timed(t)) loser["timed"] = true;
    if (losers.size() < kMostLosers) losers.push_back(std::move(loser));
  }
  step["why"] = won.why;
  step["seconds"] = rounded(won.seconds);
  if (timed) step["timed"] = true;
  if (!losers.empty()) step["losers"] = std::move(losers);
}

void add_reference_work(Json& step, const Unit& unit) {
  Dim bytes = 0;
  for (const auto& list : {unit.inputs(), unit.outputs()})
    for (const Value* value : list) {
      if (!value->type().is_ranked_tensor() || value->type().dtype == DType::string) return;
      bytes += dense_bytes(value->type());
    }
  step["bytes"] = size_json(bytes);
}

}  // namespace

LayerRecords::LayerRecords(const Graph& root) { describe_nodes(root); }

void LayerRecords::describe_nodes(const Graph& root) {
  std::vector<const Node*> nodes;
  walk(root, [&](const Node& node) {
    if (node.op() == "constant") return;
    numbers_.emplace(&node, static_cast<int>(nodes.size()));
    nodes.push_back(&node);
  });
  for (const Node* node : nodes) {
    const Value* value = nullptr;
    for (std::size_t i = 0; i < node->result_count() && value == nullptr; ++i) value = node->result(i);
    Json from = Json::array();
    for (const Value* operand : node->operands()) {
      if (operand == nullptr) continue;
      if (const Node* producer = operand->producer()) {
        if (const auto found = numbers_.find(producer); found != numbers_.end()) from.push_back(found->second);
      } else if (operand->graph() == &root) {
        from.push_back(-1 - operand->index());
      }
    }
    Json described = json_object("op", node->op(), "value", value == nullptr ? std::string() : value->name(), "type",
                                 value == nullptr ? std::string() : value->type().text(), "layer", node->source(),
                                 "from", std::move(from));
    if (const Node* owner = node->graph()->owner(); owner != nullptr) described["inside"] = numbers_.at(owner);
    append(nodes_, described);
  }
}

void LayerRecords::add(const std::vector<Unit>& units, const SelectOptions& selecting, const Placed& placed) {
  const Program& program = *placed.program;
  std::vector<const KernelJob*> jobs(program.steps.size(), nullptr);
  for (const KernelJob& job : placed.jobs) jobs[job.step] = &job;
  std::string& steps = steps_[&program];
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    const Unit& unit = units[placed.units[s]];
    const bool last = s + 1 == program.steps.size() || placed.units[s + 1] != placed.units[s];
    // Beside a unit's own kernel there may be copies, into formats that it wants and out of them.
    const bool own = unit.kind == Unit::Kind::kernel ? jobs[s] != nullptr && jobs[s]->kernel == unit.kernel : last;
    Json step = Json::object();
    Json nodes = Json::array();
    for (const Node* node : unit.nodes)
      if (const auto found = numbers_.find(node); own && found != numbers_.end()) nodes.push_back(found->second);
    step["nodes"] = std::move(nodes);
    if (!own || unit.kind == Unit::Kind::view || unit.kind == Unit::Kind::concat) step["copy"] = true;
    if (jobs[s] != nullptr) add_work(step, *jobs[s]);
    if (own && unit.kind == Unit::Kind::kernel) add_choice(step, unit, jobs[s]->tactic, selecting);
    if (unit.kind == Unit::Kind::reference) add_reference_work(step, unit);
    append(steps, step);
  }
}

std::string LayerRecords::text(const Program& root) const {
  std::string text = "{\"nodes\": [" + nodes_ + "],\n\"programs\": [";
  const auto visit = [&](const auto& self, const Program& program) -> void {
    if (&program != &root) text += ",\n";
    text += "[" + steps_.at(&program) + "]";
    for (const auto& body : program.bodies) self(self, *body);
  };
  visit(visit, root);
  return text + "]}";
}

}  // namespace burnish
