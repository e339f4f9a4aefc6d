#pragma once
// MODEL and ENGINE arguments, told apart by their contents.

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "import/onnx/import.h"
#include "ir/graph.h"
#include "runtime/plan.h"

namespace burnish::cli {

struct Opened {
  std::string path;
  std::unique_ptr<Graph> graph;          // of a model
  std::shared_ptr<const Plan> plan;      // of an engine
  std::vector<UnknownOperator> unknown;  // operators that the catalogue lacks
  bool engine() const { return plan != nullptr; }
};

// `keys`, files or lines: of which an engine must be signed by one.
Result<Opened> open(const std::string& path, const std::vector<std::string>& keys = {});
// Engines are wrong usage here.
Result<Opened> open_model(const std::string& path);
// Models whose operators are all known; the error lists those that are not.
Result<Opened> open_known(const std::string& path);
Status require_known(const Opened& opened);

// What is written must not replace the model that is read.
Status require_other_file(const std::string& model, const std::string& output);

struct InputInfo {
  std::string name;
  Type type;
};
std::vector<InputInfo> inputs_of(const Graph& graph);

// {"key", "verified"}: whose signature an engine has, and whether it was required and so is known to be theirs; or null.
Json signature_json(const Plan& plan);

// Nodes of the graph and its bodies, constants not counted.
int64_t count_nodes(const Graph& graph);

}  // namespace burnish::cli
