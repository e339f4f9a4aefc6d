#pragma once
// Patterns over graphs, written as text, and small questions that passes ask about values.
//
//   add(mul(x, #scale), 0)                      x: any value; #scale: a constant; 0: a constant of which every element is 0
//   sub(x, m:reduce_mean(x) {keep = 1, axes = $a})   m: names the inner value; $a: captures the attribute
//   mul(x, (sigmoid(x) | reciprocal(y)))        alternatives
//
// Operands of commutative operators match in either order. An attribute that a node leaves out has its default. The same
// name twice means the same value.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "ops/operator.h"

namespace burnish::passes {

struct Pattern {
  enum class Kind : uint8_t { value, constant, number, node, choice };
  struct AttributePattern {
    std::string name;
    std::string capture;  // without '$'; empty: `value` is required
    std::optional<Attribute> value;
  };
  Kind kind = Kind::value;
  std::string label;  // name of the value; empty: nameless
  double number = 0;
  std::string op;
  std::vector<Pattern> operands;  // of a node; the alternatives of a choice
  std::vector<AttributePattern> attributes;
};

// Patterns are part of the program: a mistake in one is a bug, and aborts.
Pattern parse_pattern(std::string_view text);

struct Match {
  std::map<std::string, Value*, std::less<>> values;
  std::map<std::string, Attribute, std::less<>> attributes;
  std::vector<Node*> nodes;  // root first

  Value* value(std::string_view name) const;
  const Attribute& attribute(std::string_view name) const;
};

std::optional<Match> match(const Pattern& pattern, Value* root);
// No inner value of the match is read from outside it, so a rewrite makes all of it dead.
bool closed(const Match& match);
// Builds a pattern as new nodes; named ones join the match. Numbers become scalars of the dtype of their node's last other operand, else `dtype`.
Value* build(const Pattern& pattern, Match& match, Builder& builder, DType dtype);

// -- questions about values; null values are allowed
Node* producer(const Value* value, std::string_view op);  // null unless a node of this operator makes it
const Tensor* constant_of(const Value* value);            // null unless it is a constant
// The number that every element has, where that is known: of a constant or of a broadcast of one.
std::optional<double> splat(const Value* value);
bool only_user(const Value* value, const Node* user);  // read by this node, once or more, and by nothing else
std::size_t reader_count(const Value* value);          // users and, for outputs, one more
// The node's attribute or its operator's default; nothing when it has neither.
std::optional<Attribute> attribute_or_default(const Node& node, std::string_view name);
int64_t integer(const Node& node, std::string_view name, int64_t otherwise = 0);
double real(const Node& node, std::string_view name, double otherwise = 0);
Ints integers(const Node& node, std::string_view name);
Dims dims_attribute(const Node& node, std::string_view name);
std::string string_attribute(const Node& node, std::string_view name);
bool is_elementwise(const Node& node);  // a row of the scalar table
bool is_commutative(const Node& node);
// Replaces result 0 by `value` if the types allow it: the same dtype and provably equal dims. Else nothing happens.
bool replace(Node* node, Value* value);
// All nodes of the graph and its regions, as a list that stays valid while nodes are added.
std::vector<Node*> all_nodes(const Graph& graph);
// "a + b", without repeats.
std::string joined_sources(const Match& match);

}  // namespace burnish::passes
