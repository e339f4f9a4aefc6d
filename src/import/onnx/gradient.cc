// Gradient of ai.onnx.preview.training: reverse differentiation of the nodes between the inputs that it names and a value.

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "import/onnx/importer.h"
#include "import/onnx/training.h"

namespace burnish::onnx {
namespace {

// Writes derivatives of one node: `in`, `out` and `flow` (the derivative of the result that arrives) are values.
struct Rule {
  NodeContext& c;
  const Node& node;
  Value* flow;

  Value* in(std::size_t i) const { return node.operand(i); }
  Value* out() const { return node.result(); }
  Value* number(double value) const { return c.number(out(), value); }
  Value* add(Value* a, Value* b) const { return c.op("add", {a, b}); }
  Value* sub(Value* a, Value* b) const { return c.op("sub", {a, b}); }
  Value* mul(Value* a, Value* b) const { return c.op("mul", {a, b}); }
  Value* div(Value* a, Value* b) const { return c.op("div", {a, b}); }
  Value* neg(Value* a) const { return c.op("neg", {a}); }
  Value* unary(std::string_view op, Value* a) const { return c.op(op, {a}); }
  Value* where(std::string_view compare, Value* a, Value* b) const {
    return c.op("select", {c.op(compare, {a, b}), flow, number(0)});
  }
};

// The derivative that goes to operand i, of the result's shape; null: none goes there.
using Derivative = Value* (*)(const Rule&, std::size_t i);
struct Row {
  std::string_view op;
  Derivative derivative;
};

constexpr Row kRows[] = {
    {"identity", [](const Rule& r, std::size_t) { return r.flow; }},
    {"add", [](const Rule& r, std::size_t) { return r.flow; }},
    {"sub", [](const Rule& r, std::size_t i) { return i == 0 ? r.flow : r.neg(r.flow); }},
    {"mul", [](const Rule& r, std::size_t i) { return r.mul(r.flow, r.in(1 - i)); }},
    {"div",
     [](const Rule& r, std::size_t i) {
       Value* whole = r.div(r.flow, r.in(1));
       return i == 0 ? whole : r.neg(r.mul(whole, r.out()));
     }},
    {"pow",
     [](const Rule& r, std::size_t i) {
       if (i == 0) return r.mul(r.flow, r.mul(r.in(1), r.c.op("pow", {r.in(0), r.sub(r.in(1), r.number(1))})));
       return r.mul(r.flow, r.mul(r.out(), r.unary("log", r.in(0))));
     }},
    {"neg", [](const Rule& r, std::size_t) { return r.neg(r.flow); }},
    {"abs", [](const Rule& r, std::size_t) { return r.mul(r.flow, r.unary("sign", r.in(0))); }},
    {"reciprocal", [](const Rule& r, std::size_t) { return r.neg(r.mul(r.flow, r.mul(r.out(), r.out()))); }},
    {"exp", [](const Rule& r, std::size_t) { return r.mul(r.flow, r.out()); }},
    {"log", [](const Rule& r, std::size_t) { return r.div(r.flow, r.in(0)); }},
    {"sqrt", [](const Rule& r, std::size_t) { return r.div(r.flow, r.mul(r.out(), r.number(2))); }},
    {"sin", [](const Rule& r, std::size_t) { return r.mul(r.flow, r.unary("cos", r.in(0))); }},
    {"cos", [](const Rule& r, std::size_t) { return r.neg(r.mul(r.flow, r.unary("sin", r.in(0)))); }},
    {"tanh", [](const Rule& r, std::size_t) { return r.mul(r.flow, r.sub(r.number(1), r.mul(r.out(), r.out()))); }},
    {"sigmoid", [](const Rule& r, std::size_t) { return r.mul(r.flow, r.mul(r.out(), r.sub(r.number(1), r.out()))); }},
    {"relu", [](const Rule& r, std::size_t) { return r.where("gt", r.in(0), r.number(0)); }},
    {"max", [](const Rule& r, std::size_t i) { return r.where(i == 0 ? "ge" : "gt", r.in(i), r.in(1 - i)); }},
    {"min", [](const Rule& r, std::size_t i) { return r.where(i == 0 ? "le" : "lt", r.in(i), r.in(1 - i)); }},
};

class Backwards {
 public:
  Backwards(NodeContext& c, std::span<Value* const> ends) : c_(c), ends_(ends.begin(), ends.end()) {}

  // Derivatives of `y` by the values at which it ends, in the order of `wanted`.
  Status run(Value* y, std::span<Value* const> wanted) {
    TRY(order(y));
    flows_[y] = c_.op("broadcast", {c_.number(y, 1)}, {{"shape", y->type().dims}});
    for (auto value = order_.rbegin(); value != order_.rend(); ++value) {
      const auto arrived = flows_.find(*value);
      if (arrived == flows_.end() || ends_.contains(*value)) continue;
      TRY(spread(*(*value)->producer(), arrived->second));
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto found = flows_.find(wanted[i]);
      c_.give(i, found != flows_.end()
                     ? found->second
                     : c_.op("broadcast", {c_.number(wanted[i], 0)}, {{"shape", wanted[i]->type().dims}}));
    }
    return {};
  }

 private:
  // Values between y and the ends that depend on one of them, producers first. Lists, not recursion: graphs are deep.
  Status order(Value* y) {
    std::vector<std::pair<Value*, bool>> todo = {{y, false}};
    std::unordered_set<const Value*> seen;
    while (!todo.empty()) {
      const auto [value, done] = todo.back();
      todo.pop_back();
      const Node* node = value->producer();
      if (done) {
        const bool reaches = ends_.contains(value) ||
                             std::ranges::any_of(node->operands(), [&](Value* v) { return reach_.contains(v); });
        if (reaches) reach_.insert(value), order_.push_back(value);
        continue;
      }
      if (!seen.insert(value).second || (node == nullptr && !ends_.contains(value))) continue;
      todo.emplace_back(value, true);
      if (ends_.contains(value)) continue;
      for (Value* operand : node->operands())
        if (operand != nullptr) todo.emplace_back(operand, false);
    }
    return {};
  }

  Status spread(const Node& node, Value* flow) {
    const auto row = std::ranges::find(kRows, node.op(), &Row::op);
    if (row == std::end(kRows) || node.result_count() != 1)
      return c_.error(fmt::format("the derivative of {} ('{}') is not known", node.op(), node.source()));
    const Rule rule{c_, node, flow};
    for (std::size_t i = 0; i < node.operand_count(); ++i) {
      Value* operand = node.operand(i);
      if (operand == nullptr || !reach_.contains(operand)) continue;
      Value* part = TRY(fitted(row->derivative(rule, i), operand->type()));
      Value*& sum = flows_[operand];
      sum = sum == nullptr ? part : c_.op("add", {sum, part});
    }
    return {};
  }

  // Summed over the axes along which the operand was repeated.
  Result<Value*> fitted(Value* part, const Type& type) {
    TRY(c_.finish());
    if (part == nullptr || !part->type().is_ranked_tensor() || !type.is_ranked_tensor())
      return c_.error("derivatives need values of known rank");
    const std::size_t added = part->type().dims.size() - type.dims.size();
    Ints axes;
    for (std::size_t d = 0; d < part->type().dims.size(); ++d) {
      const Dim own = d < added ? Dim(1) : type.dims[d - added];
      const Truth same = equal(own, part->type().dims[d]);
      if (same == Truth::yes) continue;
      if (!(own == Dim(1))) return c_.error("it is not known along which axes an operand is repeated");
      axes.push_back(static_cast<int64_t>(d));
    }
    if (!axes.empty())
      part = c_.op("reduce", {part}, {{"kind", std::string("sum")}, {"axes", axes}, {"keep", int64_t{1}}});
    if (added > 0) part = c_.op("reshape", {part}, {{"shape", type.dims}});
    return part;
  }

  NodeContext& c_;
  std::unordered_set<const Value*> ends_;
  std::unordered_set<const Value*> reach_;
  std::vector<Value*> order_;
  std::unordered_map<const Value*, Value*> flows_;
};

}  // namespace

Status gradient(NodeContext& c) {
  const Strings xs = c.strings("xs"), zs = c.strings("zs");
  TRY(c.finish());
  if (xs.empty() || c.input_count() != xs.size() + zs.size())
    return c.error("there must be one input for each name in xs and zs");
  const auto named = [&](std::string_view name) -> Result<Value*> {
    Value* value = c.scope().find(name).value_or(nullptr);
    if (value == nullptr) return c.error(fmt::format("there is no value '{}'", name));
    if (!value->type().is_ranked_tensor() || !is_float(value->type().dtype))
      return c.error(fmt::format("'{}' is {}, no tensor of real numbers of known rank", name, value->type().text()));
    return value;
  };
  std::vector<Value*> ends;
  for (const Strings* names : {&xs, &zs})
    for (const std::string& name : *names) {
      ends.push_back(TRY(named(name)));
      if (ends.back() != c.in(ends.size() - 1))
        return c.error(fmt::format("another value is given for '{}'", name),
                       "take derivatives at the values that the graph computes with");
    }
  Value* y = TRY(named(c.string("y", "")));
  return Backwards(c, ends).run(y, std::span(ends).first(xs.size()));
}

}  // namespace burnish::onnx
