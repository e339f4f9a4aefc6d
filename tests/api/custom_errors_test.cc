// Operators of users in C++: all that can be wrong with them.

#include "tests/api/custom_operators.h"

namespace api_test {
namespace {

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

}  // namespace
}  // namespace api_test
