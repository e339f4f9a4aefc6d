// Transposes and reshapes: merged, cancelled, turned into views, and moved through what does not mind, where that leaves
// fewer of them.
//
// The last is decided for whole regions: nodes that work element by element, or along axes that can be renamed, and that
// are connected without a transpose between them, change the order of their axes together. Each border value costs a new
// transpose or frees an old one; the region is turned if fewer are left.

#include <algorithm>
#include <numeric>
#include <set>
#include <unordered_set>

#include "passes/match.h"
#include "passes/passes.h"

namespace burnish::passes {

namespace {

Ints inverse(const Ints& p) {
  Ints q(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) q[static_cast<std::size_t>(p[i])] = static_cast<int64_t>(i);
  return q;
}

// transpose(transpose(x, first), second)
Ints compose(const Ints& first, const Ints& second) {
  Ints p;
  for (int64_t axis : second) p.push_back(first[static_cast<std::size_t>(axis)]);
  return p;
}

bool is_identity(const Ints& p) { return std::ranges::is_sorted(p); }

template <class T>
std::vector<T> permuted(const std::vector<T>& values, const Ints& p) {
  std::vector<T> result;
  for (int64_t axis : p) result.push_back(values[static_cast<std::size_t>(axis)]);
  return result;
}

Node* transpose_of(const Value* value) { return producer(value, "transpose"); }
Ints permutation(const Node& node) { return integers(node, "permutation"); }

// Dims that are not 1 keep their order: the bytes do not move.
bool moves_only_units(const Dims& from, const Ints& p) {
  int64_t last = -1;
  for (int64_t axis : p) {
    if (from[static_cast<std::size_t>(axis)] == Dim(1)) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

// If `to` is `from` with dims of 1 added or taken away: for each dim of `to` its dim of `from`, -1 for a new one.
std::optional<Ints> unit_reshape(const Dims& from, const Dims& to) {
  Ints map;
  std::size_t i = 0;
  for (const Dim& d : to) {
    if (d == Dim(1)) {
      bool kept = i < from.size() && from[i] == Dim(1);
      map.push_back(kept ? static_cast<int64_t>(i++) : -1);
      continue;
    }
    while (i < from.size() && from[i] == Dim(1)) ++i;
    if (i == from.size() || !(from[i] == d)) return std::nullopt;
    map.push_back(static_cast<int64_t>(i++));
  }
  while (i < from.size() && from[i] == Dim(1)) ++i;
  return i == from.size() ? std::optional(map) : std::nullopt;
}

// -- one node and its operand

Result<bool> simplify_transpose(Node* node) {
  Value* x = node->operand(0);
  if (!x->type().is_ranked_tensor()) return false;
  Ints p = permutation(*node);
  Builder builder(*node->graph(), node, node->source());
  if (is_identity(p)) return replace(node, x);
  Value* y = nullptr;
  if (Node* inner = transpose_of(x)) {
    Ints both = compose(permutation(*inner), p);
    y = is_identity(both) ? inner->operand(0) : builder.op("transpose", {inner->operand(0)}, {{"permutation", both}});
  } else if (moves_only_units(x->type().dims, p)) {
    y = builder.op("reshape", {x}, {{"shape", node->result()->type().dims}});
  } else if (Node* reshape = producer(x, "reshape")) {
    // transpose(reshape(transpose(x))), the reshape about dims of 1 only: the transposes meet before it.
    Node* first = transpose_of(reshape->operand(0));
    if (first == nullptr) return false;
    auto map = unit_reshape(reshape->operand(0)->type().dims, x->type().dims);
    if (!map) return false;
    Ints order;
    for (int64_t axis : p)
      if ((*map)[static_cast<std::size_t>(axis)] >= 0) order.push_back((*map)[static_cast<std::size_t>(axis)]);
    // Dims of 1 that the reshape drops may stand anywhere.
    for (std::size_t i = 0; i < reshape->operand(0)->type().dims.size(); ++i)
      if (std::ranges::find(order, static_cast<int64_t>(i)) == order.end()) order.push_back(static_cast<int64_t>(i));
    Value* moved = builder.op("transpose", {first->operand(0)}, {{"permutation", compose(permutation(*first), order)}});
    y = builder.op("reshape", {moved}, {{"shape", node->result()->type().dims}});
  }
  TRY(builder.finish());
  return replace(node, y);
}

Result<bool> simplify_reshape(Node* node) {
  Value* x = node->operand(0);
  Builder builder(*node->graph(), node, node->source());
  if (x->type() == node->result()->type()) return replace(node, x);
  Node* inner = producer(x, "reshape");
  if (inner == nullptr) return false;
  Value* y = inner->operand(0);
  if (!(y->type() == node->result()->type())) y = builder.op("reshape", {y}, {{"shape", node->result()->type().dims}});
  TRY(builder.finish());
  return replace(node, y);
}

// reduce(transpose(x)) without the reduced axes: nothing to transpose if the others keep their order.
Result<bool> simplify_reduce(Node* node) {
  bool core = node->op() == "reduce";
  if ((!core && !node->op().starts_with("reduce_")) || integer(*node, "keep") != 0) return false;
  Node* inner = transpose_of(node->operand(0));
  if (inner == nullptr || node->operand_count() != 1) return false;
  Ints p = permutation(*inner), axes, rest;
  Ints reduced = integers(*node, "axes");
  if (reduced.empty()) return false;
  for (std::size_t i = 0; i < p.size(); ++i)
    (std::ranges::find(reduced, static_cast<int64_t>(i)) != reduced.end() ? axes : rest).push_back(p[i]);
  if (axes.size() != reduced.size() || !std::ranges::is_sorted(rest)) return false;
  std::ranges::sort(axes);
  AttributeMap attributes = node->attributes();
  attributes.insert_or_assign("axes", axes);
  Builder builder(*node->graph(), node, node->source());
  Value* y = builder.op(node->op(), {inner->operand(0)}, std::move(attributes));
  TRY(builder.finish());
  return replace(node, y);
}

// -- regions

enum class Movable : uint8_t { no, elementwise, along_axis, along_axes, per_axis };

// How a node says which axes it works along. Its operands and result have one rank, but for elementwise ones.
Movable movable(const Node& node) {
  if (node.result_count() != 1 || node.result() == nullptr || !node.result()->type().is_ranked_tensor())
    return Movable::no;
  for (const Value* v : node.operands())
    if (v != nullptr && !v->type().is_ranked_tensor()) return Movable::no;
  const std::string& op = node.op();
  if (is_elementwise(node)) return Movable::elementwise;
  static constexpr std::string_view kUnary[] = {
      "cast", "relu", "leaky_relu", "elu",      "selu", "celu", "thresholded_relu", "hard_sigmoid", "hard_swish",
      "silu", "mish", "softplus",   "softsign", "gelu", "clip"};
  if (std::ranges::find(kUnary, op) != std::end(kUnary)) {
    for (std::size_t i = 1; i < node.operand_count(); ++i)  // the limits of clip
      if (node.operand(i) != nullptr && node.operand(i)->type().rank() != 0) return Movable::no;
    return Movable::elementwise;
  }
  if (op == "softmax" || op == "log_softmax" || op == "concat" || op == "cumulative") return Movable::along_axis;
  if ((op == "reduce" || op.starts_with("reduce_")) && node.operand_count() == 1 && integer(node, "keep") == 1)
    return Movable::along_axes;
  if (op == "slice") return Movable::per_axis;
  if (op == "pad" && (node.operand(1) == nullptr || node.operand(1)->type().rank() == 0)) return Movable::per_axis;
  return Movable::no;
}

// An operand that has no axes to turn.
bool no_axes(const Value* v) {
  return std::ranges::all_of(v->type().dims, [](const Dim& d) { return d == Dim(1); });
}

struct Region {
  std::vector<Node*> nodes;
  std::set<Node*> members;
  int64_t rank = 0;
};

Region grow(Node* seed) {
  Region region;
  region.rank = seed->result()->type().rank();
  std::vector<Node*> open{seed};
  auto visit = [&](Node* node) {
    if (node == nullptr || node->graph() != seed->graph() || region.members.contains(node)) return;
    if (movable(*node) == Movable::no || node->result()->type().rank() != region.rank) return;
    if (region.members.size() >= 4096) return;
    region.members.insert(node);
    open.push_back(node);
  };
  region.members.insert(seed);
  while (!open.empty()) {
    Node* node = open.back();
    open.pop_back();
    for (Value* v : node->operands())
      if (v != nullptr && v->type().rank() == region.rank) visit(v->producer());
    for (Node* user : node->result()->users()) visit(user);
  }
  // In the graph's order, operands first.
  for (const auto& node : seed->graph()->nodes())
    if (region.members.contains(node.get())) region.nodes.push_back(node.get());
  return region;
}

bool live(const Node* node) {
  for (std::size_t r = 0; r < node->result_count(); ++r)
    if (node->result(r) != nullptr && !node->result(r)->unused()) return true;
  return false;
}

// A transpose between two members. Turned, it is one still, of other axes.
bool is_inner(const Region& region, const Node& transpose) {
  const Value* from = transpose.operand(0);
  return from->producer() != nullptr && region.members.contains(from->producer()) &&
         std::ranges::any_of(transpose.result()->users(), [&](Node* user) { return region.members.contains(user); });
}

// Transposes left minus transposes there now, were every member to work on axes p: v = transpose(v', p).
int cost_of_turning(const Region& region, const Ints& p) {
  int cost = 0;
  std::set<const Value*> inputs;
  for (Node* node : region.nodes)
    for (Value* v : node->operands())
      if (v != nullptr && !(v->producer() != nullptr && region.members.contains(v->producer()))) inputs.insert(v);
  for (const Value* v : inputs) {
    if (no_axes(v) || constant_of(v) != nullptr) continue;
    Node* t = transpose_of(v);
    bool goes = t != nullptr && !v->is_output() && std::ranges::all_of(v->users(), [&](Node* user) {
                  return region.members.contains(user) || !live(user);
                });
    if (t != nullptr && is_inner(region, *t)) cost += goes || is_identity(compose(p, permutation(*t))) ? 0 : 1;
    else if (t != nullptr && permutation(*t) == p) cost -= goes ? 1 : 0;
    else cost += goes ? 0 : 1;  // another order merges with the one to be inserted
  }
  for (Node* node : region.nodes) {
    const Value* v = node->result();
    bool plain = v->is_output();
    for (Node* user : v->users()) {
      if (region.members.contains(user) || !live(user)) continue;
      if (user->op() != "transpose") plain = true;
      else if (!is_inner(region, *user)) cost -= is_identity(compose(p, permutation(*user))) ? 1 : 0;
    }
    cost += plain && !no_axes(v) ? 1 : 0;
  }
  return cost;
}

Dims aligned(const Dims& dims, int64_t rank) {
  Dims result(static_cast<std::size_t>(rank) - dims.size(), Dim(1));
  result.insert(result.end(), dims.begin(), dims.end());
  return result;
}

AttributeMap turned_attributes(const Node& node, const Ints& p) {
  AttributeMap attributes = node.attributes();
  auto axis_of = [&](int64_t axis) {
    return p[static_cast<std::size_t>(axis < 0 ? axis + static_cast<int64_t>(p.size()) : axis)];
  };
  Ints q = inverse(p);
  switch (movable(node)) {
    case Movable::along_axis: attributes.insert_or_assign("axis", axis_of(integer(node, "axis", -1))); break;
    case Movable::along_axes: {
      Ints axes = integers(node, "axes");
      for (int64_t& axis : axes) axis = axis_of(axis);
      std::ranges::sort(axes);
      attributes.insert_or_assign("axes", axes);
      break;
    }
    case Movable::per_axis:
      for (auto& [name, attribute] : attributes) {
        if (auto* dims = std::get_if<Dims>(&attribute)) attribute = permuted(Dims(*dims), q);
        else if (auto* ints = std::get_if<Ints>(&attribute)) attribute = permuted(Ints(*ints), q);
      }
      break;
    case Movable::no:
    case Movable::elementwise: break;
  }
  return attributes;
}

// Rebuilds the region on turned values and gives every reader outside what it had before.
Status turn(const Region& region, const Ints& p) {
  Ints q = inverse(p);
  std::unordered_map<const Value*, Value*> turned;  // v -> v'
  for (Node* node : region.nodes) {
    Builder builder(*node->graph(), node, node->source());
    std::vector<Value*> operands;
    for (Value* v : node->operands()) {
      if (v == nullptr || v->type().rank() == 0 || (no_axes(v) && movable(*node) == Movable::elementwise)) {
        operands.push_back(v);
        continue;
      }
      auto [at, fresh] = turned.emplace(v, nullptr);
      if (fresh) {
        Value* x = v;
        if (x->type().rank() < region.rank)
          x = builder.op("reshape", {x}, {{"shape", aligned(x->type().dims, region.rank)}});
        Node* t = transpose_of(x);
        Ints order = t != nullptr ? compose(permutation(*t), q) : q;
        if (t != nullptr) x = t->operand(0);
        at->second = is_identity(order) ? x : builder.op("transpose", {x}, {{"permutation", order}});
      }
      operands.push_back(at->second);
    }
    turned[node->result()] = builder.op(node->op(), operands, turned_attributes(*node, p));
    TRY(builder.finish());
  }
  for (Node* node : region.nodes) {
    Value* v = node->result();
    bool outside = v->is_output();
    for (Node* user : v->users()) outside |= !region.members.contains(user);
    if (!outside) continue;
    Builder builder(*node->graph(), node, node->source());
    // no_axes: a value of ones alone has the same dims in any order.
    Value* back = builder.op("transpose", {turned.at(v)}, {{"permutation", p}});
    TRY(builder.finish());
    // The old members still read v; they are dead now but must keep their operands until they are removed.
    v->graph()->replace_uses(v, back);
  }
  return {};
}

Result<bool> turn_regions(Graph& graph) {
  std::unordered_set<Node*> seen;
  for (const auto& node : graph.nodes()) {
    if (movable(*node) == Movable::no || !live(node.get()) || seen.contains(node.get())) continue;
    Region region = grow(node.get());
    seen.insert(region.members.begin(), region.members.end());
    // Lower-rank operands are turned after a reshape, which only elementwise nodes allow.
    bool plain = std::ranges::all_of(region.nodes, [&](Node* n) {
      return movable(*n) == Movable::elementwise || std::ranges::all_of(n->operands(), [&](Value* v) {
               return v == nullptr || v->type().rank() == region.rank || v->type().rank() == 0;
             });
    });
    if (!plain || region.rank < 2) continue;
    std::set<Ints> candidates;
    for (Node* member : region.nodes) {
      for (Value* v : member->operands())
        if (Node* t = v == nullptr ? nullptr : transpose_of(v); t != nullptr && v->type().rank() == region.rank)
          candidates.insert(permutation(*t));
      for (Node* user : member->result()->users())
        if (user->op() == "transpose") candidates.insert(inverse(permutation(*user)));
    }
    const Ints* best = nullptr;
    int least = 0;
    for (const Ints& p : candidates) {
      int cost = cost_of_turning(region, p);
      if (cost < least) best = &p, least = cost;
    }
    if (best == nullptr) continue;
    TRY(turn(region, *best));
    return true;
  }
  return false;
}

// One graph, without its regions.
Result<bool> simplify_views(Graph& graph) {
  bool changed = false;
  std::vector<Node*> nodes;
  for (const auto& node : graph.nodes()) nodes.push_back(node.get());
  for (Node* node : nodes) {
    if (node->result_count() != 1 || node->result() == nullptr || node->result()->unused()) continue;
    if (node->op() == "transpose") changed |= TRY(simplify_transpose(node));
    else if (node->op() == "reshape") changed |= TRY(simplify_reshape(node));
    else changed |= TRY(simplify_reduce(node));
  }
  return changed;
}

Result<bool> move(Graph& graph) {
  bool changed = false;
  // Every turn leaves fewer transposes; the bound is a guard against a mistake in the count.
  for (int round = 0; round < 256; ++round) {
    bool again = TRY(simplify_views(graph));
    if (again) graph.remove_dead_nodes();
    if (TRY(turn_regions(graph))) {
      again = true;
      graph.remove_dead_nodes();
    }
    if (!again) break;
    changed = true;
  }
  return changed;
}

}  // namespace

Result<bool> move_transposes(Graph& graph, const PassContext& context) {
  bool changed = TRY(move(graph));
  std::vector<Graph*> regions;
  for (const auto& node : graph.nodes())
    for (std::size_t i = 0; i < node->region_count(); ++i) regions.push_back(&node->region(i));
  for (Graph* region : regions) changed |= TRY(move_transposes(*region, context));
  return changed;
}

}  // namespace burnish::passes
