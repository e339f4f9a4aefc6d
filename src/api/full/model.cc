// Graphs from files and to files.

#include "import/model.h"

#include "api/full/functions.h"
#include "api/runtime/boundary.h"
#include "api/runtime/functions.h"
#include "api/runtime/graph.h"
#include "import/onnx/export.h"
#include "import/onnx/node_context.h"

namespace burnish::api {
namespace {

Result<std::unique_ptr<Graph>> known(Model model, const std::string& where) {
  TRY(require_known(model.unknown, where, "`burnish check` lists where they are"));
  return std::move(model.graph);
}

}  // namespace

Status refuse_known(const std::string& domain, const std::string& op_type, const std::string& where) {
  if (onnx::find_row(domain, op_type, INT64_MAX) == nullptr) return {};
  return usage_error("'" + domain + "." + op_type + "' is an operator of ONNX that Burnish has", where,
                     "bind yours to a domain of your own, and let the model name that");
}

burnish_status graph_load(const char* path, burnish_graph** graph, burnish_error** error) {
  return graph_load_as(path, nullptr, graph, error);
}

burnish_status graph_load_bytes(const void* data, size_t bytes, burnish_graph** graph, burnish_error** error) {
  return graph_load_bytes_as(data, bytes, nullptr, graph, error);
}

burnish_status graph_load_as(const char* path, const burnish_read_options* options, burnish_graph** graph,
                             burnish_error** error) {
  if (graph != nullptr) *graph = nullptr;
  return boundary(error, [&]() -> Done {
    if (graph == nullptr) return null_argument("graph");
    const std::string file = TRY(required_string(path, "path"));
    *graph = give_graph(TRY(known(TRY(open_model(file, TRY(read_limits(options)))), file)));
    return {};
  });
}

burnish_status graph_load_bytes_as(const void* data, size_t bytes, const burnish_read_options* options,
                                   burnish_graph** graph, burnish_error** error) {
  if (graph != nullptr) *graph = nullptr;
  return boundary(error, [&]() -> Done {
    if (graph == nullptr) return null_argument("graph");
    if (data == nullptr) return null_argument("data");
    const std::string where = "model in memory";
    const std::span<const std::byte> given(static_cast<const std::byte*>(data), bytes);
    *graph = give_graph(TRY(known(TRY(open_model(given, where, TRY(read_limits(options)))), where)));
    return {};
  });
}

burnish_status graph_save_onnx(const burnish_graph* graph, const char* path, burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const std::string file = TRY(required_string(path, "path"));
    TRY(export_onnx(TRY(use_graph(graph)).graph(), file));
    return {};
  });
}

}  // namespace burnish::api
