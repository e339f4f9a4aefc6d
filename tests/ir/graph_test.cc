// Edits of graphs: users, names, order.

#include "ir/graph.h"

#include <gtest/gtest.h>

namespace burnish {
namespace {

std::unique_ptr<Graph> read(std::string_view text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph) << graph.error().message();
  return *std::move(graph);
}

void expect_verified(const Graph& graph) {
  const Status status = verify_structure(graph);
  EXPECT_TRUE(status) << status.error().message() << "\n" << print(graph);
}

Value* named(const Graph& graph, std::string_view name) {
  for (const auto& input : graph.inputs())
    if (input->name() == name) return input.get();
  Value* found = nullptr;
  walk(graph, [&](Node& node) {
    for (std::size_t i = 0; i < node.result_count(); ++i)
      if (node.result(i) && node.result(i)->name() == name) found = node.result(i);
  });
  return found;
}

constexpr std::string_view kText = R"(graph @main(%c: bool[], %x: f32[2]) {
  %a: f32[2] = neg(%x)
  %b: f32[2] = add(%a, %a)
  %y: f32[2], %z: f32[2] = if(%c) then() {
    %dead: f32[2] = neg(%a)
    %t: f32[2] = add(%a, %b)
    return %t, %a
  } else() {
    return %x, %b
  }
  %d: f32[2] = neg(%b)
  %e: f32[2] = add(%d, %a)
  return %y
}
)";

TEST(Graph, RemovesWholeDeadChains) {
  auto graph = read(kText);
  EXPECT_EQ(graph->remove_dead_nodes(), 3u);  // e, then d; within the region, dead
  expect_verified(*graph);
  EXPECT_EQ(named(*graph, "d"), nullptr);
  EXPECT_EQ(named(*graph, "a")->users().size(), 3u);
  // Names of what is gone are free again.
  EXPECT_EQ(graph->fresh_name("dead"), "dead");
  graph->set_output(0, graph->input(1));
  EXPECT_EQ(graph->remove_dead_nodes(), 3u);
  EXPECT_EQ(graph->node_count(), 0u);
  expect_verified(*graph);
}

TEST(Graph, EffectfulNodesStay) {
  auto graph = read("graph @main(%x: f32[2]) {\n  %a: f32[2] = neg(%x)\n  () = print(%a)\n  return\n}\n");
  graph->nodes().back()->effectful = true;
  EXPECT_EQ(graph->remove_dead_nodes(), 0u);
}

TEST(Graph, ReplacesUsesInRegionsAndOutputs) {
  auto graph = read(kText);
  Value *a = named(*graph, "a"), *x = graph->input(1);
  graph->add_output(a, "kept");
  graph->replace_uses(a, x);
  EXPECT_TRUE(a->unused());
  expect_verified(*graph);
  EXPECT_EQ(graph->outputs()[1].value, x);
  EXPECT_EQ(graph->outputs()[1].name, "kept");
  EXPECT_EQ(named(*graph, "y")->producer()->region(0).outputs()[1].value, x);
  // One entry per slot: neg(x), add(x, x) twice over the regions, and e.
  EXPECT_EQ(x->users().size(), 6u);
}

TEST(Graph, SortRestoresTheOrder) {
  auto graph = read(kText);
  Node *a = named(*graph, "a")->producer(), *y = named(*graph, "y")->producer();
  graph->move_before(y, a);
  EXPECT_FALSE(verify_structure(*graph));
  ASSERT_TRUE(graph->sort());
  expect_verified(*graph);
  a->set_operand(0, named(*graph, "e"));
  const Status cycle = graph->sort();
  ASSERT_FALSE(cycle);
  EXPECT_NE(cycle.error().message().find("cycle"), std::string::npos);
}

TEST(Graph, VerifyFindsWhatIsWrong) {
  const auto expect_wrong = [](const Graph& graph, std::string_view what) {
    const Status status = verify_structure(graph);
    ASSERT_FALSE(status) << what;
    EXPECT_NE(status.error().message().find(what), std::string::npos) << status.error().message();
  };
  auto graph = read(kText);
  expect_verified(*graph);
  named(*graph, "d")->producer()->set_operand(0, named(*graph, "t"));
  expect_wrong(*graph, "operand 0 is not defined before it, or not visible here");
  graph = read(kText);
  named(*graph, "e")->set_type(Type::tensor(DType::f32, {-1}));
  expect_wrong(*graph, "%e has the negative size -1");
  Type hollow;
  hollow.kind = Type::Kind::sequence;
  named(*graph, "e")->set_type(hollow);
  expect_wrong(*graph, "the type of %e lacks its element");
  graph = read(kText);
  graph->add_output(graph->input(0), "o", "x");
  expect_wrong(*graph, "output 'o' updates 'x', which is not a state input");
  expect_wrong(named(*graph, "y")->producer()->region(0), "not a whole graph");
}

TEST(Graph, DifferencesInWords) {
  const auto expect_difference = [](std::string_view from, std::string_view to, std::string_view words) {
    std::string text(kText);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
    const std::string found = difference(*read(kText), *read(text));
    EXPECT_NE(found.find(words), std::string::npos) << found;
  };
  std::string renamed(kText);
  for (std::size_t at = 0; (at = renamed.find("%a", at)) != std::string::npos; ++at) renamed.replace(at, 2, "%q");
  EXPECT_EQ(difference(*read(kText), *read(renamed)), "");
  expect_difference("add(%d, %a)", "add(%a, %d)", "operand 0 is %d in one and %a in the other");
  expect_difference("add(%d, %a)", "sub(%d, %a)", "the operator is add in one and sub in the other");
  expect_difference("add(%d, %a)", "add(%d, %a) {k = 1}", "attribute 'k' is absent in one and 1 in the other");
  expect_difference("return %x, %b", "return %x, %a", "region 1: output 1 is %b in one and %a in the other");
  expect_difference("%e: f32[2]", "%e: f16[2]", "the type of result 0 (%e) is f32[2] in one and f16[2] in the other");
  expect_difference("return %y", "return %y as \"o\"", "the name of output 0 is y in one and o in the other");
  expect_difference("return %y", "return", "the number of outputs is 1 in one and 0 in the other");
  expect_difference("%x: f32[2])", "%x: state f32[2])", "the role of input 1");
  expect_difference("%x: f32[2])", "%x: f32[2]) where N in [1, 2]", "more symbols");
  const std::string source = "graph @main(%x: f32[2]) {\n  () = f(%x) from \"a\"\n  return\n}";
  EXPECT_EQ(difference(*read(source), *read("graph @main(%x: f32[2]) {\n  () = f(%x)\n  return\n}")), "");
  EXPECT_NE(difference(*read(source), *read("graph @main(%x: f32[2]) {\n  () = f(%x)\n  return\n}"), true), "");
}

}  // namespace
}  // namespace burnish
