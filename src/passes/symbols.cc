#include "passes/symbols.h"

#include <algorithm>

#include "ops/operator.h"

namespace burnish::passes {

BoundSymbols::BoundSymbols(Graph& graph) {
  for (const auto& input : graph.root().inputs())
    for (const Dim& dim : input->type().dims)
      if (auto name = dim.symbol_name()) inputs_.emplace(*name);
}

bool BoundSymbols::allow(std::span<const Dim> dims) const {
  for (const Dim& dim : dims)
    for (const std::string& name : dim.symbols())
      if (!inputs_.contains(name)) return false;
  return true;
}

bool BoundSymbols::allow(std::span<const Dim> dims, const Node& node) const {
  for (const Dim& dim : dims) {
    for (const std::string& name : dim.symbols()) {
      if (inputs_.contains(name)) continue;
      bool read = false;
      for (const Value* operand : node.operands()) {
        if (operand == nullptr) continue;
        for (const Dim& d : operand->type().dims) {
          std::vector<std::string> symbols = d.symbols();
          read |= std::ranges::find(symbols, name) != symbols.end();
        }
      }
      if (!read) return false;
    }
  }
  return true;
}

void learn_symbols(const BoundSymbols& bound, const Type& before, const Type& after, SymbolValues& values) {
  if (!before.is_ranked_tensor() || !after.is_ranked_tensor() || before.rank() != after.rank()) return;
  for (std::size_t d = 0; d < before.dims.size(); ++d) {
    const auto symbol = before.dims[d].symbol_name();
    if (symbol && !bound.contains(*symbol) && bound.allow(std::span(&after.dims[d], 1)))
      values.emplace(*symbol, after.dims[d]);
  }
}

namespace {

void add_names(const Type& type, std::set<std::string, std::less<>>& names) {
  for (const Dim& dim : type.dims)
    for (std::string& name : dim.symbols()) names.insert(std::move(name));
  if (type.element != nullptr) add_names(*type.element, names);
}

// Symbols of all values that are there before the node.
std::set<std::string, std::less<>> names_before(const Node& node) {
  std::set<std::string, std::less<>> names;
  const Graph& root = node.graph()->root();
  for (const auto& input : root.inputs()) add_names(input->type(), names);
  bool reached = false;
  walk(root, [&](Node& other) {
    reached = reached || &other == &node;
    if (reached) return;
    for (std::size_t r = 0; r < other.result_count(); ++r)
      if (other.result(r) != nullptr) add_names(other.result(r)->type(), names);
    for (std::size_t i = 0; i < other.region_count(); ++i)
      for (const auto& input : other.region(i).inputs()) add_names(input->type(), names);
  });
  return names;
}

}  // namespace

void rename_borne(const BoundSymbols& bound, const Node& node, const Type& before, const Type& after,
                  SymbolValues& values) {
  if (!before.is_ranked_tensor() || !after.is_ranked_tensor() || before.rank() != after.rank()) return;
  std::optional<std::set<std::string, std::less<>>> known;
  for (std::size_t d = 0; d < before.dims.size(); ++d) {
    const auto symbol = before.dims[d].symbol_name();
    if (!symbol || bound.contains(*symbol) || before.dims[d] == after.dims[d]) continue;
    if (!known) known = names_before(node);
    if (!known->contains(*symbol)) values.emplace(*symbol, after.dims[d]);
  }
}

namespace {

void replace(Dims& dims, const SymbolValues& values) {
  for (Dim& dim : dims)
    if (!dim.is_constant()) dim = dim.substitute(values);
}

Type replaced(Type type, const SymbolValues& values) {
  replace(type.dims, values);
  if (type.element != nullptr) type.element = std::make_shared<const Type>(replaced(*type.element, values));
  return type;
}

void replace(Value* value, const SymbolValues& values) {
  if (value == nullptr) return;
  value->set_type(replaced(value->type(), values));
  if (!value->contents()) return;
  Dims contents = *value->contents();
  replace(contents, values);
  value->set_contents(std::move(contents));
}

}  // namespace

void replace_symbols(Graph& graph, const SymbolValues& values) {
  for (const auto& input : graph.inputs()) replace(input.get(), values);
  for (const auto& node : graph.nodes()) {
    for (std::size_t r = 0; r < node->result_count(); ++r) replace(node->result(r), values);
    for (const auto& [name, attribute] : AttributeMap(node->attributes())) {
      const Dims* dims = std::get_if<Dims>(&attribute);
      if (dims == nullptr || constants(*dims)) continue;
      Dims changed = *dims;
      replace(changed, values);
      node->set_attribute(name, std::move(changed));
    }
    for (std::size_t r = 0; r < node->region_count(); ++r) replace_symbols(node->region(r), values);
  }
}

Status infer_resolving(Graph& graph) {
  const BoundSymbols bound(graph);
  // What one round learns may tell more in the next.
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::pair<const Value*, Type>> before;
    walk(graph, [&](Node& node) {
      for (std::size_t r = 0; r < node.result_count(); ++r) {
        const Value* value = node.result(r);
        if (value != nullptr && value->type().is_ranked_tensor() && !value->type().is_static())
          before.emplace_back(value, value->type());
      }
    });
    TRY(ops::infer(graph));
    SymbolValues values;
    for (const auto& [value, type] : before) learn_symbols(bound, type, value->type(), values);
    if (values.empty()) return {};
    replace_symbols(graph, values);
  }
  return {};
}

}  // namespace burnish::passes
