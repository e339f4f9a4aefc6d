#include "passes/match.h"

#include "tests/passes/graphs.h"

namespace burnish::test {
namespace {

using passes::match;
using passes::parse_pattern;

const std::string kGraph = R"(graph @main(%x: f32[2,3], %z: f32[2,3]) {
  %half: f32[] = constant() {value = tensor(f32[] 0.5)}
  %wide: f32[2,3] = broadcast(%half) {shape = dims[2, 3]}
  %a: f32[2,3] = mul(%half, %x)
  %b: f32[2,3] = mul(%x, %wide)
  %c: f32[2,3] = sub(%a, %z)
  %d: f32[2,3] = add(%c, %b)
  %r: f32[2,1] = reduce(%d) {axes = [1], keep = 1, kind = "max"}
  %e: f32[2,3] = sub(%d, %r)
  return %e, %c
}
)";

class Matching : public testing::Test {
 protected:
  void SetUp() override {
    graph = read_graph(kGraph);
    ASSERT_TRUE(graph);
  }
  Value* named(std::string_view name) {
    for (const auto& node : graph->nodes())
      if (node->result()->name() == name) return node->result();
    return nullptr;
  }
  std::unique_ptr<Graph> graph;
};

TEST_F(Matching, TriesBothOrdersOfCommutativeOperators) {
  EXPECT_TRUE(match(parse_pattern("mul(x, 0.5)"), named("a")));
  EXPECT_TRUE(match(parse_pattern("mul(0.5, x)"), named("a")));
  EXPECT_TRUE(match(parse_pattern("add(mul(x, 0.5), sub(y, z))"), named("d")));
  EXPECT_FALSE(match(parse_pattern("sub(z, mul(x, 0.5))"), named("c")));
}

TEST_F(Matching, SeesNumbersThroughBroadcasts) {
  EXPECT_TRUE(match(parse_pattern("mul(x, 0.5)"), named("b")));
  EXPECT_FALSE(match(parse_pattern("mul(x, #c)"), named("b")));
  EXPECT_TRUE(match(parse_pattern("mul(x, #c)"), named("a")));
  EXPECT_FALSE(match(parse_pattern("mul(x, 0.25)"), named("a")));
}

TEST_F(Matching, BindsANameOnce) {
  EXPECT_TRUE(match(parse_pattern("add(sub(mul(x, 0.5), z), mul(x, 0.5))"), named("d")));
  EXPECT_FALSE(match(parse_pattern("add(sub(mul(x, 0.5), z), mul(z, 0.5))"), named("d")));
  EXPECT_TRUE(match(parse_pattern("sub(m:add(x, y), reduce(m))"), named("e")));
}

TEST_F(Matching, CapturesAttributesWithTheirDefaults) {
  auto found = match(parse_pattern("sub(x, reduce(x) {axes = $a, keep = 1, kind = \"max\"})"), named("e"));
  ASSERT_TRUE(found);
  EXPECT_EQ(std::get<Ints>(found->attribute("a")), Ints{1});
  EXPECT_FALSE(match(parse_pattern("sub(x, reduce(x) {kind = \"sum\"})"), named("e")));
}

TEST_F(Matching, TakesAlternatives) {
  auto found = match(parse_pattern("add((div(x, y) | sub(w, z)), v)"), named("d"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value("w"), named("a"));
}

TEST_F(Matching, KnowsWhetherInnerValuesAreReadElsewhere) {
  auto inner_is_output = match(parse_pattern("add(sub(x, z), y)"), named("d"));
  ASSERT_TRUE(inner_is_output);
  EXPECT_FALSE(passes::closed(*inner_is_output));
  auto alone = match(parse_pattern("sub(mul(x, y), z)"), named("c"));
  ASSERT_TRUE(alone);
  EXPECT_TRUE(passes::closed(*alone));
}

}  // namespace
}  // namespace burnish::test
