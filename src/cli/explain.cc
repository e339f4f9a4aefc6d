// burnish explain: why an engine is as it is.

#include <algorithm>
#include <cmath>
#include <span>

#include "cli/command.h"
#include "cli/engine.h"
#include "cli/layers.h"

namespace burnish::cli {
namespace {

struct Options {
  std::string file, node;
  BuildFlags build;
};

std::string field(const Json& decision, const char* name) {
  const auto it = decision.find(name);
  return it != decision.end() && it->is_string() ? printable(it->get<std::string>()) : std::string();
}

Json optional_json(std::optional<double> value, double scale = 1) {
  return value ? Json(*value * scale) : Json(nullptr);
}
Json count_json(std::optional<double> value) { return value ? Json(std::llround(*value)) : Json(nullptr); }

Json to_json(const Layer& layer) {
  return {{"layer", layer.name},
          {"how", layer.kind},
          {"macs", count_json(layer.macs)},
          {"multiplications", count_json(layer.multiplications())},
          {"bytes", count_json(layer.bytes)},
          {"tactic", layer.tactic},
          {"why", layer.why},
          {"estimate_ms", optional_json(layer.estimate, 1e3)},
          {"estimate_measured", layer.timed},
          {"losers", losers_json(layer)}};
}

void print(const Console& console, std::span<const Layer* const> layers, const SymbolTable& symbols) {
  if (layers.empty()) return;
  std::string sizes;
  for (const auto& [name, size] : symbols) sizes += fmt::format("{}{} = {}", sizes.empty() ? "" : ", ", name, size);
  console.print("\n{:>9} {:>9} {:>10} {:>10} {:>10}  {}\n", "MACs", "done", "bytes", "MACs/byte", "estimate", "layer");
  for (const Layer* layer : layers) {
    const auto unknown = [](const std::optional<double>& value, auto text) { return value ? text(*value) : "?"; };
    const auto count = [](double n) { return n == 0 ? std::string("-") : count_text(n); };
    console.print("{:>9} {:>9} {:>10} {:>10} {:>10}  {}: {}\n", unknown(layer->macs, count),
                  unknown(layer->multiplications(), count),
                  unknown(layer->bytes, [](double n) { return bytes_text(std::llround(n)); }),
                  layer->bytes && *layer->bytes > 0
                      ? unknown(layer->macs, [&](double n) { return fmt::format("{:.1f}", n / *layer->bytes); })
                      : "?",
                  layer->estimate ? seconds_text(*layer->estimate) : "", printable(layer->name),
                  printable(layer->kind));
  }
  console.print(
      "MACs: multiply-adds of the direct form; done: what the tactic leaves of them; bytes: read and written at "
      "least{}{}. 'burnish bench --profile' measures\n",
      sizes.empty() ? "" : ", for ", printable(sizes));
}

Result<int> explain(Console& console, const Options& options) {
  Opened opened = TRY(open(options.file, options.build.require_keys));
  const Json signature = opened.engine() ? signature_json(*opened.plan) : Json();
  const Engine engine = TRY(load_engine(console, std::move(opened), options.build, 0));
  Json shown = Json::array();
  for (const Json& d : engine.decisions)
    if (d.is_object() && (options.node.empty() || field(d, "node").find(options.node) != std::string::npos))
      shown.push_back(d);
  const SymbolTable symbols = expected_symbols(engine);
  const Layers layers = TRY(layers_of(engine, symbols));
  std::vector<const Layer*> chosen;
  Json layers_shown = Json::array();
  for (const Layer& layer : layers.list) {
    if (layer.name.find(options.node) == std::string::npos) continue;
    chosen.push_back(&layer);
    layers_shown.push_back(to_json(layer));
  }
  console.report = {
      {"file", options.file}, {"decisions", shown}, {"symbols", symbols}, {"layers", std::move(layers_shown)}};
  if (engine.from_plan) console.report["signature"] = signature;
  for (const Json& d : shown) {
    console.print("{}{}: {}\n", field(d, "id"), field(d, "node").empty() ? "" : " '" + field(d, "node") + "'",
                  field(d, "what"));
    if (const std::string why = field(d, "why"); !why.empty()) console.print("    because {}\n", why);
    if (const std::string remedy = field(d, "remedy"); !remedy.empty()) console.print("    {}\n", remedy);
  }
  if (shown.empty() && !options.node.empty() && !engine.decisions.empty())
    return usage_error(fmt::format("no decision concerns a node named '{}'", options.node), "--node",
                       "without --node all are listed");
  print(console, chosen, symbols);
  console.say("{} decision{}\n", shown.size(), shown.size() == 1 ? "" : "s");
  return 0;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "Model or engine")->required()->type_name("MODEL|ENGINE");
  app.add_option("--node", options->node, "Only what concerns layers with this in their name")->type_name("NAME");
  add_engine_flags(app, options->build);
  return [options](Console& console) { return explain(console, *options); };
}

}  // namespace

constinit const Command kExplain = {
    "explain",
    "Say why an engine is as it is: what runs on references, what was fused, which kernel was chosen, and its work",
    R"(  burnish explain resnet50.plan
  burnish explain resnet50.onnx --node layer1.0.conv2
  burnish explain resnet50.plan --json)",
    setup};

}  // namespace burnish::cli
