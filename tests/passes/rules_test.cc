// Every rule of the algebra table, on random operands: what it makes computes what it came from.

#include <cmath>

#include "passes/algebra_rules.h"
#include "passes/runner.h"
#include "tests/passes/graphs.h"

namespace burnish::test {
namespace {

using passes::AlgebraRule;
using passes::Match;
using passes::Pattern;

constexpr int kTries = 60;

void collect(const Pattern& p, std::map<std::string, const Pattern*>* leaves) {
  if ((p.kind == Pattern::Kind::value || p.kind == Pattern::Kind::constant) && !p.label.empty())
    leaves->emplace(p.label, &p);
  for (const Pattern& operand : p.operands) collect(operand, leaves);
}

// Dims that broadcast to `full`; `full` itself as often as not.
std::vector<int64_t> broadcastable(const std::vector<int64_t>& full, std::mt19937& random) {
  std::vector<int64_t> dims = full;
  if (random() % 2 == 0) return dims;
  dims.erase(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(random() % (dims.size() + 1)));
  for (int64_t& d : dims)
    if (random() % 2 == 0) d = 1;
  return dims;
}

Tensor constant_for(const AlgebraRule& rule, DType dtype, std::vector<int64_t> dims, std::mt19937& random) {
  Tensor tensor = random_tensor(dtype, std::move(dims), random);
  // Rules about division have conditions that random numbers would rarely meet.
  if (rule.name == "divide_by_power_of_two") {
    Accessor<double> accessor(dtype);
    for (int64_t i = 0; i < tensor.elements(); ++i)
      accessor.store(tensor.mutable_data(), i, std::ldexp(1.0, static_cast<int>(random() % 7) - 3));
  }
  return tensor;
}

// Positive inputs where the functions of the pattern have holes.
Tensor input_for(const AlgebraRule& rule, const Type& type, std::mt19937& random) {
  Tensor tensor = random_tensor(type.dtype, *constants(type.dims), random);
  bool positive = rule.pattern.find("sqrt") != std::string_view::npos ||
                  rule.pattern.find("pow") != std::string_view::npos ||
                  rule.pattern.find("div") != std::string_view::npos;
  if (positive && is_float(type.dtype)) {
    Accessor<double> accessor(type.dtype);
    for (int64_t i = 0; i < tensor.elements(); ++i)
      accessor.store(tensor.mutable_data(), i, std::abs(accessor.load(tensor.data(), i)) + 0.25);
  }
  return tensor;
}

class Rule : public testing::TestWithParam<AlgebraRule> {};

TEST_P(Rule, KeepsTheResults) {
  const AlgebraRule& rule = GetParam();
  Pattern pattern = passes::parse_pattern(rule.pattern);
  std::map<std::string, const Pattern*> leaves;
  collect(pattern, &leaves);
  std::mt19937 random(static_cast<uint32_t>(std::hash<std::string_view>()(rule.name)));
  int applied = 0, tried = 0;
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::i32, DType::i64, DType::i8, DType::boolean}) {
    if (!passes::dtype_allowed(rule.numbers, dtype)) continue;
    for (int i = 0; i < kTries; ++i, ++tried) {
      std::vector<int64_t> full(random() % 4);
      for (int64_t& d : full) d = static_cast<int64_t>(random() % 3) + 1;
      Graph graph;
      Builder builder(graph);
      Match match;
      for (const auto& [label, leaf] : leaves) {
        DType own = label == "p" || label == "q" ? DType::boolean : dtype;
        std::vector<int64_t> dims = broadcastable(full, random);
        match.values[label] = leaf->kind == Pattern::Kind::constant
                                  ? builder.constant(constant_for(rule, own, dims, random))
                                  : graph.add_input(label, Type::tensor(own, to_dims(dims)));
      }
      Value* root = passes::build(pattern, match, builder, dtype);
      Status built = builder.finish();
      ASSERT_TRUE(built.has_value()) << built.error().message();
      graph.add_output(root, "y");
      std::unique_ptr<Graph> original = graph.clone();
      ops::bind_operators(*original);

      auto changed = passes::algebra(graph, {});
      ASSERT_TRUE(changed.has_value()) << changed.error().message();
      if (!*changed) continue;
      ++applied;
      Status inferred = ops::infer(graph);
      ASSERT_TRUE(inferred.has_value()) << inferred.error().message();
      Status verified = ops::verify(graph);
      ASSERT_TRUE(verified.has_value()) << verified.error().message();
      std::vector<RuntimeValue> inputs;
      for (const auto& input : original->inputs()) inputs.emplace_back(input_for(rule, input->type(), random));
      auto a = interpret(*original, inputs), b = interpret(graph, inputs);
      ASSERT_TRUE(a.has_value()) << a.error().message();
      ASSERT_TRUE(b.has_value()) << b.error().message();
      const Tensor &s = (*a)[0].tensor(), &t = (*b)[0].tensor();
      ASSERT_EQ(s.type().text(), t.type().text());
      // A neighbouring rule may apply after an exact one: only a table where all are exact gives the same bits.
      double tolerance = rule.exact ? 0 : dtype == DType::f16 ? 2e-2 : 1e-5;
      for (int64_t e = 0; e < s.elements(); ++e) {
        double u = s.real_at(e), v = t.real_at(e);
        if (u == v || (std::isnan(u) && std::isnan(v))) continue;
        ASSERT_LE(std::abs(u - v), tolerance * std::max(1.0, std::abs(u))) << u << " became " << v << "\n"
                                                                           << print(*original) << print(graph);
      }
    }
  }
  // A rule that never applies is not tested (nor of use).
  EXPECT_GE(applied * 20, tried);
}

INSTANTIATE_TEST_SUITE_P(Algebra, Rule,
                         testing::ValuesIn(passes::algebra_rules().begin(), passes::algebra_rules().end()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace burnish::test
