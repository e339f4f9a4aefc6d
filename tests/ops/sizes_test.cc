// Sizes that inference finds where broadcasting leaves questions open.

#include <gtest/gtest.h>

#include "ir/graph.h"
#include "ops/operator.h"

namespace burnish {
namespace {

Type type_of(std::string_view text) {
  auto type = parse_type(text);
  EXPECT_TRUE(type.has_value()) << text;
  return *type;
}

TEST(Sizes, ACappedSizeDoesNotWiden) {
  // Where T is 1, min(T, 1024) is 1: the sum has T rows whenever it has a meaning.
  Graph graph;
  Value* x = graph.add_input("x", type_of("f32[N,T,8]"));
  Value* positions = graph.add_input("p", type_of("f32[min(T, 1024),8]"));
  Builder builder(graph);
  EXPECT_EQ(builder.op("add", {x, positions})->type().text(), "f32[N,T,8]");
  EXPECT_EQ(builder.op("add", {positions, x})->type().text(), "f32[N,T,8]");
  EXPECT_TRUE(builder.finish().has_value());
}

TEST(Sizes, QuestionsDoNotPileUp) {
  Graph graph;
  Value* x = graph.add_input("x", type_of("f32[A]"));
  Value* y = graph.add_input("y", type_of("f32[B]"));
  Builder builder(graph);
  for (int i = 0; i < 64; ++i) {
    Value* sum = builder.op("add", {x, y});
    x = y;
    y = sum;
  }
  ASSERT_TRUE(builder.finish().has_value());
  EXPECT_LE(y->type().text().size(), 5000u);
}

}  // namespace
}  // namespace burnish
