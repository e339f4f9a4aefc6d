#include "runtime/composite.h"

#include <algorithm>

#include "ops/operator.h"

namespace burnish {
namespace {

// Operands that decompositions may want to know the elements of: sizes, axes, scales.
constexpr int64_t kSmall = 64;
constexpr int64_t kSmallEnough = 4096;

bool is_constant_operand(const Node& node, std::size_t i) {
  const Value* value = node.operand(i);
  return value->producer() != nullptr && value->producer()->op() == "constant";
}

// Types of all operands, elements of those that become constants, numbers of the symbols in attributes.
std::string make_key(const Node& node, std::span<const RuntimeValue* const> inputs, const SymbolTable& symbols,
                     const std::vector<bool>& constant) {
  std::string key;
  const auto add = [&](int64_t number) { key.append(reinterpret_cast<const char*>(&number), sizeof number); };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr || !inputs[i]->is_tensor()) {
      add(-1);
      continue;
    }
    const Tensor& tensor = inputs[i]->tensor();
    add(static_cast<int64_t>(tensor.dtype()));
    add(tensor.rank());
    for (int64_t d : tensor.dims()) add(d);
    if (constant[i]) key.append(reinterpret_cast<const char*>(tensor.data()), tensor.byte_size());
  }
  for (const auto& [name, attribute] : node.attributes()) {
    const auto* dims = std::get_if<Dims>(&attribute);
    if (dims == nullptr) continue;
    for (const Dim& d : *dims)
      if (!d.is_constant())
        for (const std::string& symbol : d.symbols())
          if (const auto found = symbols.find(symbol); found != symbols.end()) add(found->second);
  }
  return key;
}

// The type of operand i in this run.
Type type_at_hand(const Node& node, std::size_t i, const RuntimeValue& value) {
  return value.is_tensor() ? value.tensor().type() : node.operand(i)->type();
}

// The node once more, at the end of another graph, with its types inferred anew.
Result<Node*> copy_node(const Node& node, Graph& graph, std::span<Value* const> operands, const SymbolTable& symbols) {
  AttributeMap attributes = node.attributes();
  for (auto& [name, attribute] : attributes) {
    if (auto* dims = std::get_if<Dims>(&attribute))
      for (Dim& d : *dims) d = TRY(evaluate(d, symbols));
  }
  std::vector<ResultSpec> specs(node.result_count());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (node.result(i) == nullptr) specs[i].omitted = true;
    else specs[i].type = node.result(i)->type();
  }
  Node* copy = graph.add_node(node.op(), operands, std::move(attributes), std::move(specs));
  copy->set_source(node.source());
  ops::bind_operator(*copy);
  TRY(ops::infer_new(*copy));
  return copy;
}

bool has_unknown_rank(const Node& node) {
  return std::ranges::any_of(node.operands(), [](const Value* operand) {
    return operand != nullptr && operand->type().is_tensor() && !operand->type().ranked;
  });
}

}  // namespace

Status run_reference(const Node& node, std::span<const RuntimeValue* const> inputs, const SymbolTable& symbols,
                     std::span<RuntimeValue> results) {
  if (has_unknown_rank(node)) {
    Graph graph(node.op());
    std::vector<Value*> operands(inputs.size(), nullptr);
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i] != nullptr && !inputs[i]->absent())
        operands[i] = graph.add_input("operand" + std::to_string(i), type_at_hand(node, i, *inputs[i]));
    TRY(copy_node(node, graph, operands, symbols));
  }
  ReferenceContext context(node, inputs, results, symbols);
  return node.definition()->reference(context);
}

Status CompositeCache::build(const Node& node, std::span<const RuntimeValue* const> inputs, const SymbolTable& symbols,
                             const std::vector<bool>& constant) {
  auto graph = std::make_shared<Graph>(node.op());
  Builder builder(*graph, nullptr, node.source());
  arguments_.clear();
  std::vector<Value*> operands(inputs.size(), nullptr);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr || inputs[i]->absent()) continue;
    if (constant[i]) {
      operands[i] = builder.constant(inputs[i]->tensor());
      continue;
    }
    operands[i] = graph->add_input("operand" + std::to_string(i), type_at_hand(node, i, *inputs[i]));
    arguments_.push_back(i);
  }
  TRY(builder.finish());
  Node* copy = TRY(copy_node(node, *graph, operands, symbols));
  DecomposeContext context(*copy, builder);
  const std::vector<Value*> values = TRY(node.definition()->decompose(context));
  TRY(builder.finish());
  outputs_.assign(node.result_count(), -1);
  for (std::size_t i = 0; i < node.result_count(); ++i) {
    if (node.result(i) == nullptr) continue;
    if (i >= values.size() || values[i] == nullptr)
      return internal_error("its decomposition gives no result " + std::to_string(i), node.op());
    outputs_[i] = static_cast<int>(graph->outputs().size());
    graph->add_output(values[i], "result" + std::to_string(i));
  }
  graph->erase(copy);
  graph->remove_dead_nodes();
  auto program = TRY(reference_program(graph));
  context_ = std::make_unique<Context>(TRY(Executor::create(std::move(program))), nullptr);
  return {};
}

namespace {

// Composites that decompose into each other, as users' may by mistake, would never end.
constexpr int kDepth = 32;
thread_local int depth = 0;
struct Deeper {
  Deeper() { ++depth; }
  ~Deeper() { --depth; }
};

}  // namespace

Status CompositeCache::run(const Node& node, std::span<const RuntimeValue* const> inputs, const SymbolTable& symbols,
                           const RunOptions& options, std::span<RuntimeValue> results) {
  if (node.definition() == nullptr)
    return refused("the operator '" + node.op() + "' is not known", "node '" + node.source() + "'",
                   "give the operator's implementation, or run the model in the framework that it came from");
  if (node.definition()->decompose == nullptr)
    return refused("the operator '" + node.op() + "' has no reference here", "node '" + node.source() + "'");
  if (depth >= kDepth)
    return refused("composites decompose into each other without end",
                   "node '" + node.source() + "' (" + node.op() + ")");
  const Deeper deeper;
  std::vector<bool> small(inputs.size(), false), tiny_integers(inputs.size(), false);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr || !inputs[i]->is_tensor()) continue;
    const Tensor& tensor = inputs[i]->tensor();
    if (tensor.dtype() == DType::string) continue;
    small[i] = tensor.elements() <= kSmallEnough;
    tiny_integers[i] = tensor.elements() <= kSmall && (is_integer(tensor.dtype()) || is_constant_operand(node, i));
  }
  // First with the elements of sizes and axes alone, so that changing data needs no new decomposition.
  for (const std::vector<bool>* constant : {&tiny_integers, &small}) {
    std::string key = make_key(node, inputs, symbols, *constant);
    if (context_ != nullptr && key == key_) break;
    context_ = nullptr;  // what follows may fail half-way
    Status built = build(node, inputs, symbols, *constant);
    if (built) {
      key_ = std::move(key);
      break;
    }
    context_ = nullptr;
    if (constant == &small) return built;
  }
  std::vector<RuntimeValue> arguments;
  for (std::size_t i : arguments_) arguments.push_back(*inputs[i]);
  auto values = TRY(context_->run(arguments, options));
  for (std::size_t i = 0; i < results.size() && i < outputs_.size(); ++i)
    if (outputs_[i] >= 0) results[i] = std::move(values[static_cast<std::size_t>(outputs_[i])]);
  return {};
}

}  // namespace burnish
