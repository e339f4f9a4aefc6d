#include "import/onnx/export.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/file.h"
#include "import/onnx/exporter.h"
#include "import/onnx/tensors.h"

namespace burnish {
namespace {

using onnx::Exporter;
using onnx::WireWriter;

// Replaces every node that ONNX has no form for, until there is none left (or one that has no decomposition either).
Status decompose_for_onnx(Graph& graph) {
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node& node = **it;
    for (std::size_t i = 0; i < node.region_count(); ++i) TRY(decompose_for_onnx(node.region(i)));
    const onnx::NodeRewrite rewrite = onnx::find_rewrite(node);
    if (rewrite == nullptr && (onnx::is_expressible(node) || node.definition()->decompose == nullptr)) {
      ++it;
      continue;
    }
    const auto before = it == graph.nodes().begin() ? graph.nodes().end() : std::prev(it);
    Builder builder(graph, &node, node.source());
    DecomposeContext context(node, builder);
    const auto results = TRY((rewrite != nullptr ? rewrite : node.definition()->decompose)(context));
    TRY(builder.finish());
    for (std::size_t i = 0; i < results.size() && i < node.result_count(); ++i) {
      if (node.result(i) != nullptr && results[i] != nullptr) graph.replace_uses(node.result(i), results[i]);
    }
    graph.erase(&node);
    // What it became may need the same.
    it = before == graph.nodes().end() ? graph.nodes().begin() : std::next(before);
  }
  return {};
}

// The oldest one whose release knows the opset.
int64_t ir_version(int64_t opset) {
  return opset <= 22 ? kExportedIrVersion : opset == 23 ? 11 : opset == 24 ? 12 : 13;
}

// The file in pieces: encoded messages and, between them, payloads that are not copied.
struct Piece {
  std::string bytes;
  Tensor payload;  // after the bytes; empty when it is in them
};

void varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
void length_field(std::string& out, uint32_t number, uint64_t size) {
  varint(out, uint64_t{number} << 3 | 2);
  varint(out, size);
}

bool in_place(const Tensor& tensor) {
  return tensor.dtype() != DType::string && (tensor.dtype() == DType::boolean || bit_width(tensor.dtype()) >= 8);
}

struct DataFile {
  std::optional<AtomicFile> file;
  std::string location;
};

Result<Piece> initializer_piece(const onnx::Initializer& initializer, DataFile* data) {
  const Tensor& tensor = initializer.tensor;
  WireWriter header = onnx::tensor_header(tensor, initializer.name);
  Piece piece;
  if (data != nullptr && in_place(tensor) && tensor.byte_size() >= 1024) {
    TRY(data->file->pad_to(4096));
    const auto entry = [&](std::string_view key, std::string_view value) {
      WireWriter e;
      e.text(1, key);
      e.text(2, value);
      header.message(13, e);
    };
    entry("location", data->location);
    entry("offset", fmt::to_string(data->file->size()));
    entry("length", fmt::to_string(tensor.byte_size()));
    header.integer(14, 1);
    TRY(data->file->write(tensor.bytes()));
    length_field(piece.bytes, 5, header.data().size());
    piece.bytes += header.data();
    return piece;
  }
  std::string tail;
  if (tensor.dtype() != DType::string) {
    if (in_place(tensor)) {
      length_field(tail, 9, tensor.byte_size());
      piece.payload = tensor;
    } else {
      const std::string raw = onnx::raw_bytes(tensor);
      length_field(tail, 9, raw.size());
      tail += raw;
    }
  }
  length_field(piece.bytes, 5, header.data().size() + tail.size() + (in_place(tensor) ? tensor.byte_size() : 0));
  piece.bytes += header.data() + tail;
  return piece;
}

Result<std::vector<Piece>> pieces(const Graph& original, DataFile* data, int64_t inline_bytes) {
  const auto graph = original.clone();
  TRY(decompose_for_onnx(*graph));
  graph->remove_dead_nodes();
  Exporter exporter(*graph);
  TRY(exporter.run());
  int64_t total = 0;
  for (const onnx::Initializer& i : exporter.initializers()) total += static_cast<int64_t>(i.tensor.byte_size());
  if (total <= inline_bytes) data = nullptr;
  if (total > inline_bytes && data == nullptr) {
    return refused("the constants take more than protobuf's 2 GiB", {}, "export to a file");
  }
  std::vector<Piece> list(1);
  uint64_t size = exporter.graph().data().size();
  for (const onnx::Initializer& i : exporter.initializers()) {
    list.push_back(TRY(initializer_piece(i, data)));
    size += list.back().bytes.size() + (list.back().payload.data() != nullptr ? list.back().payload.byte_size() : 0);
  }
  WireWriter model;
  model.integer(1, ir_version(exporter.opset()));
  model.text(2, "burnish");
  const auto opset = [&](std::string_view domain, int64_t version) {
    WireWriter entry;
    entry.text(1, domain);
    entry.integer(2, version);
    model.message(8, entry);
  };
  opset("", exporter.opset());
  for (const auto& [domain, version] : exporter.domains()) opset(domain, version);
  list[0].bytes = model.data();
  length_field(list[0].bytes, 7, size);
  list[0].bytes += exporter.graph().data();
  return list;
}

std::span<const std::byte> payload(const Piece& piece) {
  return piece.payload.data() != nullptr ? piece.payload.bytes() : std::span<const std::byte>();
}

}  // namespace

Result<std::string> export_onnx(const Graph& graph) {
  std::string bytes;
  for (const Piece& piece : TRY(pieces(graph, nullptr, ExportOptions{}.inline_bytes))) {
    bytes += piece.bytes;
    const auto data = payload(piece);
    bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  return bytes;
}

Status export_onnx(const Graph& graph, const std::string& path, const ExportOptions& options) {
  int64_t constants = 0;
  walk(graph, [&](Node& node) {
    if (const Attribute* value = node.attribute("value"); value != nullptr && node.op() == "constant") {
      constants += static_cast<int64_t>(std::get<Tensor>(*value).byte_size());
    }
  });
  DataFile data;
  if (constants > options.inline_bytes) {
    data.location = std::filesystem::path(path).filename().string() + ".data";
    data.file.emplace(TRY(AtomicFile::create(path + ".data")));
  }
  const auto list = TRY(pieces(graph, data.file ? &data : nullptr, options.inline_bytes));
  AtomicFile file = TRY(AtomicFile::create(path));
  for (const Piece& piece : list) {
    TRY(file.write(std::string_view(piece.bytes)));
    TRY(file.write(payload(piece)));
  }
  // The data first: a model never points to a file that is not there.
  if (data.file) TRY(data.file->commit());
  return file.commit();
}

}  // namespace burnish
