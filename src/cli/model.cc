#include "cli/model.h"

#include <cctype>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "base/file.h"
#include "ops/operator.h"

namespace burnish::cli {
namespace {

bool is_text_form(std::string_view text) {
  for (;;) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text[0])) != 0) text.remove_prefix(1);
    if (!text.starts_with("//")) break;
    text.remove_prefix(std::min(text.find('\n'), text.size()));
  }
  return text.starts_with("graph ") || text.starts_with("graph@") || text.starts_with("graph\t");
}

// Files that people mistake for models.
Status refuse_others(std::string_view start, const std::string& path) {
  const std::string remedy = "Burnish reads ONNX models, its own text form and its own engines";
  if (start.empty()) return refused("the file is empty", path, remedy);
  if (start.starts_with("PK\x03\x04"))
    return refused("is a zip archive (PyTorch's?), which holds no model that Burnish reads", path,
                   "export the model as ONNX (torch.onnx.export)");
  if (start.starts_with("\x80\x02") || start.starts_with("\x80\x04"))
    return refused("is a pickle: weights without a network", path, "export the model as ONNX (torch.onnx.export)");
  if (start.starts_with("\x89HDF")) return refused("is an HDF5 file", path, "export the model as ONNX (tf2onnx)");
  if (start.starts_with("\x93NUMPY")) return refused("is an array, not a model", path, remedy);
  return {};
}

Result<std::unique_ptr<Graph>> read_text(std::string_view text, std::vector<UnknownOperator>& unknown) {
  auto graph = TRY(parse_graph(text));
  ops::bind_operators(*graph);
  walk(*graph, [&](Node& node) {
    if (node.definition() == nullptr)
      unknown.push_back({.domain = "", .op_type = node.op(), .opset = 0, .node = node.source()});
  });
  if (unknown.empty()) {
    TRY(ops::infer(*graph));
    TRY(ops::verify(*graph));
  }
  return graph;
}

}  // namespace

Result<Opened> open(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return refused("is a folder: SavedModels are not read", path, "export the model as ONNX (tf2onnx)");
  Opened opened{.path = path, .graph = nullptr, .plan = nullptr, .unknown = {}};
  bool text = false;
  {
    const auto file = TRY(MappedFile::open(path));
    const auto bytes = file->bytes();
    const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (Plan::is_plan(bytes)) {
      opened.plan = TRY(Plan::open(path));
      return opened;
    }
    TRY(refuse_others(all.substr(0, 16), path));
    text = is_text_form(all);
    if (text) {
      auto graph = read_text(all, opened.unknown);
      if (!graph) return std::unexpected(std::move(graph).error().within(path));
      opened.graph = *std::move(graph);
    }
  }
  if (!text) {
    ImportOptions options;
    options.unknown = &opened.unknown;
    opened.graph = TRY(import_onnx(path, options));
  }
  return opened;
}

Result<Opened> open_model(const std::string& path) {
  Opened opened = TRY(open(path));
  if (opened.engine()) return usage_error("is an engine, and a model is needed here", path);
  return opened;
}

Status require_known(const Opened& opened) {
  if (opened.unknown.empty()) return {};
  std::map<std::string, std::pair<int, std::string>> kinds;
  for (const UnknownOperator& u : opened.unknown) {
    auto& [count, node] = kinds[(u.domain.empty() ? "" : u.domain + ".") + u.op_type];
    if (count++ == 0) node = u.node;
  }
  std::string list;
  for (const auto& [op, found] : kinds)
    list += fmt::format("{}{} ({} time{}, first at '{}')", list.empty() ? "" : ", ", op, found.first,
                        found.first == 1 ? "" : "s", found.second);
  return refused("the model has operators that Burnish does not know: " + list, opened.path,
                 "`burnish check` lists where they are");
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

int64_t count_nodes(const Graph& graph) {
  int64_t nodes = 0;
  walk(graph, [&](Node& node) { nodes += node.op() != "constant"; });
  return nodes;
}

}  // namespace burnish::cli
