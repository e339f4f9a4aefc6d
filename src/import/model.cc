#include "import/model.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/remedy.h"
#include "import/text_constants.h"
#include "ir/parse.h"
#include "ops/operator.h"
#include "runtime/plan.h"

namespace burnish {
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
Status refuse_others(std::span<const std::byte> bytes, const std::string& path) {
  const std::string remedy = "Burnish reads ONNX models, its own text form and its own engines";
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 16));
  if (start.empty()) return refused("the file is empty", path, remedy);
  if (Plan::is_plan(bytes))
    return usage_error("is an engine, and a model is needed here", path, "load it as an engine, or give its model");
  if (start.starts_with("PK\x03\x04"))
    return refused("is a zip archive (PyTorch's?), which holds no model that Burnish reads", path,
                   "export the model as ONNX (torch.onnx.export)");
  if (start.starts_with("\x80\x02") || start.starts_with("\x80\x04"))
    return refused("is a pickle: weights without a network", path, "export the model as ONNX (torch.onnx.export)");
  if (start.starts_with("\x89HDF")) return refused("is an HDF5 file", path, "export the model as ONNX (tf2onnx)");
  if (start.starts_with("\x93NUMPY")) return refused("is an array, not a model", path, remedy);
  // The first field of an ONNX file: its number and wire type, as onnx.proto has them for ModelProto.
  constexpr std::string_view kFirst = "\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca\xd2";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!is_text_form(text) && kFirst.find(start[0]) == std::string_view::npos)
    return refused("is neither an ONNX model, nor a graph in text form, nor an engine", path, remedy);
  return {};
}

constexpr std::string_view kTextRemedy = "correct the text: `burnish inspect -o FILE` writes models as they must be";

Result<Model> read_text(std::string_view text, const ConstantStore& constants, const Limits& limits) {
  if (std::cmp_greater(text.size(), limits.file_bytes))
    return over_limit(limits, &Limits::file_bytes, fmt::format("the file has {} bytes", text.size()));
  Model model;
  model.graph = TRY(parse_graph(text, constants, limits));
  ops::bind_operators(*model.graph);
  walk(*model.graph, [&](Node& node) {
    if (node.definition() == nullptr)
      model.unknown.push_back({.domain = "", .op_type = node.op(), .opset = 0, .node = node.source()});
  });
  if (model.unknown.empty()) {
    TRY(ops::infer(*model.graph));
    TRY(ops::verify(*model.graph));
  }
  return model;
}

}  // namespace

Result<Model> open_model(std::span<const std::byte> bytes, const std::string& name, const Limits& limits) {
  TRY(refuse_others(bytes, name));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Result<Model> model = Model{};
  if (is_text_form(text)) {
    model = advise(read_text(text, {}, limits), kTextRemedy);
  } else {
    ImportOptions options{.limits = limits};
    options.unknown = &model->unknown;
    auto graph = import_onnx(bytes, options);
    if (graph) model->graph = *std::move(graph);
    else model = std::unexpected(std::move(graph).error());
  }
  if (!model) return std::unexpected(std::move(model).error().within(name));
  return model;
}

Result<Model> open_model(const std::string& path, const Limits& limits) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return refused("is a folder: SavedModels are not read", path, "export the model as ONNX (tf2onnx)");
  const auto file = TRY(MappedFile::open(path));
  TRY(refuse_others(file->bytes(), path));
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  if (is_text_form(text)) {
    auto model = advise(read_text(text, TRY(read_text_constants(path, limits)), limits), kTextRemedy);
    if (!model) return std::unexpected(std::move(model).error().within(path));
    return model;
  }
  Model model;
  ImportOptions options{.limits = limits};
  options.unknown = &model.unknown;
  model.graph = TRY(import_onnx(path, options));
  return model;
}

Status require_known(const std::vector<UnknownOperator>& unknown, const std::string& where, std::string remedy) {
  if (unknown.empty()) return {};
  std::map<std::string, std::pair<int, std::string>> kinds;
  for (const UnknownOperator& u : unknown) {
    auto& [count, node] = kinds[(u.domain.empty() ? "" : u.domain + ".") + u.op_type];
    if (count++ == 0) node = u.node;
  }
  std::string list;
  for (const auto& [op, found] : kinds)
    list += fmt::format("{}{} ({} time{}, first at '{}')", list.empty() ? "" : ", ", op, found.first,
                        found.first == 1 ? "" : "s", found.second);
  if (!remedy.empty()) remedy += "; ";
  if (std::ranges::any_of(unknown, [](const UnknownOperator& u) { return u.domain == "com.microsoft.nchwc"; }))
    remedy +=
        "ONNX Runtime saved the file at ORT_ENABLE_ALL, which is for one processor: save it at ORT_ENABLE_EXTENDED; ";
  remedy += "operators of your own are registered before the model is read (docs/getting_started.md, --operators)";
  return refused("the model has operators that Burnish does not know: " + list, where, std::move(remedy));
}

}  // namespace burnish
