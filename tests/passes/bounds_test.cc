// What is known of values whatever the inputs are.

#include "passes/bounds.h"

#include <cmath>
#include <limits>

#include "tests/passes/graphs.h"

namespace burnish::test {
namespace {

using passes::least;

// The bound of the graph's only output.
double bound_of(const std::string& body) {
  auto graph = read_graph("graph @main(%x: f32[2,3], %n: i32[2,3]) {\n" + body + "  return %y\n}\n");
  return graph ? least(graph->outputs()[0].value) : std::nan("");
}

TEST(Bounds, NothingIsKnownOfInputs) {
  EXPECT_EQ(bound_of("  %y: f32[2,3] = neg(%x)\n"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(bound_of("  %y: f32[2,3] = mul(%x, %x)\n"), 0);
  EXPECT_FALSE(std::signbit(bound_of("  %y: f32[2,3] = mul(%x, %x)\n")));
  EXPECT_LT(bound_of("  %y: f32[2,3] = cast(%n) {dtype = f32}\n"), 0);
}

TEST(Bounds, SumsOfSoftmaxAreNotBelowOne) {
  const std::string before = R"(  %m: f32[2,1] = reduce(%x) {kind = "max", axes = [1], keep = 1}
  %d: f32[2,3] = sub(%x, %m)
  %e: f32[2,3] = exp(%d)
)";
  EXPECT_EQ(bound_of(before + "  %y: f32[2,1] = reduce(%e) {kind = \"sum\", axes = [1], keep = 1}\n"), 1);
  EXPECT_EQ(bound_of(before + "  %y: f32[1,3] = reduce(%e) {kind = \"sum\", axes = [0], keep = 1}\n"), 0);
}

TEST(Bounds, MeansOfSquaresAndWhatIsAddedToThem) {
  EXPECT_EQ(bound_of(R"(  %s: f32[2,3] = mul(%x, %x)
  %v: f32[2,1] = reduce_mean(%s) {axes = [1], keep = 1}
  %e: f32[] = constant() {value = tensor(f32[] [0.5])}
  %y: f32[2,1] = add(%v, %e)
)"),
            0.5);
}

TEST(Bounds, NegativeZeroIsToldApart) {
  const auto with = [](const std::string& zero, const std::string& function) {
    return bound_of("  %z: f32[] = constant() {value = tensor(f32[] [" + zero + "])}\n  %y: f32[2,3] = " + function +
                    "\n");
  };
  // Whether max(-0, 0) is 0 or -0 depends on the processor.
  EXPECT_TRUE(std::signbit(with("0", "max(%x, %z)")));
  EXPECT_EQ(with("0", "max(%x, %z)"), 0);
  EXPECT_EQ(with("2", "max(%x, %z)"), 2);
  EXPECT_LT(with("2", "min(%x, %z)"), 0);
  auto root = read_graph("graph @main(%x: f32[2]) {\n  %y: f32[2] = sqrt(%x)\n  return %y\n}\n");
  ASSERT_TRUE(root);
  EXPECT_FALSE(passes::never_negative(root->outputs()[0].value));
}

}  // namespace
}  // namespace burnish::test
