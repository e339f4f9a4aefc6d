// burnish build: a model becomes an engine.

#include <filesystem>

#include "cli/command.h"
#include "cli/engine.h"
#include "cli/subject.h"

namespace burnish::cli {
namespace {

struct Options {
  std::string model, output, key;
  int threads = 0;
  BuildFlags build;
};

Json summary(const BuildResult& result) {
  Json images = Json::array();
  for (const auto& image : result.images) {
    const StepCounts steps = count_steps(*image);
    images.push_back({{"isa", isa_of(*image)},
                      {"steps", steps.all},
                      {"kernels", steps.kernels},
                      {"reference_steps", steps.references}});
  }
  return images;
}

Result<int> run(Console& console, const Options& options) {
  TRY(require_other_file(options.model, options.output));
  std::optional<SecretKey> key;  // read first: a build takes time
  if (!options.key.empty()) key = TRY(find_secret_key(options.key));
  Opened opened = TRY(open_known(options.model));
  const int64_t nodes = count_nodes(*opened.graph);
  const Built built = TRY(build_model(console, std::move(opened), options.build, options.threads));
  TRY(save_engine(built, options.output, key ? &*key : nullptr));
  std::error_code code;
  const auto size = std::filesystem::file_size(options.output, code);
  const int64_t file_bytes = code ? 0 : static_cast<int64_t>(size);
  const BuildResult& result = built.result;
  Json passes = Json::array();
  for (const auto& t : result.timings)
    passes.push_back({{"pass", t.pass}, {"ms", t.seconds * 1e3}, {"changed", t.changed}});
  console.report = {{"model", options.model},
                    {"engine", options.output},
                    {"nodes", nodes},
                    {"scheduled_nodes", result.nodes},
                    {"reference_nodes", result.reference_nodes},
                    {"kernels", result.kernels},
                    {"weight_bytes", result.weight_bytes},
                    {"derived_bytes", result.derived_bytes},
                    {"file_bytes", file_bytes},
                    {"build_ms", built.seconds * 1e3},
                    {"images", summary(result)},
                    {"decisions", result.decisions.size()},
                    {"passes", passes},
                    {"key", key ? Json(key->public_key().text()) : Json()}};
  if (console.verbose)
    for (const auto& t : result.timings)
      if (t.changed) fmt::print(stderr, "{:>10}  {}\n", seconds_text(t.seconds), t.pass);
  console.say("{}: {} nodes, {} after simplification, {} of them on references\n", options.model, nodes, result.nodes,
              result.reference_nodes);
  for (const auto& image : result.images) {
    const StepCounts steps = count_steps(*image);
    console.say("  {}: {} steps, {} of them kernels\n", isa_of(*image), steps.all, steps.kernels);
  }
  console.say("  {} of weights, {} derived from them\n", bytes_text(result.weight_bytes),
              bytes_text(result.derived_bytes));
  console.say("{} ({}) built in {}\n", options.output, bytes_text(file_bytes), seconds_text(built.seconds));
  return 0;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("model", options->model, "Model")->required()->type_name("MODEL");
  app.add_option("-o,--output", options->output, "The engine to write")->required()->type_name("ENGINE");
  app.add_option("--sign-key", options->key, "Sign the engine with this secret key, as of `burnish key new`")
      ->type_name("NAME.key");
  add_threads(app, options->threads);
  add_build_flags(app, options->build);
  return [options](Console& console) { return run(console, *options); };
}

}  // namespace

constinit const Command kBuild = {"build", "Compile a model into an engine",
                                  R"(  burnish build resnet50.onnx -o resnet50.plan
  burnish build resnet50.onnx -o resnet50.plan --shapes "x=f32[1..8..64,3,224,224]"   batches of 1 to 64, 8 as a rule
  burnish build model.onnx -o model.plan --cpu portable                               for other processors, too
  burnish build model.onnx -o model.plan --mode max-autotune --timing-cache times.json  kernels by their times here
  burnish build model.onnx -o model.plan --fallback error                             only if every operator has a kernel)",
                                  setup};

}  // namespace burnish::cli
