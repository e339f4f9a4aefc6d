#pragma once
// Graphs as the C interface keeps them.

#include <burnish/burnish.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/runtime/handles.h"
#include "ir/graph.h"

namespace burnish::api {

class GraphObject {
 public:
  static constexpr HandleKind kKind = HandleKind::graph;
  static constexpr const char* kName = "graph";
  explicit GraphObject(std::unique_ptr<Graph> graph);

  Graph& graph() { return *graph_; }
  // Numbers for callers: this graph's serial number and the value's, so that other graphs' values are noticed.
  burnish_value number_of(Value* value);
  Result<Value*> value_of(burnish_value number, const std::string& where) const;
  // Of all inputs and results by name; null when there is none.
  Value* find(std::string_view name) const;
  // Kept until the type changes or the graph ends.
  const std::string& type_text(const Value* value);

  std::mutex mutex;  // held by every function that reads or writes the graph

 private:
  std::unique_ptr<Graph> graph_;
  uint32_t serial_;
  std::vector<Value*> values_;
  std::unordered_map<const Value*, uint32_t> numbers_;
  std::map<const Value*, std::string> types_;
};

Result<Attribute> read_attribute(const burnish_attribute& attribute, Graph& graph, const std::string& where);
// A type of the text form; its symbols get the graph's ranges.
Result<Type> read_type(const std::string& text, Graph& graph, const std::string& where);

burnish_status graph_create(const char* name, burnish_graph** graph, burnish_error** error);
burnish_status graph_load(const char* path, burnish_graph** graph, burnish_error** error);
burnish_status graph_load_bytes(const void* data, size_t bytes, burnish_graph** graph, burnish_error** error);
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
burnish_status graph_save_onnx(const burnish_graph* graph, const char* path, burnish_error** error);
burnish_status operators(burnish_text** text, burnish_error** error);
burnish_status build_engine(const burnish_graph* graph, const burnish_build_options* options, burnish_engine** engine,
                            burnish_error** error);

// checkpoint.cc
burnish_status checkpoint_load(const char* path, burnish_checkpoint** checkpoint, burnish_error** error);
void checkpoint_free(burnish_checkpoint* checkpoint);
burnish_status checkpoint_count(const burnish_checkpoint* checkpoint, size_t* count, burnish_error** error);
burnish_status checkpoint_name(const burnish_checkpoint* checkpoint, size_t index, const char** name,
                               burnish_error** error);
burnish_status checkpoint_tensor(const burnish_checkpoint* checkpoint, const char* name,
                                 DLManagedTensorVersioned** tensor, burnish_error** error);

}  // namespace burnish::api
