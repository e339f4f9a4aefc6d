#include <algorithm>

#include "ops/operator.h"
#include "ops/support/attributes.h"

namespace burnish::ops {
namespace {

bool matches_word(std::string_view word, const Type& type, const Type* first) {
  if (word == "value") return true;
  if (word == "sequence") return type.kind == Type::Kind::sequence;
  if (word == "optional") return type.kind == Type::Kind::optional;
  if (word == "map") return type.kind == Type::Kind::map;
  if (!type.is_tensor()) return false;
  if (word == "any") return true;
  if (word == "same") return first == nullptr || (first->is_tensor() && first->dtype == type.dtype);
  if (word == "float") return is_float(type.dtype);
  if (word == "int") return is_integer(type.dtype);
  if (word == "numeric") return is_float(type.dtype) || is_integer(type.dtype);
  if (word == "complex") return number_class(type.dtype) == NumberClass::complex;
  return parse_dtype(word) == type.dtype;
}

bool matches(std::string_view types, const Type& type, const Type* first) {
  while (true) {
    const std::size_t bar = types.find('|');
    if (matches_word(types.substr(0, bar), type, first)) return true;
    if (bar == std::string_view::npos) return false;
    types.remove_prefix(bar + 1);
  }
}

Status verify_operands(const NodeView& view, const Operator& definition) {
  using Arity = OperandSpec::Arity;
  const Node& node = view.node();
  const auto specs = definition.operands;
  const bool variadic = !specs.empty() && specs.back().arity == Arity::variadic;
  if (node.operand_count() > specs.size() && !variadic)
    return view.error(std::string(definition.name) + " takes at most " + std::to_string(specs.size()) +
                      " operands, not " + std::to_string(node.operand_count()));
  const Value* first = node.operand(0);
  for (std::size_t i = 0; i < std::max(node.operand_count(), specs.size()); ++i) {
    const OperandSpec& spec = specs[std::min(i, specs.size() - 1)];
    const Value* value = node.operand(i);
    if (value == nullptr) {
      // Of a variable number of operands none is absent, except among the values that control flow carries.
      if (spec.arity == Arity::required ||
          (spec.arity == Arity::variadic && i < node.operand_count() && definition.regions == 0))
        return view.error("operand '" + std::string(spec.name) + "' is missing");
      continue;
    }
    if (!matches(spec.types, value->type(), first == nullptr ? nullptr : &first->type()))
      return view.error("operand '" + std::string(spec.name) + "' is " + value->type().text() + " but must be " +
                        (spec.types == "same" ? "of the dtype of operand 0" : std::string(spec.types)));
  }
  return {};
}

Status verify_attributes(const NodeView& view, const Operator& definition) {
  const Node& node = view.node();
  for (const auto& [name, value] : node.attributes()) {
    const AttributeSpec* spec = find_attribute(definition, name);
    if (spec == nullptr)
      return view.error(std::string(definition.name) + " has no attribute '" + name + "'", "remove it");
    if (kind(value) != spec->kind)
      return view.error("attribute '" + name + "' is " + text(value) + " but must be of kind " +
                        std::string(burnish::name(spec->kind)));
  }
  for (const AttributeSpec& spec : definition.attributes)
    if (is_required(spec) && node.attribute(spec.name) == nullptr)
      return view.error("attribute '" + std::string(spec.name) + "' is missing");
  return {};
}

}  // namespace

Status verify(const Node& node) {
  const Operator* definition = node.definition();
  if (definition == nullptr) return {};  // foreign: nobody knows its rules
  const NodeView view(node);
  TRY(verify_operands(view, *definition));
  TRY(verify_attributes(view, *definition));
  const auto& results = definition->results;
  const bool variadic = !results.empty() && results.back().variadic;
  if (node.result_count() > results.size() && !variadic)
    return view.error(std::string(definition->name) + " gives at most " + std::to_string(results.size()) +
                      " results, not " + std::to_string(node.result_count()));
  for (std::size_t i = 0; i < results.size(); ++i)
    if (!results[i].optional && !results[i].variadic && i >= node.result_count())
      return view.error("result '" + std::string(results[i].name) + "' is missing");
  if (node.region_count() != definition->regions)
    return view.error(std::string(definition->name) + " has " + std::to_string(definition->regions) + " regions, not " +
                      std::to_string(node.region_count()));
  return {};
}

Status verify(const Graph& graph) {
  TRY(verify_structure(graph));
  Status status;
  walk(graph, [&](Node& node) {
    if (status) status = verify(static_cast<const Node&>(node));
  });
  return status;
}

}  // namespace burnish::ops
