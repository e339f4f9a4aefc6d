#include "ir/graph.h"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

namespace burnish {

// -- nodes

// Edits of a graph either happen or, without memory, leave it as it was: users of a library go on with it.

void Node::set_operand(std::size_t i, Value* value) {
  if (i >= operands_.size()) operands_.resize(i + 1, nullptr);
  if (value) value->users_.push_back(this);
  if (Value* old = operands_[i]) {
    // One entry per slot: drop one of ours, from the back, where it is when a graph is taken apart or grows.
    auto it = std::find(old->users_.rbegin(), old->users_.rend(), this);
    CHECK(it != old->users_.rend(), old->name());
    old->users_.erase(std::next(it).base());
  }
  operands_[i] = value;
}

void Node::set_operands(std::span<Value* const> operands) {
  const std::vector<Value*> wanted(operands.begin(), operands.end());  // may alias our own
  for (std::size_t i = 0; i < operands_.size(); ++i) set_operand(i, nullptr);
  operands_.clear();
  operands_.resize(wanted.size(), nullptr);
  for (std::size_t i = 0; i < wanted.size(); ++i) set_operand(i, wanted[i]);
}

const Attribute* Node::attribute(std::string_view name) const {
  auto it = attributes_.find(name);
  return it == attributes_.end() ? nullptr : &it->second;
}
void Node::set_attribute(std::string_view name, Attribute value) {
  attributes_.insert_or_assign(std::string(name), std::move(value));
}
void Node::remove_attribute(std::string_view name) {
  if (auto it = attributes_.find(name); it != attributes_.end()) attributes_.erase(it);
}

Graph& Node::add_region(std::string name) {
  regions_.push_back(std::make_unique<Graph>(std::move(name), graph_, this));
  return *regions_.back();
}

// -- graph

Graph::Graph(std::string name, Graph* parent, Node* owner) : name_(std::move(name)), parent_(parent), owner_(owner) {}

Graph::~Graph() { let_go(*this); }

// Takes back every read of values around the dying graph. Reads within it need no care, which they could not get in a
// graph whose order is lost.
void Graph::let_go(const Graph& dying) {
  const auto survives = [&](const Value* value) {
    if (value == nullptr || dying.parent_ == nullptr) return false;
    const Graph* graph = value->graph_;
    while (graph != nullptr && graph != &dying) graph = graph->parent_;
    return graph == nullptr;
  };
  for (Output& output : outputs_)
    if (survives(output.value)) --output.value->output_uses_;
  outputs_.clear();
  for (const auto& node : nodes_) {
    for (std::size_t i = 0; i < node->operands_.size(); ++i)
      if (survives(node->operands_[i])) node->set_operand(i, nullptr);
    node->operands_.clear();
    for (const auto& region : node->regions_) region->let_go(dying);
  }
}

Graph& Graph::root() {
  Graph* g = this;
  while (g->parent_) g = g->parent_;
  return *g;
}

std::unique_ptr<Value> Graph::make_value(std::string_view name, Type type) {
  auto value = std::make_unique<Value>();
  value->name_ = fresh_name(name);
  value->type_ = std::move(type);
  value->graph_ = this;
  return value;
}

std::string Graph::fresh_name(std::string_view hint) {
  Graph& r = root();
  std::string base(hint.empty() ? "v" : hint);
  if (!hint.empty() && r.names_.insert(base).second) return base;
  int& counter = r.name_counters_[base];
  for (;;) {
    std::string candidate = hint.empty() ? fmt::format("v{}", counter++) : fmt::format("{}_{}", base, ++counter);
    if (r.names_.insert(candidate).second) return candidate;
  }
}

void Graph::rename(Value* value, std::string_view name) {
  if (value->name_ == name) return;
  std::string fresh = fresh_name(name);
  root().names_.erase(value->name_);
  value->name_ = std::move(fresh);
}

Dim Graph::fresh_symbol(std::string_view hint, Range range) {
  Graph& r = root();
  for (;;) {
    std::string name = fmt::format("{}{}", hint, r.next_symbol_++);
    if (r.symbol_ranges_.emplace(name, range).second) return Dim::symbol(name, range);
  }
}

Value* Graph::add_input(std::string name, Type type, InputRole role) {
  if (inputs_.size() == inputs_.capacity()) inputs_.reserve(2 * inputs_.size() + 1);
  auto value = make_value(name, std::move(type));
  value->index_ = static_cast<int>(inputs_.size());
  value->role = role;
  inputs_.push_back(std::move(value));
  return inputs_.back().get();
}

void Graph::remove_input(std::size_t i) {
  CHECK(inputs_[i]->unused(), inputs_[i]->name());
  root().names_.erase(inputs_[i]->name_);
  inputs_.erase(inputs_.begin() + static_cast<std::ptrdiff_t>(i));
  for (std::size_t j = i; j < inputs_.size(); ++j) inputs_[j]->index_ = static_cast<int>(j);
}

void Graph::add_output(Value* value, std::string name, std::string updates) {
  outputs_.push_back({value, std::move(name), std::move(updates)});
  ++value->output_uses_;
}
void Graph::set_output(std::size_t i, Value* value) {
  --outputs_[i].value->output_uses_;
  ++value->output_uses_;
  outputs_[i].value = value;
}
void Graph::clear_outputs() {
  for (Output& o : outputs_) --o.value->output_uses_;
  outputs_.clear();
}

Node* Graph::add_node(std::string_view op, std::span<Value* const> operands, AttributeMap attributes,
                      std::vector<ResultSpec> results, Node* before) {
  CHECK(before == nullptr || before->graph_ == this, "insertion point of another graph");
  std::unique_ptr<Node> node(new Node);
  node->op_ = std::string(op);
  node->attributes_ = std::move(attributes);
  node->graph_ = this;
  node->results_.reserve(results.size());
  // A node that is not finished is taken back: others would know of it, and its names would stay taken.
  struct Unfinished {
    Node* node;
    ~Unfinished() {
      if (node == nullptr) return;
      for (std::size_t i = 0; i < node->operands_.size(); ++i) node->set_operand(i, nullptr);
      for (const auto& result : node->results_)
        if (result) node->graph_->root().names_.erase(result->name_);
    }
  } unfinished{node.get()};
  for (ResultSpec& spec : results) {
    if (spec.omitted) {
      node->results_.push_back(nullptr);
      continue;
    }
    auto value = make_value(spec.name, std::move(spec.type));
    value->producer_ = node.get();
    value->index_ = static_cast<int>(node->results_.size());
    node->results_.push_back(std::move(value));
  }
  node->set_operands(operands);
  const auto position = nodes_.emplace(before ? before->position_ : nodes_.end());
  Node* raw = node.get();
  *position = std::move(node);
  raw->position_ = position;
  unfinished.node = nullptr;
  return raw;
}

void Graph::move_before(Node* node, Node* before) {
  CHECK(node->graph_ == this && (before == nullptr || before->graph_ == this), "nodes of one graph");
  nodes_.splice(before ? before->position_ : nodes_.end(), nodes_, node->position_);
}

namespace {
void forget_names(const Graph& graph, std::set<std::string, std::less<>>& names) {
  for (const auto& input : graph.inputs()) names.erase(input->name());
  for (const auto& node : graph.nodes()) {
    for (std::size_t i = 0; i < node->result_count(); ++i)
      if (node->result(i)) names.erase(node->result(i)->name());
    for (std::size_t r = 0; r < node->region_count(); ++r) forget_names(node->region(r), names);
  }
}
}  // namespace

void Graph::erase(Node* node) {
  CHECK(node->graph_ == this, "a node of this graph");
  auto& names = root().names_;
  for (const auto& result : node->results_) {
    if (!result) continue;
    CHECK(result->unused(), result->name() + " is still read");
    names.erase(result->name_);
  }
  for (const auto& region : node->regions_) forget_names(*region, names);
  node->regions_.clear();
  for (std::size_t i = 0; i < node->operands_.size(); ++i) node->set_operand(i, nullptr);
  nodes_.erase(node->position_);
}

void Graph::replace_uses(Value* from, Value* to) {
  if (from == to) return;
  // All that takes memory comes first.
  std::vector<Node*>& now = to->users_;
  if (const std::size_t wanted = now.size() + from->users_.size(); wanted > now.capacity())
    now.reserve(std::max(wanted, 2 * now.capacity()));
  const std::function<void(Graph&)> visit = [&](Graph& g) {
    for (std::size_t i = 0; i < g.outputs_.size(); ++i)
      if (g.outputs_[i].value == from) g.set_output(i, to);
    for (const auto& node : g.nodes_)
      for (const auto& region : node->regions_) visit(*region);
  };
  const std::vector<Node*> users = std::exchange(from->users_, {});
  for (std::size_t u = 0; u < users.size(); ++u) {
    if (u > 0 && users[u] == users[u - 1]) continue;  // all its slots were done at once
    for (Value*& operand : users[u]->operands_) {
      if (operand != from) continue;
      operand = to;
      now.push_back(users[u]);
    }
  }
  // Outputs of its own graph, or of regions that return a captured value.
  if (from->output_uses_ > 0) visit(*from->graph_);
}

std::size_t Graph::remove_dead_nodes() {
  std::size_t removed = 0;
  // Uses by dead nodes are counted, and dropped together at the end: one by one, the users of a value that many dead nodes
  // read would be searched for each of them.
  std::unordered_map<Value*, std::size_t> dropped;
  std::unordered_set<Node*> dead;
  const auto unused = [&](const std::unique_ptr<Value>& value) {
    if (!value || value->unused()) return true;
    const auto found = dropped.find(value.get());
    return value->output_uses_ == 0 && found != dropped.end() && found->second == value->users_.size();
  };
  // Readers come after what they read, so one walk from the back finds whole dead chains.
  for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) {
    Node* node = it->get();
    if (node->effectful || !std::ranges::all_of(node->results_, unused)) {
      for (const auto& region : node->regions_) removed += region->remove_dead_nodes();
      continue;
    }
    for (const auto& region : node->regions_) forget_names(*region, root().names_);
    node->regions_.clear();
    for (Value* operand : node->operands_)
      if (operand) ++dropped[operand];
    dead.insert(node);
  }
  for (auto& [value, count] : dropped) std::erase_if(value->users_, [&](Node* user) { return dead.contains(user); });
  for (Node* node : dead) node->operands_.clear();
  for (Node* node : dead) erase(node);
  return removed + dead.size();
}

Status Graph::sort() {
  // Kahn's algorithm in the present order, so that a sorted graph stays as it is. A node depends on the producers (in
  // this graph) of everything that it or its regions read.
  std::unordered_map<const Node*, std::size_t> missing;
  std::unordered_map<const Node*, std::vector<Node*>> readers;
  for (const auto& node : nodes_) {
    std::set<const Node*> before;
    const std::function<void(const Value*)> need = [&](const Value* v) {
      if (v && v->producer_ && v->graph_ == this && v->producer_ != node.get()) before.insert(v->producer_);
    };
    for (Value* v : node->operands_) need(v);
    for (const auto& region : node->regions_) {
      walk(*region, [&](Node& inner) {
        for (Value* v : inner.operands()) need(v);
        for (std::size_t r = 0; r < inner.region_count(); ++r)
          for (const Output& o : inner.region(r).outputs()) need(o.value);
      });
      for (const Output& o : region->outputs_) need(o.value);
    }
    missing[node.get()] = before.size();
    for (const Node* p : before) readers[p].push_back(node.get());
  }
  std::unordered_map<const Node*, std::size_t> order;
  std::size_t next = 0;
  for (const auto& node : nodes_) order[node.get()] = next++;
  const auto later = [&](const Node* a, const Node* b) { return order[a] > order[b]; };
  std::vector<Node*> ready;
  for (const auto& node : nodes_)
    if (missing[node.get()] == 0) ready.push_back(node.get());
  std::make_heap(ready.begin(), ready.end(), later);
  std::size_t placed = 0;
  const std::size_t count = nodes_.size();
  while (!ready.empty()) {
    std::pop_heap(ready.begin(), ready.end(), later);
    Node* node = ready.back();
    ready.pop_back();
    nodes_.splice(nodes_.end(), nodes_, node->position_);
    ++placed;
    for (Node* reader : readers[node]) {
      if (--missing[reader] > 0) continue;
      ready.push_back(reader);
      std::push_heap(ready.begin(), ready.end(), later);
    }
  }
  if (placed != count) {
    for (const auto& node : nodes_) {
      if (missing[node.get()] > 0)
        return refused(fmt::format("the graph has a cycle through '{}'", node->op_), node->source_);
    }
  }
  for (const auto& node : nodes_)
    for (const auto& region : node->regions_) TRY(region->sort());
  return {};
}

void Graph::copy_into(Graph& target, std::unordered_map<const Value*, Value*>& map) const {
  for (const auto& input : inputs_) {
    Value* copy = target.add_input(input->name_, input->type_, input->role);
    copy->contents_ = input->contents_;
    map[input.get()] = copy;
  }
  for (const auto& node : nodes_) {
    std::vector<Value*> operands;
    for (Value* v : node->operands_) operands.push_back(v ? map.at(v) : nullptr);
    std::vector<ResultSpec> results;
    for (const auto& r : node->results_)
      results.push_back(r ? ResultSpec{r->type_, r->name_} : ResultSpec{{}, {}, true});
    Node* copy = target.add_node(node->op_, operands, node->attributes_, std::move(results));
    copy->definition_ = node->definition_;
    copy->source_ = node->source_;
    copy->effectful = node->effectful;
    for (std::size_t i = 0; i < node->results_.size(); ++i) {
      if (!node->results_[i]) continue;
      copy->results_[i]->contents_ = node->results_[i]->contents_;
      map[node->results_[i].get()] = copy->results_[i].get();
    }
    for (const auto& region : node->regions_) region->copy_into(copy->add_region(region->name_), map);
  }
  for (const Output& o : outputs_) target.add_output(map.at(o.value), o.name, o.updates);
}

std::unique_ptr<Graph> Graph::clone() const {
  CHECK(parent_ == nullptr, "clone of a root graph");
  auto copy = std::make_unique<Graph>(name_);
  copy->symbol_ranges_ = symbol_ranges_;
  copy->next_symbol_ = next_symbol_;
  std::unordered_map<const Value*, Value*> map;
  copy_into(*copy, map);
  return copy;
}

void walk(const Graph& graph, const std::function<void(Node&)>& f) {
  for (const auto& node : graph.nodes()) {
    f(*node);
    for (std::size_t i = 0; i < node->region_count(); ++i) walk(node->region(i), f);
  }
}

}  // namespace burnish
