#pragma once
// The one graph: generic nodes in SSA form, acyclic, with regions for control flow. Operators differ by definition
// (ops/operator.h), never by a C++ class.

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/attribute.h"

namespace burnish {

struct Operator;
class Graph;
class Node;

// What a graph input is for. Parameters may change between runs but rarely do; state is fed back (`updates`).
enum class InputRole : uint8_t { data, parameter, state };

class Value {
 public:
  const std::string& name() const { return name_; }
  const Type& type() const { return type_; }
  void set_type(Type type) { type_ = std::move(type); }
  Node* producer() const { return producer_; }  // null for graph and region inputs
  int index() const { return index_; }          // which result, or which input
  Graph* graph() const { return graph_; }
  // One entry per operand slot that reads this value, in nodes of this graph or of nested regions.
  const std::vector<Node*>& users() const { return users_; }
  bool is_output() const { return output_uses_ > 0; }  // of its graph or of a region that captures it
  bool unused() const { return users_.empty() && output_uses_ == 0; }

  // Numbers or dims of an integer tensor's elements, where known (row-major; at most 64).
  const std::optional<Dims>& contents() const { return contents_; }
  void set_contents(std::optional<Dims> contents) { contents_ = std::move(contents); }

  InputRole role = InputRole::data;

 private:
  friend class Graph;
  friend class Node;
  std::string name_;
  Type type_;
  Node* producer_ = nullptr;
  Graph* graph_ = nullptr;
  int index_ = 0;
  int output_uses_ = 0;
  std::vector<Node*> users_;
  std::optional<Dims> contents_;
};

class Node {
 public:
  const std::string& op() const { return op_; }
  const Operator* definition() const { return definition_; }  // null: foreign, not in the catalogue
  void set_definition(const Operator* definition) { definition_ = definition; }

  std::span<Value* const> operands() const { return operands_; }
  std::size_t operand_count() const { return operands_.size(); }
  // Null when absent (an optional operand, or past the end).
  Value* operand(std::size_t i) const { return i < operands_.size() ? operands_[i] : nullptr; }
  void set_operand(std::size_t i, Value* value);
  void set_operands(std::span<Value* const> operands);

  std::size_t result_count() const { return results_.size(); }
  // Null when the result is omitted (an optional output that nobody asked for).
  Value* result(std::size_t i = 0) const { return i < results_.size() ? results_[i].get() : nullptr; }

  const AttributeMap& attributes() const { return attributes_; }
  const Attribute* attribute(std::string_view name) const;
  void set_attribute(std::string_view name, Attribute value);
  void remove_attribute(std::string_view name);

  std::size_t region_count() const { return regions_.size(); }
  Graph& region(std::size_t i) const { return *regions_[i]; }
  Graph& add_region(std::string name);

  // The user's own name for it: ONNX node name, torch stack, TF node; several joined by " + " after fusion.
  const std::string& source() const { return source_; }
  void set_source(std::string source) { source_ = std::move(source); }
  Graph* graph() const { return graph_; }

  bool effectful = false;  // never removed, merged or reordered; set with the definition

 private:
  friend class Graph;
  Node() = default;
  std::string op_;
  const Operator* definition_ = nullptr;
  std::vector<Value*> operands_;
  std::vector<std::unique_ptr<Value>> results_;
  AttributeMap attributes_;
  std::vector<std::unique_ptr<Graph>> regions_;
  std::string source_;
  Graph* graph_ = nullptr;
  std::list<std::unique_ptr<Node>>::iterator position_;
};

// What a new node is made of. An empty result name gets a fresh one; `omitted` marks an absent optional result.
struct ResultSpec {
  Type type;
  std::string name;
  bool omitted = false;
};

class Graph {
 public:
  explicit Graph(std::string name = "main", Graph* parent = nullptr, Node* owner = nullptr);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  Graph(Graph&&) = delete;

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  Graph* parent() const { return parent_; }  // the graph around a region; values of it may be read here
  Node* owner() const { return owner_; }     // the node whose region this is
  Graph& root();
  const Graph& root() const { return const_cast<Graph*>(this)->root(); }

  // -- inputs and outputs
  Value* add_input(std::string name, Type type, InputRole role = InputRole::data);
  std::span<const std::unique_ptr<Value>> inputs() const { return inputs_; }
  Value* input(std::size_t i) const { return inputs_[i].get(); }
  void remove_input(std::size_t i);  // it must be unused
  struct Output {
    Value* value;
    std::string name;     // the interface's name; survives rewrites of the value
    std::string updates;  // name of the state input that this output replaces, or empty
  };
  const std::vector<Output>& outputs() const { return outputs_; }
  void add_output(Value* value, std::string name, std::string updates = {});
  void set_output(std::size_t i, Value* value);
  void clear_outputs();

  // -- nodes, in an order in which every operand comes before its reader
  using NodeList = std::list<std::unique_ptr<Node>>;
  const NodeList& nodes() const { return nodes_; }
  std::size_t node_count() const { return nodes_.size(); }
  // Inserts before `before`, at the end when null.
  Node* add_node(std::string_view op, std::span<Value* const> operands, AttributeMap attributes,
                 std::vector<ResultSpec> results, Node* before = nullptr);
  void move_before(Node* node, Node* before);
  // The node's results must be unused.
  void erase(Node* node);
  // Every reader (operands and outputs, in regions too) of `from` reads `to`. `from` keeps its name and type.
  void replace_uses(Value* from, Value* to);
  // Gives `value` the name if it is free in the whole tree of graphs, else a fresh variation of it.
  void rename(Value* value, std::string_view name);
  std::string fresh_name(std::string_view hint);  // unique within root()'s tree
  // A symbol name not used by fresh_symbol before: "s0", "s1", ... with an optional hint.
  Dim fresh_symbol(std::string_view hint = "s", Range range = {});

  // Ranges of named symbols, printed in the text form's `where` clause.
  std::map<std::string, Range, std::less<>>& symbol_ranges() { return root().symbol_ranges_; }
  const std::map<std::string, Range, std::less<>>& symbol_ranges() const { return root().symbol_ranges_; }

  // Nodes no result of which is read are removed (effectful ones stay). Returns how many.
  std::size_t remove_dead_nodes();
  // Restores the order after edits; an Error names a cycle.
  Status sort();
  std::unique_ptr<Graph> clone() const;  // of a root graph; regions follow

 private:
  friend class Node;
  void let_go(const Graph& dying);
  std::unique_ptr<Value> make_value(std::string_view name, Type type);
  void copy_into(Graph& target, std::unordered_map<const Value*, Value*>& map) const;
  std::string name_;
  Graph* parent_;
  Node* owner_;
  std::vector<std::unique_ptr<Value>> inputs_;
  std::vector<Output> outputs_;
  NodeList nodes_;
  // Only the root's are used:
  std::set<std::string, std::less<>> names_;
  std::unordered_map<std::string, int> name_counters_;
  std::map<std::string, Range, std::less<>> symbol_ranges_;
  int next_symbol_ = 0;
};

// Calls f for every node of the graph and of its regions, operands before readers, owners before their regions.
void walk(const Graph& graph, const std::function<void(Node&)>& f);

// -- text, verification, comparison (print.cc, parse.cc, verify.cc, compare.cc)
struct PrintOptions {
  int64_t inline_elements = 16;  // constants above this are printed by hash
  bool sources = true;
};
std::string print(const Graph& graph, const PrintOptions& options = {});
std::string print(const Node& node, const PrintOptions& options = {});

// Finds the bytes of a constant printed by hash ("#<32 hex digits>").
using ConstantStore = std::map<std::string, Tensor, std::less<>>;
// All constants of more than `inline_elements` elements, by hash.
ConstantStore large_constants(const Graph& graph, int64_t inline_elements = 16);
// Errors give line and column. Operator definitions are looked up by the caller's hook (ops::bind_operators).
Result<std::unique_ptr<Graph>> parse_graph(std::string_view text, const ConstantStore& constants = {});
Result<Type> parse_type(std::string_view text);
Result<Attribute> parse_attribute(std::string_view text);

// Structure alone: SSA, order, users, names, regions, types present. Operator rules are checked by ops::verify.
Status verify_structure(const Graph& graph);
// Empty when both are equal up to value names and (optionally) sources; else the first difference in words.
std::string difference(const Graph& a, const Graph& b, bool compare_sources = false);

}  // namespace burnish
