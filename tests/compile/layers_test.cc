// What the record of the layers says: work by the shapes, the tactic and its losers, nodes and steps.

#include "compile/layers.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "compile/build.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

Json layers_of(std::string_view text, BuildOptions options = {}) {
  options.cpu = "x86-64-v3";
  auto graph = read_graph(text);
  const auto built = build(graph->clone(), options);
  EXPECT_TRUE(built.has_value()) << built.error().message();
  if (!built || built->layers.size() != 1) return Json();
  return Json::parse(built->layers.front());
}

// The one step that is no copy.
Json step_of(std::string_view text, BuildOptions options = {}) {
  const Json layers = layers_of(text, std::move(options));
  Json found;
  for (const Json& step : layers["programs"][0]) {
    if (step.contains("copy")) {
      EXPECT_EQ(step["macs"], 0);
      EXPECT_TRUE(step["nodes"].empty());
      continue;
    }
    EXPECT_TRUE(found.is_null()) << layers.dump();
    found = step;
  }
  return found;
}

BuildOptions forced(const char* family, const char* tactic) {
  BuildOptions options;
  options.forced[family] = tactic;
  options.derived_limit = 100;
  return options;
}

constexpr const char* kConvolution = R"(graph @main(%x: f32[1,32,28,28], %w: f32[32,32,3,3]) {
  %y: f32[1,32,28,28] = conv(%x, %w) {pads = [1, 1, 1, 1]} from "layer"
  return %y
})";

TEST(Layers, Convolution) {
  const Json step = step_of(kConvolution, forced("convolution", "direct"));
  EXPECT_EQ(step["macs"], 32 * 28 * 28 * 32 * 9);
  EXPECT_EQ(step["bytes"], 4 * (2 * 32 * 28 * 28 + 32 * 32 * 9));
  EXPECT_FALSE(step.contains("multiplications"));
  EXPECT_TRUE(step["tactic"].get<std::string>().starts_with("direct"));
  EXPECT_GT(step["seconds"], 0);
}

TEST(Layers, WindowsThatAreApartLeaveSomeOfTheImageOut) {
  const Json step = step_of(R"(graph @main(%x: f32[1,8,20,20], %w: f32[16,8,1,1]) {
  %y: f32[1,16,10,10] = conv(%x, %w) {strides = [2, 2]}
  return %y
})");
  EXPECT_EQ(step["macs"], 16 * 100 * 8);
  EXPECT_EQ(step["bytes"], 4 * (8 * 100 + 16 * 8 + 16 * 100));
}

TEST(Layers, WinogradDoesLess) {
  std::string ones = "1";
  for (int i = 1; i < 32 * 32 * 9; ++i) ones += ", 1";
  const std::string text = R"(graph @main(%x: f32[1,32,28,28]) {
  %w: f32[32,32,3,3] = constant() {value = tensor(f32[32,32,3,3] [)" +
                           ones + R"(])}
  %y: f32[1,32,28,28] = conv(%x, %w) {pads = [1, 1, 1, 1]} from "layer"
  return %y
})";
  const Json step = step_of(text, forced("convolution", "winograd 4x4"));
  EXPECT_EQ(step["macs"], 32 * 28 * 28 * 32 * 9);
  EXPECT_DOUBLE_EQ(step["multiplications"].get<double>(), 36.0 / 144);
  const Json free = step_of(text, forced("convolution", "winograd"));
  EXPECT_FALSE(free["losers"].empty());
  for (const Json& loser : free["losers"]) EXPECT_NE(loser["tactic"], free["tactic"]);
}

TEST(Layers, SymbolsStay) {
  const Json step = step_of(R"(graph @main(%x: f32[N,16], %w: f32[16,8]) {
  %y: f32[N,8] = matmul(%x, %w)
  return %y
})");
  EXPECT_EQ(step["macs"], "128*N");
  EXPECT_EQ(step["bytes"], "96*N + 512");
}

TEST(Layers, AGatherReadsNoMoreThanItGives) {
  const Json step = step_of(R"(graph @main(%table: f32[10000,64], %i: i64[5]) {
  %y: f32[5,64] = gather(%table, %i) {axis = 0}
  return %y
})");
  EXPECT_EQ(step["macs"], 0);
  EXPECT_EQ(step["bytes"], 2 * 4 * 5 * 64 + 8 * 5);
}

TEST(Layers, NodesAndSteps) {
  const Json layers = layers_of(R"(graph @main(%x: f32[8,16], %w: f32[16,16], %b: f32[16]) {
  %m: f32[8,16] = matmul(%x, %w) from "product"
  %a: f32[8,16] = add(%m, %b) from "bias"
  %r: f32[8,16] = relu(%a) from "activation"
  return %r
})");
  const Json& nodes = layers["nodes"];
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[0]["op"], "matmul");
  EXPECT_EQ(nodes[0]["layer"], "product");
  EXPECT_EQ(nodes[0]["type"], "f32[8,16]");
  EXPECT_EQ(nodes[0]["from"], Json({-1, -2}));
  EXPECT_EQ(nodes[1]["from"], Json({0, -3}));
  ASSERT_EQ(layers["programs"].size(), 1u);
  ASSERT_EQ(layers["programs"][0].size(), 1u);
  EXPECT_EQ(layers["programs"][0][0]["nodes"], Json({0, 1, 2}));
}

TEST(Layers, BodiesAreProgramsOfTheirOwn) {
  const Json layers = layers_of(R"(graph @main(%c: bool[], %x: f32[4]) {
  %y: f32[4] = if(%c) from "the branch" then() {
    %a: f32[4] = exp(%x)
    return %a
  } else() {
    %b: f32[4] = neg(%x)
    return %b
  }
  return %y
})");
  ASSERT_EQ(layers["programs"].size(), 3u);
  EXPECT_EQ(layers["nodes"][1]["inside"], 0);
}

}  // namespace
}  // namespace burnish::test
