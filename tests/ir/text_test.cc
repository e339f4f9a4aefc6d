// The text form: what is printed reads back to the same graph, and what cannot be read is refused with its place.

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ir/graph.h"
#include "ir/lexer.h"

namespace burnish {
namespace {

// Printed, read, and printed again: equal graphs and equal texts.
void expect_round_trip(const Graph& graph) {
  const std::string text = print(graph);
  auto read = parse_graph(text, large_constants(graph));
  ASSERT_TRUE(read) << read.error().message() << "\n" << text;
  EXPECT_EQ(difference(graph, **read, true), "") << text;
  EXPECT_EQ(print(**read), text);
  const Status status = verify_structure(**read);
  EXPECT_TRUE(status) << status.error().message() << "\n" << text;
}

void expect_text(std::string_view text) {
  auto read = parse_graph(text);
  ASSERT_TRUE(read) << read.error().message() << "\n" << text;
  EXPECT_EQ(print(**read), text);
  expect_round_trip(**read);
}

TEST(GraphText, IsPrintedAsItIsRead) {
  expect_text(R"(graph @main(%x: f32[N,64], %w: parameter f32[64,10], %k: state i8[]) where N in [1, 64] {
  %h: f32[N,10] = matmul(%x, %w) {axis = -1} from "conv1"
  %a: f32[2], _ = split(%h, _, %k) {axis = 0, sizes = [1, 2]}
  () = print(%a)
  %b: f32[floordiv(N + 1, 2),3*N] = reshape(%h) {shape = dims[floordiv(N + 1, 2), 3*N]}
  return %h, %b as "output name", %k as "k_out" updates "k"
}
)");
}

TEST(GraphText, Regions) {
  expect_text(R"(graph @main(%c: bool[], %x: f32[2]) {
  %y: f32[2] = if(%c) {hint = 1} from "branch" then() {
    %t: f32[2] = loop(%c, %x) body(%i: i64[], %v: f32[2]) {
      %w: f32[2] = add(%v, %x)
      return %i, %w
    }
    return %t
  } else() {
    return %x
  }
  return %y, %y as "again"
}
)");
}

TEST(GraphText, RegionsWhoseNamesMeanSomethingElse) {
  Graph graph("odd \"graph\"");
  Node* node = graph.add_node("if", {}, {}, {{Type::token(), "t"}});
  for (const char* name : {"from", "return", "_", "", "a b", "then"}) node->add_region(name);
  node = graph.add_node("odd op", {}, {{"odd attribute", int64_t{1}}}, {});
  node->set_source("line 1\nline 2\t\\ \"quoted\" \x01 \x7f é");
  graph.add_output(graph.nodes().front()->result(), "");
  expect_round_trip(graph);
}

TEST(GraphText, OddNames) {
  Graph graph;
  std::vector<Value*> values;
  for (const char* name :
       {"a/b:0", "a b", "_", "1", "return", "%x", "\"", "\\", "\n", "\xff\xfe", "x.y", "//no comment"})
    values.push_back(graph.add_input(name, Type::tensor(DType::f32, {})));
  graph.add_node("concat", values, {}, {{Type::tensor(DType::f32, {12}), "%"}});
  for (Value* v : values) graph.add_output(v, v->name() + "!");
  expect_round_trip(graph);
}

TEST(GraphText, EmptyGraphs) {
  expect_text("graph @main() {\n  return\n}\n");
  auto read = parse_graph("graph@main(){return} // nothing\n");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ((*read)->outputs().size(), 0u);
}

TEST(GraphText, FreshSymbolsAvoidThoseRead) {
  auto read = parse_graph(
      "graph @main(%x: f32[s0,s1]) {\n  %y: f32[s2] = f(%x) {to = dims[s3], as = type(i8[s4])}\n  return %y\n}");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ((*read)->fresh_symbol().text(), "s5");
}

TEST(GraphText, RangesComeWithTheSizes) {
  Graph graph;
  const Dim n = Dim::symbol("n", {2, 7});
  graph.add_output(graph.add_input("x", Type::tensor(DType::f32, {n * 2 + 1})), "x");
  graph.symbol_ranges()["unused"] = {1, Range::kMax};
  EXPECT_EQ(print(graph).substr(0, 69), "graph @main(%x: f32[2*n + 1]) where n in [2, 7], unused in [1, inf] {");
  auto read = parse_graph(print(graph));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ((*read)->input(0)->type().dims[0].range(), (Range{5, 15}));
  expect_round_trip(graph);
}

TEST(GraphText, LargeConstantsByHash) {
  Graph graph;
  const auto constant = [&](Tensor t) {
    const Type type = t.type();
    graph.add_output(graph.add_node("constant", {}, {{"value", std::move(t)}}, {{type, ""}})->result(), "");
  };
  std::vector<float> many(64);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i) / 7;
  constant(Tensor::f32s({64}, many));
  constant(Tensor::f32s({8, 8}, many));  // the same bytes under other dims
  Tensor words = *Tensor::allocate(DType::string, {17});
  words.mutable_as<std::string>()[3] = "three";
  constant(words);
  const ConstantStore store = large_constants(graph);
  EXPECT_EQ(store.size(), 3u);
  for (const auto& [hash, tensor] : store) EXPECT_EQ(hash.size(), 32u);
  expect_round_trip(graph);
  const std::string text = print(graph);
  EXPECT_NE(text.find("tensor(f32[64] #"), std::string::npos) << text;
  auto read = parse_graph(text);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message().find("there is no constant #"), std::string::npos) << read.error().message();
  // Another tensor under its name is not taken for it.
  ConstantStore wrong = store;
  for (auto& [hash, tensor] : wrong) tensor = Tensor::scalar(DType::f32, 1);
  read = parse_graph(text, wrong);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message().find("line 2"), std::string::npos) << read.error().message();
  EXPECT_NE(print(graph, {.inline_elements = 64}).find("tensor(f32[64] [0, 0.14285715"), std::string::npos);
}

TEST(GraphText, TypesMayBeLeftOut) {
  auto read = parse_graph("graph @main(%x: f32[2]) {\n  %y = neg(%x)\n  return %y\n}");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ((*read)->outputs()[0].value->type().text(), "f32[*]");
}

struct Refusal {
  const char* text;
  const char* place;
  const char* what;
};

TEST(GraphText, RefusesWithThePlace) {
  const Refusal kRefusals[] = {
      {"", "line 1, column 1", "expected 'graph'"},
      {"graph @main(%x: f32[2]) {\n  %y: f32[2] = neg(%z)\n  return %y\n}", "line 2, column 20", "%z is not defined"},
      {"graph @main(%x: f32[2]) {\n  %y: f32[2] = neg(%y)\n  return %y\n}", "line 2, column 20", "%y is not defined"},
      {"graph @main(%x: f32[2]) {\n  %x: f32[2] = neg(%x)\n  return %x\n}", "line 2, column 3", "%x is defined twice"},
      {"graph @main(%x: f32[2], %x: f32[2]) {\n  return %x\n}", "line 1, column 25", "%x is defined twice"},
      {"graph @main(%c: bool[]) {\n  () = if(%c) then() {\n    %t: bool[] = f(%c)\n    return\n  }\n  return %t\n}",
       "line 6, column 10", "%t is not defined"},
      {"graph @main(%c: bool[]) {\n  () = if(%c) then() {\n    %t: bool[] = f(%c)\n    return\n  } else() {\n"
       "    %t: bool[] = f(%c)\n    return\n  }\n  return\n}",
       "line 6, column 5", "%t is defined twice"},
      {"graph @main(%c: bool[]) {\n  %y: bool[] = if(%c) then() {\n    return %y\n  }\n  return %y\n}",
       "line 3, column 12", "%y is not defined"},
      {"graph @main(%x: f32[2]) {\n  %y: f32[2] = f(%x) {a = 1, a = 2}\n  return %y\n}", "line 2, column 30",
       "'a' is given twice"},
      {"graph @main(%x: f99[2]) {\n  return %x\n}", "line 1, column 17", "there is no dtype 'f99'"},
      {"graph @main(%x: f32[-2]) {\n  return %x\n}", "line 1, column 21", "negative"},
      {"graph @main(%x: f32[2) {\n  return %x\n}", "line 1", "expected a size"},
      {"graph @main(%x: f32[2]) {\n  return %x\n} }", "line 3, column 3", "unexpected text"},
      {"graph @main(%x: f32[2]) {\n  return %x", "line 2, column 12", "expected '}'"},
      {"graph @main(%\"\": f32[2]) {\n  return\n}", "line 1, column 13", "needs a name"},
      {"graph @main(%x: f32[N]) where N in [3, 2] {\n  return\n}", "line 1, column 31", "empty or too wide"},
      {"graph @main(%x: f32[N]) where N in [1, 2], N in [1, 2] {\n  return\n}", "line 1, column 44", "two ranges"},
      {"graph @main(%x: f32[2]) {\n  return %x updates \"x\"\n}", "line 2, column 21", "not a state input"},
      {"graph @main() {\n  f()\n  return\n}", "line 2, column 3", "expected a node"},
      {"graph @main() {\n  () = f() {a = tensor(f32[2] [1, 2, 3])}\n  return\n}", "line 2", "expected ']' after 2"},
      {"graph @main() {\n  () = f() {a = tensor(f32[2] [1])}\n  return\n}", "line 2", "expected ','"},
      {"graph @main() {\n  () = f() {a = tensor(i8[1] [128])}\n  return\n}", "line 2, column 31", "element of i8"},
      {"graph @main() {\n  () = f() {a = tensor(u4[1] [-1])}\n  return\n}", "line 2, column 31", "element of u4"},
      {"graph @main() {\n  () = f() {a = tensor(f32[1] [0x7fc0])}\n  return\n}", "line 2, column 32", "8 hex"},
      {"graph @main() {\n  () = f() {a = tensor(f32[N] [1])}\n  return\n}", "line 2, column 24", "sizes are numbers"},
      {"graph @main() {\n  () = f() {a = tensor(f32[1099511627776] [1])}\n  return\n}", "line 2", "fewer elements"},
      {"graph @main() {\n  () = f() {a = tensor(f32[4294967296,4294967296] [1])}\n  return\n}", "line 2", "elements"},
      {"graph @main() {\n  () = f() {a = 9223372036854775808}\n  return\n}", "line 2, column 17", "64 bits"},
      {"graph @main() {\n  () = f() {a = 1e999}\n  return\n}", "line 2, column 17", "expected a number"},
      {"graph @main() {\n  () = f() {a = \"x\n}", "line 3", "does not end"},
      {"graph @main() {\n  () = f() {a = nothing}\n  return\n}", "line 2, column 17", "attribute's value"},
  };
  for (const Refusal& r : kRefusals) {
    const auto read = parse_graph(r.text);
    ASSERT_FALSE(read) << r.text;
    EXPECT_EQ(read.error().code, ErrorCode::refused);
    EXPECT_NE(read.error().message().find(r.place), std::string::npos) << read.error().message() << "\n" << r.text;
    EXPECT_NE(read.error().message().find(r.what), std::string::npos) << read.error().message() << "\n" << r.text;
  }
}

std::string repeated(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(GraphText, NestingIsBounded) {
  EXPECT_FALSE(parse_type(repeated("sequence<", 100'000)));
  EXPECT_FALSE(parse_type(repeated("optional<", 65) + "token" + repeated(">", 65)));
  EXPECT_TRUE(parse_type(repeated("optional<", 60) + "token" + repeated(">", 60)));
  EXPECT_FALSE(parse_type("f32[" + repeated("(", 100'000) + "]"));
  EXPECT_FALSE(parse_type("f32[" + repeated("-", 100'000) + "1]"));
  EXPECT_FALSE(parse_type("f32[1" + repeated(",1", 64) + "]"));
  EXPECT_TRUE(parse_type("f32[1" + repeated(",1", 63) + "]"));
  std::string text = "graph @main() {\n";
  for (int i = 0; i < 10'000; ++i) text += "() = f() r() {\n";
  EXPECT_FALSE(parse_graph(text));
}

TEST(GraphText, SizesDoNotGrowOutOfTheirText) {
  std::string size = "(a+b)";
  for (int i = 0; i < 40; ++i) size += fmt::format("*(a{}+b{})", i, i);
  EXPECT_FALSE(parse_type("f32[" + size + "]"));
  EXPECT_FALSE(parse_type("f32[a" + repeated("*a", 100'000) + "]"));
  std::string sum = "a";
  for (int i = 0; i < 100'000; ++i) sum += fmt::format("+a{}", i);
  EXPECT_FALSE(parse_type("f32[" + sum + "]"));
}

TEST(GraphText, LongTextsTakeTheirLength) {
  // One value with very many readers, in many nodes and in one; quadratic work would not end.
  std::string text = "graph @main(%x: f32[2]) {\n";
  for (int i = 0; i < 100'000; ++i) text += fmt::format("  %v{}: f32[2] = neg(%x)\n", i);
  text += "  %all: f32[2] = concat(%x";
  for (int i = 0; i < 100'000; ++i) text += ", %x";
  text += ")\n  return %all\n}\n";
  auto read = parse_graph(text);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(print(**read), text);
  Value* x = (*read)->input(0);
  (*read)->replace_uses(x, (*read)->add_input("z", x->type()));
  EXPECT_TRUE(x->unused());
  EXPECT_EQ((*read)->remove_dead_nodes(), 100'000u);
}

}  // namespace
}  // namespace burnish
