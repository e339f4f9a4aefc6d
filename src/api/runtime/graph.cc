#include "api/runtime/graph.h"

#include <atomic>

#include "api/runtime/boundary.h"
#include "api/runtime/functions.h"
#include "ops/operator.h"

namespace burnish::api {
namespace {

std::atomic<uint32_t> next_serial{1};

Result<std::string> interface_name(const char* name, const char* what) {
  std::string text = TRY(required_string(name, "name"));
  if (text.empty()) return usage_error("an " + std::string(what) + " needs a name");
  return text;
}

// A node that is gone again unless all went well, whether what follows says so or throws.
struct Unfinished {
  Graph& graph;
  Node* node;
  ~Unfinished() {
    if (node != nullptr) graph.erase(node);
  }
};

Status add_constant(const GraphUse& use, const char* name, Tensor tensor, burnish_value* value) {
  const std::string text = name == nullptr ? "" : name;
  const auto& place = use.object->place();
  Builder builder(use.graph(), place ? place->before : nullptr, place ? place->source : text);
  Value* made = builder.constant(std::move(tensor), text);
  TRY(builder.finish());
  Unfinished unfinished{use.graph(), made->producer()};
  *value = use.object->number_of(made);
  unfinished.node = nullptr;
  return {};
}

// The first failure of a decomposition is told where it ends, whatever its callback makes of it.
Done noted(const GraphUse& use, Done done) {
  if (!done && use.object->place() && !use.object->failure) use.object->failure = done.error().error;
  return done;
}

Done add_node(const GraphUse& use, const burnish_node* node, burnish_value* results, size_t result_count) {
  const burnish_node n = TRY(structure(node, sizeof(burnish_node), "burnish_node"));
  const std::string op = TRY(required_string(n.op, "node.op"));
  const std::string name = n.name == nullptr ? "" : n.name;
  const std::string where = name.empty() ? op : name;
  const Operator* definition = ops::find(op);
  if (definition == nullptr)
    return usage_error("there is no operator '" + op + "'", where, "docs/operators.md lists them");
  if (definition->regions > 0)
    return usage_error("'" + op + "' has bodies, which this function cannot give", where,
                       "write the graph in the text form, or load a model");
  if (n.operands == nullptr && n.operand_count > 0) return null_argument("node.operands");
  if (n.attributes == nullptr && n.attribute_count > 0) return null_argument("node.attributes");
  std::vector<Value*> operands;
  for (size_t i = 0; i < n.operand_count; ++i)
    operands.push_back(n.operands[i] == 0 ? nullptr : TRY(use.object->value_of(n.operands[i], where)));
  while (!operands.empty() && operands.back() == nullptr) operands.pop_back();
  AttributeMap attributes;
  for (size_t i = 0; i < n.attribute_count; ++i) {
    const std::string key = TRY(required_string(n.attributes[i].name, "attribute.name"));
    const std::string place = where + ": attribute '" + key + "'";
    if (!attributes.emplace(key, TRY(read_attribute(n.attributes[i], use.graph(), place))).second)
      return usage_error("the attribute is given twice", place);
  }
  const bool variadic = !definition->results.empty() && definition->results.back().variadic;
  if (result_count > definition->results.size() && !variadic)
    return usage_error("'" + op + "' gives at most " + std::to_string(definition->results.size()) + " results, not " +
                           std::to_string(result_count),
                       where);

  const auto& place = use.object->place();
  if (place && place->op == op) return usage_error("'" + op + "' is made of itself", where);
  std::vector<std::string> names(result_count);
  for (size_t i = 0; i < result_count; ++i) names[i] = i == 0 ? where : where + "." + std::to_string(i);
  Builder builder(use.graph(), place ? place->before : nullptr, place ? place->source : where);
  Node* made = builder.begin(op, operands, std::move(attributes), names, result_count);
  TRY(builder.finish());
  Unfinished unfinished{use.graph(), made};
  if (Status right = ops::verify(static_cast<const Node&>(*made)); !right) {
    right.error().code = ErrorCode::usage;
    return std::unexpected(std::move(right).error());
  }
  unfinished.node = nullptr;  // `complete` erases it itself
  unfinished.node = builder.complete(made);
  if (Status done = builder.finish(); !done) {
    // What does not fit in a decomposition may fit once sizes are known.
    if (!place) done.error().code = ErrorCode::usage;
    return std::unexpected(std::move(done).error());
  }
  for (size_t i = 0; i < result_count; ++i) results[i] = use.object->number_of(made->result(i));
  unfinished.node = nullptr;
  return {};
}

}  // namespace

GraphObject::GraphObject(std::unique_ptr<Graph> graph)
    : owned_(std::move(graph)), graph_(owned_.get()), serial_(next_serial++) {}

GraphObject::GraphObject(Place place) : graph_(&place.graph), place_(std::move(place)), serial_(next_serial++) {}

Result<GraphUse> use_graph_or_part(const burnish_graph* handle) {
  GraphUse result{TRY(use<GraphObject>(handle)), {}};
  result.lock = std::unique_lock(result.object->mutex);
  if (result.object->over()) return usage_error("the decomposition that this graph was given to is over");
  return result;
}

Result<GraphUse> use_graph(const burnish_graph* handle) {
  GraphUse result = TRY(use_graph_or_part(handle));
  if (result.object->place())
    return usage_error("a decomposition only adds constants and nodes to the graph that it is given", {},
                       "make a graph of its own for anything else");
  return result;
}

burnish_graph* give_graph(std::unique_ptr<Graph> graph) {
  return new_handle<burnish_graph>(std::make_shared<GraphObject>(std::move(graph)));
}

burnish_value GraphObject::number_of(Value* value) {
  if (values_.size() == values_.capacity()) values_.reserve(2 * values_.size() + 1);  // both happen or neither does
  const auto [it, added] = numbers_.emplace(value, static_cast<uint32_t>(values_.size() + 1));
  if (added) values_.push_back(value);
  return uint64_t{serial_} << 32 | it->second;
}

Result<Value*> GraphObject::value_of(burnish_value number, const std::string& where) const {
  if (number == 0) return usage_error("there is no value (0)", where, "pass a value that this graph gave");
  const uint64_t index = number & 0xffffffff;
  if (number >> 32 != serial_ || index == 0 || index > values_.size())
    return usage_error("this is no value of the graph", where, "pass a value that this graph gave, not another's");
  return values_[index - 1];
}

Value* GraphObject::find(std::string_view name) const {
  for (const auto& input : graph_->inputs())
    if (input->name() == name) return input.get();
  for (const auto& node : graph_->nodes())
    for (std::size_t i = 0; i < node->result_count(); ++i)
      if (Value* result = node->result(i); result != nullptr && result->name() == name) return result;
  return nullptr;
}

const std::string& GraphObject::type_text(const Value* value) {
  const auto found = types_.find(value);
  return found != types_.end() ? found->second : types_.emplace(value, value->type().text()).first->second;
}

burnish_status graph_create(const char* name, burnish_graph** graph, burnish_error** error) {
  if (graph != nullptr) *graph = nullptr;
  return boundary(error, [&]() -> Done {
    if (graph == nullptr) return null_argument("graph");
    *graph = give_graph(std::make_unique<Graph>(name == nullptr || *name == 0 ? "main" : name));
    return {};
  });
}

burnish_status graph_clone(const burnish_graph* graph, burnish_graph** copy, burnish_error** error) {
  if (copy != nullptr) *copy = nullptr;
  return boundary(error, [&]() -> Done {
    if (copy == nullptr) return null_argument("copy");
    *copy = give_graph(TRY(use_graph(graph)).graph().clone());
    return {};
  });
}

void graph_free(burnish_graph* graph) {
  quietly(0, [&] { return retire(graph, HandleKind::graph), 0; });
}

burnish_status graph_symbol(burnish_graph* graph, const char* name, int64_t low, int64_t high, burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph(graph));
    const std::string symbol = TRY(interface_name(name, "symbol"));
    const std::string where = "symbol '" + symbol + "'";
    const Dim parsed = TRY(parse_dim(symbol));
    if (parsed.symbol_name() != symbol)
      return usage_error("this is no name of a symbol", where, "use letters and digits");
    if (low < 0 || low > high || high > Range::kMax)
      return usage_error("the range " + std::to_string(low) + " to " + std::to_string(high) + " has no sizes", where,
                         "give 0 <= low <= high");
    if (!use.graph().symbol_ranges().emplace(symbol, Range{low, high}).second)
      return usage_error("the symbol is in use already", where, "declare symbols before types name them");
    return {};
  });
}

burnish_status graph_input(burnish_graph* graph, const char* name, const char* type, burnish_role role,
                           burnish_value* value, burnish_error** error) {
  if (value != nullptr) *value = 0;
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph(graph));
    if (value == nullptr) return null_argument("value");
    const std::string input = TRY(interface_name(name, "input"));
    const std::string where = "input '" + input + "'";
    if (role < BURNISH_ROLE_DATA || role > BURNISH_ROLE_STATE) return usage_error("there is no such role", where);
    if (use.object->find(input) != nullptr) return usage_error("the name is taken", where, "choose another one");
    Type parsed = TRY(read_type(TRY(required_string(type, "type")), use.graph(), where));
    Value* added = use.graph().add_input(input, std::move(parsed), static_cast<InputRole>(role));
    try {
      *value = use.object->number_of(added);
    } catch (...) {  // an input that the caller does not know of could never be given
      use.graph().remove_input(static_cast<std::size_t>(added->index()));
      throw;
    }
    return {};
  });
}

burnish_status graph_constant(burnish_graph* graph, const char* name, const DLTensor* tensor, burnish_value* value,
                              burnish_error** error) {
  if (value != nullptr) *value = 0;
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph_or_part(graph));
    if (value == nullptr) return null_argument("value");
    const std::string where = std::string("constant '") + (name == nullptr ? "" : name) + "'";
    TRY(add_constant(use, name, TRY(copy(TRY(view_of(tensor, where)))), value));
    return {};
  });
}

burnish_status graph_constant_owned(burnish_graph* graph, const char* name, DLManagedTensorVersioned* tensor,
                                    burnish_value* value, burnish_error** error) {
  if (value != nullptr) *value = 0;
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph_or_part(graph));
    if (value == nullptr) return null_argument("value");
    if (tensor == nullptr) return null_argument("tensor");
    const std::string where = std::string("constant '") + (name == nullptr ? "" : name) + "'";
    if (tensor->version.major != DLPACK_MAJOR_VERSION)
      return usage_error("the tensor is of DLPack " + std::to_string(tensor->version.major) + ", not " +
                             std::to_string(DLPACK_MAJOR_VERSION),
                         where);
    const TensorView view = TRY(view_of(&tensor->dl_tensor, where));
    // The tensor changes hands only when all else is done.
    struct Owner {
      DLManagedTensorVersioned* tensor = nullptr;
      ~Owner() {
        if (tensor != nullptr && tensor->deleter != nullptr) tensor->deleter(tensor);
      }
    };
    auto owner = std::make_shared<Owner>();
    TRY(add_constant(use, name, TRY(borrow(view, owner)), value));
    owner->tensor = tensor;
    return {};
  });
}

burnish_status graph_add(burnish_graph* graph, const burnish_node* node, burnish_value* results, size_t result_count,
                         burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph_or_part(graph));
    if (node == nullptr) return null_argument("node");
    if (results == nullptr && result_count > 0) return null_argument("results");
    return noted(use, add_node(use, node, results, result_count));
  });
}

burnish_status graph_output(burnish_graph* graph, const char* name, burnish_value value, const char* updates,
                            burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph(graph));
    const std::string output = TRY(interface_name(name, "output"));
    const std::string where = "output '" + output + "'";
    Value* source = TRY(use.object->value_of(value, where));
    for (const Graph::Output& other : use.graph().outputs()) {
      if (other.name == output) return usage_error("there is one of this name already", where, "choose another name");
      if (updates != nullptr && other.updates == updates)
        return usage_error("state '" + std::string(updates) + "' is replaced by '" + other.name + "' already", where);
    }
    if (updates != nullptr) {
      const Value* state = use.object->find(updates);
      if (state == nullptr || state->producer() != nullptr || state->role != InputRole::state)
        return usage_error("'" + std::string(updates) + "' is no input with the role of a state", where);
      if (!(state->type() == source->type()))
        return usage_error("the state '" + std::string(updates) + "' is " + state->type().text() +
                               ", but the value is " + source->type().text(),
                           where);
    }
    use.graph().add_output(source, output, updates == nullptr ? "" : updates);
    return {};
  });
}

burnish_status graph_count(const burnish_graph* graph, burnish_side side, size_t* count, burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph(graph));
    if (count == nullptr) return null_argument("count");
    if (side != BURNISH_INPUT && side != BURNISH_OUTPUT) return usage_error("there is no such side", "argument 'side'");
    *count = side == BURNISH_INPUT ? use.graph().inputs().size() : use.graph().outputs().size();
    return {};
  });
}

burnish_status graph_value(burnish_graph* graph, burnish_side side, size_t index, burnish_value* value,
                           burnish_error** error) {
  if (value != nullptr) *value = 0;
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph(graph));
    if (value == nullptr) return null_argument("value");
    if (side != BURNISH_INPUT && side != BURNISH_OUTPUT) return usage_error("there is no such side", "argument 'side'");
    const size_t count = side == BURNISH_INPUT ? use.graph().inputs().size() : use.graph().outputs().size();
    if (index >= count)
      return usage_error("there is no number " + std::to_string(index) + " among " + std::to_string(count),
                         "argument 'index'");
    *value =
        use.object->number_of(side == BURNISH_INPUT ? use.graph().input(index) : use.graph().outputs()[index].value);
    return {};
  });
}

burnish_status graph_find(burnish_graph* graph, const char* name, burnish_value* value, burnish_error** error) {
  if (value != nullptr) *value = 0;
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph(graph));
    if (value == nullptr) return null_argument("value");
    const std::string wanted = TRY(required_string(name, "name"));
    Value* found = use.object->find(wanted);
    for (const Graph::Output& output : use.graph().outputs())
      if (found == nullptr && output.name == wanted) found = output.value;
    if (found == nullptr) return usage_error("the graph has no value '" + wanted + "'");
    *value = use.object->number_of(found);
    return {};
  });
}

burnish_status graph_value_info(burnish_graph* graph, burnish_value value, burnish_value_info* info,
                                burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const GraphUse use = TRY(use_graph_or_part(graph));
    const Value* found = TRY(use.object->value_of(value, "argument 'value'"));
    TRY(give_info(info, found->name().c_str(), use.object->type_text(found).c_str(), found->role));
    return {};
  });
}

burnish_status graph_text(const burnish_graph* graph, burnish_text** text, burnish_error** error) {
  if (text != nullptr) *text = nullptr;
  return boundary(error, [&]() -> Done {
    if (text == nullptr) return null_argument("text");
    *text = give_text(print(TRY(use_graph(graph)).graph()));
    return {};
  });
}

}  // namespace burnish::api
