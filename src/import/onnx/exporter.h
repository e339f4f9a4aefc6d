#pragma once
// The exporter's state: nodes and initializers written so far, names of values, and where the symbols of dims can be read.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "import/onnx/export.h"
#include "import/onnx/node_context.h"
#include "ops/operator.h"

namespace burnish::onnx {

// Attributes of one ONNX node, encoded as they are added.
class NodeWriter {
 public:
  NodeWriter& integer(std::string_view name, int64_t value);
  NodeWriter& real(std::string_view name, double value);
  NodeWriter& text(std::string_view name, std::string_view value);
  NodeWriter& integers(std::string_view name, std::span<const int64_t> values);
  NodeWriter& reals(std::string_view name, std::span<const double> values);
  NodeWriter& texts(std::string_view name, const Strings& values);
  NodeWriter& tensor(std::string_view name, const Tensor& value);
  NodeWriter& type(std::string_view name, const Type& value);
  NodeWriter& graph(std::string_view name, const WireWriter& value);
  NodeWriter& domain(std::string_view domain);  // of the operator, where it is not ONNX's own
  const std::vector<WireWriter>& attributes() const { return attributes_; }
  const std::string& domain() const { return domain_; }

 private:
  WireWriter& start(std::string_view name, AttributeProto::Kind kind);
  std::vector<WireWriter> attributes_;
  std::string domain_;
};

struct Initializer {
  std::string name;
  Tensor tensor;
};

class Exporter {
 public:
  explicit Exporter(const Graph& graph) : root_(graph) {}
  Status run();
  // GraphProto without initializers of the main graph, which are kept apart so that weights are not copied.
  const WireWriter& graph() const { return graph_; }
  const std::vector<Initializer>& initializers() const { return initializers_; }
  int64_t opset() const { return opset_; }
  // Besides ONNX's own, with the version of its operator set.
  std::map<std::string, int64_t> domains() const;

  // -- for the operators' writers
  // For an operator that there is no other form for: the model asks for so new an opset.
  void need_opset(int64_t opset) { opset_ = std::max(opset_, opset); }
  // For a node of another domain: one that has it.
  Status need_versions(const std::string& domain, int64_t least, int64_t most);
  std::string name(const Value* value);  // "" for null
  std::string fresh(std::string_view hint);
  std::string constant(Tensor tensor, std::string_view hint = "constant");
  void initializer(std::string name, Tensor tensor) { initializers_.push_back({std::move(name), std::move(tensor)}); }
  std::string i64s(std::span<const int64_t> values) { return constant(Tensor::i64s(values), "i64s"); }
  std::string scalar(DType dtype, double value) { return constant(Tensor::scalar(dtype, value), "scalar"); }
  // One node with a result of its own (or of the name given); returns its name.
  std::string emit(std::string_view op_type, const std::vector<std::string>& inputs, const NodeWriter& attributes = {},
                   std::string output = {});
  void emit_all(std::string_view op_type, const std::vector<std::string>& inputs, const NodeWriter& attributes,
                const std::vector<std::string>& outputs);
  // Sizes as an i64 vector: an initializer, or computed from the shapes of values.
  Result<std::string> dims(std::span<const Dim> dims);
  Result<std::string> dim(const Dim& dim);  // rank 1, one element
  Result<WireWriter> region(const Graph& graph);

 private:
  Status write_nodes(const Graph& graph);
  Status write_node(const Node& node);
  void declare(const Value* value);
  void write_node_proto(std::string_view op_type, const std::vector<std::string>& inputs, const NodeWriter& attributes,
                        const std::vector<std::string>& outputs);

  const Graph& root_;
  int64_t opset_ = kExportedOpset;
  struct Versions {
    int64_t least = 1, most = INT64_MAX;
  };
  std::map<std::string, Versions> domains_;
  WireWriter graph_;
  WireWriter* target_ = &graph_;  // the graph that nodes go to now
  bool in_region_ = false;
  std::vector<Initializer> initializers_;
  std::unordered_map<const Value*, std::string> names_;
  std::set<std::string, std::less<>> used_;
  std::set<std::string, std::less<>> node_names_;
  std::map<std::string, std::string, std::less<>> symbols_;  // symbol -> name of a vector that holds it
  std::map<std::string, std::pair<const Value*, int64_t>, std::less<>> sources_;
  std::string source_;  // of the node being written
};

using NodeExport = Status (*)(Exporter&, const Node&);
// Null when ONNX has no form for the operator: it is decomposed, or refused.
NodeExport find_export(std::string_view op);
NodeExport find_shape_export(std::string_view op);
NodeExport find_reduce_export(std::string_view op);
NodeExport find_network_export(std::string_view op);
NodeExport find_elementwise_export(std::string_view op);
NodeExport find_index_export(std::string_view op);
NodeExport find_ml_export(std::string_view op);
// What becomes other operators of the catalogue before it is written, where it applies to the node; else null.
using NodeRewrite = Result<std::vector<Value*>> (*)(DecomposeContext&);
NodeRewrite find_rewrite(const Node& node);
NodeRewrite find_recast(const Node& node);  // the same node on other dtypes
// ONNX's opset 21 has a form for the node, or there is none but a newer one's.
bool is_expressible(const Node& node);
// The import row of an operator whose ONNX form is the same up to attribute names; null when there is none.
const OperatorRow* find_inverse_row(std::string_view op, int64_t opset);
Status export_direct(Exporter& exporter, const Node& node, const OperatorRow& row);
// A user's operator under the domain and name that it is bound to.
Status export_users(Exporter& exporter, const Node& node);

WireWriter type_proto(const Type& type);
WireWriter value_info(std::string_view name, const Type& type);
// The TensorProto up to its payload.
WireWriter tensor_header(const Tensor& tensor, std::string_view name);

}  // namespace burnish::onnx
