// The structure of a graph, without a look at what its operators mean.

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "ir/lexer.h"

namespace burnish {
namespace {

std::string place_of(const Node& node) { return node.source().empty() ? node.op() : node.source(); }

class Verifier {
 public:
  explicit Verifier(const Graph& root) : root_(root) {}

  Status run() {
    if (root_.parent() || root_.owner()) return internal_error("a region is not a whole graph");
    TRY(graph(root_));
    for (const auto& [value, expected] : users_) {
      std::vector<const Node*> found(value->users().begin(), value->users().end()), wanted = expected.nodes;
      std::ranges::sort(found);
      std::ranges::sort(wanted);
      if (found != wanted)
        return internal_error(
            fmt::format("{} lists {} users and has {}", value_name_text(value->name()), found.size(), wanted.size()));
      if (value->is_output() != expected.output)
        return internal_error(value_name_text(value->name()) + " does not know whether it is an output");
    }
    return {};
  }

 private:
  struct Users {
    std::vector<const Node*> nodes;
    bool output = false;
  };

  static Status check_type(const Type& type, const std::string& what, int depth = 0) {
    if (depth > Lexer::kMaxDepth) return internal_error("the type of " + what + " is nested too deeply");
    if (type.is_tensor()) {
      if (!type.ranked && !type.dims.empty()) return internal_error(what + " has sizes but no rank");
      for (const Dim& dim : type.dims)
        if (dim.constant().value_or(0) < 0) return internal_error(what + " has the negative size " + dim.text());
      return {};
    }
    if (type.kind == Type::Kind::token) return {};
    if (!type.element) return internal_error("the type of " + what + " lacks its element");
    return check_type(*type.element, what, depth + 1);
  }

  Status define(const Value& value, const Graph& graph, const Node* producer, std::size_t index) {
    const std::string name = value_name_text(value.name());
    if (value.name().empty()) return internal_error("a value has no name");
    if (!names_.insert(value.name()).second) return internal_error(name + " is defined twice");
    if (value.graph() != &graph || value.producer() != producer || value.index() != static_cast<int>(index))
      return internal_error(name + " does not know where it is defined");
    TRY(check_type(value.type(), name));
    visible_.insert(&value);
    users_.try_emplace(&value);
    return {};
  }

  // A value that is not visible may be gone: it is not touched.
  Result<Users*> read(const Value* value, std::string_view what) {
    if (!visible_.contains(value))
      return internal_error(fmt::format("{} is not defined before it, or not visible here", what));
    return &users_.at(value);
  }

  Status node(const Node& node, const Graph& graph) {
    if (node.graph() != &graph) return internal_error("does not know its graph");
    if (node.op().empty()) return internal_error("has no operator");
    for (std::size_t i = 0; i < node.operand_count(); ++i) {
      if (!node.operand(i)) continue;
      TRY(read(node.operand(i), fmt::format("operand {}", i)))->nodes.push_back(&node);
    }
    for (std::size_t i = 0; i < node.region_count(); ++i) {
      const Graph& region = node.region(i);
      if (region.parent() != &graph || region.owner() != &node)
        return internal_error(fmt::format("region {} does not know its owner", i));
      TRY(this->graph(region));
    }
    for (std::size_t i = 0; i < node.result_count(); ++i)
      if (const Value* value = node.result(i)) TRY(define(*value, graph, &node, i));
    return {};
  }

  Status graph(const Graph& graph) {
    for (std::size_t i = 0; i < graph.inputs().size(); ++i) TRY(define(*graph.input(i), graph, nullptr, i));
    for (const auto& n : graph.nodes()) {
      Status status = node(*n, graph);
      if (!status) return std::unexpected(std::move(status).error().within(place_of(*n)));
    }
    for (const Graph::Output& output : graph.outputs()) {
      const std::string name = "output '" + output.name + "'";
      TRY(read(output.value, name))->output = true;
      if (output.updates.empty()) continue;
      const auto state = std::ranges::find_if(graph.inputs(), [&](const auto& input) {
        return input->role == InputRole::state && input->name() == output.updates;
      });
      if (&graph != &root_ || state == graph.inputs().end())
        return internal_error(fmt::format("{} updates '{}', which is not a state input", name, output.updates));
    }
    for (const auto& input : graph.inputs()) visible_.erase(input.get());
    for (const auto& n : graph.nodes())
      for (std::size_t i = 0; i < n->result_count(); ++i) visible_.erase(n->result(i));
    return {};
  }

  const Graph& root_;
  std::unordered_set<std::string_view> names_;
  std::unordered_set<const Value*> visible_;
  std::unordered_map<const Value*, Users> users_;
};

}  // namespace

Status verify_structure(const Graph& graph) { return Verifier(graph).run(); }

}  // namespace burnish
