// burnish convert: simplified, as ONNX.

#include "cli/command.h"
#include "cli/stages.h"
#include "import/onnx/export.h"

namespace burnish::cli {
namespace {

struct Options {
  std::string model, output;
  BuildFlags build;
};

Result<int> convert(Console& console, const Options& options) {
  TRY(require_other_file(options.model, options.output));
  auto graph = TRY(shaped_graph(TRY(open_model(options.model)), options.build));
  const int64_t before = count_nodes(*graph);
  TRY(run_stages(*graph, options.build, "simplify", [](const Graph&) {}));
  TRY(export_onnx(*graph, options.output));
  const int64_t after = count_nodes(*graph);
  console.report = {{"model", options.model}, {"output", options.output}, {"nodes_before", before}, {"nodes", after}};
  console.say("{}: {} nodes, {} before\n", options.output, after, before);
  return 0;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("model", options->model, "Model")->required()->type_name("MODEL");
  app.add_option("-o,--output", options->output, "The ONNX file to write")->required()->type_name("OUT.onnx");
  add_graph_flags(app, options->build);
  return [options](Console& console) { return convert(console, *options); };
}

}  // namespace

constinit const Command kConvert = {"convert", "Simplify a model and write it as ONNX",
                                    R"(  burnish convert resnet50.onnx -o small.onnx
  burnish convert bert.onnx -o bert128.onnx --shapes "input_ids=i64[1,128]"   with sizes fixed
  burnish convert model.txt -o model.onnx                                     from the text form)",
                                    setup};

}  // namespace burnish::cli
