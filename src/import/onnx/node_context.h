#pragma once
// What a handler of one ONNX operator sees: the node's inputs as values, its attributes, and a builder.

#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "import/onnx/messages.h"
#include "ops/operator.h"

namespace burnish::onnx {

class Importer;
struct OperatorRow;
struct Scope;

class NodeContext {
 public:
  NodeContext(Importer& importer, Scope& scope, const NodeProto& proto, int64_t opset, std::string source,
              std::vector<Value*> inputs, Builder& builder);

  const NodeProto& proto() const { return proto_; }
  int64_t opset() const { return opset_; }
  Builder& b() { return builder_; }
  const std::string& source() const { return source_; }

  // -- inputs
  std::size_t input_count() const { return inputs_.size(); }
  std::span<Value* const> inputs() const { return inputs_; }
  bool has(std::size_t i) const { return in(i) != nullptr; }
  Value* in(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  DType dtype(std::size_t i) const { return in(i)->type().dtype; }
  // The rank of input i; a failure when it is unknown.
  Result<int64_t> rank(std::size_t i);
  // Its dims; a failure when the rank is unknown.
  Result<Dims> dims(std::size_t i);
  // An attribute-like input: its numbers when they are known now.
  std::optional<Ints> known_ints(std::size_t i) const;
  const Tensor* constant(std::size_t i) const;

  // -- attributes; a wrong kind is a failure that finish() reports
  bool has_attribute(std::string_view name) const { return attribute(name) != nullptr; }
  const AttributeProto* attribute(std::string_view name) const;
  int64_t integer(std::string_view name, int64_t otherwise);
  double real(std::string_view name, double otherwise);
  std::string string(std::string_view name, std::string_view otherwise);
  Ints ints(std::string_view name, Ints otherwise = {});
  Floats reals(std::string_view name);
  Strings strings(std::string_view name);
  Result<Tensor> tensor(std::string_view name);
  Result<const GraphProto*> graph(std::string_view name);
  // A dtype attribute given as ONNX's number.
  Result<DType> dtype_attribute(std::string_view name);
  // -- outputs
  std::size_t output_count() const { return proto_.outputs.size(); }
  bool wanted(std::size_t i) const { return i < output_count() && !proto_.outputs[i].empty(); }
  void give(Value* value) { give(0, value); }
  void give(std::size_t i, Value* value);
  std::span<Value* const> outputs() const { return outputs_; }

  // -- building
  // Null, and a foreign node in the end, when the catalogue has no such operator (yet).
  Value* op(std::string_view name, std::span<Value* const> operands, AttributeMap attributes = {});
  Value* op(std::string_view name, std::initializer_list<Value*> operands, AttributeMap attributes = {}) {
    return op(name, std::span(operands.begin(), operands.size()), std::move(attributes));
  }
  // All results of a node; and given as this node's outputs (those wanted).
  std::vector<Value*> all_of(std::string_view name, std::span<Value* const> operands, AttributeMap attributes,
                             std::size_t results);
  void give_all(std::string_view name, std::span<Value* const> operands, AttributeMap attributes, std::size_t results);
  Value* i64s(std::span<const int64_t> values) { return builder_.constant(Tensor::i64s(values)); }
  Value* cast(Value* value, DType dtype);
  // A number of the dtype of `like`, rank 0. Null, with a failure that finish() reports, when there can be none.
  Value* number(Value* like, double value);
  // The axis made non-negative; a failure when out of range.
  Result<int64_t> axis(int64_t axis, int64_t rank);

  std::unexpected<Error> error(std::string what, std::string remedy = {}) const;
  // The first failure of attributes or builder.
  Status finish() const;
  // A failure when an attribute was given that nobody asked for, but for those that the row calls meaningless.
  Status all_read(const OperatorRow& row) const;

  Importer& importer() { return importer_; }
  Scope& scope() { return scope_; }
  // Set by a handler that wants the node kept as a foreign one.
  bool foreign = false;

 private:
  const AttributeProto* expect(std::string_view name, AttributeProto::Kind kind);
  Importer& importer_;
  Scope& scope_;
  const NodeProto& proto_;
  int64_t opset_;
  std::string source_;
  std::vector<Value*> inputs_, outputs_;
  Builder& builder_;
  std::optional<Error> error_;
  mutable std::set<std::string_view> read_;  // attributes that were asked for
};

// A failure unless the node has its first `count` inputs, or those that are listed.
Status need_inputs(const NodeContext& c, std::size_t count);
Status need_inputs(const NodeContext& c, std::initializer_list<std::size_t> inputs);

using Handler = Status (*)(NodeContext&);

// What an ONNX operator becomes from an opset on, up to the next row of the same name.
struct OperatorRow {
  std::string_view op_type;
  int since;
  Handler handler;          // null: the node becomes `target` with its operands and results as they are
  std::string_view target;  // an operator of the catalogue; the node is foreign while there is none
  // How attributes differ: "theirs>ours", "-theirs" (meaningless here), "ours=TEXT" (given where theirs is absent). With
  // a handler: "-theirs" alone, of those that it has no need to read. What nobody reads is refused.
  std::string_view attributes = {};
};

// Null when there is no row.
const OperatorRow* find_row(std::string_view domain, std::string_view op_type, int64_t opset);
Status import_direct(NodeContext& context, const OperatorRow& row);
bool is_meaningless(const OperatorRow& row, std::string_view attribute);

// A handler of two domains.
Status grid_sample(NodeContext& context);

// One table per file operators_*.cc.
std::span<const OperatorRow> elementwise_rows();
std::span<const OperatorRow> activation_rows();
std::span<const OperatorRow> shape_rows();
std::span<const OperatorRow> index_rows();
std::span<const OperatorRow> reduce_rows();
std::span<const OperatorRow> network_rows();
std::span<const OperatorRow> normalization_rows();
std::span<const OperatorRow> quantize_rows();
std::span<const OperatorRow> control_rows();
std::span<const OperatorRow> other_rows();
std::span<const OperatorRow> sequence_rows();
std::span<const OperatorRow> ml_rows();         // ai.onnx.ml
std::span<const OperatorRow> preview_rows();    // ai.onnx.preview
std::span<const OperatorRow> training_rows();   // ai.onnx.preview.training
std::span<const OperatorRow> microsoft_rows();  // com.microsoft
std::span<const OperatorRow> microsoft_quantized_rows();

}  // namespace burnish::onnx
