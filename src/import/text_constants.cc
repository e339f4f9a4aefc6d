#include "import/text_constants.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "import/checkpoint/checkpoint.h"
#include "ir/lexer.h"

namespace burnish {
namespace {

std::string constants_path(const std::string& path) { return path + ".safetensors"; }

// Empty for those that the file has no plain form of.
std::string_view stored_name(DType dtype) {
  switch (dtype) {
    case DType::boolean: return "BOOL";
    case DType::u8: return "U8";
    case DType::i8: return "I8";
    case DType::u16: return "U16";
    case DType::i16: return "I16";
    case DType::u32: return "U32";
    case DType::i32: return "I32";
    case DType::u64: return "U64";
    case DType::i64: return "I64";
    case DType::f16: return "F16";
    case DType::bf16: return "BF16";
    case DType::f32: return "F32";
    case DType::f64: return "F64";
    case DType::c64: return "C64";
    case DType::f8e4m3fn: return "F8_E4M3";
    case DType::f8e5m2: return "F8_E5M2";
    case DType::f8e8m0: return "F8_E8M0";
    case DType::f8e4m3fnuz: return "F8_E4M3FNUZ";
    case DType::f8e5m2fnuz: return "F8_E5M2FNUZ";
    default: return {};
  }
}

// Constants that cannot be stored are printed instead, whatever their size.
int64_t inline_elements(const Graph& graph) {
  int64_t limit = PrintOptions().inline_elements;
  for (const auto& [hash, tensor] : large_constants(graph, limit))
    if (stored_name(tensor.dtype()).empty()) limit = std::max(limit, tensor.elements());
  return limit;
}

Status write_constants(AtomicFile& file, const ConstantStore& constants) {
  // Wide elements first: then all of them are aligned without gaps, which the format forbids.
  std::vector<std::pair<std::string_view, const Tensor*>> order;
  for (const auto& [hash, tensor] : constants) order.emplace_back(hash, &tensor);
  std::ranges::stable_sort(order, std::greater<>(), [](const auto& c) { return byte_size(c.second->dtype()); });
  Json header = Json::object();
  std::size_t offset = 0;
  for (const auto& [hash, tensor] : order) {
    header[std::string(hash)] = json_object("dtype", stored_name(tensor->dtype()), "shape", tensor->dims(),
                                            "data_offsets", Json::array({offset, offset + tensor->byte_size()}));
    offset += tensor->byte_size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 8 + 63) / 64 * 64 - 8, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  TRY(file.write(length));
  TRY(file.write(text));
  for (const auto& [hash, tensor] : order) TRY(file.write(tensor->bytes()));
  return {};
}

}  // namespace

Result<ConstantStore> read_text_constants(const std::string& text_path, const Limits& limits) {
  const std::string path = constants_path(text_path);
  ConstantStore constants;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return constants;
  const Checkpoint checkpoint = TRY(read_checkpoint(path, limits));
  for (const NamedTensor& t : checkpoint.tensors()) {
    if (constant_hash(t.tensor) != t.name)
      return refused(fmt::format("constant #{} is not what its name says", t.name), path, "the file is damaged");
    constants.emplace(t.name, t.tensor);
  }
  return constants;
}

Status write_text_model(const Graph& graph, const std::string& path) {
  PrintOptions options;
  options.inline_elements = inline_elements(graph);
  const ConstantStore constants = large_constants(graph, options.inline_elements);
  AtomicFile text = TRY(AtomicFile::create(path));
  TRY(text.write(print(graph, options)));
  if (!constants.empty()) {
    AtomicFile file = TRY(AtomicFile::create(constants_path(path)));
    TRY(write_constants(file, constants));
    TRY(file.commit());
  }
  return text.commit();
}

}  // namespace burnish
