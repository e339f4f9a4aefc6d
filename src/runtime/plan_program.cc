// Programs as CBOR and back. What is read is checked for kinds and ranges here, for sense by verify(Program).

#include <cstring>
#include <set>

#include "base/checked.h"
#include "base/hash.h"
#include "runtime/plan_format.h"

namespace burnish::plan {
namespace {

constexpr int kMaxDepth = 64;
using Ranges = std::map<std::string, Range, std::less<>>;

std::unexpected<Error> bad(std::string_view what) {
  return refused("its program is damaged: " + std::string(what), {}, "build the plan again");
}

// -- writing

Json encode(const Dim& dim) {
  if (const auto number = dim.constant()) return *number;
  return dim.text();
}
Json encode(std::span<const Dim> dims) {
  Json list = Json::array();
  for (const Dim& d : dims) list.push_back(encode(d));
  return list;
}

Json encode(const Type& type) {
  Json json = json_object("kind", static_cast<int>(type.kind), "dtype", std::string(name(type.dtype)));
  if (type.is_tensor() && type.ranked) json["dims"] = encode(type.dims);
  if (type.element != nullptr) json["element"] = encode(*type.element);
  return json;
}

Json encode(const Slot& slot) {
  Json json = json_object("name", slot.name, "type", encode(slot.type));
  if (slot.contents) json["contents"] = encode(*slot.contents);
  if (slot.heap()) return json;
  const Format& f = slot.storage.format;
  json["storage"] = json_object("buffer", slot.storage.buffer, "dtype", std::string(name(f.dtype)), "order", f.order,
                                "blocks", f.blocks, "border", f.border, "fill", f.fill, "strides",
                                encode(slot.storage.strides), "offset", encode(slot.storage.offset));
  return json;
}

Json encode(const Step& step, const std::map<int, int>& node_numbers) {
  Json json =
      json_object("kind", static_cast<int>(step.kind), "name", step.name, "in", step.inputs, "out", step.outputs);
  if (step.kind == Step::Kind::kernel) json["code"] = step.code;
  if (step.kind == Step::Kind::reference) json["node"] = node_numbers.at(step.node);
  if (!step.bodies.empty()) json["bodies"] = step.bodies;
  if (step.kind == Step::Kind::scan)
    json["scan"] = {step.scan.inputs, step.scan.input_axes, step.scan.output_axes, step.scan.input_reversed,
                    step.scan.output_reversed};
  return json;
}

void collect_ranges(const Dim& dim, Ranges& ranges) {
  if (const auto symbol = dim.symbol_name()) ranges.emplace(*symbol, dim.range());
}
void collect_ranges(const Type& type, Ranges& ranges) {
  for (const Dim& d : type.dims) collect_ranges(d, ranges);
  if (type.element != nullptr) collect_ranges(*type.element, ranges);
}
void collect_ranges(const Program& program, Ranges& ranges) {
  for (const Slot& slot : program.slots) {
    collect_ranges(slot.type, ranges);
    if (slot.contents)
      for (const Dim& d : *slot.contents) collect_ranges(d, ranges);
  }
  for (const auto& body : program.bodies) collect_ranges(*body, ranges);
}

Json encode_body(const Program& p, const std::map<int, int>& node_numbers, BlobStore& blobs) {
  Json json = Json::object();
  Json& slots = json["slots"] = Json::array();
  for (const Slot& slot : p.slots) slots.push_back(encode(slot));
  Json& buffers = json["buffers"] = Json::array();
  for (const Buffer& b : p.buffers)
    buffers.push_back({static_cast<int>(b.kind), b.index, encode(b.bytes), b.first_step, b.last_step});
  Json& steps = json["steps"] = Json::array();
  for (const Step& step : p.steps) steps.push_back(encode(step, node_numbers));
  Json& checks = json["checks"] = Json::array();
  for (const SizeCheck& c : p.checks)
    checks.push_back({static_cast<int>(c.requirement.kind), encode(c.requirement.value), encode(c.requirement.bound),
                      c.requirement.what, c.where, c.step});
  Json& kernels = json["kernels"] = Json::array();
  for (const KernelCode& k : p.kernels)
    kernels.push_back(
        {k.name, k.offset, encode(k.integers), encode(k.tasks), encode(k.grain), encode(k.scratch_bytes)});
  Json& constants = json["constants"] = Json::array();
  for (const Tensor& t : p.constants) constants.push_back(encode_tensor(t, blobs));
  json["inputs"] = p.inputs;
  json["outputs"] = p.outputs;
  json["input_names"] = p.input_names;
  Json& roles = json["input_roles"] = Json::array();
  for (const InputRole role : p.input_roles) roles.push_back(static_cast<int>(role));
  json["output_names"] = p.output_names;
  Json& captures = json["captures"] = Json::array();
  for (const auto& [inner, outer] : p.captures) captures.push_back({inner, outer});
  Json& bodies = json["bodies"] = Json::array();
  for (const auto& body : p.bodies) bodies.push_back(encode_body(*body, node_numbers, blobs));
  return json;
}

// -- reading: one checked accessor per kind

Result<const Json*> field(const Json& json, const char* name) {
  if (!json.is_object()) return bad("a record is none");
  const auto found = json.find(name);
  if (found == json.end()) return bad("'" + std::string(name) + "' is missing");
  return &*found;
}
const Json* optional_field(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found == json.end() ? nullptr : &*found;
}
Result<const Json::array_t*> list(const Json& json) {
  if (!json.is_array()) return bad("a list is none");
  return json.get_ptr<const Json::array_t*>();
}
Result<const Json::array_t*> list_field(const Json& json, const char* name) { return list(*TRY(field(json, name))); }
Result<const Json::array_t*> list_of(const Json& json, std::size_t size) {
  const auto* items = TRY(list(json));
  if (items->size() != size) return bad("a list has another length");
  return items;
}
Result<int64_t> integer(const Json& json, int64_t low, int64_t high) {
  if (!json.is_number_integer()) return bad("a number is none");
  if (json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return bad("a number is out of range");
  const int64_t value = json.get<int64_t>();
  if (value < low || value > high) return bad("a number is out of range");
  return value;
}
Result<int> small(const Json& json) { return static_cast<int>(TRY(integer(json, INT32_MIN, INT32_MAX))); }
Result<std::string> string(const Json& json) {
  if (!json.is_string()) return bad("a text is none");
  return json.get<std::string>();
}
Result<std::vector<int>> numbers(const Json& json) {
  std::vector<int> result;
  for (const Json& item : *TRY(list(json))) result.push_back(TRY(small(item)));
  return result;
}
Result<std::vector<int64_t>> integers(const Json& json) {
  std::vector<int64_t> result;
  for (const Json& item : *TRY(list(json))) result.push_back(TRY(integer(item, INT64_MIN, INT64_MAX)));
  return result;
}
Result<std::vector<std::string>> strings(const Json& json) {
  std::vector<std::string> result;
  for (const Json& item : *TRY(list(json))) result.push_back(TRY(string(item)));
  return result;
}
Result<DType> dtype(const Json& json) {
  const auto parsed = parse_dtype(TRY(string(json)));
  if (!parsed) return bad("a dtype is unknown");
  return *parsed;
}

class Decoder {
 public:
  Decoder(const BlobTable& blobs, std::shared_ptr<const Graph> references)
      : blobs_(blobs), references_(std::move(references)) {}

  Status read_ranges(const Json& json) {
    for (const Json& item : *TRY(list(json))) {
      const auto& entry = *TRY(list_of(item, 3));
      const Range range{TRY(integer(entry[1], INT64_MIN, INT64_MAX)), TRY(integer(entry[2], INT64_MIN, INT64_MAX))};
      ranges_.emplace(TRY(string(entry[0])), range);
    }
    return {};
  }

  Result<std::unique_ptr<Program>> program(const Json& json, int depth) {
    if (depth > kMaxDepth) return bad("bodies nest too deeply");
    auto p = std::make_unique<Program>();
    p->graph = references_;
    for (const Json& item : *TRY(list_field(json, "slots"))) p->slots.push_back(TRY(slot(item)));
    for (const Json& item : *TRY(list_field(json, "buffers"))) {
      const auto& entry = *TRY(list_of(item, 5));
      Buffer& b = p->buffers.emplace_back();
      b.kind = static_cast<Buffer::Kind>(TRY(integer(entry[0], 0, static_cast<int>(Buffer::Kind::constant))));
      b.index = TRY(small(entry[1]));
      b.bytes = TRY(dim(entry[2]));
      b.first_step = TRY(small(entry[3]));
      b.last_step = TRY(small(entry[4]));
    }
    for (const Json& item : *TRY(list_field(json, "steps"))) p->steps.push_back(TRY(step(item)));
    for (const Json& item : *TRY(list_field(json, "kernels"))) {
      const auto& entry = *TRY(list_of(item, 6));
      KernelCode& k = p->kernels.emplace_back();
      k.name = TRY(string(entry[0]));
      k.offset = static_cast<std::size_t>(TRY(integer(entry[1], 0, INT64_MAX)));
      k.integers = TRY(dims(entry[2]));
      k.tasks = TRY(dim(entry[3]));
      k.grain = TRY(dim(entry[4]));
      k.scratch_bytes = TRY(dim(entry[5]));
    }
    for (const Json& item : *TRY(list_field(json, "checks"))) {
      const auto& entry = *TRY(list_of(item, 6));
      SizeCheck& c = p->checks.emplace_back();
      c.requirement.kind =
          static_cast<Requirement::Kind>(TRY(integer(entry[0], 0, static_cast<int64_t>(Requirement::Kind::extends))));
      c.requirement.value = TRY(dim(entry[1]));
      c.requirement.bound = TRY(dim(entry[2]));
      c.requirement.what = TRY(string(entry[3]));
      c.where = TRY(string(entry[4]));
      c.step = TRY(small(entry[5]));
    }
    for (const Json& item : *TRY(list_field(json, "constants")))
      p->constants.push_back(TRY(decode_tensor(item, blobs_)));
    p->inputs = TRY(numbers(*TRY(field(json, "inputs"))));
    p->outputs = TRY(numbers(*TRY(field(json, "outputs"))));
    p->input_names = TRY(strings(*TRY(field(json, "input_names"))));
    for (const Json& item : *TRY(list_field(json, "input_roles")))
      p->input_roles.push_back(static_cast<InputRole>(TRY(integer(item, 0, static_cast<int>(InputRole::state)))));
    p->output_names = TRY(strings(*TRY(field(json, "output_names"))));
    for (const Json& item : *TRY(list_field(json, "captures"))) {
      const auto& entry = *TRY(list_of(item, 2));
      p->captures.emplace_back(TRY(small(entry[0])), TRY(small(entry[1])));
    }
    for (const Json& item : *TRY(list_field(json, "bodies"))) p->bodies.push_back(TRY(program(item, depth + 1)));
    return p;
  }

 private:
  Result<Dim> dim(const Json& json) {
    if (json.is_string()) return parse_dim(json.get_ref<const std::string&>(), ranges_);
    return Dim(TRY(integer(json, INT64_MIN, INT64_MAX)));
  }
  Result<Dims> dims(const Json& json) {
    Dims result;
    for (const Json& item : *TRY(list(json))) result.push_back(TRY(dim(item)));
    return result;
  }

  Result<Type> type(const Json& json, int depth = 0) {
    if (depth > kMaxDepth) return bad("types nest too deeply");
    Type t;
    t.kind = static_cast<Type::Kind>(TRY(integer(*TRY(field(json, "kind")), 0, static_cast<int>(Type::Kind::token))));
    t.dtype = TRY(dtype(*TRY(field(json, "dtype"))));
    const Json* sizes = optional_field(json, "dims");
    t.ranked = !t.is_tensor() || sizes != nullptr;
    if (sizes != nullptr) t.dims = TRY(dims(*sizes));
    if (const Json* element = optional_field(json, "element"))
      t.element = std::make_shared<const Type>(TRY(type(*element, depth + 1)));
    const bool holds = t.kind == Type::Kind::sequence || t.kind == Type::Kind::optional || t.kind == Type::Kind::map;
    if (holds != (t.element != nullptr)) return bad("a type holds nothing, or something that its kind cannot hold");
    return t;
  }

  Result<Slot> slot(const Json& json) {
    Slot s;
    s.name = TRY(string(*TRY(field(json, "name"))));
    s.type = TRY(type(*TRY(field(json, "type"))));
    if (const Json* contents = optional_field(json, "contents")) s.contents = TRY(dims(*contents));
    const Json* storage = optional_field(json, "storage");
    if (storage == nullptr) return s;
    s.storage.buffer = static_cast<int>(TRY(integer(*TRY(field(*storage, "buffer")), 0, INT32_MAX)));
    Format& f = s.storage.format;
    f.dtype = TRY(dtype(*TRY(field(*storage, "dtype"))));
    f.order = TRY(numbers(*TRY(field(*storage, "order"))));
    f.blocks = TRY(integers(*TRY(field(*storage, "blocks"))));
    f.border = TRY(integers(*TRY(field(*storage, "border"))));
    const Json& fill = *TRY(field(*storage, "fill"));
    if (!fill.is_number()) return bad("a fill is no number");
    f.fill = fill.get<double>();
    s.storage.strides = TRY(dims(*TRY(field(*storage, "strides"))));
    s.storage.offset = TRY(dim(*TRY(field(*storage, "offset"))));
    return s;
  }

  Result<Step> step(const Json& json) {
    Step s;
    s.kind = static_cast<Step::Kind>(TRY(integer(*TRY(field(json, "kind")), 0, static_cast<int>(Step::Kind::scan))));
    s.name = TRY(string(*TRY(field(json, "name"))));
    s.inputs = TRY(numbers(*TRY(field(json, "in"))));
    s.outputs = TRY(numbers(*TRY(field(json, "out"))));
    if (const Json* code = optional_field(json, "code")) s.code = TRY(small(*code));
    if (const Json* node = optional_field(json, "node")) s.node = TRY(small(*node));
    if (const Json* bodies = optional_field(json, "bodies")) s.bodies = TRY(numbers(*bodies));
    if (const Json* scan = optional_field(json, "scan")) {
      const auto& entry = *TRY(list_of(*scan, 5));
      s.scan.inputs = TRY(integer(entry[0], 0, INT32_MAX));
      s.scan.input_axes = TRY(integers(entry[1]));
      s.scan.output_axes = TRY(integers(entry[2]));
      s.scan.input_reversed = TRY(integers(entry[3]));
      s.scan.output_reversed = TRY(integers(entry[4]));
    }
    return s;
  }

  const BlobTable& blobs_;
  std::shared_ptr<const Graph> references_;
  Ranges ranges_;
};

}  // namespace

int64_t BlobStore::add(std::span<const std::byte> bytes) {
  const std::string hash = hash128_hex(bytes);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto i = first; i != last; ++i) {
    const auto& other = blobs_[static_cast<std::size_t>(i->second)].bytes;
    if (other.size() == bytes.size() && (bytes.empty() || std::memcmp(other.data(), bytes.data(), bytes.size()) == 0))
      return i->second;
  }
  const auto number = static_cast<int64_t>(blobs_.size());
  by_hash_.emplace(hash, number);
  blobs_.push_back({bytes, end_});
  end_ += (bytes.size() + kConstantAlignment - 1) / kConstantAlignment * kConstantAlignment;
  return number;
}

Json encode_tensor(const Tensor& tensor, BlobStore& blobs) {
  Json json = {std::string(name(tensor.dtype())), tensor.dims()};
  if (tensor.dtype() == DType::string) {
    Json elements = Json::array();
    for (const std::string& s : tensor.as<std::string>()) elements.push_back(Json::binary({s.begin(), s.end()}));
    json.push_back(std::move(elements));
  } else {
    json.push_back(blobs.add(tensor.bytes()));
  }
  return json;
}

Result<Tensor> decode_tensor(const Json& json, const BlobTable& blobs) {
  const auto& entry = *TRY(list_of(json, 3));
  const DType type = TRY(dtype(entry[0]));
  std::vector<int64_t> dims = TRY(integers(entry[1]));
  const auto elements = checked_product(dims);
  const auto bytes = elements ? checked_mul(*elements, static_cast<int64_t>(byte_size(type))) : std::nullopt;
  if (!bytes) return bad("a constant's size is out of range");
  if (type == DType::string) {
    const auto& items = *TRY(list(entry[2]));
    if (static_cast<int64_t>(items.size()) != *elements) return bad("a constant has another number of elements");
    Tensor tensor = TRY(Tensor::allocate(type, std::move(dims)));
    auto texts = tensor.mutable_as<std::string>();
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!items[i].is_binary()) return bad("a constant's text is none");
      texts[i].assign(items[i].get_binary().begin(), items[i].get_binary().end());
    }
    return tensor;
  }
  const auto blob = static_cast<std::size_t>(TRY(integer(entry[2], 0, static_cast<int64_t>(blobs.blobs.size()) - 1)));
  if (static_cast<uint64_t>(*bytes) != blobs.blobs[blob].second)
    return bad("a constant's bytes are not as many as its type says");
  return Tensor::view(type, std::move(dims), blobs.section.data() + blobs.blobs[blob].first, blobs.owner);
}

Json encode_packed(const Tensor& stored, const Format& format, std::span<const int64_t> dims, BlobStore& blobs) {
  return json_object("stored", encode_tensor(stored, blobs), "order", format.order, "blocks", format.blocks, "dims",
                     std::vector<int64_t>(dims.begin(), dims.end()));
}

Result<Tensor> decode_packed(const Json& json, const BlobTable& blobs) {
  const Tensor stored = TRY(decode_tensor(*TRY(field(json, "stored")), blobs));
  if (stored.dtype() == DType::string) return bad("a packed constant holds strings");
  Format format;
  format.dtype = stored.dtype();
  format.order = TRY(numbers(*TRY(field(json, "order"))));
  format.blocks = TRY(integers(*TRY(field(json, "blocks"))));
  std::vector<int64_t> dims = TRY(integers(*TRY(field(json, "dims"))));
  if (!verify(format, static_cast<int64_t>(dims.size())) || !checked_product(dims) ||
      storage_elements(format, to_dims(dims)) != Dim(stored.elements()))
    return bad("a packed constant does not fit its format");
  return unpack(stored, format, std::move(dims));
}

Json encode_program(const Program& program, const std::map<int, int>& node_numbers, BlobStore& blobs) {
  Ranges ranges;
  // The graph's lookup of ranges is for writers too.
  if (program.graph != nullptr) ranges = program.graph->symbol_ranges();
  collect_ranges(program, ranges);
  Json json = json_object("cpu", program.cpu);
  Json& symbols = json["symbols"] = Json::array();
  for (const auto& [name, range] : ranges) symbols.push_back({name, range.low, range.high});
  json["program"] = encode_body(program, node_numbers, blobs);
  return json;
}

Result<std::unique_ptr<Program>> decode_program(const Json& json, std::shared_ptr<const Graph> references,
                                                const BlobTable& blobs) {
  Decoder decoder(blobs, std::move(references));
  TRY(decoder.read_ranges(*TRY(field(json, "symbols"))));
  auto program = TRY(decoder.program(*TRY(field(json, "program")), 0));
  program->cpu = TRY(string(*TRY(field(json, "cpu"))));
  return program;
}

namespace {

void collect_nodes(const Program& program, std::set<int>& nodes) {
  for (const Step& step : program.steps)
    if (step.kind == Step::Kind::reference) nodes.insert(step.node);
  for (const auto& body : program.bodies) collect_nodes(*body, nodes);
}

}  // namespace

Result<std::unique_ptr<Graph>> references_of(const Program& program, std::map<int, int>& node_numbers) {
  std::set<int> wanted;
  collect_nodes(program, wanted);
  auto graph = std::make_unique<Graph>("references");
  if (program.graph == nullptr) return graph;
  graph->symbol_ranges() = program.graph->symbol_ranges();
  std::vector<Node*> nodes;
  int number = 0;
  walk(*program.graph, [&](Node& node) {
    if (wanted.contains(number)) {
      node_numbers[number] = static_cast<int>(nodes.size());
      nodes.push_back(&node);
    }
    ++number;
  });
  // Nodes out of bodies come first or last as walked; none has bodies of its own, and names are unique in the tree.
  std::unordered_map<const Value*, Value*> values;
  for (const Node* node : nodes) {
    if (node->region_count() > 0) return internal_error("a reference step has bodies", "node '" + node->source() + "'");
    std::vector<Value*> operands;
    for (Value* operand : node->operands()) {
      if (operand == nullptr) {
        operands.push_back(nullptr);
        continue;
      }
      auto [found, added] = values.emplace(operand, nullptr);
      if (added) found->second = graph->add_input(operand->name(), operand->type());
      operands.push_back(found->second);
    }
    std::vector<ResultSpec> specs(node->result_count());
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const Value* result = node->result(i);
      specs[i].omitted = result == nullptr;
      if (result != nullptr) specs[i] = {result->type(), result->name(), false};
    }
    Node* copy = graph->add_node(node->op(), operands, node->attributes(), std::move(specs));
    copy->set_source(node->source());
    for (std::size_t i = 0; i < node->result_count(); ++i)
      if (node->result(i) != nullptr) values.emplace(node->result(i), copy->result(i));
  }
  return graph;
}

namespace {

// Only counts depth: from_cbor itself descends as deep as its input says.
class DepthCheck : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth_ < kDeepest; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return --depth_, true; }
  bool start_array(std::size_t) override { return ++depth_ < kDeepest; }
  bool end_array() override { return --depth_, true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  static constexpr int kDeepest = 1000;
  int depth_ = 0;
};

}  // namespace

Result<Json> read_cbor(std::span<const std::byte> bytes, std::string_view what) {
  const auto* first = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto damaged = [&] { return refused(std::string(what) + " cannot be read", {}, "build the plan again"); };
  DepthCheck check;
  if (!Json::sax_parse(first, first + bytes.size(), &check, nlohmann::detail::input_format_t::cbor)) return damaged();
  Json json = Json::from_cbor(first, first + bytes.size(), true, false);
  if (json.is_discarded()) return damaged();
  return json;
}

std::vector<std::byte> write_cbor(const Json& json) {
  const std::vector<uint8_t> bytes = Json::to_cbor(json);
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  return {first, first + bytes.size()};
}

}  // namespace burnish::plan
