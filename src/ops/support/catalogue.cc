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

Status register_operator(const Operator* definition) {
  const std::string name(definition->name);
  if (name.empty()) return usage_error("an operator needs a name", "register_operator");
  if (definition->infer == nullptr)
    return usage_error("operator '" + name + "' has no infer", "register_operator", "say what its result types are");
  if ((definition->reference == nullptr) == (definition->decompose == nullptr))
    return usage_error("operator '" + name + "' needs exactly one of reference and decompose", "register_operator");
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  if (!r.operators.emplace(definition->name, definition).second)
    return usage_error("an operator named '" + name + "' is there already", "register_operator", "choose another name");
  return {};
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
