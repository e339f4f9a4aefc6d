#include "passes/runner.h"

#include "tests/passes/graphs.h"

namespace burnish::test {
namespace {

const std::string kGraph = R"(graph @main(%x: f32[2,3]) {
  %a: f32[2,3] = neg(%x)
  %b: f32[2,3] = neg(%a)
  %y: f32[2,3] = tanh(%b)
  return %y
}
)";

Result<bool> lies(Graph& graph, const PassContext&) {
  Node* last = graph.nodes().back().get();
  last->set_operand(0, graph.input(0));
  return false;
}

Result<bool> breaks(Graph& graph, const PassContext&) {
  graph.nodes().back()->set_attribute("no_such_attribute", int64_t{1});
  return true;
}

constexpr PassRow kTable[] = {
    {"first", "algebra", false, passes::algebra},
    {"first", "cse", false, passes::common_subexpressions},
    {"second", "decompose", true, passes::decompose},
};

TEST(PassRunner, FindsAPassThatHidesAChange) {
  auto graph = read_graph(kGraph);
  ASSERT_TRUE(graph);
  PassRunnerOptions options;
  options.check = true;
  auto result = PassRunner(options, {}).run(*graph, {"test", "lies", false, lies});
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message().find("test.lies"), std::string::npos);
  EXPECT_NE(result.error().message().find("said that it did not"), std::string::npos);
}

TEST(PassRunner, VerifiesAfterAPass) {
  auto graph = read_graph(kGraph);
  ASSERT_TRUE(graph);
  auto result = PassRunner({}, {}).run(*graph, {"test", "breaks", false, breaks});
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message().find("test.breaks"), std::string::npos);
}

TEST(PassRunner, RunsAStageUntilNothingChanges) {
  auto graph = read_graph(kGraph);
  ASSERT_TRUE(graph);
  PassRunner runner({}, {});
  Status status = runner.run_stage(*graph, "first", kTable);
  ASSERT_TRUE(status.has_value()) << status.error().message();
  EXPECT_EQ(graph->node_count(), 1u);
  ASSERT_EQ(runner.timings().size(), 4u);  // the second round finds nothing
  EXPECT_EQ(runner.timings()[0].pass, "first.algebra");
  EXPECT_TRUE(runner.timings()[0].changed);
  EXPECT_FALSE(runner.timings()[3].changed);
}

TEST(PassRunner, StopsAfterSoManyOptionalPasses) {
  for (int n : {0, 1}) {
    auto graph = read_graph(kGraph);
    ASSERT_TRUE(graph);
    PassRunnerOptions options;
    options.stop_after = n;
    PassRunner runner(options, {});
    ASSERT_TRUE(runner.run_stage(*graph, "first", kTable).has_value());
    EXPECT_EQ(runner.optional_executions(), n);
    EXPECT_EQ(graph->node_count(), n == 0 ? 3u : 1u);
  }
}

TEST(PassRunner, SkipsDisabledPassesAndPrintsOnRequest) {
  auto graph = read_graph(kGraph);
  ASSERT_TRUE(graph);
  std::vector<std::string> printed;
  PassRunnerOptions options;
  options.disabled = {"first.algebra"};
  options.print_after = {"first"};
  options.print = [&](std::string_view pass, const Graph&) { printed.emplace_back(pass); };
  ASSERT_TRUE(check_pass_names(options, kTable).has_value());
  ASSERT_TRUE(PassRunner(options, {}).run_stage(*graph, "first", kTable).has_value());
  EXPECT_EQ(graph->node_count(), 3u);
  EXPECT_EQ(printed, std::vector<std::string>{"first.cse"});
}

TEST(PassRunner, NamesUnknownAndRequiredPasses) {
  PassRunnerOptions unknown, required, print;
  unknown.disabled = {"first.nothing"};
  required.disabled = {"second.decompose"};
  print.print_after = {"third"};
  for (const PassRunnerOptions& options : {unknown, required, print}) {
    Status status = check_pass_names(options, kTable);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, ErrorCode::usage);
  }
}

}  // namespace
}  // namespace burnish::test
