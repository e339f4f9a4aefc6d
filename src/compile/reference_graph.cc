#include "compile/reference_graph.h"

namespace burnish {

ReferenceGraph::ReferenceGraph(const Graph& source) : graph_(std::make_shared<Graph>(source.name())) {
  graph_->symbol_ranges() = const_cast<Graph&>(source).symbol_ranges();
}

int ReferenceGraph::add(const Node& node) {
  std::vector<Value*> operands;
  for (const Value* operand : node.operands()) {
    if (operand == nullptr) {
      operands.push_back(nullptr);
      continue;
    }
    Value*& copy = values_[operand];
    if (copy == nullptr) copy = graph_->add_input(operand->name(), operand->type());
    operands.push_back(copy);
  }
  std::vector<ResultSpec> results;
  for (std::size_t i = 0; i < node.result_count(); ++i) {
    const Value* result = node.result(i);
    if (result == nullptr) results.push_back({{}, {}, true});
    else results.push_back({result->type(), result->name()});
  }
  Node* copy = graph_->add_node(node.op(), operands, node.attributes(), std::move(results));
  copy->set_definition(node.definition());
  copy->set_source(node.source());
  copy->effectful = node.effectful;
  for (std::size_t i = 0; i < node.result_count(); ++i)
    if (node.result(i) != nullptr) values_[node.result(i)] = copy->result(i);
  return count_++;
}

}  // namespace burnish
