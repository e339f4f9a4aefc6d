#pragma once
// The nodes that an engine runs as references, without all the others: what a plan keeps of its graph.

#include <memory>
#include <unordered_map>

#include "ir/graph.h"

namespace burnish {

class ReferenceGraph {
 public:
  explicit ReferenceGraph(const Graph& source);
  // Copies the node (asked for once) and returns its number in walk order.
  int add(const Node& node);
  std::shared_ptr<const Graph> take() { return std::move(graph_); }

 private:
  std::shared_ptr<Graph> graph_;
  std::unordered_map<const Value*, Value*> values_;
  int count_ = 0;
};

}  // namespace burnish
