// A composite, decomposed and simplified, is recognised again.

#include <limits>

#include "passes/runner.h"
#include "tests/passes/graphs.h"

namespace burnish::test {
namespace {

struct Composite {
  std::string op, graph;
};

void PrintTo(const Composite& c, std::ostream* out) { *out << c.op; }

const Composite kComposites[] = {
    {"silu", "graph @main(%x: f32[2,6]) {\n  %y: f32[2,6] = silu(%x)\n  return %y\n}\n"},
    {"mish", "graph @main(%x: f32[2,6]) {\n  %y: f32[2,6] = mish(%x)\n  return %y\n}\n"},
    {"hard_swish", "graph @main(%x: f32[2,6]) {\n  %y: f32[2,6] = hard_swish(%x)\n  return %y\n}\n"},
    {"gelu", "graph @main(%x: f32[2,6]) {\n  %y: f32[2,6] = gelu(%x) {approximate = \"none\"}\n  return %y\n}\n"},
    {"gelu", "graph @main(%x: f32[2,6]) {\n  %y: f32[2,6] = gelu(%x) {approximate = \"tanh\"}\n  return %y\n}\n"},
    {"softmax", "graph @main(%x: f32[2,6]) {\n  %y: f32[2,6] = softmax(%x) {axis = 1}\n  return %y\n}\n"},
    {"log_softmax", "graph @main(%x: f32[2,6]) {\n  %y: f32[2,6] = log_softmax(%x) {axis = 0}\n  return %y\n}\n"},
    {"layer_norm",
     "graph @main(%x: f32[2,3,6], %s: f32[6], %t: f32[6]) {\n"
     "  %y: f32[2,3,6] = layer_norm(%x, %s, %t) {axis = -1, epsilon = 1e-05}\n  return %y\n}\n"},
    {"rms_norm",
     "graph @main(%x: f32[2,3,6], %s: f32[3,6]) {\n"
     "  %y: f32[2,3,6] = rms_norm(%x, %s) {axis = -2, epsilon = 1e-05}\n  return %y\n}\n"},
    {"attention",
     "graph @main(%q: f32[2,3,4], %k: f32[2,5,4], %v: f32[2,5,6], %b: f32[3,5]) {\n"
     "  %y: f32[2,3,6] = attention(%q, %k, %v, %b) {scale = 0.5}\n  return %y\n}\n"},
};

class Recognise : public testing::TestWithParam<Composite> {};

TEST_P(Recognise, UndoesDecompose) {
  constexpr PassRow kTable[] = {
      {"apart", "decompose", true, passes::decompose},
      {"together", "remove_noops", true, passes::remove_noops},
      {"together", "fold_constants", true, passes::fold_constants},
      {"together", "cse", true, passes::common_subexpressions},
      {"together", "algebra", true, passes::algebra},
      {"together", "recognise", true, passes::recognise},
      {"together", "move_transposes", true, passes::move_transposes},
  };
  const Composite& c = GetParam();
  auto graph = read_graph(c.graph), original = read_graph(c.graph);
  ASSERT_TRUE(graph && original);
  PassRunner runner({}, {});
  for (const char* stage : {"apart", "together"}) {
    Status status = runner.run_stage(*graph, stage, kTable);
    ASSERT_TRUE(status.has_value()) << status.error().message();
    if (stage == std::string("apart")) {
      EXPECT_NE(graph->nodes().back()->op(), c.op);
    }
  }
  EXPECT_EQ(graph->nodes().back()->op(), c.op) << print(*graph);
  EXPECT_EQ(graph->node_count(), 1u) << print(*graph);
  std::mt19937 random(7);
  EXPECT_EQ(compare_results(*original, *graph, random, 1e-5), "");
}

// q k^T plus a bias that these lines make, softmax, times v.
std::unique_ptr<Graph> attention_with_bias(const std::string& lines, const std::string& bias) {
  return read_graph(
      "graph @main(%q: f32[1,3,4], %k: f32[1,3,4], %v: f32[1,3,4], %c: bool[1,3,3], %d: bool[1,3,3], "
      "%b: f32[1,3,3]) {\n"
      "  %zero: f32[1,3,3] = constant() {value = tensor(f32[1,3,3] [0, 0, 0, 0, 0, 0, 0, 0, 0])}\n"
      "  %low: f32[] = constant() {value = tensor(f32[] [-3.4028234663852886e+38])}\n" +
      lines + "  %t: f32[1,4,3] = transpose(%k) {permutation = [0, 2, 1]}\n  %a: f32[1,3,3] = matmul(%q, %t)\n" + bias +
      "  %p: f32[1,3,3] = softmax(%s) {axis = -1}\n  %y: f32[1,3,4] = matmul(%p, %v)\n  return %y\n}\n");
}

// A stranger's bias may be made of many values: neither the stack nor the time may go with the ways through them.
TEST(RecogniseAttention, BiasesOfManySelects) {
  const PassRow row{"test", "recognise", true, passes::recognise};
  std::string chain, ladder, last = "%zero";
  for (int i = 0; i < 100'000; ++i) {
    chain += "  %x" + std::to_string(i) + ": f32[1,3,3] = select(%c, " + last + ", %low)\n";
    last = "%x" + std::to_string(i);
  }
  const std::string rungs[] = {"%zero", "%b"};
  std::string s = rungs[0], t = rungs[1];
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i);
    ladder += "  %s" + n + ": f32[1,3,3] = select(%c, " + s + ", " + t + ")\n";
    ladder += "  %t" + n + ": f32[1,3,3] = select(%d, " + s + ", " + t + ")\n";
    s = "%s" + n;
    t = "%t" + n;
  }
  for (const auto& graph : {attention_with_bias(chain, "  %s: f32[1,3,3] = add(%a, " + last + ")\n"),
                            attention_with_bias(ladder, "  %s: f32[1,3,3] = add(%a, " + s + ")\n")}) {
    ASSERT_TRUE(graph);
    PassRunner runner({}, {});
    ASSERT_TRUE(runner.run(*graph, row));
    EXPECT_EQ(graph->nodes().back()->op(), "attention");
  }
}

// A key that select hides may be anything: where it is hidden from all rows, the results are those without it.
TEST(RecogniseAttention, HiddenKeysMayBeNaN) {
  const PassRow row{"test", "recognise", true, passes::recognise};
  const char* select = "  %s: f32[1,3,3] = select(%c, %a, %low)\n";
  const auto graph = attention_with_bias("", select), original = attention_with_bias("", select);
  ASSERT_TRUE(graph && original);
  PassRunner runner({}, {});
  ASSERT_TRUE(runner.run(*graph, row));
  ASSERT_EQ(graph->nodes().back()->op(), "attention") << print(*graph);
  std::mt19937 random(3);
  for (const float strange : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<RuntimeValue> inputs = random_inputs(*graph, random);
    Tensor keys = random_tensor(DType::f32, {1, 3, 4}, random), seen = random_tensor(DType::boolean, {1, 3, 3}, random);
    for (std::size_t i = 0; i < 4; ++i) keys.mutable_as<float>()[8 + i] = strange;
    for (std::size_t i = 0; i < 9; ++i) seen.mutable_as<bool>()[i] = i % 3 != 2;
    inputs[1] = keys;
    inputs[3] = seen;
    const auto expected = interpret(*original, inputs), actual = interpret(*graph, inputs);
    ASSERT_TRUE(expected && actual);
    for (std::size_t i = 0; i < 12; ++i)
      EXPECT_NEAR((*actual)[0].tensor().as<float>()[i], (*expected)[0].tensor().as<float>()[i], 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Composites, Recognise, testing::ValuesIn(kComposites),
                         [](const auto& info) { return std::to_string(info.index) + "_" + info.param.op; });

}  // namespace
}  // namespace burnish::test
