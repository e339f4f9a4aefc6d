// Graphs written in C++.

#include <fstream>

#include "tests/api/networks.h"

namespace api_test {
namespace {

using burnish::ErrorCode;
using burnish::Graph;
using burnish::Value;

TEST(Graph, InfersTypes) {
  Graph g;
  const Value x = g.input("x", "f32[N,3,224,224]");
  const Value w = g.constant(Tensor::zeros(DType::f32, {64, 3, 7, 7}), "conv1.weight");
  const Value y = conv(x, w, {}, {.strides = 2, .pads = 3}, "conv1");
  EXPECT_EQ(y.type(), "f32[N,64,112,112]");
  EXPECT_EQ(y.name(), "conv1");
  EXPECT_EQ(w.name(), "conv1.weight");
  EXPECT_EQ(max_pool(relu(y), 3, {.strides = 2, .pads = 1}).type(), "f32[N,64,56,56]");
  EXPECT_EQ(y.dim(0).text(), "N");
  EXPECT_EQ(y.dim(-1).number(), 112);
  EXPECT_EQ(y.rank(), 4);
  EXPECT_EQ(y.dtype(), DType::f32);
  expect_ok(g.status());
}

TEST(Graph, ShapesTakeExpressions) {
  Graph g;
  const Value x = g.input("x", "f32[N,T,768]");
  const Value heads = transpose(reshape(x, {x.dim(0), x.dim(1), 12, x.dim(2) / 12}), {0, 2, 1, 3});
  EXPECT_EQ(heads.type(), "f32[N,12,T,64]");
  EXPECT_EQ(reshape(x, {x.dim(0) * x.dim(1), 768}).type(), "f32[N*T,768]");
  EXPECT_EQ(narrow(x, 1, 0, 1).type(), "f32[N,1,768]");
  EXPECT_EQ(burnish::concat({x, x}, -1).type(), "f32[N,T,1536]");
  const auto parts = split(x, {256, 512}, 2, "parts");
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[1].type(), "f32[N,T,512]");
  EXPECT_EQ(pad(x, {0, 1, 0}, {0, 2, 0}).type(), "f32[N,T + 3,768]");
  EXPECT_EQ(reduce_mean(x, {-1}, true).type(), "f32[N,T,1]");
  EXPECT_EQ(reduce_sum(x, {-1, 1}).type(), "f32[N]");
  EXPECT_EQ(squeeze(unsqueeze(x, {0}), {0}).type(), "f32[N,T,768]");
  EXPECT_EQ(flatten(x).type(), "f32[N,768*T]");
  EXPECT_EQ(attention(heads, heads, heads, {}, {.causal = true}).type(), "f32[N,12,T,64]");
  EXPECT_EQ(cast(x, DType::f16).type(), "f16[N,T,768]");
  EXPECT_EQ(where(gt(x, 0), x, x * 0.5).type(), "f32[N,T,768]");
  expect_ok(g.status());
}

TEST(Graph, EveryShorthandWorks) {
  Graph g;
  const Value x = g.input("x", "f32[2,8,6,6]");
  const Value c = g.constant(filled({8}), "c");
  const Value rows = g.input("rows", "f32[2,8]");
  for (const auto unary : {burnish::abs,
                           burnish::neg,
                           burnish::exp,
                           burnish::log,
                           burnish::sqrt,
                           burnish::rsqrt,
                           burnish::reciprocal,
                           burnish::sin,
                           burnish::cos,
                           burnish::tanh,
                           burnish::erf,
                           burnish::floor,
                           burnish::ceil,
                           burnish::sigmoid,
                           burnish::relu,
                           burnish::silu,
                           burnish::mish,
                           burnish::softplus,
                           burnish::hard_swish,
                           burnish::gelu,
                           burnish::gelu_tanh,
                           burnish::relu6,
                           burnish::global_average_pool,
                           burnish::global_max_pool})
    unary(x, "");
  logical_and(eq(x, x), logical_or(ne(x, 1), logical_not(lt(x, 2))));
  logical_or(le(x, x), ge(x, 0));
  min(max(x, 0), pow(x, 2));
  (-x + 1 - x) * 2 / (1 - x) + (1 / x) * (2 * x) + (3 + x) - x / x;
  leaky_relu(x, 0.2);
  hard_sigmoid(x);
  average_pool(x, 2, {.strides = {2, 2}, .ceil = true, .count_include_pad = true});
  batch_norm(x, c, c, c, c);
  group_norm(x, c, c, 4);
  layer_norm(rows, c, c);
  layer_norm(rows, c);
  rms_norm(rows, c);
  log_softmax(rows);
  linear(rows, g.constant(filled({4, 8})), g.constant(filled({4})));
  linear(x, g.constant(filled({4, 6})), g.constant(filled({4})));
  gather(rows, g.constant(Tensor::from<int64_t>({0, 1, 1}, {3})), 0);
  broadcast(c, {3, 8});
  reduce_max(x, {2, 3});
  reduce_min(x, {2, 3}, true);
  expect_ok(g.status());
}

TEST(Graph, ScopesNameLayers) {
  Graph g;
  const Value x = g.input("x", "f32[2,3]");
  {
    const auto layer = g.scope("layer1");
    const auto block = g.scope("0");
    EXPECT_EQ(relu(x, "relu").name(), "layer1.0.relu");
    EXPECT_EQ(g.constant(filled({3}), "bias").name(), "layer1.0.bias");
    EXPECT_EQ(g.scoped("w"), "layer1.0.w");
  }
  EXPECT_EQ(relu(x, "relu").name(), "relu");
  EXPECT_NE(relu(x, "relu").name(), "relu");  // taken: a variation of it
  EXPECT_TRUE(g.find("layer1.0.relu"));
  EXPECT_FALSE(g.find("nothing"));
  expect_ok(g.status());
}

TEST(Graph, PrintsAndReadsItsText) {
  const Graph g = classifier();
  const std::string text = value(g.text());
  EXPECT_NE(text.find("graph @classifier"), std::string::npos) << text;
  EXPECT_NE(text.find("softmax"), std::string::npos);
  const auto bytes = std::as_bytes(std::span(text));
  Graph again = value(burnish::load_model(bytes));
  EXPECT_EQ(value(again.text()), text);
  ASSERT_EQ(again.inputs().size(), 1U);
  EXPECT_EQ(again.inputs()[0].name(), "x");
  EXPECT_EQ(again.outputs()[0].type(), "f32[N,3]");
  EXPECT_EQ(value(value(again.clone()).text()), text);
}

TEST(Graph, AttributesOfEveryKind) {
  Graph g;
  const Value x = g.input("x", "f32[2,6]");
  EXPECT_EQ(g.op("reshape", {x}, {{"shape", {3, 4}}}).type(), "f32[3,4]");
  EXPECT_EQ(g.op("iota", {}, {{"shape", burnish::Dims{"N", 2}}, {"axis", 0}, {"dtype", DType::i32}}).type(),
            "i32[N,2]");
  EXPECT_EQ(g.op("constant", {}, {{"value", filled({2})}}, "k").type(), "f32[2]");
  EXPECT_EQ(g.op("gelu", {x}, {{"approximate", "tanh"}}).type(), "f32[2,6]");
  EXPECT_EQ(g.op("reduce", {x}, {{"kind", "sum"}, {"axes", {}}}).type(), "f32[2,6]");
  EXPECT_EQ(g.op("dynamic_resize", {x, {}, g.constant(Tensor::from<float>({1, 2}, {2}))}, {}).type(), "f32[2,12]");
  EXPECT_EQ(g.ops("top_k", {x, g.constant(Tensor::from<int64_t>({3}, {1}))}, {{"axis", 1}}, 2)[1].type(), "i64[2,3]");
  expect_ok(g.status());
}

TEST(Graph, TheFirstErrorSticks) {
  Graph g;
  const Value x = g.input("x", "f32[2,3]");
  const Value bad = matmul(x, x, "product");
  EXPECT_FALSE(bad);
  EXPECT_FALSE(relu(bad));
  g.output("y", relu(x));
  const burnish::Error e = error(g.status());
  EXPECT_EQ(e.code, ErrorCode::usage);
  EXPECT_NE(e.message().find("product"), std::string::npos) << e.message();
  EXPECT_EQ(error(g.text()).message(), e.message());
  EXPECT_EQ(error(burnish::build(g)).message(), e.message());
  EXPECT_EQ(error(burnish::save_onnx(g, "/nowhere/x.onnx")).message(), e.message());
  EXPECT_EQ(error(g.clone()).message(), e.message());
}

// Each of these is one mistake; the message must name what it is about.
template <class F>
void expect_mistake(const std::string& word, F&& make) {
  SCOPED_TRACE(word);
  Graph g;
  const Value x = g.input("x", "f32[2,3]");
  make(g, x);
  const burnish::Error e = error(g.status());
  EXPECT_EQ(e.code, ErrorCode::usage) << e.message();
  EXPECT_NE(e.message().find(word), std::string::npos) << e.message();
}

TEST(Graph, MistakesAreNamed) {
  expect_mistake("no_such_operator", [](Graph& g, const Value& x) { g.op("no_such_operator", {x}); });
  expect_mistake("axes_of_evil", [](Graph& g, const Value& x) { g.op("relu", {x}, {{"axes_of_evil", 1}}); });
  expect_mistake("given twice", [](Graph& g, const Value& x) { g.op("softmax", {x}, {{"axis", 1}, {"axis", 1}}); });
  expect_mistake("axis", [](Graph& g, const Value& x) { g.op("softmax", {x}, {{"axis", "last"}}); });
  expect_mistake("missing", [](Graph& g, const Value& x) { g.op("transpose", {x}); });
  expect_mistake("missing", [](Graph& g, const Value&) { g.op("relu", {}); });
  expect_mistake("operands", [](Graph& g, const Value& x) { g.op("relu", {x, x}); });
  expect_mistake("results", [](Graph& g, const Value& x) { g.ops("relu", {x}, {}, 2); });
  expect_mistake("f99", [](Graph& g, const Value&) { g.input("z", "f99[2]"); });
  expect_mistake("more than a type", [](Graph& g, const Value&) { g.input("z", "f32[2] and more"); });
  expect_mistake("taken", [](Graph& g, const Value&) { g.input("x", "f32[2]"); });
  expect_mistake("name", [](Graph& g, const Value&) { g.input("", "f32[2]"); });
  expect_mistake("already", [](Graph& g, const Value& x) { g.output("y", x), g.output("y", x); });
  expect_mistake("another graph", [](Graph& g, const Value&) {
    Graph other;
    g.op("relu", {other.input("x", "f32[2]")});
  });
  expect_mistake("empty value", [](Graph& g, const Value&) { g.output("y", Value()); });
  expect_mistake("bodies", [](Graph& g, const Value& x) { g.op("if", {x}); });
  expect_mistake("state", [](Graph& g, const Value& x) { g.output("y", x, "x"); });
  expect_mistake("range", [](Graph& g, const Value&) { g.symbol("N", 4, 2); });
  expect_mistake("symbol", [](Graph& g, const Value&) { g.symbol("N+1", 1, 2); });
  expect_mistake("expected a size", [](Graph&, const Value& x) { reshape(x, {"2 +", 3}); });
  expect_mistake("axis 7", [](Graph&, const Value& x) { narrow(x, 7, 0, 1); });
  expect_mistake("fill", [](Graph& g, const Value&) { g.constant(Tensor::from<float>({1, 2, 3}, {2})); });
  expect_mistake("needs a tensor", [](Graph& g, const Value&) { g.constant(Tensor()); });
}

TEST(Graph, StatesAndSymbols) {
  Graph g;
  g.symbol("N", 1, 64);
  const Value x = g.input("x", "f32[N,2]");
  const Value count = g.input("count", "f32[]", burnish::Role::state);
  g.output("y", x * count);
  g.output("next", count + 1, "count");
  expect_ok(g.status());
  const std::string text = value(g.text());
  EXPECT_NE(text.find("updates \"count\""), std::string::npos) << text;
  EXPECT_NE(text.find("64"), std::string::npos) << text;
}

TEST(Graph, ValuesOutliveTheirGraphSafely) {
  Value x;
  {
    Graph g;
    x = g.input("x", "f32[2]");
  }
  EXPECT_EQ(relu(x).type(), "f32[2]");  // the value keeps the graph
}

TEST(Graph, SavesOnnx) {
  const Folder folder;
  const Graph g = classifier();
  expect_ok(burnish::save_onnx(g, folder / "model.onnx"));
  Graph again = value(burnish::load_model(folder / "model.onnx"));
  ASSERT_EQ(again.inputs().size(), 1U);
  EXPECT_EQ(again.inputs()[0].type(), "f32[N,4]");
  EXPECT_EQ(error(burnish::save_onnx(g, folder / "no/such/folder/model.onnx")).code, ErrorCode::io);
  EXPECT_EQ(error(burnish::load_model(folder / "missing.onnx")).code, ErrorCode::io);
}

TEST(Checkpoint, GivesWeights) {
  const Folder folder;
  // safetensors: the header's length, the header, the bytes.
  const std::string header = R"({"fc.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
                             R"("fc.bias":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}})";
  const float numbers[] = {1, 2, 3, 4, 5, 6};
  const uint64_t length = header.size();
  std::ofstream file(folder / "w.safetensors", std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), 8) << header;
  file.write(reinterpret_cast<const char*>(numbers), sizeof numbers);
  file.close();

  Tensor bias;
  Graph g;
  {
    const burnish::Checkpoint weights = value(burnish::load_checkpoint(folder / "w.safetensors"));
    EXPECT_EQ(weights.names(), (std::vector<std::string>{"fc.weight", "fc.bias"}));
    bias = value(weights.tensor("fc.bias"));
    g.output("y", linear(g.input("x", "f32[1,2]"), g.constant(weights.tensor("fc.weight")), g.constant(bias)));
    EXPECT_EQ(error(weights.tensor("fc.scale")).code, ErrorCode::usage);
    g.clone();
  }
  EXPECT_EQ(floats(bias), (std::vector<float>{5, 6}));  // outlives the checkpoint
  EXPECT_TRUE(bias.read_only());
  EXPECT_EQ(bias.mutable_data(), nullptr);
  EXPECT_TRUE(bias.mutable_values<float>().empty());
  const burnish::Engine engine = value(burnish::build(g, {.references = true}));
  burnish::Context context = value(engine.create_context());
  const std::vector<Tensor> x = {value(Tensor::from<float>({1, 1}, {1, 2}))};
  EXPECT_EQ(floats(value(context.run(x))[0]), (std::vector<float>{8, 13}));
  std::vector<Tensor> outputs = {bias};
  EXPECT_EQ(error(context.run(x, outputs)).code, ErrorCode::usage);  // it may not be written
  EXPECT_EQ(error(burnish::load_checkpoint(folder / "missing")).code, ErrorCode::io);
  EXPECT_EQ(error(burnish::load_checkpoint("/dev/null")).code, ErrorCode::io);
}

}  // namespace
}  // namespace api_test
