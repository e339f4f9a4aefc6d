#include "compile/shapes.h"

#include <algorithm>

#include <fmt/format.h>

#include "ops/operator.h"

namespace burnish {
namespace {

using Replacements = std::map<std::string, Dim, std::less<>>;

Type substitute(Type type, const Replacements& replacements) {
  for (Dim& d : type.dims)
    if (!d.is_constant()) d = d.substitute(replacements);
  if (type.element != nullptr) type.element = std::make_shared<const Type>(substitute(*type.element, replacements));
  return type;
}

void substitute(Value& value, const Replacements& replacements) {
  value.set_type(substitute(value.type(), replacements));
  if (!value.contents()) return;
  Dims contents = *value.contents();
  for (Dim& d : contents)
    if (!d.is_constant()) d = d.substitute(replacements);
  value.set_contents(std::move(contents));
}

void substitute(Graph& graph, const Replacements& replacements) {
  for (const auto& input : graph.inputs()) substitute(*input, replacements);
  for (const auto& node : graph.nodes()) {
    AttributeMap changed;
    for (const auto& [name, attribute] : node->attributes()) {
      if (const Dims* dims = std::get_if<Dims>(&attribute)) {
        Dims copy = *dims;
        for (Dim& d : copy)
          if (!d.is_constant()) d = d.substitute(replacements);
        changed.emplace(name, std::move(copy));
      } else if (const Type* type = std::get_if<Type>(&attribute)) {
        changed.emplace(name, substitute(*type, replacements));
      }
    }
    for (auto& [name, attribute] : changed) node->set_attribute(name, std::move(attribute));
    for (std::size_t i = 0; i < node->result_count(); ++i)
      if (Value* result = node->result(i)) substitute(*result, replacements);
    for (std::size_t i = 0; i < node->region_count(); ++i) substitute(node->region(i), replacements);
  }
}

Result<Value*> find_input(const Graph& graph, std::string_view name) {
  std::string names;
  for (const auto& input : graph.inputs()) {
    if (input->name() == name) return input.get();
    names += fmt::format("{}{}: {}", names.empty() ? "" : ", ", input->name(), input->type().text());
  }
  return usage_error(fmt::format("the model has no input '{}'", name), "shapes", "its inputs are " + names);
}

}  // namespace

void expect_sizes(Graph& graph, const SymbolTable& opt) {
  Replacements replacements;
  for (const auto& input : graph.inputs()) {
    for (std::size_t axis = 0; axis < input->type().dims.size(); ++axis) {
      std::map<std::string, Range, std::less<>> ranges;
      input->type().dims[axis].collect_ranges(ranges);
      for (auto& [name, range] : ranges) {
        const auto told = opt.find(name);
        if (told != opt.end()) range.usual = told->second;
        else if (axis == 0) range.usual = 1;
        if (range.usual > 0) replacements.emplace(name, Dim::symbol(name, range));
      }
    }
  }
  if (!replacements.empty()) substitute(graph, replacements);
}

Status apply_shapes(Graph& graph, const InputTypes& types) {
  Replacements replacements;
  bool others = false;  // sizes that the model gives as numbers become other ones
  std::vector<std::pair<Value*, Type>> inputs;
  for (const auto& [name, type] : types) {
    Value* input = TRY(find_input(graph, name));
    const Type& old = input->type();
    if (!old.is_tensor() || !type.is_ranked_tensor() || old.dtype != type.dtype ||
        (old.ranked && old.rank() != type.rank()))
      return usage_error(
          fmt::format("the model's input '{}' is {}, which cannot become {}", name, old.text(), type.text()), "shapes");
    inputs.emplace_back(input, type);
    if (!old.ranked) {
      others = true;
      continue;
    }
    for (std::size_t i = 0; i < type.dims.size(); ++i) {
      const Dim &from = old.dims[i], &to = type.dims[i];
      const auto symbol = from.symbol_name();
      if (!symbol) {
        others = others || !(from == to);
        continue;
      }
      const auto [it, added] = replacements.emplace(*symbol, to);
      if (!added && !(it->second == to))
        return usage_error(fmt::format("'{}' would be both {} and {}", *symbol, it->second.text(), to.text()), "shapes",
                           "inputs of the model share this size");
    }
  }
  substitute(graph, replacements);
  for (auto& [input, type] : inputs) input->set_type(type);
  for (const auto& [symbol, dim] : replacements) {
    graph.symbol_ranges().erase(symbol);
    if (const auto name = dim.symbol_name()) graph.symbol_ranges()[std::string(*name)] = dim.range();
  }
  const auto in_place = [](Status status) -> Status {
    if (status) return {};
    Error error = std::move(status).error().within("with the shapes given");
    if (error.code == ErrorCode::refused) error.code = ErrorCode::usage;
    return std::unexpected(std::move(error));
  };
  // What the model declares for a value was said of the old sizes.
  if (others)
    for (const auto& node : graph.nodes())
      if (node->definition() != nullptr) TRY(in_place(ops::infer_new(*node)));
  return in_place(ops::infer(graph));
}

}  // namespace burnish
