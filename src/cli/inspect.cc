// burnish inspect: a model or engine as text.

#include <algorithm>
#include <map>

#include "cli/command.h"
#include "cli/model.h"
#include "cli/stages.h"
#include "import/text_constants.h"

namespace burnish::cli {
namespace {

struct Options {
  std::string file, stage = "import", output;
  BuildFlags build;
};

Json values_json(const Graph& graph) {
  Json inputs = Json::array(), outputs = Json::array();
  for (const auto& input : graph.inputs()) inputs.push_back({{"name", input->name()}, {"type", input->type().text()}});
  for (const auto& output : graph.outputs())
    outputs.push_back({{"name", output.name}, {"type", output.value->type().text()}});
  return {{"inputs", inputs}, {"outputs", outputs}};
}

Status show(Console& console, const Graph& graph, const std::string& output) {
  if (!output.empty()) TRY(write_text_model(graph, output));
  const std::string text = output.empty() || console.json ? print(graph) : std::string();
  if (!console.json) {
    console.write(text);
    return {};
  }
  std::map<std::string, int64_t> operators;
  walk(graph, [&](Node& node) { ++operators[node.op()]; });
  console.report.update(values_json(graph));
  console.report["nodes"] = count_nodes(graph);
  console.report["operators"] = operators;
  console.report["graph"] = text;
  return {};
}

Result<int> inspect(Console& console, const Options& options, bool staged) {
  TRY(require_other_file(options.file, options.output));
  Opened opened = TRY(open(options.file, options.build.require_keys));
  console.report = {{"file", options.file}, {"kind", opened.engine() ? "engine" : "model"}, {"stage", options.stage}};
  if (opened.engine()) {
    TRY(refuse_build_flags(options.build, options.file));
    if (staged) return usage_error("--stage has no meaning for an engine, which holds one graph", options.file);
    console.report["stage"] = "simplify";
    console.report["images"] = opened.plan->images();
    console.report["signature"] = signature_json(*opened.plan);
    console.report["constant_bytes"] = opened.plan->constant_bytes();
    const auto graph = TRY(opened.plan->simplified());
    if (graph == nullptr) return refused("the engine was saved without its graph", options.file);
    TRY(show(console, *graph, options.output));
    return 0;
  }
  TRY(refuse_engine_flags(options.build, options.file));
  if (options.stage == "import" && !opened.unknown.empty()) {  // foreign nodes can be looked at, but no more
    TRY(show(console, *opened.graph, options.output));
    return 0;
  }
  const auto graph = TRY(shaped_graph(std::move(opened), options.build));
  // A pass runs several times; its last run counts.
  std::unique_ptr<Graph> last;
  TRY(run_stages(*graph, options.build, options.stage, [&](const Graph& g) { last = g.clone(); }));
  if (last == nullptr)
    return usage_error(fmt::format("'{}' was not run", options.stage), "--stage", "it may be disabled");
  TRY(show(console, *last, options.output));
  return 0;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "Model or engine")->required()->type_name("MODEL|ENGINE");
  const CLI::Option* stage = app.add_option("--stage", options->stage,
                                            "After which stage or pass: import, simplify, decompose, simplify.cse ...")
                                 ->type_name("STAGE|STAGE.PASS")
                                 ->capture_default_str();
  app.add_option("-o,--output", options->output,
                 "Write to a file that is a model again; large constants go to FILE.safetensors")
      ->type_name("FILE");
  add_graph_flags(app, options->build);
  add_key_flags(app, options->build);
  return [options, stage](Console& console) { return inspect(console, *options, stage->count() > 0); };
}

}  // namespace

constinit const Command kInspect = {"inspect", "Print a model or engine in text form",
                                    R"(  burnish inspect resnet50.onnx                        the network as it was read
  burnish inspect resnet50.onnx --stage simplify       what is left of it
  burnish inspect resnet50.onnx --stage simplify.cse   after one pass
  burnish inspect resnet50.onnx -o resnet50.txt        with constants beside it: a model that can be edited
  burnish inspect resnet50.plan                        what an engine was made from)",
                                    setup};

}  // namespace burnish::cli
