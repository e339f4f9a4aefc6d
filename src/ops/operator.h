#pragma once
// An operator is one constinit record; src/ops/NAME.cc holds everything about NAME. See docs/architecture.md, section
// "One operator = one file", and CONTRIBUTING.md.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ir/graph.h"
#include "loop/kernel.h"

namespace burnish {

struct OperandSpec {
  enum class Arity : uint8_t { required, optional, variadic };
  std::string_view name;
  // For docs and checks: "any" (a tensor of any dtype), "float", "int", "numeric", "bool", "string", "complex", "same" (the
  // dtype of operand 0), a dtype name, "sequence", "optional", "value" (any kind), or a list with '|'.
  std::string_view types;
  Arity arity = Arity::required;
};

struct AttributeSpec {
  std::string_view name;
  AttributeKind kind;
  // Text form of the default ("-1", "1.0", "\"NOTSET\"", "[]"); "required"; or "optional" (absent means what doc says).
  std::string_view default_text;
  std::string_view doc;
};

struct ResultDoc {
  std::string_view name;
  std::string_view doc;
  bool optional = false;
  bool variadic = false;
};

// Common to all contexts: reads a node's operands and attributes (defaults applied, kinds checked by verify).
class NodeView {
 public:
  explicit NodeView(const Node& node) : node_(node) {}
  const Node& node() const { return node_; }
  std::size_t operand_count() const { return node_.operand_count(); }
  bool has(std::size_t i) const { return node_.operand(i) != nullptr; }
  const Type& type(std::size_t i) const { return node_.operand(i)->type(); }
  bool has_attribute(std::string_view name) const;  // given, or with a default
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& string(std::string_view name) const;
  const Ints& ints(std::string_view name) const;
  const Floats& reals(std::string_view name) const;
  const Strings& strings(std::string_view name) const;
  DType dtype(std::string_view name) const;
  const Dims& dims(std::string_view name) const;
  const Tensor& tensor(std::string_view name) const;
  // An error that names the operator, the node's source and its operand types.
  std::unexpected<Error> error(std::string what, std::string remedy = {}) const;

 private:
  const Attribute& attribute(std::string_view name, AttributeKind kind) const;
  const Node& node_;
};

// What a node takes for granted about sizes that only a run tells: kernels are made for it, so it is checked before them.
struct Requirement {
  enum class Kind : uint8_t {
    equal,       // value == bound
    at_most,     // value <= bound
    broadcasts,  // value == bound, or either is 1
    extends,     // value == bound, or value is 1
  };
  Kind kind = Kind::equal;
  Dim value, bound;
  std::string what;  // whose sizes: "columns of a and rows of b"
};
// Of numbers: does it hold?
bool holds(Requirement::Kind kind, int64_t value, int64_t bound);

class InferContext : public NodeView {
 public:
  // Collects requirements where a list for them is given.
  explicit InferContext(Node& node, std::vector<Requirement>* requirements = nullptr);
  // Contents of an integer or bool operand where known (row-major, up to 64 elements).
  const std::optional<Dims>& contents(std::size_t i) const;
  // The data of an operand that is a constant; null otherwise.
  const Tensor* constant(std::size_t i) const;
  // A size that only a run can tell. It stands for the declared dim where the result has one already, so that inferring
  // again changes nothing; else commit() makes a fresh symbol of it.
  Dim fresh(std::string_view hint = "s", Range range = {});
  std::size_t result_count() const { return node().result_count(); }
  void result(std::size_t i, Type type);  // ignored when the result is omitted
  void result_contents(std::size_t i, Dims contents);
  Node& mutable_node() { return mutable_node_; }  // control flow infers its regions

  // Checks used by many: rank known and at least / exactly; axis in range made non-negative; broadcast of dims.
  Result<int64_t> axis(int64_t axis, int64_t rank) const;
  Result<Dims> broadcast(const Dims& a, const Dims& b) const;
  // For what infer cannot refuse yet. Nothing is kept of what surely holds.
  void require(Requirement::Kind kind, const Dim& value, const Dim& bound, std::string_view what) const;
  // The requirements that the results are as they were declared.
  void require_declared() const;

  // Merges what was inferred with the declared types (`keep_declared`) or replaces them.
  Status commit(bool keep_declared);

 private:
  Node& mutable_node_;
  std::vector<Requirement>* requirements_;
  struct Fresh {
    std::string hint;
    Range range;
  };
  std::vector<Fresh> fresh_;
  std::vector<std::optional<Type>> types_;
  std::vector<std::optional<Dims>> contents_;
};

// One evaluation of a node on concrete values.
class ReferenceContext : public NodeView {
 public:
  ReferenceContext(const Node& node, std::span<const RuntimeValue* const> inputs, std::span<RuntimeValue> outputs,
                   const SymbolTable& symbols)
      : NodeView(node), inputs_(inputs), outputs_(outputs), symbols_(symbols) {}
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i] != nullptr && !inputs_[i]->absent(); }
  const Tensor& in(std::size_t i) const { return inputs_[i]->tensor(); }
  const RuntimeValue& value(std::size_t i) const { return *inputs_[i]; }
  bool wanted(std::size_t i) const { return i < outputs_.size() && node().result(i) != nullptr; }
  // Allocates result i. The dtype is the inferred result type's unless given.
  Result<Tensor*> out(std::size_t i, std::vector<int64_t> dims);
  Result<Tensor*> out(std::size_t i, DType dtype, std::vector<int64_t> dims);
  void set(std::size_t i, RuntimeValue value) { outputs_[i] = std::move(value); }
  // A Dims attribute as numbers of this run.
  Result<std::vector<int64_t>> sizes(std::string_view attribute) const;
  const SymbolTable& symbols() const { return symbols_; }

 private:
  std::span<const RuntimeValue* const> inputs_;
  std::span<RuntimeValue> outputs_;
  const SymbolTable& symbols_;
};

// Builds nodes with inferred types; every node gets `source`. The first failure is kept and reported by finish().
class Builder {
 public:
  // Inserts before `before`, or at the end.
  explicit Builder(Graph& graph, Node* before = nullptr, std::string source = {});
  Graph& graph() { return graph_; }
  void set_source(std::string source) { source_ = std::move(source); }
  const std::string& source() const { return source_; }
  Node* before() const { return before_; }
  Value* constant(Tensor tensor, std::string_view name = {});
  // A failure for strings.
  Value* scalar(DType dtype, double value);
  // One result. Returns a null Value after a failure, which later calls accept and pass on.
  Value* op(std::string_view name, std::initializer_list<Value*> operands, AttributeMap attributes = {},
            std::string_view result_name = {});
  Value* op(std::string_view name, std::span<Value* const> operands, AttributeMap attributes = {},
            std::string_view result_name = {});
  // All results; `results` says how many, names may be empty.
  Node* node(std::string_view name, std::span<Value* const> operands, AttributeMap attributes,
             std::span<const std::string> result_names, std::size_t results);
  // The same in two steps, for a node with regions: they are filled in between, and `complete` infers the types.
  Node* begin(std::string_view name, std::span<Value* const> operands, AttributeMap attributes,
              std::span<const std::string> result_names, std::size_t results);
  Node* complete(Node* node);
  Status finish() const;

 private:
  Graph& graph_;
  Node* before_;
  std::string source_;
  std::optional<Error> error_;
};

// Rewrites a composite into other operators: returns one value per result (null for omitted ones).
class DecomposeContext : public NodeView {
 public:
  DecomposeContext(const Node& node, Builder& builder) : NodeView(node), builder(builder) {}
  Value* in(std::size_t i) const { return node().operand(i); }
  Builder& builder;
};

struct LowerContext : NodeView {
  using NodeView::NodeView;
};

struct Tolerance {
  double relative = 1e-5;
  double absolute = 1e-6;
};

// A case in text: a graph of one node with its inputs' types ("x: f32[2,3]; y = softmax(x) {axis = 1}"). The grammar is in
// ops/support/samples.h. Composites carry expected values from outside in tests/ops/expected (made by
// tools/make_expected.py).
struct Sample {
  std::string_view text;
};

struct Gradient;  // gradients come with training; the field is here so that an operator stays one file

struct Operator {
  std::string_view name;
  std::string_view doc;  // the formula, and its source
  std::span<const OperandSpec> operands;
  std::span<const ResultDoc> results;
  std::span<const AttributeSpec> attributes;
  Status (*infer)(InferContext&);
  Status (*reference)(ReferenceContext&);                       // core
  Result<std::vector<Value*>> (*decompose)(DecomposeContext&);  // composite: one of the two
  Result<Kernel> (*lower)(LowerContext&);                       // null: no kernel, runs as a reference step
  const Gradient* (*gradient)();                                // null: not differentiable yet
  std::span<const Sample> samples;
  Tolerance tolerance;
  bool effectful = false;             // must not be removed, merged or reordered
  bool random = false;                // results are not a function of the operands
  uint8_t regions = 0;                // how many regions a node of it has
  std::optional<Scalar> scalar = {};  // the row of the scalar table that this elementwise operator is
  // Registered by a user. It may have both a reference and a decomposition: a build takes the latter, references the first.
  bool users = false;
  bool is_core() const { return decompose == nullptr; }
};

namespace ops {

struct OperatorList {
  const Operator* data;
  std::size_t size;
};
// Every src/ops/NAME.cc defines `constinit const OperatorList list_NAME`; CMake generates this table of them, sorted.
extern const OperatorList* const kOperatorLists[];
extern const std::size_t kOperatorListCount;

const Operator* find(std::string_view name);  // built in or registered by the user; null when unknown
std::vector<const Operator*> all();           // sorted by name

// What a user's operator is called in ONNX files: versions `since` to `until` of the domain's operator set.
struct ForeignName {
  std::string domain, op_type;
  int64_t since = 1, until = INT64_MAX;
};
// A user's own, for good: there is no way to take it back. All or nothing; fails on a name that is taken, here or there.
Status register_operator(const Operator* definition, std::vector<ForeignName> names = {});
// The user's operator of that foreign name; null when there is none.
const Operator* find_foreign(std::string_view domain, std::string_view op_type, int64_t version);
std::vector<ForeignName> foreign_names(const Operator& definition);

// Sets definition() of every node by name; unknown names stay null (foreign). Attributes are brought to their declared
// kind where the text form cannot tell ("[2, 3]" for dims, "[]", "1" for a real).
void bind_operators(Graph& graph);
void bind_operator(Node& node);
// Checks operands, attributes (kinds, required, unknown names), regions; then structure.
Status verify(const Graph& graph);
// Operands and attributes of one node against its definition.
Status verify(const Node& node);
// Infers result types and contents of one node, or of all nodes in order (regions too). Known declared types are kept
// where inference knows less, refined where it knows more; a contradiction is an error.
Status infer(Node& node);
Status infer(Graph& graph);
// What a run must check before the node, whose operands have their final types. Nodes with regions have none of their own.
Result<std::vector<Requirement>> requirements(const Node& node);
// Types and contents of a new node, whose declared types mean nothing yet.
Status infer_new(Node& node);
// A sample's one-node graph.
Result<std::unique_ptr<Graph>> sample_graph(const Sample& sample);
// Seeded inputs for it, within the sample's limits; symbols get sizes of 2 to 5.
Result<std::vector<RuntimeValue>> sample_inputs(const Sample& sample, uint64_t seed);

}  // namespace ops
}  // namespace burnish
