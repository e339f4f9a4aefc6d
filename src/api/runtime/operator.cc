// Operators of users: their C structures become records of the catalogue, whose functions call back.

#include "ops/operator.h"

#include <algorithm>
#include <memory>
#include <new>

#include "api/runtime/boundary.h"
#include "api/runtime/call.h"
#include "api/runtime/functions.h"
#include "api/runtime/graph.h"
#include "ops/support/attributes.h"

namespace burnish::api {
namespace {

struct UserOperator : Operator {
  std::deque<std::string> texts;
  std::vector<OperandSpec> operand_specs;
  std::vector<ResultDoc> result_specs;
  std::vector<AttributeSpec> attribute_specs;
  void* user = nullptr;
  burnish_infer_function user_infer = nullptr;
  burnish_reference_function user_reference = nullptr;
  burnish_decompose_function user_decompose = nullptr;

  std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }
};

const UserOperator& user_operator(const NodeView& view) {
  return static_cast<const UserOperator&>(*view.node().definition());
}

// -- calling back

// A call for as long as the function takes.
class Call {
 public:
  explicit Call(std::shared_ptr<CallObject> object)
      : object_(std::move(object)), handle_(new_handle<burnish_call>(object_)) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    retire(handle_, HandleKind::call);
    const std::lock_guard lock(object_->mutex);
    object_->end();
  }
  CallObject& operator*() const { return *object_; }
  CallObject* operator->() const { return object_.get(); }
  burnish_call* handle() const { return handle_; }

 private:
  std::shared_ptr<CallObject> object_;
  burnish_call* handle_;
};

// The graph of a decomposition, likewise.
class Part {
 public:
  explicit Part(Place place)
      : object_(std::make_shared<GraphObject>(std::move(place))), handle_(new_handle<burnish_graph>(object_)) {}
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    retire(handle_, HandleKind::graph);
    const std::lock_guard lock(object_->mutex);
    object_->end();
  }
  GraphObject* operator->() const { return object_.get(); }
  burnish_graph* handle() const { return handle_; }

 private:
  std::shared_ptr<GraphObject> object_;
  burnish_graph* handle_;
};

// An error with the node that it is about, whoever told it.
std::unexpected<Error> at_node(const NodeView& view, Error error) {
  Error named = view.error({}).error();
  if (error.where == named.where) return std::unexpected(std::move(error));
  if (!error.where.empty() && error.where != view.node().op()) error.what = error.where + ": " + error.what;
  named = view.error(std::move(error.what), std::move(error.remedy)).error();
  named.code = error.code;
  return std::unexpected(std::move(named));
}

// The status of a function, as an error where it is one. `first` is what went wrong before, if anything.
template <class Function>
Status call_back(const NodeView& view, const CallObject& call, const char* what, const std::optional<Error>& first,
                 Function&& function) {
  burnish_status status = BURNISH_OK;
  try {
    status = function();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& e) {
    return at_node(view, {ErrorCode::usage, std::string("its ") + what + " throws: " + e.what(), {}, {}});
  }
  if (status == BURNISH_OK) return {};
  if (first) return at_node(view, *first);
  if (call.failure()) return at_node(view, *call.failure());
  if (status == BURNISH_MEMORY) throw std::bad_alloc();
  return view.error(std::string("its ") + what + " fails and does not say why", "call_fail says why");
}

Status infer(InferContext& context) {
  const UserOperator& op = user_operator(context);
  const Call call(std::make_shared<CallObject>(context));
  TRY(call_back(context, *call, "infer", std::nullopt, [&] { return op.user_infer(op.user, call.handle()); }));
  return call->finish_infer();
}

Status reference(ReferenceContext& context) {
  const UserOperator& op = user_operator(context);
  const Call call(std::make_shared<CallObject>(context));
  TRY(call_back(context, *call, "reference", std::nullopt, [&] { return op.user_reference(op.user, call.handle()); }));
  return call->finish_reference();
}

// What infer said and what a decomposition gives must agree: the rest of the graph goes by the former.
bool agree(const Type& said, const Type& given) {
  if (said.kind != given.kind || (said.is_tensor() && said.dtype != given.dtype)) return false;
  if (!said.is_ranked_tensor() || !given.is_ranked_tensor()) return true;
  if (said.rank() != given.rank()) return false;
  for (std::size_t d = 0; d < said.dims.size(); ++d)
    if (equal(said.dims[d], given.dims[d]) == Truth::no) return false;
  return true;
}

Result<std::vector<Value*>> decompose(DecomposeContext& context) {
  const UserOperator& op = user_operator(context);
  const Node& node = context.node();
  Builder& builder = context.builder;
  const Call call(std::make_shared<CallObject>(context));
  const Part part(Place{builder.graph(), builder.before(), builder.source(), node.op()});
  std::vector<burnish_value> operands, results(node.result_count(), 0);
  {
    const std::lock_guard lock(part->mutex);
    for (Value* operand : node.operands()) operands.push_back(operand == nullptr ? 0 : part->number_of(operand));
  }
  operands.push_back(0);  // never an empty list, whose data would be NULL
  results.push_back(0);
  TRY(call_back(context, *call, "decompose", part->failure, [&] {
    return op.user_decompose(op.user, call.handle(), part.handle(), operands.data(), results.data());
  }));
  std::vector<Value*> values(node.result_count(), nullptr);
  const std::lock_guard lock(part->mutex);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Value* result = node.result(i);
    if (result == nullptr) continue;
    const std::string name = "result " + std::to_string(i);
    if (results[i] == 0) return at_node(context, {ErrorCode::usage, "its decompose gives no " + name, {}, {}});
    auto value = part->value_of(results[i], name);
    if (!value) return at_node(context, std::move(value).error());
    values[i] = *value;
    if (!agree(result->type(), values[i]->type()))
      return at_node(context, {ErrorCode::usage,
                               "its decompose gives " + values[i]->type().text() + " as " + name +
                                   ", but its infer says " + result->type().text(),
                               {},
                               "let both say the same"});
  }
  return values;
}

// -- registering

bool is_name(std::string_view text, std::string_view others) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.contains(c);
  });
}

bool is_types(std::string_view types) {
  constexpr std::string_view kWords[] = {"any",     "same",     "float",    "int", "numeric",
                                         "complex", "sequence", "optional", "map", "value"};
  while (true) {
    const std::size_t bar = types.find('|');
    const std::string_view word = types.substr(0, bar);
    if (std::ranges::find(kWords, word) == std::end(kWords) && !parse_dtype(word)) return false;
    if (bar == std::string_view::npos) return true;
    types.remove_prefix(bar + 1);
  }
}

template <class T>
Result<std::span<const T>> list(const T* data, std::size_t count, const char* name) {
  if (data == nullptr && count > 0) return null_argument(name);
  if (count > 4096) return usage_error(std::to_string(count) + " are too many", name);
  return std::span<const T>(data, count);
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

Result<OperandSpec::Arity> read_arity(burnish_arity arity, bool last, const std::string& where) {
  if (arity < BURNISH_REQUIRED || arity > BURNISH_VARIADIC)
    return usage_error("there is no arity " + std::to_string(static_cast<int>(arity)), where);
  if (arity == BURNISH_VARIADIC && !last) return usage_error("only the last one may be variadic", where);
  return static_cast<OperandSpec::Arity>(arity);
}

Status read_operands(const burnish_operator& given, UserOperator& op, const std::string& where) {
  const auto operands = TRY(list(given.operands, given.operand_count, "operator.operands"));
  for (const burnish_operand_spec& spec : operands) {
    const std::string name = TRY(required_string(spec.name, "operand.name"));
    const std::string place = where + ", operand '" + name + "'";
    const std::string types = spec.types == nullptr ? "any" : spec.types;
    if (!is_name(name, "_")) return usage_error("this is no name", place, "use letters, digits and '_'");
    if (!is_types(types))
      return usage_error("'" + types + "' is no list of dtypes", place, "write for example f32|f64, float, or any");
    op.operand_specs.push_back(
        {op.keep(name), op.keep(types), TRY(read_arity(spec.arity, &spec == &operands.back(), place))});
  }
  const auto results = TRY(list(given.results, given.result_count, "operator.results"));
  if (results.empty()) return usage_error("an operator has results", where);
  for (const burnish_result_spec& spec : results) {
    const std::string name = TRY(required_string(spec.name, "result.name"));
    const std::string place = where + ", result '" + name + "'";
    if (!is_name(name, "_")) return usage_error("this is no name", place, "use letters, digits and '_'");
    const auto arity = TRY(read_arity(spec.arity, &spec == &results.back(), place));
    op.result_specs.push_back({op.keep(name), op.keep(text_or_empty(spec.doc)), arity == OperandSpec::Arity::optional,
                               arity == OperandSpec::Arity::variadic});
  }
  return {};
}

Status read_attributes(const burnish_operator& given, UserOperator& op, const std::string& where) {
  for (const burnish_attribute_spec& spec : TRY(list(given.attributes, given.attribute_count, "operator.attributes"))) {
    const std::string name = TRY(required_string(spec.name, "attribute.name"));
    const std::string place = where + ", attribute '" + name + "'";
    if (!is_name(name, "_")) return usage_error("this is no name", place, "use letters, digits and '_'");
    if (std::ranges::find(op.attribute_specs, name, &AttributeSpec::name) != op.attribute_specs.end())
      return usage_error("there are two of this name", place);
    if (spec.kind < BURNISH_INTEGER || spec.kind > BURNISH_TYPE)
      return usage_error("there is no attribute kind " + std::to_string(static_cast<int>(spec.kind)), place);
    const std::string text = spec.default_text == nullptr ? "required" : spec.default_text;
    const auto kind = static_cast<AttributeKind>(spec.kind);
    if (text != "required" && text != "optional") {
      const auto value = parse_attribute(text);
      if (!value || !ops::as_kind(*value, kind))
        return usage_error("the default '" + text + "' is no attribute of kind " + std::string(burnish::name(kind)),
                           place, "write it as in the text form: 1, 0.5, \"text\", [1, 2], f32");
    }
    op.attribute_specs.push_back({op.keep(name), kind, op.keep(text), op.keep(text_or_empty(spec.doc))});
  }
  return {};
}

Result<std::vector<ops::ForeignName>> read_bindings(const burnish_operator& given, const std::string& name,
                                                    const std::string& where) {
  std::vector<ops::ForeignName> names;
  for (const burnish_binding& binding : TRY(list(given.bindings, given.binding_count, "operator.bindings"))) {
    ops::ForeignName n;
    n.domain = TRY(required_string(binding.domain, "binding.domain"));
    n.op_type = TRY(required_string(binding.op_type, "binding.op_type"));
    if (n.domain.empty()) n.domain = "ai.onnx";
    if (n.op_type.empty()) return usage_error("a binding has no op_type", where);
    if (binding.since != 0) n.since = binding.since;
    if (binding.until != 0) n.until = binding.until;
    names.push_back(std::move(n));
  }
  const std::size_t dot = name.rfind('.');
  if (names.empty()) names.push_back({name.substr(0, dot), name.substr(dot + 1)});
  if (refuse_known != nullptr)
    for (const ops::ForeignName& n : names) TRY(refuse_known(n.domain, n.op_type, where));
  return names;
}

Status register_operator(const burnish_operator& given) {
  const std::string name = TRY(required_string(given.name, "operator.name"));
  const std::string where = "operator '" + name + "'";
  const std::size_t dot = name.find('.');
  if (!is_name(name, "_-.") || dot == std::string::npos || name.starts_with('.') || name.ends_with('.') ||
      name.starts_with("onnx."))
    return usage_error("this is no name for an operator of your own", where,
                       "write its owner before it, with letters, digits and '_': com.example.Scale");
  if (given.infer == nullptr) return usage_error("it has no infer", where, "say what its result types are");
  auto op = std::make_unique<UserOperator>();
  op->name = op->keep(name);
  op->doc = op->keep(text_or_empty(given.doc));
  TRY(read_operands(given, *op, where));
  TRY(read_attributes(given, *op, where));
  op->operands = op->operand_specs;
  op->results = op->result_specs;
  op->attributes = op->attribute_specs;
  op->effectful = given.effectful != 0;
  op->random = given.random != 0;
  op->users = true;
  op->user = given.user;
  op->user_infer = given.infer;
  op->user_reference = given.reference;
  op->user_decompose = given.decompose;
  op->infer = infer;
  if (given.reference != nullptr) op->reference = reference;
  if (given.decompose != nullptr) op->decompose = decompose;
  TRY(ops::register_operator(op.get(), TRY(read_bindings(given, name, where))));
  op.release();  // for the life of the process: nodes point to it
  return {};
}

}  // namespace

burnish_status operator_register(const burnish_operator* definition, burnish_error** error) {
  return boundary(error, [&]() -> Done {
    if (definition == nullptr) return null_argument("definition");
    TRY(register_operator(TRY(structure(definition, sizeof(burnish_operator), "burnish_operator"))));
    return {};
  });
}

}  // namespace burnish::api
