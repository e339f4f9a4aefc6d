#include "tests/support/exported.h"

#include "base/file.h"
#include "base/json.h"
#include "import/onnx/export.h"
#include "tests/support/graph_difference.h"

namespace burnish::test {
namespace {

// Text and sequences lie in the JSON, numbers in the data; what has no form is left out, and not compared.
Json describe(const RuntimeValue& value, std::string& data) {
  Json entry = Json::object();
  if (value.is_sequence()) {
    entry["elements"] = Json::array();
    for (const RuntimeValue& element : value.elements()) entry["elements"].push_back(describe(element, data));
  }
  if (!value.is_tensor()) return entry;
  const Tensor& tensor = value.tensor();
  entry["dtype"] = name(tensor.dtype());
  entry["dims"] = tensor.dims();
  if (tensor.dtype() == DType::string) {
    entry["texts"] = Json::array();
    for (const std::string& text : tensor.as<std::string>()) entry["texts"].push_back(text);
    return entry;
  }
  entry["offset"] = data.size();
  entry["bytes"] = tensor.byte_size();
  data.append(reinterpret_cast<const char*>(tensor.data()), static_cast<std::size_t>(tensor.byte_size()));
  return entry;
}

}  // namespace

Status leave_exported(const Graph& graph, std::span<const RuntimeValue> inputs, std::span<const RuntimeValue> expected,
                      const std::string& stem) {
  const std::string model = TRY(export_onnx(graph));
  std::string data;
  Json index = {{"inputs", Json::array()}, {"outputs", Json::array()}, {"tolerance", tolerance_of(graph)}};
  const auto add = [&](Json& list, const std::string& name, const RuntimeValue& value) {
    list.push_back(describe(value, data));
    list.back()["name"] = name;
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) add(index["inputs"], graph.input(i)->name(), inputs[i]);
  for (std::size_t i = 0; i < expected.size(); ++i) add(index["outputs"], graph.outputs()[i].name, expected[i]);
  TRY(write_file(stem + ".onnx", model));
  TRY(write_file(stem + ".bin", data));
  return write_file(stem + ".json", index.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace burnish::test
