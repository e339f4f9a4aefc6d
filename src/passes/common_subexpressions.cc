// Nodes that compute the same from the same operands become one; constants with the same bytes too.

#include <unordered_map>

#include "base/hash.h"
#include "passes/match.h"
#include "passes/passes.h"

namespace burnish::passes {

namespace {

// Of large tensors only the beginning is hashed: two that agree there are compared in full.
constexpr std::size_t kHashedBytes = 4096;

uint64_t mix(uint64_t h, uint64_t x) { return (h ^ x) * 0x9e3779b97f4a7c15 + (h << 6) + (h >> 2); }

uint64_t hash_text(std::string_view text) { return hash64(std::as_bytes(std::span(text))); }

uint64_t hash(const Node& node) {
  uint64_t h = hash_text(node.op());
  for (const Value* operand : node.operands()) h = mix(h, std::hash<const void*>()(operand));
  for (const auto& [name, attribute] : node.attributes()) {
    h = mix(h, hash_text(name));
    if (const Tensor* tensor = std::get_if<Tensor>(&attribute)) {
      h = mix(h, hash_text(tensor->type().text()));
      if (tensor->dtype() != DType::string)
        h = mix(h, hash64(tensor->bytes().first(std::min(kHashedBytes, tensor->byte_size()))));
    } else {
      h = mix(h, hash_text(text(attribute)));
    }
  }
  return mix(h, node.result_count());
}

bool mergeable(const Node& node) {
  const Operator* definition = node.definition();
  return definition != nullptr && !definition->random && !definition->effectful && node.region_count() == 0;
}

bool same(const Node& a, const Node& b) {
  if (a.op() != b.op() || a.result_count() != b.result_count() || !std::ranges::equal(a.operands(), b.operands()) ||
      a.attributes() != b.attributes())
    return false;
  for (std::size_t i = 0; i < a.result_count(); ++i) {
    if ((a.result(i) == nullptr) != (b.result(i) == nullptr)) return false;
    // Declared types may say more than inference does.
    if (a.result(i) != nullptr && !(a.result(i)->type() == b.result(i)->type())) return false;
  }
  return true;
}

struct Scope {
  const Scope* outer = nullptr;
  std::unordered_multimap<uint64_t, Node*> nodes = {};
  Node* find(uint64_t h, const Node& node) const {
    auto [first, last] = nodes.equal_range(h);
    for (auto it = first; it != last; ++it)
      if (same(*it->second, node)) return it->second;
    return outer == nullptr ? nullptr : outer->find(h, node);
  }
};

// A region may use what its owner's graph computed before the owner; what a region computes stays its own.
bool merge(const Graph& graph, const Scope* outer) {
  bool changed = false;
  Scope scope{outer};
  for (const auto& node : graph.nodes()) {
    for (std::size_t i = 0; i < node->region_count(); ++i) changed |= merge(node->region(i), &scope);
    if (!mergeable(*node)) continue;
    uint64_t h = hash(*node);
    Node* earlier = scope.find(h, *node);
    if (earlier == nullptr) {
      scope.nodes.emplace(h, node.get());
      continue;
    }
    for (std::size_t i = 0; i < node->result_count(); ++i) {
      if (node->result(i) == nullptr || node->result(i)->unused()) continue;
      node->graph()->replace_uses(node->result(i), earlier->result(i));
      changed = true;
    }
  }
  return changed;
}

}  // namespace

Result<bool> common_subexpressions(Graph& graph, const PassContext&) { return merge(graph, nullptr); }

}  // namespace burnish::passes
