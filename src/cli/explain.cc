// burnish explain: why an engine is as it is.

#include <algorithm>

#include "cli/command.h"
#include "cli/engine.h"

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

Result<int> explain(Console& console, const Options& options) {
  Opened opened = TRY(open(options.file, options.build.require_keys));
  const Json signature = opened.engine() ? signature_json(*opened.plan) : Json();
  const Engine engine = TRY(load_engine(console, std::move(opened), options.build, 0));
  Json shown = Json::array();
  for (const Json& d : engine.decisions)
    if (d.is_object() && (options.node.empty() || field(d, "node").find(options.node) != std::string::npos))
      shown.push_back(d);
  console.report = {{"file", options.file}, {"decisions", shown}};
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
    "explain", "Say why an engine is as it is: what runs on references, what was fused, which kernel was chosen",
    R"(  burnish explain resnet50.plan
  burnish explain resnet50.onnx --node layer1.0.conv2
  burnish explain resnet50.plan --json)",
    setup};

}  // namespace burnish::cli
