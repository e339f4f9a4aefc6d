// Composites against expected values from outside (tools/make_expected.py writes tests/ops/expected): their inferred types
// and what their decompositions compute.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "ops/operator.h"
#include "runtime/executor.h"

namespace burnish {
namespace {

struct Case {
  std::string sample;
  std::vector<Tensor> inputs, outputs;
};

Tensor parse_tensor(const std::string& text) {
  auto attribute = parse_attribute("tensor(" + text + ")");
  if (!attribute) {
    ADD_FAILURE() << attribute.error().message();
    return {};
  }
  return std::get<Tensor>(*attribute);
}

std::vector<Case> read_cases(const std::filesystem::path& path) {
  std::vector<Case> cases;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("sample ")) cases.push_back({line.substr(7), {}, {}});
    else if (line.starts_with("in ")) cases.back().inputs.push_back(parse_tensor(line.substr(3)));
    else if (line.starts_with("out ")) cases.back().outputs.push_back(parse_tensor(line.substr(4)));
    else ADD_FAILURE() << path << ": " << line;
  }
  return cases;
}

// Replaces every composite until only core operators are left.
Status expand(Graph& graph) {
  for (bool again = true; again;) {
    again = false;
    for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
      Node* node = (it++)->get();
      // Control flow is run as it is.
      if (node->definition()->is_core() || node->definition()->regions > 0) continue;
      Builder builder(graph, node, "test");
      DecomposeContext context(*node, builder);
      const std::vector<Value*> results = TRY(node->definition()->decompose(context));
      if (results.size() != node->result_count()) return internal_error("wrong number of results", node->op());
      for (std::size_t i = 0; i < results.size(); ++i) {
        Value* old = node->result(i);
        if (old == nullptr || old->unused()) continue;
        if (results[i] == nullptr) return internal_error("a result is missing", node->op());
        // infer and decompose must agree.
        if (results[i]->type().text() != old->type().text())
          return internal_error("inferred " + old->type().text() + ", decomposed " + results[i]->type().text(),
                                node->op());
        graph.replace_uses(old, results[i]);
      }
      graph.erase(node);
      again = true;
      break;
    }
  }
  return {};
}

Result<std::vector<Tensor>> evaluate(const Graph& graph, std::span<const Tensor> inputs) {
  const std::vector<RuntimeValue> values(inputs.begin(), inputs.end());
  std::vector<Tensor> outputs;
  for (RuntimeValue& value : TRY(interpret(graph, values))) outputs.push_back(std::move(value.tensor()));
  return outputs;
}

void expect_close(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance) {
  ASSERT_EQ(actual.dtype(), expected.dtype());
  ASSERT_EQ(actual.dims(), expected.dims());
  for (int64_t i = 0; i < expected.elements(); ++i) {
    const double a = actual.real_at(i), e = expected.real_at(i);
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    EXPECT_LE(std::abs(a - e), tolerance.absolute + tolerance.relative * std::abs(e))
        << "element " << i << ": " << a << " for " << e;
  }
}

const Operator& definition_of(const Graph& graph) { return *graph.nodes().back()->definition(); }

TEST(Composites, AgreeWithTheOutside) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/ops/expected")) {
    for (const Case& test : read_cases(entry.path())) {
      SCOPED_TRACE(test.sample);
      auto graph = ops::sample_graph({test.sample});
      ASSERT_TRUE(graph) << graph.error().message();
      const Operator& definition = definition_of(**graph);
      EXPECT_EQ(definition.name, entry.path().stem().string());
      std::vector<Type> inferred;
      for (const auto& output : (*graph)->outputs()) inferred.push_back(output.value->type());
      ASSERT_EQ(inferred.size(), test.outputs.size());
      Status expanded = definition.is_core() ? Status() : expand(**graph);
      EXPECT_TRUE(expanded) << expanded.error().message();
      if (!expanded) continue;
      auto outputs = evaluate(**graph, test.inputs);
      EXPECT_TRUE(outputs) << outputs.error().message();
      if (!outputs) continue;
      for (std::size_t i = 0; i < test.outputs.size(); ++i) {
        expect_close((*outputs)[i], test.outputs[i], definition.tolerance);
        EXPECT_EQ(inferred[i].dtype, test.outputs[i].dtype());
        if (inferred[i].is_static()) {
          EXPECT_EQ(*constants(inferred[i].dims), test.outputs[i].dims());
        }
      }
      ++count;
    }
  }
  EXPECT_GT(count, 60);
}

TEST(Composites, GemmWithoutBetaDoesNotReadC) {
  auto graph = ops::sample_graph({"a: f32[1,2], b: f32[2,2], c: f32[2]; y = gemm(a, b, c) {beta = 0.0}"});
  ASSERT_TRUE(graph) << graph.error().message();
  ASSERT_TRUE(expand(**graph));
  const std::vector<Tensor> inputs = {parse_tensor("f32[1,2] [1.0, 2.0]"),
                                      parse_tensor("f32[2,2] [1.0, 2.0, 3.0, 4.0]"), parse_tensor("f32[2] [nan, inf]")};
  auto outputs = evaluate(**graph, inputs);
  ASSERT_TRUE(outputs) << outputs.error().message();
  EXPECT_EQ((*outputs)[0].real_at(0), 7);
  EXPECT_EQ((*outputs)[0].real_at(1), 10);
}

// The maximum is taken off first, unless it is infinite.
TEST(Composites, LogSumExpOfInfinities) {
  auto graph = ops::sample_graph({"x: f32[4,2]; y = reduce_log_sum_exp(x) {axes = [1]}"});
  ASSERT_TRUE(graph) << graph.error().message();
  ASSERT_TRUE(expand(**graph));
  const std::vector<Tensor> inputs = {parse_tensor("f32[4,2] [inf, 1.0, -inf, -inf, -inf, 2.0, nan, inf]")};
  auto outputs = evaluate(**graph, inputs);
  ASSERT_TRUE(outputs) << outputs.error().message();
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ((*outputs)[0].real_at(0), infinity);
  EXPECT_EQ((*outputs)[0].real_at(1), -infinity);
  EXPECT_EQ((*outputs)[0].real_at(2), 2);
  EXPECT_TRUE(std::isnan((*outputs)[0].real_at(3)));
}

// Its logarithm may be infinite.
TEST(Composites, IgnoredTargetsCountForNothing) {
  for (const char* op : {"nll_loss", "softmax_cross_entropy"})
    for (const char* reduction : {"sum", "mean"}) {
      SCOPED_TRACE(std::string(op) + ", " + reduction);
      const std::string sample = std::string("x: f32[2,2], t: i64[2]; y = ") + op +
                                 "(x, t) {ignore_index = 0, reduction = \"" + reduction + "\"}";
      auto graph = ops::sample_graph({sample});
      ASSERT_TRUE(graph) << graph.error().message();
      ASSERT_TRUE(expand(**graph));
      const std::vector<Tensor> inputs = {parse_tensor("f32[2,2] [-inf, 0.0, 0.0, 0.0]"),
                                          parse_tensor("i64[2] [0, 1]")};
      auto outputs = evaluate(**graph, inputs);
      ASSERT_TRUE(outputs) << outputs.error().message();
      EXPECT_NEAR((*outputs)[0].real_at(0), std::string_view(op) == "nll_loss" ? 0 : std::log(2.0), 1e-6);
    }
}

TEST(Composites, EverySampleHasExpectedValues) {
  for (const Operator* definition : ops::all()) {
    if (definition->is_core() || definition->regions > 0) continue;
    EXPECT_FALSE(definition->samples.empty()) << definition->name;
    std::set<std::string> known;
    for (const Case& test : read_cases("tests/ops/expected/" + std::string(definition->name) + ".txt"))
      known.insert(test.sample);
    for (const Sample& sample : definition->samples)
      EXPECT_TRUE(known.contains(std::string(sample.text))) << sample.text;
  }
}

}  // namespace
}  // namespace burnish
