// Operators of users in C++: written down, inferred, run, decomposed, saved, and all that can be wrong with them.

#include <atomic>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <thread>

#include "tests/api/networks.h"

namespace api_test {
namespace {

using namespace burnish;

std::atomic<int> reference_calls = 0;

// y = x * by + plus, out of other operators.
CustomOperator affine() {
  CustomOperator op;
  op.name = "acme.Affine";
  op.doc = "x * by + plus";
  op.operands = {{"x", "float"}};
  op.results = {{"y"}};
  op.attributes = {{"by", AttributeKind::real, "2.0"}, {"plus", AttributeKind::real, "0.0"}};
  op.infer = [](Inference& n) { n.result(0, n.type(0)); };
  op.decompose = [](Decomposition& n) { n.result(0, n.operand(0) * n.real("by") + n.real("plus")); };
  return op;
}

// The sum of coefficients[k] * x^k, by calling back.
CustomOperator polynomial() {
  CustomOperator op;
  op.name = "acme.Polynomial";
  op.operands = {{"x", "f32"}};
  op.results = {{"y"}};
  op.attributes = {{"coefficients", AttributeKind::reals}};
  op.infer = [](Inference& n) {
    if (n.reals("coefficients").empty()) return n.fail("a polynomial of nothing", "give coefficients");
    n.result(0, n.type(0));
  };
  op.reference = [](Evaluation& n) {
    ++reference_calls;
    const Tensor x = n.operand(0);
    Tensor y = n.result(0, x.shape());
    const std::vector<double> c = n.reals("coefficients");
    for (std::size_t i = 0; i < y.mutable_values<float>().size(); ++i) {
      double sum = 0;
      for (std::size_t k = c.size(); k-- > 0;) sum = sum * double{x.values<float>()[i]} + c[k];
      y.mutable_values<float>()[i] = static_cast<float>(sum);
    }
  };
  return op;
}

// Rows less their mean over their deviation: both ways.
CustomOperator standardise() {
  CustomOperator op;
  op.name = "acme.Standardise";
  op.operands = {{"x", "f32"}};
  op.results = {{"y"}};
  op.attributes = {{"epsilon", AttributeKind::real, "1e-3"}};
  op.infer = [](Inference& n) {
    if (n.is_ranked(0) && n.rank(0) < 1) return n.fail("x needs rows");
    n.result(0, n.type(0));
  };
  op.reference = [](Evaluation& n) {
    const Tensor x = n.operand(0);
    Tensor y = n.result(0, x.shape());
    const auto width = static_cast<std::size_t>(x.shape().back());
    for (std::size_t row = 0; width > 0 && row < x.values<float>().size(); row += width) {
      double mean = 0, square = 0;
      for (std::size_t i = 0; i < width; ++i) mean += double{x.values<float>()[row + i]} / static_cast<double>(width);
      for (std::size_t i = 0; i < width; ++i)
        square += std::pow(double{x.values<float>()[row + i]} - mean, 2) / static_cast<double>(width);
      for (std::size_t i = 0; i < width; ++i)
        y.mutable_values<float>()[row + i] =
            static_cast<float>((double{x.values<float>()[row + i]} - mean) / std::sqrt(square + n.real("epsilon")));
    }
  };
  op.decompose = [](Decomposition& n) {
    const Value x = n.operand(0);
    const Value centred = x - reduce_mean(x, {-1}, true);
    n.result(0, centred / sqrt(reduce_mean(centred * centred, {-1}, true) + n.real("epsilon")));
  };
  return op;
}

// The values above a limit, and how many: sizes that only a run can tell.
CustomOperator above() {
  CustomOperator op;
  op.name = "acme.Above";
  op.operands = {{"x", "f32"}, {"limit", "f32", Arity::optional}};
  op.results = {{"values"}, {"count", "", Arity::optional}};
  op.infer = [](Inference& n) {
    n.result(0, DType::f32, {n.fresh()});
    n.result(1, DType::i64, {});
  };
  op.reference = [](Evaluation& n) {
    const Tensor x = n.operand(0), limit = n.operand(1);
    std::vector<float> kept;
    for (const float v : x.values<float>())
      if (v > (limit ? limit.values<float>()[0] : 0.0F)) kept.push_back(v);
    const auto count = static_cast<int64_t>(kept.size());
    std::ranges::copy(kept, n.result(0, {count}).mutable_values<float>().begin());
    if (Tensor total = n.result(1, {})) total.mutable_values<int64_t>()[0] = count;
  };
  return op;
}

// a and b side by side; they must be as long as each other.
CustomOperator zip() {
  CustomOperator op;
  op.name = "acme.Zip";
  op.operands = {{"a", "any"}, {"b", "same"}};
  op.results = {{"pairs"}};
  op.infer = [](Inference& n) {
    n.require(Requirement::equal, n.dim(0, 0), n.dim(1, 0), "lengths of a and b");
    n.result(0, n.dtype(0).value_or(DType::f32), {n.dim(0, 0), 2});
  };
  op.decompose = [](Decomposition& n) {
    n.result(0, concat({unsqueeze(n.operand(0), {1}), unsqueeze(n.operand(1), {1})}, 1));
  };
  return op;
}

// Zeros of the shape that an operand names, where that is known; else as many axes as it has elements.
CustomOperator grid() {
  CustomOperator op;
  op.name = "acme.Grid";
  op.operands = {{"shape", "i64"}};
  op.results = {{"y"}, {"same", "", Arity::optional}};
  op.infer = [](Inference& n) {
    const auto known = n.contents(0);
    if (known) n.result(0, DType::f32, *known);
    else n.result(0, "f32[*]");
    n.result(1, n.type(0));
    if (known) n.result_contents(1, *known);
  };
  op.reference = [](Evaluation& n) {
    const Tensor shape = n.operand(0);
    n.result(0, shape.values<int64_t>());
    if (Tensor same = n.result(1, shape.shape()))
      std::ranges::copy(shape.values<int64_t>(), same.mutable_values<int64_t>().begin());
  };
  return op;
}

// Each element of 4 bits with its sign changed: DLPack packs two a byte.
CustomOperator negate4() {
  CustomOperator op;
  op.name = "acme.Negate4";
  op.operands = {{"x", "i4"}};
  op.results = {{"y"}};
  op.infer = [](Inference& n) { n.result(0, n.type(0)); };
  op.reference = [](Evaluation& n) {
    const Tensor x = n.operand(0);
    Tensor y = n.result(0, x.shape());
    const auto* from = static_cast<const uint8_t*>(x.data());
    auto* to = static_cast<uint8_t*>(y.mutable_data());
    for (int64_t i = 0; i < x.elements(); ++i) {
      const unsigned value = from[i / 2] >> (i % 2 * 4) & 15U;
      to[i / 2] = static_cast<uint8_t>(to[i / 2] | ((16U - value) & 15U) << (i % 2 * 4));
    }
  };
  return op;
}

// y = x, and what it read of its attributes.
std::string seen;
CustomOperator kinds() {
  CustomOperator op;
  op.name = "acme.Kinds";
  op.operands = {{"x", "f32", Arity::variadic}};
  op.results = {{"y"}};
  using enum AttributeKind;
  op.attributes = {{"i", integer, "7"},
                   {"r", real, "0.5"},
                   {"s", AttributeKind::string, "\"a b\""},
                   {"is", integers, "[1, 2]"},
                   {"rs", reals, "[0.5, 2.0]"},
                   {"ss", strings, "[\"a\", \"b\"]"},
                   {"d", AttributeKind::dtype, "i8"},
                   {"ds", dims, "[3, 4]"},
                   {"t", tensor, "tensor(f32[2] [1, 2])"},
                   {"ty", type, "type(f32[5])"},
                   {"o", integer, "optional"}};
  op.infer = [](Inference& n) { n.result(0, n.type(0)); };
  op.reference = [](Evaluation& n) {
    std::ostringstream text;
    text << n.operand_count() << ' ' << n.integer("i") << ' ' << n.real("r") << ' ' << n.string("s");
    for (const int64_t v : n.integers("is")) text << ' ' << v;
    for (const double v : n.reals("rs")) text << ' ' << v;
    for (const std::string& v : n.strings("ss")) text << ' ' << v;
    text << ' ' << name(n.dtype_attribute("d"));
    for (const Dim& v : n.sizes("ds")) text << ' ' << v.text();
    for (const float v : n.tensor("t").values<float>()) text << ' ' << v;
    text << ' ' << n.type_attribute("ty") << ' ' << n.has_attribute("o");
    seen = text.str();
    const Tensor x = n.operand(0);
    std::ranges::copy(x.values<float>(), n.result(0, x.shape()).mutable_values<float>().begin());
  };
  return op;
}

CustomOperator identity(const std::string& name) {
  CustomOperator op;
  op.name = name;
  op.operands = {{"x"}};
  op.results = {{"y"}};
  op.infer = [](Inference& n) { n.result(0, n.type(0)); };
  op.decompose = [](Decomposition& n) { n.result(0, n.operand(0)); };
  return op;
}

class Custom : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (CustomOperator& op :
         std::vector{affine(), polynomial(), standardise(), above(), zip(), grid(), negate4(), kinds()})
      expect_ok(register_operator(std::move(op)));
  }
  // A graph of one node: inputs of these types, outputs of all results.
  static Graph graph_of(const std::string& op, const std::vector<std::string>& types, const Attributes& attributes = {},
                        std::size_t results = 1) {
    Graph g("g");
    std::vector<Value> operands;
    for (std::size_t i = 0; i < types.size(); ++i) operands.push_back(g.input("x" + std::to_string(i), types[i]));
    const std::vector<Value> made = g.ops(op, operands, attributes, results, "layer");
    for (std::size_t i = 0; i < results; ++i) g.output("y" + std::to_string(i), made[i]);
    return g;
  }
  static std::vector<Tensor> run(const Engine& engine, const std::vector<Tensor>& inputs) {
    Context context = value(engine.create_context());
    return value(context.run(inputs));
  }
  static Engine engine_of(const Graph& graph, bool references = false) {
    return value(build(graph, {.fallback = Fallback::allow, .references = references}));
  }
};

TEST_F(Custom, DecomposesAndIsCompiled) {
  const Graph g = graph_of("acme.Affine", {"f32[N,3]"}, {{"plus", 1.0}});
  const Engine engine = engine_of(g);
  EXPECT_EQ(engine.outputs()[0].type, "f32[N,3]");
  EXPECT_EQ(value(engine.decisions()).find("fallback.reference"), std::string::npos);
  EXPECT_FALSE(value(engine.cpu()).empty());
  EXPECT_EQ(floats(run(engine, {value(Tensor::from<float>({1, 2, 3}, {1, 3}))})[0]), (std::vector<float>{3, 5, 7}));
  // As its references: its decomposition again.
  EXPECT_EQ(floats(run(engine_of(g, true), {value(Tensor::from<float>({1, 2, 3}, {1, 3}))})[0]),
            (std::vector<float>{3, 5, 7}));
}

TEST_F(Custom, ReferenceRunsAsAStep) {
  const Graph g = graph_of("acme.Polynomial", {"f32[N]"}, {{"coefficients", {1.0, 0.0, 2.0}}});
  const Engine engine = engine_of(g);
  const std::string decisions = value(engine.decisions());
  EXPECT_NE(decisions.find("acme.Polynomial runs as a reference step"), std::string::npos);
  EXPECT_NE(decisions.find("give the operator a decompose"), std::string::npos);
  for (const int64_t n : {1, 4, 0}) {
    const Tensor x = filled({n}, 1.0F);
    std::vector<float> expected;
    for (const float v : x.values<float>()) expected.push_back(1 + 2 * v * v);
    EXPECT_EQ(floats(run(engine, {x})[0]), expected);
  }
  EXPECT_NE(error(build(g, {.fallback = Fallback::error})).message().find("layer"), std::string::npos);
}

TEST_F(Custom, ReferenceAndDecompositionAgree) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  const Graph g = graph_of("acme.Standardise", {"f32[N,W]"}, {{"epsilon", 0.01}});
  const Engine compiled = engine_of(g), references = engine_of(g, true);
  EXPECT_EQ(value(compiled.decisions()).find("runs as a reference step"), std::string::npos);
  for (int round = 0; round < 20; ++round) {
    Tensor x = value(Tensor::zeros(DType::f32, {1 + round % 5, 1 + round * 3}));
    for (float& v : x.mutable_values<float>()) v = normal(random);
    const auto a = floats(run(compiled, {x})[0]), b = floats(run(references, {x})[0]);
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-4F + 1e-4F * std::abs(b[i]));
  }
}

TEST_F(Custom, SizesThatOnlyARunCanTell) {
  Graph g = graph_of("acme.Above", {"f32[N]", "f32[]"}, {}, 2);
  EXPECT_EQ(g.outputs()[1].type(), "i64[]");
  EXPECT_EQ(g.outputs()[0].rank(), 1);
  EXPECT_NE(g.outputs()[0].type(), "f32[N]");
  // What follows is compiled, with sizes that the step told.
  g.output("doubled", g.find("layer") * 2.0);
  const Engine engine = engine_of(g);
  const auto y = run(engine, {value(Tensor::from<float>({1, 5, -2, 7}, {4})), value(Tensor::scalar(2.0F))});
  EXPECT_EQ(floats(y[0]), (std::vector<float>{5, 7}));
  EXPECT_EQ(y[1].values<int64_t>()[0], 2);
  EXPECT_EQ(floats(y[2]), (std::vector<float>{10, 14}));
  // Without what may be left out.
  const auto short_ = run(engine_of(graph_of("acme.Above", {"f32[N]"})), {value(Tensor::from<float>({1, -1}, {2}))});
  EXPECT_EQ(floats(short_[0]), (std::vector<float>{1}));
}

TEST_F(Custom, RequirementsAreCheckedByRuns) {
  const Engine engine = engine_of(graph_of("acme.Zip", {"f32[N]", "f32[M]"}));
  EXPECT_EQ(floats(run(engine, {filled({2}, 1), filled({2}, 2)})[0]), (std::vector<float>{-8, -16, -7, -14}));
  Context context = value(engine.create_context());
  const Error refused = error(context.run({filled({2}), filled({3})}));
  EXPECT_EQ(refused.code, ErrorCode::usage) << refused.message();
  EXPECT_NE(refused.message().find("must be equal"), std::string::npos) << refused.message();
  // Known while it is written.
  const Error early = error(graph_of("acme.Zip", {"f32[2]", "f32[3]"}).status());
  EXPECT_NE(early.message().find("lengths of a and b do not fit: 2 and 3"), std::string::npos) << early.message();
  EXPECT_NE(early.message().find("acme.Zip"), std::string::npos) << early.message();
}

TEST_F(Custom, SeesContents) {
  Graph g("g");
  const Value shape = g.constant(Tensor::from<int64_t>({2, 3}, {2}), "shape");
  const auto made = g.ops("acme.Grid", {shape}, {}, 2);
  EXPECT_EQ(made[0].type(), "f32[2,3]");
  // What it says of its own contents reaches other operators.
  const auto again = g.ops("acme.Grid", {made[1]}, {}, 1);
  EXPECT_EQ(again[0].type(), "f32[2,3]");
  g.output("y", again[0]);
  EXPECT_EQ(run(engine_of(g), {})[0].shape()[1], 3);
  EXPECT_EQ(graph_of("acme.Grid", {"i64[K]"}).outputs()[0].type(), "f32[*]");
}

TEST_F(Custom, PackedElements) {
  const std::byte bytes[] = {std::byte{0x21}, std::byte{0x0f}};  // 1, 2, -1
  const auto y =
      run(engine_of(graph_of("acme.Negate4", {"i4[3]"})), {value(Tensor::from_bytes(DType::i4, {3}, bytes))});
  ASSERT_EQ(y[0].dtype(), DType::i4);
  const auto* packed = static_cast<const uint8_t*>(y[0].data());
  EXPECT_EQ(packed[0], 0xef);  // -1, -2
  EXPECT_EQ(packed[1] & 15, 1);
}

TEST_F(Custom, ReadsAttributesOfEveryKind) {
  run(engine_of(graph_of("acme.Kinds", {"f32[1]", "f32[1]"})), {filled({1}), filled({1})});
  EXPECT_EQ(seen, "2 7 0.5 a b 1 2 0.5 2 a b i8 3 4 1 2 f32[5] 0");
  Graph g("g");
  const Value x = g.input("x", "f32[N]");
  g.output("y", g.op("acme.Kinds", {x},
                     {{"i", 1},
                      {"r", 1.5},
                      {"s", "c"},
                      {"is", Ints{}},
                      {"rs", std::vector<double>{3}},
                      {"ss", std::vector<std::string>{"x"}},
                      {"d", DType::f16},
                      {"ds", Dims{"N", Dim("N") * 2}},
                      {"t", value(Tensor::scalar(9.0F))},
                      {"ty", Attribute::type("i64[2]")},
                      {"o", 4}}));
  run(engine_of(g), {filled({3})});
  EXPECT_EQ(seen, "1 1 1.5 c 3 x f16 3 6 9 i64[2] 1");
  for (const auto& [attribute, text] : {std::pair<NamedAttribute, std::string>({"nope", 1}, "no attribute 'nope'"),
                                        {{"i", "text"}, "must be of kind"}}) {
    const Error e = error(graph_of("acme.Kinds", {"f32[1]"}, {attribute}).status());
    EXPECT_NE(e.message().find(text), std::string::npos) << e.message();
  }
  EXPECT_NE(error(graph_of("acme.Polynomial", {"f32[1]"}).status()).message().find("'coefficients' is missing"),
            std::string::npos);
  EXPECT_NE(error(graph_of("acme.Polynomial", {"f64[1]"}, {{"coefficients", {1.0}}}).status()).message().find("f64[1]"),
            std::string::npos);
}

TEST_F(Custom, ManyThreadsRunOneEngine) {
  const Engine engine = engine_of(graph_of("acme.Polynomial", {"f32[N]"}, {{"coefficients", {0.0, 3.0}}}));
  const int before = reference_calls;
  std::atomic<int> wrong = 0;
  const auto serve = [&](float scale) {
    Context context = value(engine.create_context({.threads = 1}));
    for (int i = 0; i < 100; ++i) {
      const Tensor x = filled({1 + i % 7}, scale);
      const auto y = value(context.run({x}));
      for (std::size_t k = 0; k < x.values<float>().size(); ++k)
        wrong += std::abs(y[0].values<float>()[k] - 3 * x.values<float>()[k]) > 1e-5F;
    }
  };
  std::thread one(serve, 0.5F), two(serve, 2.0F);
  one.join();
  two.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(reference_calls - before, 200);
}

// -- what is refused

TEST_F(Custom, RegistrationIsChecked) {
  const auto refused = [](const std::string& text, auto&& change) {
    CustomOperator op = identity("acme.Refused");
    change(op);
    const Error e = error(register_operator(op));
    EXPECT_EQ(e.code, ErrorCode::usage);
    EXPECT_NE(e.message().find(text), std::string::npos) << e.message();
  };
  for (const char* name : {"", "Scale", "acme.", ".Scale", "acme.two words", "onnx.acme.Scale", "softmax"})
    refused("no name for an operator", [&](auto& op) { op.name = name; });
  refused("there already", [](auto& op) { op.name = "acme.Affine"; });
  refused("no infer", [](auto& op) { op.infer = {}; });
  refused("neither reference nor decompose", [](auto& op) { op.decompose = {}; });
  refused("no list of dtypes", [](auto& op) { op.operands[0].types = "f32|float32"; });
  refused("no name", [](auto& op) { op.operands[0].name = "a b"; });
  refused("only the last", [](auto& op) { op.operands = {{"a", "any", Arity::variadic}, {"b"}}; });
  refused("has results", [](auto& op) { op.results.clear(); });
  refused("two of this name", [](auto& op) { op.attributes = {{"a"}, {"a"}}; });
  refused("no attribute of kind", [](auto& op) { op.attributes = {{"a", AttributeKind::real, "\"x\""}}; });
  refused("no attribute of kind", [](auto& op) { op.attributes = {{"a", AttributeKind::string, "NOTSET"}}; });
  refused("no attribute kind", [](auto& op) { op.attributes = {{"a", static_cast<AttributeKind>(99)}}; });
  for (const char* domain : {"", "ai.onnx"})
    refused("is an operator of ONNX that Burnish has", [&](auto& op) { op.bindings = {{domain, "Relu"}}; });
  refused("is an operator of ONNX that Burnish has", [](auto& op) { op.bindings = {{"com.microsoft", "Gelu", 99}}; });
  refused("bound to 'acme.Affine' already", [](auto& op) { op.bindings = {{"acme", "Affine", 3}}; });
  refused("bound twice", [](auto& op) { op.bindings = {{"acme", "R", 1, 3}, {"acme", "R", 3}}; });
  refused("no versions", [](auto& op) { op.bindings = {{"acme", "R", 4, 3}}; });
  // Nothing of it is left: the name and the binding are free.
  expect_ok(register_operator(identity("acme.Refused")));
}

TEST_F(Custom, WhatAFunctionDoesWrongNamesTheOperator) {
  const auto fails = [](const std::string& name, const std::string& text, auto&& change, bool at_run = true) {
    SCOPED_TRACE(name);
    CustomOperator op = identity(name);
    change(op);
    expect_ok(register_operator(op));
    const Graph g = graph_of(name, {"f32[2]"});
    std::string message;
    if (const auto status = g.status(); !status) {
      EXPECT_FALSE(at_run) << status.error().message();
      message = status.error().message();
    } else if (const auto engine = build(g, {.fallback = Fallback::allow}); !engine) {
      EXPECT_FALSE(at_run) << engine.error().message();
      message = engine.error().message();
    } else {
      EXPECT_TRUE(at_run);
      Context context = value(engine->create_context());
      message = error(context.run({filled({2})})).message();
    }
    EXPECT_NE(message.find(text), std::string::npos) << message;
    EXPECT_NE(message.find(name), std::string::npos) << message;
    EXPECT_NE(message.find("layer"), std::string::npos) << message;
  };
  const auto by_reference = [](auto&& function) {
    return [=](CustomOperator& op) {
      op.decompose = {};
      op.reference = function;
    };
  };
  const auto by_infer = [](auto&& function) { return [=](CustomOperator& op) { op.infer = function; }; };
  const auto by_decompose = [](auto&& function) { return [=](CustomOperator& op) { op.decompose = function; }; };

  fails("bad.Nothing", "makes no result 0", by_reference([](Evaluation&) {}));
  fails("bad.Size", "gives f32[3] as result 0, but its infer says f32[2]",
        by_reference([](Evaluation& n) { n.result(0, {3}); }));
  fails("bad.Rank", "gives f32[2,1]", by_reference([](Evaluation& n) { n.result(0, {2, 1}); }));
  fails("bad.Negative", "gives f32[-1]", by_reference([](Evaluation& n) { n.result(0, {-1}); }));
  fails("bad.Twice", "allocated twice", by_reference([](Evaluation& n) {
          n.result(0, {2});
          n.result(0, {2});
        }));
  fails("bad.Index", "no result 1 among 1", by_reference([](Evaluation& n) { n.result(1, {2}); }));
  fails("bad.Throws", "throws: thrown by the user",
        by_reference([](Evaluation&) { throw std::runtime_error("thrown by the user"); }));
  fails("bad.ThrowsInt", "no std::exception", by_reference([](Evaluation&) { throw 3; }));
  fails("bad.Says", "; come tomorrow", by_reference([](Evaluation& n) { n.fail("not today", "come tomorrow"); }));
  fails("bad.Undeclared", "no attribute 'alpha'", by_reference([](Evaluation& n) { n.real("alpha"); }));

  fails("bad.InferNothing", "says nothing of result 0", by_infer([](Inference&) {}), false);
  fails("bad.InferType", "which is no type", by_infer([](Inference& n) { n.result(0, "float[2]"); }), false);
  fails("bad.InferSymbol", "a size 'Q' that no operand has", by_infer([](Inference& n) { n.result(0, "f32[Q]"); }),
        false);
  fails("bad.InferThrows", "throws: from infer", by_infer([](Inference&) { throw std::runtime_error("from infer"); }),
        false);
  fails("bad.InferAxis", "no axis 3", by_infer([](Inference& n) { n.result(0, DType::f32, {n.dim(0, 3)}); }), false);

  fails("bad.DecomposeNothing", "gives no result 0", by_decompose([](Decomposition&) {}), false);
  fails("bad.DecomposeType", "gives i64[2] as result 0, but its infer says f32[2]",
        by_decompose([](Decomposition& n) { n.result(0, cast(n.operand(0), DType::i64)); }), false);
  fails("bad.DecomposeSize", "gives f32[1,2]",
        by_decompose([](Decomposition& n) { n.result(0, unsqueeze(n.operand(0), {0})); }), false);
  fails("bad.DecomposeUnknown", "no operator 'sofmax'",
        by_decompose([](Decomposition& n) { n.result(0, n.graph().op("sofmax", {n.operand(0)})); }), false);
  fails("bad.DecomposeThrows", "throws: from decompose",
        by_decompose([](Decomposition&) { throw std::runtime_error("from decompose"); }), false);
  fails("bad.DecomposeSelf", "is made of itself",
        by_decompose([](Decomposition& n) { n.result(0, n.graph().op("bad.DecomposeSelf", {n.operand(0)})); }), false);
  fails("bad.DecomposeOther", "another graph", by_decompose([](Decomposition& n) {
          Graph other("other");
          n.result(0, other.input("x", "f32[2]"));
        }),
        false);
  fails("bad.DecomposeOutput", "only adds constants and nodes",
        by_decompose([](Decomposition& n) { n.graph().output("z", n.operand(0)); }), false);
}

TEST_F(Custom, OperatorsMadeOfEachOtherEnd) {
  for (const auto& [name, other] : {std::pair("loop.Ping", "loop.Pong"), std::pair("loop.Pong", "loop.Ping")}) {
    CustomOperator op = identity(name);
    op.decompose = [other = std::string(other)](Decomposition& n) { n.result(0, n.graph().op(other, {n.operand(0)})); };
    expect_ok(register_operator(op));
  }
  const Graph g = graph_of("loop.Ping", {"f32[2]"});
  EXPECT_NE(error(build(g)).message().find("without end"), std::string::npos);
  Context context = value(engine_of(g, true).create_context());
  EXPECT_NE(error(context.run({filled({2})})).message().find("without end"), std::string::npos);
}

TEST_F(Custom, ADecompositionMayWaitForSizes) {
  CustomOperator op = identity("acme.Halves");
  op.infer = [](Inference& n) { n.result(0, "f32[*]"); };
  op.decompose = [](Decomposition& n) {
    const auto size = n.dim(0, 0).number();
    if (!size) return n.fail("its size is not known yet");
    n.result(0, narrow(n.operand(0), 0, 0, *size / 2));
  };
  expect_ok(register_operator(op));
  const Engine engine = engine_of(graph_of("acme.Halves", {"f32[N]"}));
  EXPECT_NE(value(engine.decisions()).find("needs sizes that only a run can tell"), std::string::npos);
  EXPECT_EQ(floats(run(engine, {filled({4}, 1)})[0]), (std::vector<float>{-8, -7}));
  EXPECT_EQ(floats(run(engine, {filled({6}, 1)})[0]), (std::vector<float>{-8, -7, -6}));
  EXPECT_EQ(value(engine_of(graph_of("acme.Halves", {"f32[4]"})).decisions()).find("reference step"),
            std::string::npos);
}

TEST_F(Custom, AValueDoesNotOutliveItsDecomposition) {
  static Value kept;
  CustomOperator op = identity("acme.Keeps");
  op.decompose = [](Decomposition& n) {
    kept = n.operand(0);
    n.result(0, n.operand(0) + 1.0);
  };
  expect_ok(register_operator(op));
  const Graph g = graph_of("acme.Keeps", {"f32[2]"});
  engine_of(g);
  EXPECT_EQ(kept.type(), "");
  EXPECT_NE(error(Graph::of(kept).status()).message().find("is over"), std::string::npos);
  kept = {};
}

TEST_F(Custom, StringsNeedADecomposition) {
  CustomOperator op = identity("acme.OfText");
  op.decompose = {};
  op.reference = [](Evaluation&) {};
  expect_ok(register_operator(op));
  EXPECT_NE(error(graph_of("acme.OfText", {"string[2]"}).status()).message().find("no form in DLPack"),
            std::string::npos);
}

// -- files

std::string file(const std::string& name) { return (std::filesystem::temp_directory_path() / name).string(); }
std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
Result<Graph> load(const std::string& bytes) {
  return load_model(std::as_bytes(std::span(bytes.data(), bytes.size())));
}
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, text.npos);
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

TEST_F(Custom, OnnxBothWays) {
  const std::string path = file("burnish_custom.onnx");
  expect_ok(save_onnx(graph_of("acme.Polynomial", {"f32[N]"}, {{"coefficients", {1.0, 2.0}}}), path));
  const std::string bytes = read(path);
  for (const char* part : {"acme", "Polynomial", "coefficients"}) EXPECT_NE(bytes.find(part), bytes.npos) << part;
  const Graph back = value(load_model(path));
  EXPECT_NE(value(back.text()).find("acme.Polynomial(%x0) {coefficients = [1.0, 2.0]}"), std::string::npos)
      << value(back.text());
  EXPECT_EQ(floats(run(engine_of(back), {filled({2}, 1)})[0]), (std::vector<float>{-15, -13}));
  // An operator that could be decomposed is kept, too.
  expect_ok(save_onnx(graph_of("acme.Affine", {"f32[N]"}, {{"by", 4.0}}), path));
  EXPECT_NE(value(value(load_model(path)).text()).find("acme.Affine"), std::string::npos);

  const Error attribute = error(load(replaced(bytes, "coefficients", "coefficientz")));
  EXPECT_EQ(attribute.code, ErrorCode::refused);
  EXPECT_NE(attribute.message().find("attribute 'coefficientz' is not supported"), std::string::npos)
      << attribute.message();
  const Error unknown = error(load(replaced(bytes, "Polynomial", "Polynomiam")));
  EXPECT_EQ(unknown.code, ErrorCode::refused);
  EXPECT_NE(unknown.message().find("acme.Polynomiam"), std::string::npos) << unknown.message();
  EXPECT_NE(unknown.message().find("operators of your own are registered"), std::string::npos) << unknown.message();
  std::remove(path.c_str());
}

TEST_F(Custom, BindingsGoByVersion) {
  CustomOperator old = identity("acme.v1.Flip"), later = identity("acme.v3.Flip");
  old.bindings = {{"acme.flips", "Flip", 1, 2}};
  later.bindings = {{"acme.flips", "Flip", 3}};
  later.infer = [](Inference& n) { n.result(0, n.type(0)); };
  later.decompose = [](Decomposition& n) { n.result(0, -n.operand(0)); };
  expect_ok(register_operator(old));
  expect_ok(register_operator(later));
  const std::string path = file("burnish_versions.onnx");
  for (const char* op : {"acme.v1.Flip", "acme.v3.Flip"}) {
    expect_ok(save_onnx(graph_of(op, {"f32[2]"}), path));
    EXPECT_NE(value(value(load_model(path)).text()).find(op), std::string::npos);
  }
  // One model has one version of a domain.
  Graph both("both");
  const Value x = both.input("x", "f32[2]");
  both.output("y", both.op("acme.v1.Flip", {both.op("acme.v3.Flip", {x})}));
  EXPECT_NE(error(save_onnx(both, path)).message().find("no version of 'acme.flips'"), std::string::npos);
  std::remove(path.c_str());
}

// The program knows nothing of the operators here.
std::pair<int, std::string> program(const std::string& arguments) {
  const char* path = std::getenv("BURNISH_PROGRAM");
  if (path == nullptr) return {-1, "BURNISH_PROGRAM is not set"};
  std::FILE* pipe = ::popen(("'" + std::string(path) + "' " + arguments + " 2>&1").c_str(), "r");
  std::string text;
  char part[256];
  while (std::fgets(part, sizeof part, pipe) != nullptr) text += part;
  return {::pclose(pipe) >> 8, text};
}

TEST_F(Custom, PlansNameWhatTheyNeed) {
  const std::string path = file("burnish_custom.plan");
  const Graph g = graph_of("acme.Polynomial", {"f32[N]"}, {{"coefficients", {1.0, 2.0}}});
  for (const bool references : {false, true}) {
    const Engine engine = engine_of(g, references);
    expect_ok(engine.save(path));
    EXPECT_EQ(floats(run(value(load_engine(path)), {filled({2}, 1)})[0]), (std::vector<float>{-15, -13}));
    const auto [code, text] = program("run " + path);
    EXPECT_EQ(code, 3) << text;
    EXPECT_NE(text.find("operators of its maker's own that are not registered: 'acme.Polynomial' (at 'layer')"),
              std::string::npos)
        << text;
  }
  // One that is compiled needs the operator no more, unless it is compiled again.
  expect_ok(engine_of(graph_of("acme.Affine", {"f32[N]"})).save(path));
  EXPECT_EQ(program("run " + path).first, 0);
  const auto [code, text] = program("run --no-code " + path);
  EXPECT_EQ(code, 3) << text;
  EXPECT_NE(text.find("'acme.Affine'"), std::string::npos) << text;
  std::remove(path.c_str());
}

TEST_F(Custom, IsListed) {
  burnish_text* text = nullptr;
  ASSERT_EQ(burnish_api(BURNISH_API_VERSION)->operators(&text, nullptr), BURNISH_OK);
  const std::string list = detail::take_text(text);
  EXPECT_NE(list.find("\"acme.Affine\""), std::string::npos);
  EXPECT_NE(list.find("x * by + plus"), std::string::npos);
}

}  // namespace
}  // namespace api_test
