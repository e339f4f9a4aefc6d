#include "ops/support/samples.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "ops/support/attributes.h"

namespace burnish::ops {
namespace {

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

// Position of the first of `stops` outside brackets and quotes.
std::size_t find_outside(std::string_view text, std::string_view stops) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
      continue;
    }
    if (depth == 0 && stops.find(c) != std::string_view::npos) return i;
    if (c == '"') quoted = true;
    if (c == '[' || c == '(' || c == '{' || c == '<') ++depth;
    if (c == ']' || c == ')' || c == '}' || c == '>') --depth;
  }
  return std::string_view::npos;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  text = trim(text);
  while (!text.empty()) {
    const std::size_t comma = find_outside(text, ",");
    parts.push_back(trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    text = trim(text.substr(comma + 1));
  }
  return parts;
}

Result<double> parse_number(std::string_view text) {
  double value;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    return usage_error("'" + std::string(text) + "' is no number");
  return value;
}

Result<SampleInput> parse_input(std::string_view text) {
  SampleInput input;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return usage_error("expected 'name: type', not '" + std::string(text) + "'");
  input.name = trim(text.substr(0, colon));
  text = trim(text.substr(colon + 1));
  const std::size_t end = find_outside(text, " =");
  const std::string type(trim(text.substr(0, end)));
  input.type = TRY(parse_type(type));
  if (end == std::string_view::npos) return input;
  text = trim(text.substr(end));
  if (text.starts_with('=')) {
    const std::string data = "tensor(" + type + " " + std::string(trim(text.substr(1))) + ")";
    Attribute parsed = TRY(parse_attribute(data));
    if (!std::holds_alternative<Tensor>(parsed)) return usage_error("'" + data + "' is no tensor");
    input.constant = std::get<Tensor>(std::move(parsed));
  } else if (text.starts_with("in [") && text.ends_with(']')) {
    const auto limits = split(text.substr(4, text.size() - 5));
    if (limits.size() != 2) return usage_error("expected 'in [low, high]', not '" + std::string(text) + "'");
    input.limits = {TRY(parse_number(limits[0])), TRY(parse_number(limits[1]))};
  } else {
    return usage_error("expected '= [..]' or 'in [..]', not '" + std::string(text) + "'");
  }
  return input;
}

Result<std::unique_ptr<Graph>> whole_graph(std::string_view text) {
  auto graph = TRY(parse_graph(text));
  bind_operators(*graph);
  TRY(verify(*graph));
  TRY(infer(*graph));
  return graph;
}

void random_elements(Tensor& tensor, const std::optional<std::pair<double, double>>& limits, std::mt19937_64& random) {
  // The raw generator is the same everywhere; the distributions of the standard library are not.
  const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  visit_number_class(tensor.dtype(), [&]<class N>(N) {
    const Accessor<N> access(tensor.dtype());
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      if constexpr (std::is_same_v<N, std::string>) {
        static constexpr std::string_view kWords[] = {"", "a", "b", "ab", "Straße"};
        access.store(tensor.mutable_data(), i, std::string(kWords[random() % 5]));
      } else if constexpr (std::is_same_v<N, bool>) {
        access.store(tensor.mutable_data(), i, random() % 2 == 1);
      } else if constexpr (std::is_same_v<N, std::complex<double>>) {
        const double real = uniform() * 4 - 2;
        access.store(tensor.mutable_data(), i, N(real, uniform() * 4 - 2));
      } else {
        constexpr bool is_real = std::is_same_v<N, double>;
        const auto [low, high] = limits.value_or(is_real                       ? std::pair(-3.0, 3.0)
                                                 : std::is_same_v<N, uint64_t> ? std::pair(0.0, 9.0)
                                                                               : std::pair(-5.0, 5.0));
        if constexpr (is_real) access.store(tensor.mutable_data(), i, low + uniform() * (high - low));
        else access.store(tensor.mutable_data(), i, static_cast<N>(std::floor(low + uniform() * (high - low + 1))));
      }
    }
  });
}

}  // namespace

Result<ParsedSample> parse_sample(std::string_view text) {
  ParsedSample sample;
  const std::size_t semicolon = find_outside(text, ";");
  if (semicolon == std::string_view::npos) return usage_error("a sample needs ';' after its inputs");
  for (std::string_view input : split(text.substr(0, semicolon))) sample.inputs.push_back(TRY(parse_input(input)));
  text = trim(text.substr(semicolon + 1));
  const std::size_t equals = find_outside(text, "=");
  if (equals == std::string_view::npos) return usage_error("a sample needs 'results = operator(...)'");
  for (std::string_view name : split(text.substr(0, equals))) sample.results.emplace_back(name);
  text = trim(text.substr(equals + 1));
  const auto name_end = std::ranges::find_if_not(text, is_name);
  sample.op = std::string(text.begin(), name_end);
  text = trim(text.substr(sample.op.size()));
  const std::size_t close = text.starts_with('(') ? find_outside(text.substr(1), ")") : std::string_view::npos;
  if (close == std::string_view::npos) return usage_error("a sample needs '(operands)' after the operator's name");
  for (std::string_view operand : split(text.substr(1, close))) sample.operands.emplace_back(operand);
  text = trim(text.substr(close + 2));
  if (text.empty()) return sample;
  if (!text.starts_with('{') || !text.ends_with('}')) return usage_error("unexpected '" + std::string(text) + "'");
  for (std::string_view pair : split(text.substr(1, text.size() - 2))) {
    const std::size_t sign = pair.find('=');
    if (sign == std::string_view::npos) return usage_error("expected 'name = value', not '" + std::string(pair) + "'");
    Attribute value = TRY(parse_attribute(trim(pair.substr(sign + 1))));
    sample.attributes.insert_or_assign(std::string(trim(pair.substr(0, sign))), std::move(value));
  }
  return sample;
}

Result<std::unique_ptr<Graph>> sample_graph(const Sample& sample) {
  if (sample.text.starts_with("graph")) return whole_graph(sample.text);
  ParsedSample parsed = TRY(parse_sample(sample.text));
  auto graph = std::make_unique<Graph>();
  Builder builder(*graph);
  std::map<std::string, Value*> values = {{"_", nullptr}};
  for (SampleInput& input : parsed.inputs) {
    Value*& value = values[input.name];
    if (input.constant) value = builder.constant(std::move(*input.constant), input.name);
    else value = graph->add_input(input.name, std::move(input.type));
    TRY(builder.finish());
  }
  std::vector<Value*> operands;
  for (const std::string& name : parsed.operands) {
    const auto value = values.find(name);
    if (value == values.end()) return usage_error("operand '" + name + "' is not declared", std::string(sample.text));
    operands.push_back(value->second);
  }
  std::vector<ResultSpec> results;
  for (const std::string& name : parsed.results)
    results.push_back({Type::unranked(DType::f32), name == "_" ? "" : name, name == "_"});
  Node* node = graph->add_node(parsed.op, operands, std::move(parsed.attributes), std::move(results));
  bind_operator(*node);
  if (node->definition() == nullptr) return usage_error("there is no operator '" + parsed.op + "'");
  TRY(infer_new(*node));
  for (std::size_t i = 0; i < node->result_count(); ++i)
    if (node->result(i) != nullptr) graph->add_output(node->result(i), node->result(i)->name());
  return graph;
}

Result<std::vector<RuntimeValue>> sample_inputs(const Sample& sample, uint64_t seed) {
  std::vector<SampleInput> inputs;
  if (sample.text.starts_with("graph")) {
    auto graph = TRY(whole_graph(sample.text));
    for (const auto& input : graph->inputs()) inputs.push_back({input->name(), input->type(), {}, {}});
  } else {
    inputs = TRY(parse_sample(sample.text)).inputs;
  }
  std::mt19937_64 random(seed);
  SymbolTable symbols;
  std::vector<RuntimeValue> values;
  for (const SampleInput& input : inputs) {
    if (input.constant) continue;
    if (!input.type.is_ranked_tensor())
      return usage_error("input '" + input.name + "' needs a rank", std::string(sample.text));
    for (const Dim& dim : input.type.dims)
      for (const std::string& name : dim.symbols())
        symbols.emplace(name, 2 + static_cast<int64_t>(symbols.size() + 1) % 4);
    Tensor tensor = TRY(Tensor::allocate(input.type.dtype, TRY(evaluate(input.type.dims, symbols))));
    random_elements(tensor, input.limits, random);
    values.emplace_back(std::move(tensor));
  }
  return values;
}

}  // namespace burnish::ops
