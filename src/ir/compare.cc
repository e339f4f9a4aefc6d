// Whether two graphs say the same, whatever their values are called.

#include <bit>
#include <unordered_map>

#include <fmt/format.h>

#include "ir/lexer.h"

namespace burnish {
namespace {

bool same_bits(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

bool same(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) return false;
  if (const double* x = std::get_if<double>(&a)) return same_bits(*x, std::get<double>(b));
  if (const Floats* x = std::get_if<Floats>(&a)) {
    const Floats& y = std::get<Floats>(b);
    return std::equal(x->begin(), x->end(), y.begin(), y.end(), same_bits);
  }
  return a == b;
}

class Comparison {
 public:
  explicit Comparison(bool sources) : sources_(sources) {}

  // The first difference, empty when there is none.
  std::string graphs(const Graph& a, const Graph& b) {
    if (a.name() != b.name()) return differ("the graph's name", a.name(), b.name());
    if (a.inputs().size() != b.inputs().size())
      return differ("the number of inputs", a.inputs().size(), b.inputs().size());
    for (std::size_t i = 0; i < a.inputs().size(); ++i) {
      const Value *x = a.input(i), *y = b.input(i);
      if (x->role != y->role)
        return differ(fmt::format("the role of input {} ({})", i, value_name_text(x->name())),
                      static_cast<int>(x->role), static_cast<int>(y->role));
      if (std::string d = values(x, y, fmt::format("input {}", i)); !d.empty()) return d;
    }
    auto y = b.nodes().begin();
    for (const auto& x : a.nodes()) {
      if (y == b.nodes().end()) break;
      if (std::string d = nodes(*x, **y); !d.empty()) return fmt::format("{}: {}", print(*x, {.sources = false}), d);
      ++y;
    }
    if (a.node_count() != b.node_count()) return differ("the number of nodes", a.node_count(), b.node_count());
    if (a.outputs().size() != b.outputs().size())
      return differ("the number of outputs", a.outputs().size(), b.outputs().size());
    for (std::size_t i = 0; i < a.outputs().size(); ++i)
      if (std::string d = outputs(a, b, i); !d.empty()) return d;
    return {};
  }

 private:
  template <class T>
  static std::string differ(std::string_view what, const T& a, const T& b) {
    return fmt::format("{} is {} in one and {} in the other", what, a, b);
  }

  std::string values(const Value* a, const Value* b, std::string_view what) {
    if (!a != !b) return fmt::format("{} is absent from one of them", what);
    if (!a) return {};
    if (a->type() != b->type())
      return differ(fmt::format("the type of {} ({})", what, value_name_text(a->name())), a->type().text(),
                    b->type().text());
    same_[a] = b;
    return {};
  }

  bool same_value(const Value* a, const Value* b) const {
    if (!a || !b) return a == b;
    const auto found = same_.find(a);
    return found != same_.end() && found->second == b;
  }

  static std::string name_of(const Value* value) { return value ? value_name_text(value->name()) : "_"; }

  std::string nodes(const Node& a, const Node& b) {
    if (a.op() != b.op()) return differ("the operator", a.op(), b.op());
    if (a.operand_count() != b.operand_count())
      return differ("the number of operands", a.operand_count(), b.operand_count());
    for (std::size_t i = 0; i < a.operand_count(); ++i)
      if (!same_value(a.operand(i), b.operand(i)))
        return differ(fmt::format("operand {}", i), name_of(a.operand(i)), name_of(b.operand(i)));
    for (const auto& [name, value] : a.attributes()) {
      const Attribute* other = b.attribute(name);
      if (!other || !same(value, *other))
        return differ(fmt::format("attribute '{}'", name), text(value), other ? text(*other) : "absent");
    }
    for (const auto& [name, value] : b.attributes())
      if (!a.attribute(name)) return differ(fmt::format("attribute '{}'", name), std::string("absent"), text(value));
    if (sources_ && a.source() != b.source()) return differ("the source", quote(a.source()), quote(b.source()));
    if (a.region_count() != b.region_count())
      return differ("the number of regions", a.region_count(), b.region_count());
    for (std::size_t i = 0; i < a.region_count(); ++i)
      if (std::string d = graphs(a.region(i), b.region(i)); !d.empty()) return fmt::format("region {}: {}", i, d);
    if (a.result_count() != b.result_count())
      return differ("the number of results", a.result_count(), b.result_count());
    for (std::size_t i = 0; i < a.result_count(); ++i)
      if (std::string d = values(a.result(i), b.result(i), fmt::format("result {}", i)); !d.empty()) return d;
    return {};
  }

  static std::size_t input_called(const Graph& graph, std::string_view name) {
    std::size_t i = 0;
    while (i < graph.inputs().size() && graph.input(i)->name() != name) ++i;
    return i;
  }

  std::string outputs(const Graph& a, const Graph& b, std::size_t i) const {
    const Graph::Output &x = a.outputs()[i], &y = b.outputs()[i];
    if (!same_value(x.value, y.value)) return differ(fmt::format("output {}", i), name_of(x.value), name_of(y.value));
    // An output that only borrows its value's name has none of its own.
    const bool own = x.name != x.value->name() || y.name != y.value->name();
    if (own && x.name != y.name) return differ(fmt::format("the name of output {}", i), x.name, y.name);
    const bool updates = !x.updates.empty();
    if (updates != !y.updates.empty() || (updates && input_called(a, x.updates) != input_called(b, y.updates)))
      return differ(fmt::format("what output {} updates", i), quote(x.updates), quote(y.updates));
    return {};
  }

  bool sources_;
  std::unordered_map<const Value*, const Value*> same_;
};

}  // namespace

std::string difference(const Graph& a, const Graph& b, bool compare_sources) {
  if (std::string d = Comparison(compare_sources).graphs(a, b); !d.empty()) return d;
  const RangeMap x = narrowed_symbols(a), y = narrowed_symbols(b);
  if (x == y) return {};
  for (const auto& [symbol, range] : x) {
    const auto found = y.find(symbol);
    if (found == y.end() || found->second != range) return fmt::format("the range of {} is another", symbol);
  }
  return "one of them limits more symbols";
}

}  // namespace burnish
