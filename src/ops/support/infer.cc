#include <algorithm>
#include <map>
#include <set>

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

// Fresh dims of `inferred` that are a dim of `declared` on their own stand for it.
void bind_fresh(const Type& declared, const Type& inferred, Replacements& bound) {
  if (declared.kind != inferred.kind) return;
  if (declared.element != nullptr && inferred.element != nullptr)
    bind_fresh(*declared.element, *inferred.element, bound);
  if (!declared.is_tensor() || !declared.ranked || !inferred.ranked || declared.rank() != inferred.rank()) return;
  for (std::size_t i = 0; i < declared.dims.size(); ++i) {
    const auto symbol = inferred.dims[i].symbol_name();
    if (symbol && symbol->starts_with('?')) bound.emplace(*symbol, declared.dims[i]);
  }
}

// Sizes of sizes could grow exponentially along a chain of nodes: one that has become this long gets a name of its own, as
// if only a run could tell it.
constexpr std::size_t kLongestDim = 2000;

void shorten(Graph& graph, Type& type, const Type* declared) {
  for (std::size_t i = 0; i < type.dims.size(); ++i) {
    Dim& d = type.dims[i];
    if (d.is_constant() || d.text().size() <= kLongestDim) continue;
    const Range range = d.range();
    const bool known = declared != nullptr && declared->dims.size() == type.dims.size();
    d = known ? declared->dims[i] : graph.fresh_symbol("s", {std::max<int64_t>(range.low, 0), range.high});
  }
}

void collect_symbols(const Type& type, std::set<std::string>& symbols) {
  for (const Dim& d : type.dims)
    if (!d.is_constant())
      for (std::string& name : d.symbols()) symbols.insert(std::move(name));
  if (type.element != nullptr) collect_symbols(*type.element, symbols);
}

// What both say, the more specific of each; nullopt when they contradict each other.
std::optional<Type> merge(const Type& declared, const Type& inferred) {
  if (declared.kind != inferred.kind) return std::nullopt;
  if (declared.kind == Type::Kind::token) return inferred;
  if (!declared.is_tensor()) {
    if (declared.kind == Type::Kind::map && declared.dtype != inferred.dtype) return std::nullopt;
    if (declared.element == nullptr || inferred.element == nullptr) return inferred;
    auto element = merge(*declared.element, *inferred.element);
    if (!element) return std::nullopt;
    Type result = inferred;
    result.element = std::make_shared<const Type>(std::move(*element));
    return result;
  }
  if (declared.dtype != inferred.dtype) return std::nullopt;
  if (!declared.ranked) return inferred;
  if (!inferred.ranked) return declared;
  if (declared.rank() != inferred.rank()) return std::nullopt;
  Type result = inferred;
  for (std::size_t i = 0; i < declared.dims.size(); ++i) {
    const Dim &old = declared.dims[i], &now = inferred.dims[i];
    if (equal(old, now) == Truth::no) return std::nullopt;
    if (old.is_constant()) result.dims[i] = old;
  }
  return result;
}

constexpr int64_t kMostDims = 64;

// Sizes that no memory holds and whose products overflow: refused where they come up, with the node's name.
bool too_large(const Type& type) {
  if (!type.is_static()) return false;
  int64_t bytes = static_cast<int64_t>(byte_size(type.dtype));
  for (const Dim& d : type.dims) {
    const int64_t size = *d.constant();
    if (size == 0) return false;
    bytes = size > Range::kMax / bytes ? Range::kMax + 1 : bytes * size;
    if (bytes > Range::kMax) bytes = Range::kMax + 1;
  }
  return bytes > Range::kMax;
}

}  // namespace

Status InferContext::commit(bool keep_declared) {
  Replacements bound;
  const Node& n = node();
  for (std::size_t i = 0; keep_declared && i < types_.size(); ++i) {
    const Value* value = n.result(i);
    if (value == nullptr) continue;
    if (types_[i]) bind_fresh(value->type(), *types_[i], bound);
    if (!contents_[i] || !value->contents() || value->contents()->size() != contents_[i]->size()) continue;
    for (std::size_t j = 0; j < contents_[i]->size(); ++j) {
      const auto symbol = (*contents_[i])[j].symbol_name();
      if (symbol && symbol->starts_with('?')) bound.emplace(*symbol, (*value->contents())[j]);
    }
  }
  std::set<std::string> used;
  for (std::size_t i = 0; i < types_.size() && !fresh_.empty(); ++i) {
    if (n.result(i) != nullptr && types_[i]) collect_symbols(*types_[i], used);
    if (n.result(i) != nullptr && contents_[i]) collect_symbols(Type::tensor(DType::i64, *contents_[i]), used);
  }
  for (std::size_t i = 0; i < fresh_.size(); ++i) {
    const std::string name = "?" + std::to_string(i);
    if (used.contains(name) && !bound.contains(name))
      bound.emplace(name, n.graph()->fresh_symbol(fresh_[i].hint, fresh_[i].range));
  }
  for (std::size_t i = 0; i < types_.size(); ++i) {
    Value* value = n.result(i);
    if (value == nullptr) continue;
    if (!types_[i]) {
      if (!keep_declared) return internal_error(n.op() + " infers no type for result " + std::to_string(i));
      continue;
    }
    Type type = substitute(std::move(*types_[i]), bound);
    shorten(*n.graph(), type, keep_declared ? &value->type() : nullptr);
    if (keep_declared) {
      auto merged = merge(value->type(), type);
      if (!merged)
        return error("result '%" + value->name() + "' is declared " + value->type().text() + " but is " + type.text());
      type = std::move(*merged);
    }
    for (const Dim& d : type.dims)
      if (d.range().high < 0)
        return error("result '%" + value->name() + "' would have a negative size: " + type.text());
    if (type.is_ranked_tensor() && type.rank() > kMostDims)
      return error("result '%" + value->name() + "' would have " + std::to_string(type.rank()) + " dims",
                   "at most " + std::to_string(kMostDims) + " are known");
    if (too_large(type))
      return error("result '%" + value->name() + "' would be too large: " + type.text(),
                   "no tensor has more than 1 TiB: use smaller sizes");
    value->set_type(std::move(type));
    if (contents_[i])
      for (Dim& d : *contents_[i])
        if (!d.is_constant()) d = d.substitute(bound);
    value->set_contents(std::move(contents_[i]));
  }
  return {};
}

namespace ops {
namespace {

// Regions inside regions, so that a hostile file cannot exhaust the stack.
constexpr int kMaxDepth = 64;

Status infer(Node& node, bool keep_declared) {
  const Operator* definition = node.definition();
  if (definition == nullptr) return {};
  TRY(verify(static_cast<const Node&>(node)));
  if (definition->regions > 0) {
    int depth = 0;
    for (const Graph* g = node.graph(); g != nullptr; g = g->parent()) ++depth;
    if (depth > kMaxDepth) return NodeView(node).error("control flow is nested too deeply");
  }
  InferContext context(node);
  TRY(definition->infer(context));
  return context.commit(keep_declared);
}

}  // namespace

Result<std::vector<Requirement>> requirements(const Node& node) {
  std::vector<Requirement> found;
  const Operator* definition = node.definition();
  if (definition == nullptr || definition->regions > 0) return found;
  InferContext context(const_cast<Node&>(node), &found);  // only commit writes
  TRY(definition->infer(context));
  context.require_declared();
  return found;
}

Status infer(Node& node) { return infer(node, true); }
Status infer_new(Node& node) { return infer(node, false); }

Status infer(Graph& graph) {
  for (const auto& node : graph.nodes()) TRY(infer(*node));
  return {};
}

}  // namespace ops
}  // namespace burnish
