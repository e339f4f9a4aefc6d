#pragma once
// Graphs as the C interface keeps them, whole or as the place where a decomposition is written.

#include <burnish/burnish.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/runtime/handles.h"
#include "ir/graph.h"

namespace burnish::api {

// Where the nodes of a decomposition go: into the graph of the node that they stand for, before it.
struct Place {
  Graph& graph;
  Node* before = nullptr;
  std::string source;  // of the node, which is that of all that it becomes
  std::string op;      // its operator, which is not made of itself
};

class GraphObject {
 public:
  static constexpr HandleKind kKind = HandleKind::graph;
  static constexpr const char* kName = "graph";
  explicit GraphObject(std::unique_ptr<Graph> graph);
  // For the length of a decomposition; only constants and nodes can be added.
  explicit GraphObject(Place place);

  Graph& graph() { return *graph_; }
  const std::optional<Place>& place() const { return place_; }
  bool over() const { return graph_ == nullptr; }
  void end() { graph_ = nullptr; }  // with the mutex held
  // Numbers for callers: this graph's serial number and the value's, so that other graphs' values are noticed.
  burnish_value number_of(Value* value);
  Result<Value*> value_of(burnish_value number, const std::string& where) const;
  // Of all inputs and results by name; null when there is none.
  Value* find(std::string_view name) const;
  // Kept until the type changes or the graph ends.
  const std::string& type_text(const Value* value);

  std::mutex mutex;  // held by every function that reads or writes the graph
  // What first went wrong with a call that adds to a decomposition.
  std::optional<Error> failure;

 private:
  std::unique_ptr<Graph> owned_;
  Graph* graph_;
  std::optional<Place> place_;
  uint32_t serial_;
  std::vector<Value*> values_;
  std::unordered_map<const Value*, uint32_t> numbers_;
  std::map<const Value*, std::string> types_;
};

// A lock on a graph for the length of a call.
struct GraphUse {
  std::shared_ptr<GraphObject> object;
  std::unique_lock<std::mutex> lock;
  Graph& graph() const { return object->graph(); }
};
// Of a whole graph; that of a decomposition is refused.
Result<GraphUse> use_graph(const burnish_graph* handle);
// Of either.
Result<GraphUse> use_graph_or_part(const burnish_graph* handle);
burnish_graph* give_graph(std::unique_ptr<Graph> graph);

Result<Attribute> read_attribute(const burnish_attribute& attribute, Graph& graph, const std::string& where);
// A type of the text form; its symbols get the graph's ranges.
Result<Type> read_type(const std::string& text, Graph& graph, const std::string& where);

burnish_status graph_create(const char* name, burnish_graph** graph, burnish_error** error);
burnish_status graph_clone(const burnish_graph* graph, burnish_graph** copy, burnish_error** error);
void graph_free(burnish_graph* graph);
burnish_status graph_symbol(burnish_graph* graph, const char* name, int64_t low, int64_t high, burnish_error** error);
burnish_status graph_input(burnish_graph* graph, const char* name, const char* type, burnish_role role,
                           burnish_value* value, burnish_error** error);
burnish_status graph_constant(burnish_graph* graph, const char* name, const DLTensor* tensor, burnish_value* value,
                              burnish_error** error);
burnish_status graph_constant_owned(burnish_graph* graph, const char* name, DLManagedTensorVersioned* tensor,
                                    burnish_value* value, burnish_error** error);
burnish_status graph_add(burnish_graph* graph, const burnish_node* node, burnish_value* results, size_t result_count,
                         burnish_error** error);
burnish_status graph_output(burnish_graph* graph, const char* name, burnish_value value, const char* updates,
                            burnish_error** error);
burnish_status graph_count(const burnish_graph* graph, burnish_side side, size_t* count, burnish_error** error);
burnish_status graph_value(burnish_graph* graph, burnish_side side, size_t index, burnish_value* value,
                           burnish_error** error);
burnish_status graph_find(burnish_graph* graph, const char* name, burnish_value* value, burnish_error** error);
burnish_status graph_value_info(burnish_graph* graph, burnish_value value, burnish_value_info* info,
                                burnish_error** error);
burnish_status graph_text(const burnish_graph* graph, burnish_text** text, burnish_error** error);

}  // namespace burnish::api
