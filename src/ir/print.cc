#include <fmt/format.h>

#include "ir/lexer.h"

namespace burnish {
namespace {

std::string_view role_text(InputRole role) {
  return role == InputRole::parameter ? "parameter " : role == InputRole::state ? "state " : "";
}

class Printer {
 public:
  explicit Printer(const PrintOptions& options) : options_(options) {}

  void graph(const Graph& graph) {
    out_ += "graph @" + name_text(graph.name());
    inputs(graph);
    std::string_view join = " where ";
    for (const auto& [symbol, range] : narrowed_symbols(graph)) {
      const std::string high = range.high == Range::kMax ? "inf" : fmt::format("{}", range.high);
      out_ += fmt::format("{}{} in [{}, {}]", join, symbol, range.low, high);
      join = ", ";
    }
    body(graph, 0);
    out_ += '\n';
  }

  void node(const Node& node, int indent) {
    for (std::size_t i = 0; i < node.result_count(); ++i) {
      if (i > 0) out_ += ", ";
      const Value* value = node.result(i);
      out_ += value ? value_name_text(value->name()) + ": " + value->type().text() : "_";
    }
    if (node.result_count() == 0) out_ += "()";
    out_ += " = " + name_text(node.op()) + "(";
    for (std::size_t i = 0; i < node.operand_count(); ++i) {
      if (i > 0) out_ += ", ";
      const Value* value = node.operand(i);
      out_ += value ? value_name_text(value->name()) : "_";
    }
    out_ += ')';
    if (!node.attributes().empty()) {
      std::string_view join = " {";
      for (const auto& [name, value] : node.attributes()) {
        out_ += fmt::format("{}{} = {}", join, name_text(name), attribute_text(value, options_.inline_elements));
        join = ", ";
      }
      out_ += '}';
    }
    if (options_.sources && !node.source().empty()) out_ += " from " + quote(node.source());
    for (std::size_t i = 0; i < node.region_count(); ++i) {
      const Graph& region = node.region(i);
      // These would be read as what they say elsewhere.
      const bool taken = region.name() == "from" || region.name() == "return" || region.name() == "_";
      out_ += " " + (taken ? quote(region.name()) : name_text(region.name()));
      inputs(region);
      body(region, indent);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void inputs(const Graph& graph) {
    std::string_view join = "(";
    for (const auto& input : graph.inputs()) {
      out_ +=
          fmt::format("{}{}: {}{}", join, value_name_text(input->name()), role_text(input->role), input->type().text());
      join = ", ";
    }
    out_ += graph.inputs().empty() ? "()" : ")";
  }

  void body(const Graph& graph, int indent) {
    const std::string margin(static_cast<std::size_t>(indent) + 2, ' ');
    out_ += " {\n";
    for (const auto& n : graph.nodes()) {
      out_ += margin;
      node(*n, indent + 2);
      out_ += '\n';
    }
    out_ += margin + "return";
    std::string_view join = " ";
    for (const Graph::Output& output : graph.outputs()) {
      out_ += join;
      out_ += value_name_text(output.value->name());
      if (output.name != output.value->name()) out_ += " as " + quote(output.name);
      if (!output.updates.empty()) out_ += " updates " + quote(output.updates);
      join = ", ";
    }
    out_ += "\n" + std::string(static_cast<std::size_t>(indent), ' ') + "}";
  }

  const PrintOptions& options_;
  std::string out_;
};

void collect(const Type& type, RangeMap& ranges) {
  for (const Dim& dim : type.dims) dim.collect_ranges(ranges);
  if (type.element) collect(*type.element, ranges);
}

void collect(const Graph& graph, RangeMap& ranges) {
  for (const auto& input : graph.inputs()) collect(input->type(), ranges);
  for (const auto& node : graph.nodes()) {
    for (std::size_t i = 0; i < node->result_count(); ++i)
      if (const Value* value = node->result(i)) collect(value->type(), ranges);
    for (const auto& [name, attribute] : node->attributes()) {
      if (const Dims* dims = std::get_if<Dims>(&attribute))
        for (const Dim& dim : *dims) dim.collect_ranges(ranges);
      if (const Type* type = std::get_if<Type>(&attribute)) collect(*type, ranges);
    }
    for (std::size_t i = 0; i < node->region_count(); ++i) collect(node->region(i), ranges);
  }
}

}  // namespace

RangeMap narrowed_symbols(const Graph& graph) {
  RangeMap ranges = graph.symbol_ranges();
  collect(graph, ranges);
  const Range any = Dim::symbol("any").range();
  std::erase_if(ranges, [&](const auto& entry) { return entry.second == any || entry.second == Range{}; });
  return ranges;
}

std::string print(const Graph& graph, const PrintOptions& options) {
  Printer printer(options);
  printer.graph(graph);
  return printer.take();
}

std::string print(const Node& node, const PrintOptions& options) {
  Printer printer(options);
  printer.node(node, 0);
  return printer.take();
}

ConstantStore large_constants(const Graph& graph, int64_t inline_elements) {
  ConstantStore store;
  walk(graph, [&](Node& node) {
    for (const auto& [name, attribute] : node.attributes()) {
      const Tensor* tensor = std::get_if<Tensor>(&attribute);
      if (tensor && tensor->elements() > inline_elements) store.try_emplace(constant_hash(*tensor), *tensor);
    }
  });
  return store;
}

}  // namespace burnish
