#include "passes/match.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "ops/support/attributes.h"

namespace burnish::passes {

namespace {

class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : text_(text) {}

  Pattern parse() {
    Pattern p = term();
    skip();
    check(at_ == text_.size(), "end expected");
    return p;
  }

 private:
  void check(bool ok, const char* what) const {
    CHECK(ok, "pattern '" + std::string(text_) + "' at " + std::to_string(at_) + ": " + what);
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool eat(char c) {
    skip();
    if (at_ < text_.size() && text_[at_] == c) return ++at_, true;
    return false;
  }
  std::string word() {
    skip();
    std::size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    check(at_ > start, "name expected");
    return std::string(text_.substr(start, at_ - start));
  }

  Pattern term() {
    skip();
    check(at_ < text_.size(), "term expected");
    char c = text_[at_];
    Pattern p;
    if (eat('#')) {
      p.kind = Pattern::Kind::constant;
      p.label = word();
      return p;
    }
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '-') {
      p.kind = Pattern::Kind::number;
      auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), p.number);
      check(error == std::errc(), "number expected");
      at_ = static_cast<std::size_t>(end - text_.data());
      return p;
    }
    if (eat('(')) {
      p.kind = Pattern::Kind::choice;
      do p.operands.push_back(term());
      while (eat('|'));
      check(eat(')'), "')' expected");
      return p;
    }
    p.label = word();
    if (eat(':')) {
      std::string label = std::move(p.label);
      p = term();
      check(p.label.empty(), "a name for a name");
      p.label = label;
      return p;
    }
    if (!eat('(')) return p;
    p.kind = Pattern::Kind::node;
    p.op = std::move(p.label);
    p.label.clear();
    if (!eat(')')) {
      do p.operands.push_back(term());
      while (eat(','));
      check(eat(')'), "')' expected");
    }
    skip();
    if (eat('{')) attributes(p);
    return p;
  }

  void attributes(Pattern& p) {
    do {
      Pattern::AttributePattern a;
      a.name = word();
      check(eat('='), "'=' expected");
      if (eat('$')) {
        a.capture = word();
      } else {
        skip();
        std::size_t start = at_;
        int depth = 0;
        for (; at_ < text_.size(); ++at_) {
          char c = text_[at_];
          if (c == '[' || c == '(') ++depth;
          if (c == ']' || c == ')') --depth;
          if (depth == 0 && (c == ',' || c == '}')) break;
        }
        std::size_t end = at_;
        while (end > start && text_[end - 1] == ' ') --end;
        auto value = parse_attribute(text_.substr(start, end - start));
        check(value.has_value(), "attribute expected");
        a.value = *std::move(value);
      }
      p.attributes.push_back(std::move(a));
    } while (eat(','));
    check(eat('}'), "'}' expected");
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Numbers that a dtype holds exactly must be met exactly; others to its rounding (exporters print sqrt(2) in many ways).
bool same_number(double found, double wanted, DType dtype) {
  if (found == wanted) return true;
  if (!is_float(dtype)) return false;
  double rounded = dtype == DType::f16    ? half_to_float(float_to_half(wanted))
                   : dtype == DType::bf16 ? bfloat_to_float(float_to_bfloat(wanted))
                                          : static_cast<float>(wanted);
  if (rounded == wanted) return false;
  double slack = dtype == DType::f16 ? 2e-3 : dtype == DType::bf16 ? 1e-2 : 1e-6;
  return std::abs(found - wanted) <= slack * std::abs(wanted);
}

bool same_attribute(const Attribute& a, const Attribute& b) {
  if (const double* x = std::get_if<double>(&a)) {
    const double* y = std::get_if<double>(&b);
    return y != nullptr && same_number(*y, *x, DType::f32);
  }
  return a == b;
}

struct Goal {
  const Pattern* pattern;
  Value* value;
};

struct State {
  std::vector<Goal> goals;  // a stack
  Match match;
};

bool bind(Match& match, const std::string& label, Value* value) {
  if (label.empty()) return true;
  auto [at, fresh] = match.values.emplace(label, value);
  return fresh || at->second == value;
}

bool match_attributes(const Pattern& p, const Node& node, Match& match) {
  for (const auto& wanted : p.attributes) {
    std::optional<Attribute> found = attribute_or_default(node, wanted.name);
    if (!found) return false;
    if (wanted.value) {
      if (!same_attribute(*wanted.value, *found)) return false;
    } else {
      auto [at, fresh] = match.attributes.emplace(wanted.capture, *found);
      if (!fresh && !same_attribute(at->second, *found)) return false;
    }
  }
  return true;
}

std::optional<Match> solve(State state) {
  while (!state.goals.empty()) {
    auto [p, value] = state.goals.back();
    state.goals.pop_back();
    if (value == nullptr || !value->type().is_tensor()) return std::nullopt;
    switch (p->kind) {
      case Pattern::Kind::value:
        if (!bind(state.match, p->label, value)) return std::nullopt;
        break;
      case Pattern::Kind::constant:
        if (constant_of(value) == nullptr || !bind(state.match, p->label, value)) return std::nullopt;
        break;
      case Pattern::Kind::number: {
        std::optional<double> number = splat(value);
        if (!number || !same_number(*number, p->number, value->type().dtype)) return std::nullopt;
        if (!bind(state.match, p->label, value)) return std::nullopt;
        break;
      }
      case Pattern::Kind::choice:
        if (!bind(state.match, p->label, value)) return std::nullopt;
        for (const Pattern& alternative : p->operands) {
          State next = state;
          next.goals.push_back({&alternative, value});
          if (auto found = solve(std::move(next))) return found;
        }
        return std::nullopt;
      case Pattern::Kind::node: {
        Node* node = value->producer();
        if (node == nullptr || node->op() != p->op || value->index() != 0) return std::nullopt;
        if (!bind(state.match, p->label, value)) return std::nullopt;
        std::size_t given = node->operand_count();
        while (given > 0 && node->operand(given - 1) == nullptr) --given;
        if (given != p->operands.size() || !match_attributes(*p, *node, state.match)) return std::nullopt;
        if (std::ranges::find(state.match.nodes, node) == state.match.nodes.end()) state.match.nodes.push_back(node);
        if (given == 2 && is_commutative(*node)) {
          State swapped = state;
          swapped.goals.push_back({&p->operands[1], node->operand(0)});
          swapped.goals.push_back({&p->operands[0], node->operand(1)});
          State straight = std::move(state);
          straight.goals.push_back({&p->operands[1], node->operand(1)});
          straight.goals.push_back({&p->operands[0], node->operand(0)});
          if (auto found = solve(std::move(straight))) return found;
          return solve(std::move(swapped));
        }
        for (std::size_t i = given; i-- > 0;) state.goals.push_back({&p->operands[i], node->operand(i)});
        break;
      }
    }
  }
  return std::move(state.match);
}

}  // namespace

Pattern parse_pattern(std::string_view text) { return PatternParser(text).parse(); }

Value* Match::value(std::string_view name) const {
  auto at = values.find(name);
  return at == values.end() ? nullptr : at->second;
}

const Attribute& Match::attribute(std::string_view name) const {
  auto at = attributes.find(name);
  CHECK(at != attributes.end(), "no attribute was captured as " + std::string(name));
  return at->second;
}

std::optional<Match> match(const Pattern& pattern, Value* root) {
  State state;
  state.goals.push_back({&pattern, root});
  return solve(std::move(state));
}

bool closed(const Match& match) {
  for (std::size_t i = 1; i < match.nodes.size(); ++i) {
    for (std::size_t r = 0; r < match.nodes[i]->result_count(); ++r) {
      const Value* value = match.nodes[i]->result(r);
      if (value == nullptr) continue;
      if (value->is_output()) return false;
      for (const Node* user : value->users())
        if (std::ranges::find(match.nodes, user) == match.nodes.end()) return false;
    }
  }
  return true;
}

Value* build(const Pattern& p, Match& match, Builder& builder, DType dtype) {
  switch (p.kind) {
    case Pattern::Kind::value:
    case Pattern::Kind::constant: {
      Value* value = match.value(p.label);
      CHECK(value != nullptr, "a replacement names " + p.label + ", which its pattern does not");
      return value;
    }
    case Pattern::Kind::number: return builder.scalar(dtype, p.number);
    case Pattern::Kind::choice: return build(p.operands.front(), match, builder, dtype);
    case Pattern::Kind::node: break;
  }
  if (!p.label.empty())
    if (Value* known = match.value(p.label)) return known;
  const Operator* definition = ops::find(p.op);
  const auto is_condition = [&](std::size_t i) {
    return definition != nullptr && i < definition->operands.size() && definition->operands[i].types == "bool";
  };
  std::vector<Value*> operands(p.operands.size(), nullptr);
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (p.operands[i].kind == Pattern::Kind::number) continue;
    operands[i] = build(p.operands[i], match, builder, dtype);
    if (operands[i] == nullptr) return nullptr;  // the builder keeps the reason
    if (!is_condition(i)) dtype = operands[i]->type().dtype;
  }
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (operands[i] == nullptr)
      operands[i] = builder.scalar(is_condition(i) ? DType::boolean : dtype, p.operands[i].number);
  AttributeMap attributes;
  for (const auto& a : p.attributes) attributes.emplace(a.name, a.value ? *a.value : match.attribute(a.capture));
  Value* made = builder.op(p.op, operands, std::move(attributes));
  if (!p.label.empty() && made != nullptr) match.values.emplace(p.label, made);
  return made;
}

Node* producer(const Value* value, std::string_view op) {
  Node* node = value == nullptr ? nullptr : value->producer();
  return node != nullptr && node->op() == op ? node : nullptr;
}

const Tensor* constant_of(const Value* value) {
  Node* node = producer(value, "constant");
  return node == nullptr ? nullptr : std::get_if<Tensor>(node->attribute("value"));
}

std::optional<double> splat(const Value* value) {
  while (Node* node = producer(value, "broadcast")) value = node->operand(0);
  const Tensor* tensor = constant_of(value);
  if (tensor == nullptr || tensor->elements() == 0) return std::nullopt;
  NumberClass c = number_class(tensor->dtype());
  if (c == NumberClass::complex || c == NumberClass::string) return std::nullopt;
  std::size_t size = burnish::byte_size(tensor->dtype());
  std::span<const std::byte> bytes = tensor->bytes();
  // All elements alike: every byte equals the one an element earlier.
  if (!std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.end(), bytes.begin())) return std::nullopt;
  return tensor->real_at(0);
}

bool only_user(const Value* value, const Node* user) {
  return !value->is_output() && std::ranges::all_of(value->users(), [&](const Node* n) { return n == user; });
}

std::size_t reader_count(const Value* value) { return value->users().size() + (value->is_output() ? 1 : 0); }

std::optional<Attribute> attribute_or_default(const Node& node, std::string_view name) {
  const Attribute* given = node.attribute(name);
  const AttributeSpec* spec = node.definition() == nullptr ? nullptr : ops::find_attribute(*node.definition(), name);
  if (given == nullptr && spec != nullptr) given = ops::default_value(*spec);
  if (given == nullptr) return std::nullopt;
  return spec == nullptr ? std::optional(*given) : ops::as_kind(*given, spec->kind);
}

int64_t integer(const Node& node, std::string_view name, int64_t otherwise) {
  auto a = attribute_or_default(node, name);
  const int64_t* value = a ? std::get_if<int64_t>(&*a) : nullptr;
  return value ? *value : otherwise;
}

double real(const Node& node, std::string_view name, double otherwise) {
  auto a = attribute_or_default(node, name);
  const double* value = a ? std::get_if<double>(&*a) : nullptr;
  return value ? *value : otherwise;
}

Ints integers(const Node& node, std::string_view name) {
  auto a = attribute_or_default(node, name);
  const Ints* value = a ? std::get_if<Ints>(&*a) : nullptr;
  return value ? *value : Ints{};
}

Dims dims_attribute(const Node& node, std::string_view name) {
  auto a = attribute_or_default(node, name);
  const Dims* value = a ? std::get_if<Dims>(&*a) : nullptr;
  return value ? *value : Dims{};
}

std::string string_attribute(const Node& node, std::string_view name) {
  auto a = attribute_or_default(node, name);
  const std::string* value = a ? std::get_if<std::string>(&*a) : nullptr;
  return value ? *value : std::string();
}

bool is_elementwise(const Node& node) { return node.definition() != nullptr && node.definition()->scalar.has_value(); }

bool is_commutative(const Node& node) { return is_elementwise(node) && info(*node.definition()->scalar).commutative; }

bool replace(Node* node, Value* value) {
  Value* old = node->result();
  if (value == nullptr || old == nullptr || value == old) return false;
  const Type &a = old->type(), &b = value->type();
  if (!(a == b)) {
    if (!a.is_ranked_tensor() || !b.is_ranked_tensor() || a.dtype != b.dtype || a.rank() != b.rank()) return false;
    for (std::size_t i = 0; i < a.dims.size(); ++i)
      if (equal(a.dims[i], b.dims[i]) != Truth::yes) return false;
  }
  node->graph()->replace_uses(old, value);
  return true;
}

std::vector<Node*> all_nodes(const Graph& graph) {
  std::vector<Node*> nodes;
  walk(graph, [&](Node& node) { nodes.push_back(&node); });
  return nodes;
}

std::string joined_sources(const Match& match) {
  std::string joined;
  std::set<std::string> seen;
  // Oldest first, as the user wrote them.
  for (auto it = match.nodes.rbegin(); it != match.nodes.rend(); ++it) {
    const std::string& source = (*it)->source();
    if (source.empty() || !seen.insert(source).second) continue;
    if (!joined.empty()) joined += " + ";
    joined += source;
  }
  return joined;
}

}  // namespace burnish::passes
