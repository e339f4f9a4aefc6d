// Any bytes become a graph that is well formed, or an error. Models are changed field by field, as messages in messages.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/file.h"
#include "import/onnx/export.h"
#include "import/onnx/import.h"
#include "import/onnx/node_context.h"
#include "ops/operator.h"
#include "tests/support/mutate.h"

extern "C" std::size_t LLVMFuzzerMutate(uint8_t* data, std::size_t size, std::size_t max_size);

namespace burnish {
namespace {

void read(std::span<const std::byte> bytes) {
  ImportOptions options;
  options.limits.messages = 20'000;
  options.limits.nodes = 2'000;
  options.limits.dense_bytes = 1 << 20;
  auto graph = import_onnx(bytes, options);
  if (!graph) {
    CHECK(exit_code(graph.error().code) == 3, graph.error().message());
    return;
  }
  const Status right = ops::verify(**graph);
  CHECK(right.has_value(), right.error().message() + "\n" + print(**graph));
  // Types that the file declares may turn out to contradict each other.
  const Status inferred = ops::infer(**graph);
  CHECK(inferred || exit_code(inferred.error().code) == 3, inferred.error().message() + "\n" + print(**graph));
}

// -- a message without its schema: what can be read as a message is one

struct Field {
  uint32_t number = 0;
  onnx::WireType type = onnx::WireType::varint;
  uint64_t integer = 0;
  std::string bytes;  // of fixed32 and fixed64, too
  std::vector<Field> fields;
  bool is_message = false;
};

constexpr int kDeepest = 12;

bool is_text(onnx::Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b >= std::byte{32} && b < std::byte{127}; });
}

std::optional<std::vector<Field>> parse(onnx::Bytes bytes, int depth) {
  std::vector<Field> fields;
  onnx::WireReader reader(bytes);
  for (onnx::WireField wire;;) {
    const auto more = reader.next(wire);
    if (!more) return std::nullopt;
    if (!*more) return fields;
    Field& field = fields.emplace_back();
    field.number = wire.number;
    field.type = wire.type;
    field.integer = wire.integer;
    field.bytes = wire.text();
    if (wire.type != onnx::WireType::bytes || depth >= kDeepest || wire.bytes.size() < 2) continue;
    if (is_text(wire.bytes) && wire.bytes.size() < 40) continue;
    auto inner = parse(wire.bytes, depth + 1);
    field.is_message = inner.has_value();
    if (inner) field.fields = *std::move(inner);
  }
}

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

std::string encode(std::span<const Field> fields) {
  std::string out;
  for (const Field& f : fields) {
    put_varint(out, uint64_t{f.number} << 3 | static_cast<uint64_t>(f.type));
    const std::string bytes = f.is_message ? encode(f.fields) : f.bytes;
    if (f.type == onnx::WireType::varint) put_varint(out, f.integer);
    else if (f.type == onnx::WireType::bytes) put_varint(out, bytes.size()), out += bytes;
    else out += bytes;
  }
  return out;
}

// -- seeds: samples of the catalogue as ONNX has them

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> models;
    for (const Operator* op : ops::all()) {
      for (const Sample& sample : op->samples) {
        const auto graph = ops::sample_graph(sample);
        if (!graph) continue;
        if (auto model = export_onnx(**graph)) models.push_back(*std::move(model));
      }
    }
    return models;
  }();
  return all;
}

std::string_view any_operator(testing::Mutator& mutator) {
  using namespace onnx;
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> found;
    for (const auto rows :
         {elementwise_rows(), activation_rows(), shape_rows(), index_rows(), reduce_rows(), network_rows(),
          normalization_rows(), quantize_rows(), control_rows(), other_rows(), sequence_rows(), ml_rows(),
          preview_rows(), training_rows(), microsoft_rows(), microsoft_quantized_rows()})
      for (const OperatorRow& row : rows) found.push_back(row.op_type);
    return found;
  }();
  return names[mutator.below(names.size())];
}

// -- changes

void collect(std::vector<Field>& fields, std::vector<std::pair<std::vector<Field>*, std::size_t>>& all) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    all.emplace_back(&fields, i);
    collect(fields[i].fields, all);
  }
}

void change(std::vector<Field>& model, std::vector<Field>& donor, testing::Mutator& mutator) {
  std::vector<std::pair<std::vector<Field>*, std::size_t>> places, others;
  collect(model, places);
  collect(mutator.one_in(2) ? model : donor, others);
  if (places.empty() || others.empty()) return;
  const auto [list, index] = places[mutator.below(places.size())];
  const auto at = list->begin() + static_cast<std::ptrdiff_t>(index);
  switch (mutator.below(8)) {
    case 0: list->erase(at); return;
    case 1: {
      const Field copy = *at;
      list->insert(at, copy);
      return;
    }
    case 2: std::swap(*at, (*list)[mutator.below(list->size())]); return;
    default: break;
  }
  if (at->type == onnx::WireType::varint && mutator.one_in(2)) {
    at->integer = static_cast<uint64_t>(mutator.number());
    return;
  }
  if (at->type == onnx::WireType::bytes && !at->is_message && mutator.one_in(3)) {
    if (at->number == 4 && mutator.one_in(2)) {  // a node's op_type, maybe
      at->bytes = any_operator(mutator);
      return;
    }
    const std::size_t size = at->bytes.size();
    at->bytes.resize(size + 16);
    at->bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(at->bytes.data()), size, at->bytes.size()));
    return;
  }
  for (int tries = 0; tries < 32; ++tries) {
    const auto [other_list, other_index] = others[mutator.below(others.size())];
    const Field& other = (*other_list)[other_index];
    if (other.type != at->type || (other.number != at->number && !mutator.one_in(16))) continue;
    const Field copy = other;
    if (mutator.one_in(4)) list->insert(at, copy);
    else *at = copy;
    return;
  }
}

std::string mutated(std::string_view input, testing::Mutator& mutator) {
  const std::string& seed = seeds()[mutator.below(seeds().size())];
  auto model = parse(as_bytes(input), 0);
  if (!model || model->size() < 2 || mutator.one_in(64)) return seed;
  auto donor = *parse(as_bytes(seed), 0);
  for (std::size_t n = mutator.below(3) + 1; n > 0; --n) change(*model, donor, mutator);
  return encode(*model);
}

}  // namespace
}  // namespace burnish

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  burnish::read(std::span(reinterpret_cast<const std::byte*>(data), size));
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  burnish::testing::Mutator mutator(seed);
  if (mutator.one_in(16)) return LLVMFuzzerMutate(data, size, max_size);
  const std::string changed = burnish::mutated({reinterpret_cast<const char*>(data), size}, mutator);
  if (changed.size() > max_size) return size;
  std::memcpy(data, changed.data(), changed.size());
  return changed.size();
}
