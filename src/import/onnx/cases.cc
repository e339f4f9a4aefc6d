#include "import/onnx/cases.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "import/onnx/tensors.h"

namespace burnish {
namespace {

namespace fs = std::filesystem;
using onnx::TypeProto;

Result<RuntimeValue> read_value(const std::string& path, const TypeProto& type) {
  const auto file = TRY(MappedFile::open(path));
  const auto parse = [&]() -> Result<RuntimeValue> {
    switch (type.kind) {
      case TypeProto::Kind::sequence: return onnx::to_value(TRY(onnx::parse_sequence(file->bytes())));
      case TypeProto::Kind::optional: return onnx::to_value(TRY(onnx::parse_optional(file->bytes())));
      default: return RuntimeValue(TRY(onnx::to_tensor(TRY(onnx::parse_tensor(file->bytes())), nullptr, nullptr)));
    }
  };
  auto value = parse();
  if (!value) return std::unexpected(std::move(value).error().within(path));
  return value;
}

Result<std::vector<RuntimeValue>> read_values(const fs::path& folder, std::string_view prefix,
                                              const std::vector<const TypeProto*>& types) {
  std::vector<RuntimeValue> values;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const fs::path path = folder / fmt::format("{}_{}.pb", prefix, i);
    // Inputs with a default may be left out at the end.
    if (prefix == "input" && !fs::exists(path)) break;
    values.push_back(TRY(read_value(path.string(), *types[i])));
  }
  return values;
}

template <class N>
std::string compare(const Tensor& expected, const Tensor& actual, const CaseTolerance& tolerance) {
  const Accessor<N> access(expected.dtype());
  for (int64_t i = 0; i < expected.elements(); ++i) {
    const N want = access.load(expected.data(), i), have = access.load(actual.data(), i);
    bool same = want == have;
    if constexpr (std::is_same_v<N, std::string>) {
      if (!same) return fmt::format("element {} is \"{}\", expected \"{}\"", i, have, want);
    } else if constexpr (std::is_same_v<N, std::complex<double>>) {
      same = same || std::abs(have - want) <= tolerance.absolute + tolerance.relative * std::abs(want);
      if (!same)
        return fmt::format("element {} is {}+{}i, expected {}+{}i", i, have.real(), have.imag(), want.real(),
                           want.imag());
    } else {
      const auto w = static_cast<double>(want), h = static_cast<double>(have);
      if (!same && !std::is_same_v<N, double> && !tolerance.integers)
        return fmt::format("element {} is {}, expected {}", i, have, want);
      same = same || (std::isnan(w) && std::isnan(h)) ||
             (std::isfinite(w) && std::isfinite(h) &&
              std::abs(h - w) <= tolerance.absolute + tolerance.relative * std::abs(w));
      if (!same) return fmt::format("element {} is {}, expected {}", i, have, want);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> find_cases(const std::string& root) {
  std::error_code code;
  if (!fs::is_directory(root, code)) return io_error("is not a folder", root, "name a folder of test cases");
  std::vector<std::string> found;
  if (fs::exists(fs::path(root) / "model.onnx")) found.push_back(root);
  for (auto it = fs::recursive_directory_iterator(root, code); !code && it != fs::recursive_directory_iterator();
       it.increment(code)) {
    if (it->is_directory(code) && fs::exists(it->path() / "model.onnx", code)) found.push_back(it->path().string());
  }
  if (code) return io_error(code.message(), root);
  std::ranges::sort(found);
  return found;
}

Result<Case> read_case(const std::string& folder) {
  Case result{
      .name = fs::path(folder).filename().string(), .model = (fs::path(folder) / "model.onnx").string(), .data = {}};
  if (result.name.empty()) result.name = fs::path(folder).parent_path().filename().string();
  const auto file = TRY(MappedFile::open(result.model));
  const auto model = TRY(onnx::parse_model(file->bytes()));
  if (!model.graph) return refused("there is no graph in the file", result.model);
  std::vector<const TypeProto*> inputs, outputs;
  std::string_view built_in;  // an input that is an initializer, too
  for (const auto& input : model.graph->inputs) {
    const bool constant =
        std::ranges::any_of(model.graph->initializers, [&](const auto& t) { return t.name == input.name; });
    if (!constant) inputs.push_back(&input.type);
    else if (built_in.empty()) built_in = input.name;
  }
  for (const auto& output : model.graph->outputs) outputs.push_back(&output.type);
  for (int n = 0; fs::is_directory(fs::path(folder) / fmt::format("test_data_set_{}", n)); ++n) {
    const fs::path set = fs::path(folder) / fmt::format("test_data_set_{}", n);
    if (!built_in.empty() && fs::exists(set / fmt::format("input_{}.pb", inputs.size())))
      return refused(
          fmt::format("there is data for more than the model's inputs: '{}' is an initializer, too, and built "
                      "in as a constant",
                      built_in),
          set.string(), "take it out of the model's initializers, or leave its data away");
    result.data.push_back({.folder = set.string(),
                           .inputs = TRY(read_values(set, "input", inputs)),
                           .outputs = TRY(read_values(set, "output", outputs))});
  }
  return result;
}

Result<Tensor> read_tensor_file(const std::string& path) {
  TypeProto type;
  type.kind = TypeProto::Kind::tensor;
  return TRY(read_value(path, type)).tensor();
}

std::string difference(const RuntimeValue& expected, const RuntimeValue& actual, const CaseTolerance& tolerance) {
  if (expected.data.index() != actual.data.index()) return "is another kind of value than expected";
  if (expected.absent()) return {};
  if (expected.is_sequence()) {
    const auto &want = expected.elements(), &have = actual.elements();
    if (want.size() != have.size()) return fmt::format("has {} elements, expected {}", have.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (auto found = difference(want[i], have[i], tolerance); !found.empty()) return fmt::format("[{}] {}", i, found);
    }
    return {};
  }
  if (!expected.is_tensor()) {
    const auto &want = *std::get<3>(expected.data), &have = *std::get<3>(actual.data);
    if (auto found = difference(RuntimeValue(want.keys), RuntimeValue(have.keys), tolerance); !found.empty())
      return "keys: " + found;
    return difference(RuntimeValue::sequence(want.values), RuntimeValue::sequence(have.values), tolerance);
  }
  const Tensor &want = expected.tensor(), &have = actual.tensor();
  if (want.dtype() != have.dtype()) return fmt::format("is {}, expected {}", name(have.dtype()), name(want.dtype()));
  if (want.dims() != have.dims())
    return fmt::format("has dims [{}], expected [{}]", fmt::join(have.dims(), ","), fmt::join(want.dims(), ","));
  return visit_number_class(want.dtype(), [&]<class N>(N) { return compare<N>(want, have, tolerance); });
}

}  // namespace burnish
