// A composite, decomposed and simplified, is recognised again.

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

INSTANTIATE_TEST_SUITE_P(Composites, Recognise, testing::ValuesIn(kComposites),
                         [](const auto& info) { return std::to_string(info.index) + "_" + info.param.op; });

}  // namespace
}  // namespace burnish::test
