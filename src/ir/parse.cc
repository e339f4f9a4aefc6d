// Graphs from text. Text is as hostile as any other file: everything is bounded by what is there.

#include "ir/parse.h"

#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "ir/lexer.h"

namespace burnish {
namespace {

class GraphParser {
 public:
  GraphParser(std::string_view text, const ConstantStore& constants, const Limits* limits)
      : lexer_(text), constants_(constants), limits_(limits) {}

  Result<std::unique_ptr<Graph>> parse() {
    TRY(lexer_.expect("graph"));
    TRY(lexer_.expect("@"));
    auto graph = std::make_unique<Graph>(TRY(lexer_.name_or_string()));
    // The ranges stand behind the inputs whose sizes they limit: these are then read again.
    Lexer before = lexer_;
    std::vector<Input> inputs = TRY(read_inputs());
    if (lexer_.eat("where")) {
      TRY(read_ranges());
      std::swap(lexer_, before);
      inputs = TRY(read_inputs());
      std::swap(lexer_, before);
    }
    Scope scope;
    TRY(add_inputs(*graph, std::move(inputs), scope));
    TRY(read_body(*graph, scope));
    if (!lexer_.at_end()) return lexer_.error("unexpected text after the graph");
    // Symbols that appear are taken, lest a fresh one gets their name.
    ranges_.merge(seen_);
    graph->symbol_ranges() = std::move(ranges_);
    return graph;
  }

 private:
  struct Input {
    std::string name;
    std::size_t at;
    Type type;
    InputRole role;
  };
  using Scope = std::vector<Value**>;  // those of `values_` that end with a region

  Status read_ranges() {
    do {
      const std::size_t start = lexer_.position();
      const std::string symbol = TRY(lexer_.word());
      TRY(lexer_.expect("in"));
      TRY(lexer_.expect("["));
      const int64_t low = TRY(lexer_.integer());
      TRY(lexer_.expect(","));
      const int64_t high = lexer_.eat("inf") ? Range::kMax : TRY(lexer_.integer());
      TRY(lexer_.expect("]"));
      if (low > high || low < -Range::kMax || high > Range::kMax)
        return lexer_.error_at(start, fmt::format("the range of {} is empty or too wide", symbol));
      if (!ranges_.emplace(symbol, Range{low, high}).second)
        return lexer_.error_at(start, fmt::format("{} has two ranges", symbol));
    } while (lexer_.eat(","));
    return {};
  }

  void note_symbols(const Type& type) {
    for (const Dim& dim : type.dims)
      if (!dim.is_constant()) dim.collect_ranges(seen_);
    if (type.element) note_symbols(*type.element);
  }

  Result<Type> type() {
    Type type = TRY(read_type(lexer_, ranges_));
    note_symbols(type);
    return type;
  }

  Result<std::vector<Input>> read_inputs() {
    std::vector<Input> inputs;
    TRY(lexer_.expect("("));
    if (lexer_.eat(")")) return inputs;
    do {
      Input input;
      input.at = lexer_.position();
      input.name = TRY(lexer_.value_name());
      TRY(lexer_.expect(":"));
      input.role = lexer_.eat("parameter") ? InputRole::parameter
                   : lexer_.eat("state")   ? InputRole::state
                                           : InputRole::data;
      input.type = TRY(type());
      inputs.push_back(std::move(input));
    } while (lexer_.eat(","));
    TRY(lexer_.expect(")"));
    return inputs;
  }

  Status claim(const std::string& name, std::size_t at) {
    if (name.empty()) return lexer_.error_at(at, "a value needs a name");
    if (!values_.emplace(name, nullptr).second)
      return lexer_.error_at(at, fmt::format("{} is defined twice", value_name_text(name)));
    return {};
  }
  void show(Value* value, Scope& scope) {
    Value*& seen = values_[value->name()];
    seen = value;
    scope.push_back(&seen);
  }

  Status add_inputs(Graph& graph, std::vector<Input> inputs, Scope& scope) {
    for (Input& input : inputs) {
      TRY(claim(input.name, input.at));
      show(graph.add_input(std::move(input.name), std::move(input.type), input.role), scope);
    }
    return {};
  }

  Value* find(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : found->second;
  }

  Result<Value*> read_value() {
    const std::size_t start = lexer_.position();
    const std::string name = TRY(lexer_.value_name());
    if (Value* value = find(name)) return value;
    return lexer_.error_at(start, fmt::format("{} is not defined before it is read here", value_name_text(name)));
  }

  Status read_body(Graph& graph, Scope& scope) {
    TRY(lexer_.expect("{"));
    while (!lexer_.eat("return")) TRY(read_node(graph, scope));
    if (!lexer_.eat("}")) {
      do TRY(read_output(graph));
      while (lexer_.eat(","));
      TRY(lexer_.expect("}"));
    }
    for (Value** value : scope) *value = nullptr;
    return {};
  }

  Status read_output(Graph& graph) {
    Value* value = TRY(read_value());
    std::string name = lexer_.eat("as") ? TRY(lexer_.name_or_string()) : value->name();
    std::string updates;
    if (lexer_.eat("updates")) {
      const std::size_t start = lexer_.position();
      updates = TRY(lexer_.name_or_string());
      const Value* state = find(updates);
      if (graph.parent() || state == nullptr || state->producer() || state->role != InputRole::state)
        return lexer_.error_at(start, fmt::format("'{}' is not a state input of this graph", updates));
    }
    graph.add_output(value, std::move(name), std::move(updates));
    return {};
  }

  Result<std::vector<ResultSpec>> read_results() {
    std::vector<ResultSpec> results;
    if (lexer_.eat("(")) {
      TRY(lexer_.expect(")"));
      return results;
    }
    do {
      ResultSpec& result = results.emplace_back();
      result.type = Type::unranked(DType::f32);  // until inferred, where none is written
      if (lexer_.eat("_")) {
        result.omitted = true;
        continue;
      }
      const std::size_t start = lexer_.position();
      result.name = TRY(lexer_.value_name());
      TRY(claim(result.name, start));
      if (lexer_.eat(":")) result.type = TRY(type());
    } while (lexer_.eat(","));
    return results;
  }

  Result<std::vector<Value*>> read_operands() {
    std::vector<Value*> operands;
    TRY(lexer_.expect("("));
    if (lexer_.eat(")")) return operands;
    do operands.push_back(lexer_.eat("_") ? nullptr : TRY(read_value()));
    while (lexer_.eat(","));
    TRY(lexer_.expect(")"));
    return operands;
  }

  Result<AttributeMap> read_attributes() {
    AttributeMap attributes;
    if (!lexer_.eat("{") || lexer_.eat("}")) return attributes;
    do {
      const std::size_t start = lexer_.position();
      std::string name = TRY(lexer_.name_or_string());
      TRY(lexer_.expect("="));
      Attribute value = TRY(read_attribute(lexer_, ranges_, constants_));
      if (const Dims* dims = std::get_if<Dims>(&value))
        for (const Dim& dim : *dims) dim.collect_ranges(seen_);
      if (const Type* type = std::get_if<Type>(&value)) note_symbols(*type);
      const auto [at, added] = attributes.emplace(std::move(name), std::move(value));
      if (!added) return lexer_.error_at(start, fmt::format("the attribute '{}' is given twice", at->first));
    } while (lexer_.eat(","));
    TRY(lexer_.expect("}"));
    return attributes;
  }

  Status read_node(Graph& graph, Scope& scope) {
    if (const char c = lexer_.peek(); c != '%' && c != '_' && c != '(')
      return lexer_.error("expected a node or 'return'");
    if (limits_ != nullptr && ++nodes_ > limits_->nodes)
      return over_limit(*limits_, &Limits::nodes, fmt::format("the graph has more than {} nodes", limits_->nodes));
    std::vector<ResultSpec> results = TRY(read_results());
    TRY(lexer_.expect("="));
    const std::string op = TRY(lexer_.name_or_string());
    const std::vector<Value*> operands = TRY(read_operands());
    AttributeMap attributes = TRY(read_attributes());
    Node* node = graph.add_node(op, operands, std::move(attributes), std::move(results));
    if (lexer_.eat("from")) node->set_source(TRY(lexer_.string()));
    while (region_follows()) TRY(read_region(*node));
    for (std::size_t i = 0; i < node->result_count(); ++i)
      if (Value* value = node->result(i)) show(value, scope);
    return {};
  }

  // A region starts with its name; what else may follow a node starts with '%', '_', '(' or is "return".
  bool region_follows() {
    Lexer ahead = lexer_;
    if (ahead.peek() == '"') return true;
    return ahead.word_follows() && !ahead.eat("return") && !ahead.eat("_");
  }

  Status read_region(Node& node) {
    if (++lexer_.depth > Lexer::kMaxDepth) return lexer_.error("regions are nested too deeply");
    if (limits_ != nullptr && lexer_.depth > limits_->graph_depth)
      return over_limit(*limits_, &Limits::graph_depth,
                        fmt::format("graphs nest more than {} deep", limits_->graph_depth));
    Graph& region = node.add_region(TRY(lexer_.name_or_string()));
    Scope scope;
    TRY(add_inputs(region, TRY(read_inputs()), scope));
    TRY(read_body(region, scope));
    --lexer_.depth;
    return {};
  }

  Lexer lexer_;
  const ConstantStore& constants_;
  const Limits* limits_;
  int64_t nodes_ = 0;
  RangeMap ranges_, seen_;
  std::unordered_map<std::string, Value*> values_;  // null: not visible yet, or its region has ended
};

}  // namespace

Result<std::unique_ptr<Graph>> parse_graph(std::string_view text, const ConstantStore& constants) {
  return GraphParser(text, constants, nullptr).parse();
}

Result<std::unique_ptr<Graph>> parse_graph(std::string_view text, const ConstantStore& constants,
                                           const Limits& limits) {
  if (std::cmp_greater(text.size(), limits.text_bytes))
    return over_limit(limits, &Limits::text_bytes, fmt::format("the text has {} bytes", text.size()));
  return GraphParser(text, constants, &limits).parse();
}

}  // namespace burnish
