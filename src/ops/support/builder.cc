#include "ops/operator.h"

namespace burnish {

Builder::Builder(Graph& graph, Node* before, std::string source)
    : graph_(graph), before_(before), source_(std::move(source)) {}

Value* Builder::constant(Tensor tensor, std::string_view name) {
  AttributeMap attributes;
  attributes.emplace("value", std::move(tensor));
  return op("constant", {}, std::move(attributes), name);
}

Value* Builder::scalar(DType dtype, double value) {
  if (dtype != DType::string) return constant(Tensor::scalar(dtype, value));
  if (!error_) error_ = refused("numbers are wanted where there are strings", source_).error();
  return nullptr;
}

Value* Builder::op(std::string_view name, std::initializer_list<Value*> operands, AttributeMap attributes,
                   std::string_view result_name) {
  return op(name, std::span<Value* const>(operands.begin(), operands.size()), std::move(attributes), result_name);
}

Value* Builder::op(std::string_view name, std::span<Value* const> operands, AttributeMap attributes,
                   std::string_view result_name) {
  const std::string names[] = {std::string(result_name)};
  Node* made = node(name, operands, std::move(attributes), names, 1);
  return made == nullptr ? nullptr : made->result(0);
}

Node* Builder::node(std::string_view name, std::span<Value* const> operands, AttributeMap attributes,
                    std::span<const std::string> result_names, std::size_t results) {
  return complete(begin(name, operands, std::move(attributes), result_names, results));
}

Node* Builder::begin(std::string_view name, std::span<Value* const> operands, AttributeMap attributes,
                     std::span<const std::string> result_names, std::size_t results) {
  if (error_) return nullptr;
  if (ops::find(name) == nullptr) {
    error_ = refused("there is no operator '" + std::string(name) + "'", source_).error();
    return nullptr;
  }
  std::vector<ResultSpec> specs(results);
  for (std::size_t i = 0; i < results; ++i) {
    specs[i].type = Type::unranked(DType::f32);  // infer_new replaces it
    if (i < result_names.size()) specs[i].name = result_names[i];
  }
  std::string source = source_;  // before the node is there: what throws leaves none behind
  Node* made = graph_.add_node(name, operands, std::move(attributes), std::move(specs), before_);
  made->set_source(std::move(source));
  ops::bind_operator(*made);
  return made;
}

Node* Builder::complete(Node* made) {
  if (error_ || made == nullptr) return nullptr;
  // Whether it is refused or memory runs out: a node without types is not left behind.
  struct Erase {
    Graph& graph;
    Node* node;
    ~Erase() {
      if (node != nullptr) graph.erase(node);
    }
  } unfinished{graph_, made};
  if (Status status = ops::infer_new(*made); !status) {
    error_ = std::move(status).error();
    return nullptr;
  }
  unfinished.node = nullptr;
  return made;
}

Status Builder::finish() const {
  if (error_) return std::unexpected(*error_);
  return {};
}

}  // namespace burnish
