#include "ops/support/control.h"

#include <map>

#include "ops/support/core.h"

namespace burnish {
namespace {

using Symbols = std::set<std::string, std::less<>>;

void add_symbols(const Type& type, Symbols& symbols) {
  for (const Dim& d : type.dims)
    if (!d.is_constant())
      for (std::string& name : d.symbols()) symbols.insert(std::move(name));
  if (type.element != nullptr) add_symbols(*type.element, symbols);
}

bool all_outer(const Dim& d, const OuterSymbols& outer) {
  return d.is_constant() || std::ranges::all_of(d.symbols(), [&](const std::string& s) { return outer.contains(s); });
}

}  // namespace

void OuterSymbols::add(const Type& type) { add_symbols(type, added_); }

bool OuterSymbols::contains(std::string_view name) const {
  if (added_.contains(name)) return true;
  if (!around_) {
    around_.emplace();
    for (const Graph* graph = node_.graph(); graph != nullptr; graph = graph->parent()) {
      for (const auto& input : graph->inputs()) add_symbols(input->type(), *around_);
      for (const auto& other : graph->nodes()) {
        if (other.get() == &node_) continue;
        for (std::size_t i = 0; i < other->result_count(); ++i)
          if (other->result(i) != nullptr) add_symbols(other->result(i)->type(), *around_);
      }
    }
  }
  return around_->contains(name);
}

Type outside(InferContext& c, const Type& type, const OuterSymbols& outer) {
  Type result = type;
  for (Dim& d : result.dims)
    if (!all_outer(d, outer)) d = c.fresh();
  if (type.element != nullptr) result.element = std::make_shared<const Type>(outside(c, *type.element, outer));
  return result;
}

Result<Type> join_types(InferContext& c, const Type& a, const Type& b) {
  const auto contradiction = [&] {
    return c.error("values are " + a.text() + " on one way and " + b.text() + " on another");
  };
  // An optional holds the value itself, too.
  using Kind = Type::Kind;
  if (a.kind == Kind::optional && b.kind != Kind::optional && a.element != nullptr)
    return Type::optional(TRY(join_types(c, *a.element, b)));
  if (b.kind == Kind::optional && a.kind != Kind::optional && b.element != nullptr)
    return Type::optional(TRY(join_types(c, a, *b.element)));
  if (a.kind != b.kind) return contradiction();
  if (!a.is_tensor()) {
    if (a.element == nullptr || b.element == nullptr) return a;
    Type result = a;
    result.element = std::make_shared<const Type>(TRY(join_types(c, *a.element, *b.element)));
    return result;
  }
  if (a.dtype != b.dtype) return contradiction();
  if (!a.ranked || !b.ranked || a.rank() != b.rank()) return Type::unranked(a.dtype);
  Type result = a;
  for (std::size_t i = 0; i < a.dims.size(); ++i)
    if (!(a.dims[i] == b.dims[i])) result.dims[i] = c.fresh();
  return result;
}

namespace {

using Replacements = std::map<std::string, Dim, std::less<>>;

void replace_in_attributes(Node& node, const Replacements& values) {
  for (const auto& [name, attribute] : AttributeMap(node.attributes())) {
    const Dims* dims = std::get_if<Dims>(&attribute);
    if (dims == nullptr || constants(*dims)) continue;
    Dims changed = *dims;
    for (Dim& d : changed)
      if (!d.is_constant()) d = d.substitute(values);
    node.set_attribute(name, std::move(changed));
  }
  for (std::size_t r = 0; r < node.region_count(); ++r)
    for (const auto& inner : node.region(r).nodes()) replace_in_attributes(*inner, values);
}

// Nodes may name sizes that others bear: such a size goes by what it is called now.
Status infer_again(Graph& region) {
  std::unordered_map<const Value*, Type> before;
  walk(region, [&](Node& node) {
    for (std::size_t i = 0; i < node.result_count(); ++i) {
      Value* value = node.result(i);
      if (value == nullptr) continue;
      before.emplace(value, value->type());
      if (value->type().is_tensor()) value->set_type(Type::unranked(value->type().dtype));
      value->set_contents(std::nullopt);
    }
  });
  OuterSymbols known(*region.owner());
  for (const auto& input : region.inputs()) known.add(input->type());
  Replacements values;
  for (const auto& node : region.nodes()) {
    if (!values.empty()) replace_in_attributes(*node, values);
    TRY(ops::infer(*node));
    for (std::size_t i = 0; i < node->result_count(); ++i) {
      if (node->result(i) == nullptr) continue;
      const Type &was = before.at(node->result(i)), &is = node->result(i)->type();
      if (!was.is_ranked_tensor() || !is.is_ranked_tensor() || was.rank() != is.rank()) continue;
      for (std::size_t d = 0; d < was.dims.size(); ++d)
        if (const auto name = was.dims[d].symbol_name(); name && !known.contains(*name) && !(was.dims[d] == is.dims[d]))
          values.emplace(*name, is.dims[d]);
    }
  }
  return {};
}

}  // namespace

Status infer_region(Graph& region, bool again) { return again ? infer_again(region) : ops::infer(region); }

void copy_nodes(const Graph& from, Graph& to, std::unordered_map<const Value*, Value*>& map) {
  const auto mapped = [&](Value* value) {
    const auto found = map.find(value);
    return found == map.end() ? value : found->second;
  };
  for (const auto& node : from.nodes()) {
    std::vector<Value*> operands;
    for (Value* operand : node->operands()) operands.push_back(operand == nullptr ? nullptr : mapped(operand));
    std::vector<ResultSpec> results;
    for (std::size_t i = 0; i < node->result_count(); ++i) {
      const Value* value = node->result(i);
      results.push_back({value == nullptr ? Type{} : value->type(), "", value == nullptr});
    }
    Node* copy = to.add_node(node->op(), operands, node->attributes(), std::move(results));
    copy->set_source(node->source());
    copy->set_definition(node->definition());
    for (std::size_t i = 0; i < node->result_count(); ++i)
      if (node->result(i) != nullptr) {
        copy->result(i)->set_contents(node->result(i)->contents());
        map[node->result(i)] = copy->result(i);
      }
    for (std::size_t r = 0; r < node->region_count(); ++r) {
      const Graph& region = node->region(r);
      Graph& made = copy->add_region(region.name());
      for (const auto& input : region.inputs()) map[input.get()] = made.add_input("", input->type(), input->role);
      copy_nodes(region, made, map);
      for (const auto& output : region.outputs()) made.add_output(mapped(output.value), output.name, output.updates);
    }
  }
}

}  // namespace burnish
