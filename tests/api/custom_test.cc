// Operators of users in C++: inferred, run, decomposed.

#include <random>
#include <thread>

#include "tests/api/custom_operators.h"

namespace api_test {
namespace {

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

}  // namespace
}  // namespace api_test
