#include "cli/report.h"

#include <algorithm>
#include <set>

#include "cli/report/page.h"

namespace burnish::cli {
namespace {

constexpr std::size_t kMostEvents = 50'000;  // of a timeline; loops may run a step very often
constexpr std::size_t kMostNames = 6;        // of the values in a buffer

Json types_of(const Program& program, const std::vector<int>& slots) {
  Json list = Json::array();
  for (const int slot : slots) {
    if (slot < 0) continue;
    const Slot& s = program.slots[static_cast<std::size_t>(slot)];
    list.push_back({{"name", s.name}, {"type", s.type.text()}});
  }
  return list;
}

}  // namespace

Json graph_json(const Engine& engine, const Layers& layers) {
  Json inputs = Json::array(), steps = Json::array();
  for (const InputInfo& input : engine.inputs) inputs.push_back({{"name", input.name}, {"type", input.type.text()}});
  for (const Layer& layer : layers.list) {
    const Step& step = layer.program->steps[static_cast<std::size_t>(layer.step)];
    steps.push_back({{"layer", layer.name},
                     {"how", layer.kind},
                     {"program", layer.number},
                     {"step", layer.step},
                     {"inside", layer.inside < 0 ? Json(nullptr) : Json(layer.inside)},
                     {"copy", layer.copy},
                     {"nodes", layer.nodes},
                     {"from", layer.from},
                     {"in", types_of(*layer.program, step.inputs)},
                     {"out", types_of(*layer.program, step.outputs)}});
  }
  return {{"inputs", std::move(inputs)}, {"nodes", layers.nodes}, {"steps", std::move(steps)}};
}

Json timeline_json(const Trace& trace, const Layers& layers, int threads) {
  Json events = Json::array();
  for (const StepTime& step : trace.steps) {
    if (events.size() >= kMostEvents) break;
    const Layer* layer = layers.find(step.program, step.step);
    if (layer == nullptr) continue;
    Json workers = Json::array();
    for (const StepTime::Worker& w : step.workers)
      workers.push_back({w.number, w.first * 1e3, w.last * 1e3, w.busy * 1e3});
    events.push_back({{"id", layer - layers.list.data()},
                      {"start_ms", step.start * 1e3},
                      {"ms", step.seconds * 1e3},
                      {"workers", std::move(workers)}});
  }
  return {{"run_ms", trace.seconds * 1e3},
          {"threads", threads},
          {"steps", trace.steps.size()},
          {"events", std::move(events)}};
}

Json memory_json(const Context& context, const Program& program) {
  const std::vector<LiveBuffer> arena = context.arena();
  const std::size_t count = program.steps.size();
  std::vector<std::vector<std::string>> names(arena.size());
  for (const Slot& slot : program.slots) {
    if (slot.heap()) continue;
    auto& list = names[static_cast<std::size_t>(slot.storage.buffer)];
    if (list.size() < kMostNames && std::ranges::find(list, slot.name) == list.end()) list.push_back(slot.name);
  }
  std::vector<std::set<std::size_t>> users(arena.size());
  for (std::size_t s = 0; s < count; ++s)
    for (const auto* list : {&program.steps[s].inputs, &program.steps[s].outputs})
      for (const int slot : *list)
        if (slot >= 0 && !program.slots[static_cast<std::size_t>(slot)].heap())
          users[static_cast<std::size_t>(program.slots[static_cast<std::size_t>(slot)].storage.buffer)].insert(s);
  Json buffers = Json::array();
  std::vector<int64_t> live(std::max<std::size_t>(count, 1), 0);
  int64_t end = 0;
  for (std::size_t b = 0; b < arena.size(); ++b) {
    const LiveBuffer& buffer = arena[b];
    if (buffer.bytes <= 0) continue;
    for (auto s = static_cast<std::size_t>(buffer.first_step);
         s <= static_cast<std::size_t>(buffer.last_step) && s < live.size(); ++s)
      live[s] += buffer.bytes;
    end = std::max(end, buffer.offset + buffer.bytes);
    buffers.push_back({{"offset", buffer.offset},
                       {"bytes", buffer.bytes},
                       {"first", buffer.first_step},
                       {"last", buffer.last_step},
                       {"values", names[b]},
                       {"steps", users[b]}});
  }
  const auto peak = std::ranges::max_element(live);
  return {{"bytes", end},
          {"context_bytes", context.arena_bytes()},
          {"steps", count},
          {"peak", {{"step", peak - live.begin()}, {"bytes", *peak}}},
          {"buffers", std::move(buffers)}};
}

std::string page_of(const Json& report) {
  const std::string data = report.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string page(kPageBefore);
  for (const char c : data) {
    switch (c) {  // only texts hold these
      case '<': page += "\\u003c"; break;
      case '>': page += "\\u003e"; break;
      case '&': page += "\\u0026"; break;
      default: page += c;
    }
  }
  page += kPageAfter;
  return page;
}

}  // namespace burnish::cli
