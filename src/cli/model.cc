#include "cli/model.h"

#include <filesystem>

#include "base/file.h"
#include "cli/limits.h"
#include "import/model.h"
#include "runtime/plan_signature.h"

namespace burnish::cli {

Result<Opened> open(const std::string& path, const std::vector<std::string>& keys) {
  Opened opened{.path = path, .graph = nullptr, .plan = nullptr, .unknown = {}};
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored) && Plan::is_plan(TRY(MappedFile::open(path))->bytes())) {
    opened.plan = TRY(Plan::open(path, TRY(required_keys(keys)), limits()));
    return opened;
  }
  Model model = TRY(burnish::open_model(path, limits()));
  opened.graph = std::move(model.graph);
  opened.unknown = std::move(model.unknown);
  return opened;
}

Result<Opened> open_model(const std::string& path) {
  Opened opened = TRY(open(path));
  if (opened.engine())
    return usage_error("is an engine, and a model is needed here", path, "give the model that it was built from");
  return opened;
}

Status require_other_file(const std::string& model, const std::string& output) {
  std::error_code code;  // of a file that is not there: then they differ
  if (output.empty() || !std::filesystem::equivalent(model, output, code) || code) return {};
  return usage_error("the output would replace the model", output, "choose another name");
}

Status require_known(const Opened& opened) {
  return burnish::require_known(opened.unknown, opened.path, "`burnish check` lists where they are");
}

Result<Opened> open_known(const std::string& path) {
  Opened opened = TRY(open_model(path));
  TRY(require_known(opened));
  return opened;
}

std::vector<InputInfo> inputs_of(const Graph& graph) {
  std::vector<InputInfo> inputs;
  for (const auto& input : graph.inputs()) inputs.push_back({input->name(), input->type()});
  return inputs;
}

Json signature_json(const Plan& plan) {
  const auto signer = plan.signer();
  if (!signer) return nullptr;
  return {{"key", signer->text()}, {"verified", plan.signature_verified()}};
}

int64_t count_nodes(const Graph& graph) {
  int64_t nodes = 0;
  walk(graph, [&](Node& node) { nodes += node.op() != "constant"; });
  return nodes;
}

}  // namespace burnish::cli
