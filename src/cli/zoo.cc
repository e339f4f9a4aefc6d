// burnish zoo: the reference networks as ONNX files.

#include "api/runtime/tensors.h"
#include "cli/command.h"
#include "cli/limits.h"
#include "import/checkpoint/checkpoint.h"
#include "zoo/save.h"

namespace burnish::cli {
namespace {

struct Options {
  std::string name, weights, output;
  uint64_t seed = 0;
  bool list = false;
};

int show_list(Console& console) {
  Json networks = Json::array();
  for (const auto& [name, description] : zoo::list()) {
    networks.push_back({{"name", name}, {"description", description}});
    console.print("{:<14} {}\n", name, description);
  }
  console.report = {{"networks", networks}};
  return 0;
}

// A checkpoint's tensors as DLPack tensors that share its bytes.
class Weights {
 public:
  static Result<Weights> read(const std::string& path) {
    const Checkpoint checkpoint = TRY(read_checkpoint(path, limits()));
    Weights weights;
    for (const NamedTensor& t : checkpoint.tensors()) {
      weights.names_.push_back(t.name);
      weights.tensors_.emplace(t.name, Managed(TRY(api::lend(t.tensor)), &release));
    }
    return weights;
  }
  zoo::CheckpointView view() const {
    return {.names = names_, .find = [this](const std::string& name) { return &tensors_.at(name)->dl_tensor; }};
  }

 private:
  using Managed = std::unique_ptr<DLManagedTensorVersioned, void (*)(DLManagedTensorVersioned*)>;
  static void release(DLManagedTensorVersioned* tensor) { tensor->deleter(tensor); }
  std::vector<std::string> names_;
  std::map<std::string, Managed> tensors_;
};

ErrorCode code_of(burnish_status status) {
  switch (status) {
    case BURNISH_USAGE: return ErrorCode::usage;
    case BURNISH_REFUSED:
    case BURNISH_MEMORY: return ErrorCode::refused;
    case BURNISH_IO: return ErrorCode::io;
    default: return ErrorCode::internal;
  }
}

Result<int> write(Console& console, const Options& options) {
  if (options.list) return show_list(console);
  if (options.name.empty()) return usage_error("name a network", "zoo", "see burnish zoo --list");
  if (options.output.empty()) return usage_error("name the file to write with -o", "zoo");
  std::optional<Weights> weights;
  if (!options.weights.empty()) weights = TRY(Weights::read(options.weights));
  zoo::CheckpointView view;
  if (weights) view = weights->view();
  const zoo::Saved saved = zoo::save_onnx(options.name, options.seed, weights ? &view : nullptr, options.output);
  if (saved.status != BURNISH_OK) {
    Error error{code_of(saved.status), saved.what, saved.where, saved.remedy};
    if (weights && saved.status == BURNISH_REFUSED) error = std::move(error).within(options.weights);
    return std::unexpected(std::move(error));
  }
  console.report = {{"network", options.name},
                    {"output", options.output},
                    {"weights", weights ? Json(options.weights) : Json(nullptr)},
                    {"parameters", saved.parameters}};
  console.say("{}: {}, {:.1f} million parameters {}\n", options.output, options.name,
              static_cast<double>(saved.parameters) / 1e6,
              weights ? "from " + options.weights : fmt::format("from seed {}", options.seed));
  return 0;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("name", options->name, "Network")->type_name("NAME");
  app.add_flag("--list", options->list, "List the networks");
  app.add_option("--weights", options->weights,
                 "Trained weights: safetensors, or PyTorch's .pth or .pt; else seeded ones")
      ->type_name("FILE");
  app.add_option("--seed", options->seed, "Of weights that are made up")->type_name("N")->capture_default_str();
  app.add_option("-o,--output", options->output, "The ONNX file to write")->type_name("OUT.onnx");
  return [options](Console& console) { return write(console, *options); };
}

}  // namespace

constinit const Command kZoo = {"zoo", "Write a reference network as ONNX",
                                R"(  burnish zoo --list
  burnish zoo resnet50 -o resnet50.onnx                                       seeded weights
  burnish zoo resnet50 --weights resnet50.safetensors -o resnet50.onnx        torchvision's)",
                                setup};

}  // namespace burnish::cli
