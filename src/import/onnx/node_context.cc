#include "import/onnx/node_context.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "import/onnx/importer.h"
#include "import/onnx/tensors.h"

namespace burnish::onnx {

NodeContext::NodeContext(Importer& importer, Scope& scope, const NodeProto& proto, int64_t opset, std::string source,
                         std::vector<Value*> inputs, Builder& builder)
    : importer_(importer),
      scope_(scope),
      proto_(proto),
      opset_(opset),
      source_(std::move(source)),
      inputs_(std::move(inputs)),
      outputs_(proto.outputs.size()),
      builder_(builder) {}

Result<int64_t> NodeContext::rank(std::size_t i) { return static_cast<int64_t>(TRY(dims(i)).size()); }

Result<Dims> NodeContext::dims(std::size_t i) {
  if (!has(i)) return error(fmt::format("input {} is missing", i));
  const Type& type = in(i)->type();
  if (!type.is_tensor()) return error(fmt::format("input {} is {}, not a tensor", i, type.text()));
  if (!type.ranked)
    return error(fmt::format("the rank of input {} is unknown", i), "give the model's inputs full shapes");
  return type.dims;
}

const Tensor* NodeContext::constant(std::size_t i) const {
  if (!has(i) || in(i)->producer() == nullptr || in(i)->producer()->op() != "constant") return nullptr;
  const Attribute* value = in(i)->producer()->attribute("value");
  return value != nullptr ? std::get_if<Tensor>(value) : nullptr;
}

std::optional<Ints> NodeContext::known_ints(std::size_t i) const {
  if (!has(i)) return std::nullopt;
  if (const Tensor* t = constant(i); t != nullptr && is_integer(t->dtype()) && t->elements() <= 4096) {
    Ints values;
    for (int64_t k = 0; k < t->elements(); ++k) values.push_back(t->int_at(k));
    return values;
  }
  if (!in(i)->contents()) return std::nullopt;
  return constants(*in(i)->contents());
}

const AttributeProto* NodeContext::attribute(std::string_view name) const {
  const AttributeProto* found = proto_.attribute(name);
  if (found == nullptr) return nullptr;
  read_.insert(found->name);
  if (found->reference.empty()) return found;
  if (!scope_.arguments) return nullptr;
  const auto it = scope_.arguments->find(found->reference);
  return it == scope_.arguments->end() ? nullptr : it->second;
}

const AttributeProto* NodeContext::expect(std::string_view name, AttributeProto::Kind kind) {
  const AttributeProto* found = attribute(name);
  if (found == nullptr || found->kind == kind) return found;
  if (!error_)
    error_ = error(fmt::format("attribute '{}' has kind {} where {} is expected", name, static_cast<int>(found->kind),
                               static_cast<int>(kind)))
                 .error();
  return nullptr;
}

Value* NodeContext::number(Value* like, double value) {
  if (like == nullptr) return nullptr;
  if (like->type().is_tensor() && like->type().dtype != DType::string)
    return builder_.scalar(like->type().dtype, value);
  if (!error_) error_ = error(fmt::format("{} is {}, not numbers", like->name(), like->type().text())).error();
  return nullptr;
}

int64_t NodeContext::integer(std::string_view name, int64_t otherwise) {
  const AttributeProto* a = expect(name, AttributeProto::Kind::integer);
  return a != nullptr ? a->i : otherwise;
}
double NodeContext::real(std::string_view name, double otherwise) {
  const AttributeProto* a = expect(name, AttributeProto::Kind::real);
  return a != nullptr ? double{a->f} : otherwise;
}
std::string NodeContext::string(std::string_view name, std::string_view otherwise) {
  const AttributeProto* a = expect(name, AttributeProto::Kind::string);
  return std::string(a != nullptr ? a->s : otherwise);
}
Ints NodeContext::ints(std::string_view name, Ints otherwise) {
  const AttributeProto* a = expect(name, AttributeProto::Kind::integers);
  return a != nullptr ? a->ints : otherwise;
}
Floats NodeContext::reals(std::string_view name) {
  const AttributeProto* a = expect(name, AttributeProto::Kind::reals);
  return a != nullptr ? Floats(a->floats.begin(), a->floats.end()) : Floats();
}
Strings NodeContext::strings(std::string_view name) {
  const AttributeProto* a = expect(name, AttributeProto::Kind::strings);
  return a != nullptr ? Strings(a->strings.begin(), a->strings.end()) : Strings();
}

Result<Tensor> NodeContext::tensor(std::string_view name) {
  const AttributeProto* a = expect(name, AttributeProto::Kind::tensor);
  if (a == nullptr || a->tensors.size() != 1) return error(fmt::format("attribute '{}' is missing", name));
  return importer_.tensor(a->tensors[0]);
}

Result<const GraphProto*> NodeContext::graph(std::string_view name) {
  const AttributeProto* a = expect(name, AttributeProto::Kind::graph);
  if (a == nullptr || a->graphs.size() != 1) return error(fmt::format("attribute '{}' is missing", name));
  return &a->graphs[0];
}

Result<DType> NodeContext::dtype_attribute(std::string_view name) {
  const AttributeProto* a = expect(name, AttributeProto::Kind::integer);
  if (a == nullptr) return error(fmt::format("attribute '{}' is missing", name));
  const auto dtype = to_dtype(a->i);
  if (!dtype) return error(fmt::format("attribute '{}' is {}, which is no element type of ONNX", name, a->i));
  return *dtype;
}

void NodeContext::give(std::size_t i, Value* value) {
  if (i < outputs_.size()) outputs_[i] = value;
}

Value* NodeContext::op(std::string_view name, std::span<Value* const> operands, AttributeMap attributes) {
  if (foreign || ops::find(name) == nullptr) {
    foreign = true;
    return nullptr;
  }
  return builder_.op(name, operands, std::move(attributes));
}

std::vector<Value*> NodeContext::all_of(std::string_view name, std::span<Value* const> operands,
                                        AttributeMap attributes, std::size_t results) {
  if (foreign || ops::find(name) == nullptr) {
    foreign = true;
    return {};
  }
  const std::vector<std::string> names(results);
  Node* node = builder_.node(name, operands, std::move(attributes), names, results);
  std::vector<Value*> values;
  for (std::size_t i = 0; node != nullptr && i < results; ++i) values.push_back(node->result(i));
  return values;
}

void NodeContext::give_all(std::string_view name, std::span<Value* const> operands, AttributeMap attributes,
                           std::size_t results) {
  const std::vector<Value*> values = all_of(name, operands, std::move(attributes), results);
  for (std::size_t i = 0; i < values.size(); ++i) give(i, values[i]);
}

Value* NodeContext::cast(Value* value, DType dtype) {
  if (value == nullptr || value->type().dtype == dtype) return value;
  return op("cast", {value}, {{"dtype", dtype}});
}

Result<int64_t> NodeContext::axis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank) return error(fmt::format("axis {} is out of range for rank {}", axis, rank));
  return axis < 0 ? axis + rank : axis;
}

std::unexpected<Error> NodeContext::error(std::string what, std::string remedy) const {
  return refused(std::move(what), {}, std::move(remedy));
}

Status NodeContext::finish() const {
  if (error_) return std::unexpected(*error_);
  return builder_.finish();
}

Status NodeContext::all_read(const OperatorRow& row) const {
  for (const AttributeProto& a : proto_.attributes)
    if (!read_.contains(a.name) && !is_meaningless(row, a.name))
      return error(fmt::format("attribute '{}' is not supported", a.name));
  return {};
}

Status need_inputs(const NodeContext& c, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) TRY(need_inputs(c, {i}));
  return {};
}

Status need_inputs(const NodeContext& c, std::initializer_list<std::size_t> inputs) {
  for (const std::size_t i : inputs)
    if (!c.has(i)) return c.error(fmt::format("input {} is missing", i));
  return {};
}

}  // namespace burnish::onnx
