#pragma once
// The importer's state: scopes of names, functions, limits.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "import/onnx/calls.h"
#include "import/onnx/external.h"
#include "import/onnx/import.h"
#include "import/onnx/node_context.h"

namespace burnish::onnx {

// Names visible to the nodes of one graph or function body.
struct Scope {
  Graph* graph = nullptr;
  const Scope* parent = nullptr;  // of a subgraph; a function sees nothing outside
  std::unordered_map<std::string_view, Value*> values;
  std::unordered_map<std::string_view, const TypeProto*> hints;
  std::map<std::string_view, int64_t> opsets;
  // The attributes that a function was called with, by name.
  std::shared_ptr<const std::map<std::string_view, const AttributeProto*>> arguments;
  std::string prefix;  // of sources inside a function
  int64_t depth = 0;   // of functions in functions
  int64_t graphs = 0;  // of graphs in nodes

  // Nothing where no value has the name; null for an optional input of a function that its caller left out.
  std::optional<Value*> find(std::string_view name) const;
  Result<int64_t> opset(std::string_view domain) const;
};

class Importer {
 public:
  Importer(const ModelProto& model, const ImportOptions& options, std::shared_ptr<const void> owner,
           ExternalFiles external)
      : model_(model), options_(options), owner_(std::move(owner)), external_(std::move(external)) {}
  Result<std::unique_ptr<Graph>> run();

  // Reads a subgraph into a region whose inputs have these types (hints come from the subgraph).
  Status read_region(const GraphProto& proto, const Scope& outer, Graph& region, std::span<const Type> input_types);
  // Adds a subgraph's nodes to `graph` (the outer one, or a region in it); its inputs are these values.
  Result<std::vector<Value*>> inline_graph(const GraphProto& proto, const Scope& outer, Graph& graph,
                                           std::span<Value* const> inputs);
  Result<Tensor> tensor(const TensorProto& proto);
  Result<Type> type(const TypeProto& proto, Graph& graph);
  const ImportOptions& options() const { return options_; }

  // What a loop carries that had to be made unknown, and the same of the loops in its body, in the order in which they
  // are read. An inner loop is read in each round of the outer one: it starts from what it found before, or the rounds
  // would multiply with every level.
  struct LoopMemory {
    struct Widened {
      bool rank = false;
      std::vector<bool> dims;
    };
    std::vector<Widened> carried;
    std::vector<LoopMemory> inner;
    std::size_t next = 0;  // of `inner`
  };
  LoopMemory* loop = nullptr;  // that is being read

 private:
  Status read_opsets();
  Status index_functions();
  Status read_constants(const GraphProto& proto, Scope& scope);
  Status read_nodes(const std::vector<NodeProto>& nodes, Scope& scope);
  Status read_node(const NodeProto& node, Scope& scope);
  Status call_function(const FunctionProto& function, const NodeProto& node, std::vector<Value*> inputs, Scope& scope,
                       const std::string& source);
  Status make_foreign(NodeContext& context, std::string_view domain);
  // The scope of a graph within a node of `outer`.
  Result<Scope> inner_scope(const Scope& outer, Graph& graph) const;
  Status define(Scope& scope, std::string_view name, Value* value);
  void apply_hint(const Scope& scope, std::string_view name, Value* value);
  Result<Value*> resolve(const Scope& scope, std::string_view name) const;
  Result<Value*> output_of(const Scope& scope, std::string_view name) const;  // never null
  Dim symbol(std::string_view parameter, Graph& graph);

  const ModelProto& model_;
  const ImportOptions& options_;
  std::shared_ptr<const void> owner_;
  ExternalFiles external_;
  std::map<std::string_view, int64_t> opsets_;
  FunctionIndex functions_;
  std::map<std::string, Dim, std::less<>> symbols_;  // by dim_param
  std::set<std::string, std::less<>> symbol_names_;
  std::set<const Value*> untyped_;  // results of foreign nodes whose type nobody told
  int64_t nodes_ = 0;
  bool bind_symbols_ = true;  // false: a dim_param that no input has is unknown
};

// "ai.onnx" and "" are the same domain.
std::string_view canonical_domain(std::string_view domain);

}  // namespace burnish::onnx
