#include <algorithm>
#include <map>
#include <mutex>

#include "ops/operator.h"
#include "ops/support/attributes.h"

namespace burnish::ops {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string_view, const Operator*> operators;
  struct Row {
    ForeignName name;
    const Operator* definition;
  };
  std::map<std::pair<std::string, std::string>, std::vector<Row>> foreign;

  Registry() {
    for (std::size_t i = 0; i < kOperatorListCount; ++i)
      for (std::size_t j = 0; j < kOperatorLists[i]->size; ++j) {
        const Operator& definition = kOperatorLists[i]->data[j];
        CHECK(operators.emplace(definition.name, &definition).second,
              "two operators named " + std::string(definition.name));
      }
  }
};

Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

const Operator* find(std::string_view name) {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  const auto found = r.operators.find(name);
  return found == r.operators.end() ? nullptr : found->second;
}

std::vector<const Operator*> all() {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  std::vector<const Operator*> result;
  for (const auto& [name, definition] : r.operators) result.push_back(definition);
  return result;
}

Status register_operator(const Operator* definition, std::vector<ForeignName> names) {
  const std::string name(definition->name);
  if (name.empty()) return usage_error("an operator needs a name", "register_operator");
  if (definition->infer == nullptr)
    return usage_error("operator '" + name + "' has no infer", "register_operator", "say what its result types are");
  if (definition->reference == nullptr && definition->decompose == nullptr)
    return usage_error("operator '" + name + "' has neither reference nor decompose", "register_operator",
                       "say how it is computed");
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  if (r.operators.contains(definition->name))
    return usage_error("an operator named '" + name + "' is there already", "register_operator", "choose another name");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const ForeignName& n = names[i];
    const std::string where = "operator '" + name + "', " + n.domain + "." + n.op_type;
    if (n.since < 1 || n.since > n.until)
      return usage_error("there are no versions " + std::to_string(n.since) + " to " + std::to_string(n.until), where);
    const auto overlaps = [&](const ForeignName& other) { return n.since <= other.until && other.since <= n.until; };
    for (std::size_t j = 0; j < i; ++j)
      if (names[j].domain == n.domain && names[j].op_type == n.op_type && overlaps(names[j]))
        return usage_error("it is bound twice", where, "give versions that do not overlap");
    if (const auto taken = r.foreign.find({n.domain, n.op_type}); taken != r.foreign.end())
      for (const Registry::Row& row : taken->second)
        if (overlaps(row.name))
          return usage_error("it is bound to '" + std::string(row.definition->name) + "' already", where,
                             "give versions that do not overlap");
  }
  r.operators.emplace(definition->name, definition);
  for (ForeignName& n : names) {
    auto& rows = r.foreign[{n.domain, n.op_type}];
    rows.push_back({std::move(n), definition});
  }
  return {};
}

const Operator* find_foreign(std::string_view domain, std::string_view op_type, int64_t version) {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  const auto found = r.foreign.find({std::string(domain), std::string(op_type)});
  if (found == r.foreign.end()) return nullptr;
  for (const Registry::Row& row : found->second)
    if (row.name.since <= version && version <= row.name.until) return row.definition;
  return nullptr;
}

std::vector<ForeignName> foreign_names(const Operator& definition) {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  std::vector<ForeignName> names;
  for (const auto& [name, rows] : r.foreign)
    for (const Registry::Row& row : rows)
      if (row.definition == &definition) names.push_back(row.name);
  return names;
}

void bind_operator(Node& node) {
  const Operator* definition = find(node.op());
  node.set_definition(definition);
  if (definition == nullptr) return;
  node.effectful = definition->effectful;
  for (const AttributeSpec& spec : definition->attributes) {
    const Attribute* given = node.attribute(spec.name);
    if (given == nullptr || kind(*given) == spec.kind) continue;
    if (auto value = as_kind(*given, spec.kind)) node.set_attribute(spec.name, std::move(*value));
  }
}

void bind_operators(Graph& graph) { walk(graph, bind_operator); }

}  // namespace burnish::ops
