#include <gtest/gtest.h>

#include "base/file.h"
#include "import/onnx/export.h"
#include "import/onnx/import.h"
#include "ops/operator.h"
#include "runtime/executor.h"

namespace burnish {
namespace {

using onnx::WireWriter;

WireWriter value_info(std::string_view name, int dtype, std::initializer_list<std::string_view> dims) {
  WireWriter shape, tensor, type, info;
  for (std::string_view d : dims) {
    WireWriter dim;
    if (std::isdigit(static_cast<unsigned char>(d[0])) != 0) dim.integer(1, int64_t{std::stoi(std::string(d))});
    else dim.text(2, d);
    shape.message(1, dim);
  }
  tensor.integer(1, dtype);
  tensor.message(2, shape);
  type.message(1, tensor);
  info.text(1, name);
  info.message(2, type);
  return info;
}

WireWriter node(std::string_view op, std::initializer_list<std::string_view> inputs,
                std::initializer_list<std::string_view> outputs, std::string_view domain = "",
                std::initializer_list<WireWriter> attributes = {}) {
  WireWriter n;
  for (std::string_view i : inputs) n.text(1, i);
  for (std::string_view o : outputs) n.text(2, o);
  n.text(4, op);
  if (!domain.empty()) n.text(7, domain);
  for (const WireWriter& a : attributes) n.message(5, a);
  return n;
}

WireWriter integer_attribute(std::string_view name, int64_t value) {
  WireWriter a;
  a.text(1, name);
  a.integer(3, value);
  a.integer(20, 2);
  return a;
}

WireWriter model(const WireWriter& graph, int opset = 18) {
  WireWriter m, o;
  o.integer(2, opset);
  m.integer(1, 8);
  m.message(7, graph);
  m.message(8, o);
  return m;
}

Result<std::unique_ptr<Graph>> read(const WireWriter& m, const ImportOptions& options = {}) {
  return import_onnx(as_bytes(m.data()), options);
}

TEST(OnnxImport, KeepsNamesSymbolsAndSources) {
  WireWriter g;
  g.message(11, value_info("x", 1, {"batch size", "4"}));
  g.message(11, value_info("y", 1, {"batch size", "4"}));
  g.message(1, node("Add", {"x", "y"}, {"sum"}));
  g.message(1, node("Relu", {"sum"}, {"out"}));
  g.message(12, value_info("out", 1, {"batch size", "4"}));
  const auto graph = read(model(g));
  ASSERT_TRUE(graph) << graph.error().message();
  EXPECT_EQ((*graph)->input(0)->type().text(), "f32[batch_size,4]");
  EXPECT_EQ((*graph)->input(0)->type(), (*graph)->input(1)->type());
  EXPECT_EQ((*graph)->outputs()[0].name, "out");
  EXPECT_EQ((*graph)->nodes().back()->op(), "relu");
  EXPECT_EQ((*graph)->nodes().front()->source(), "sum");
  EXPECT_EQ((*graph)->outputs()[0].value->type().text(), "f32[batch_size,4]");
}

TEST(OnnxImport, AnAxisThatOnlyARunTells) {
  WireWriter g;
  g.message(11, value_info("x", 1, {"2", "3"}));
  g.message(11, value_info("axis", 7, {}));
  g.message(1, node("CumSum", {"x", "axis"}, {"y"}));
  g.message(12, value_info("y", 1, {"2", "3"}));
  const auto graph = read(model(g));
  ASSERT_TRUE(graph) << graph.error().message();
  Tensor x = *Tensor::allocate(DType::f32, {2, 3});
  for (std::size_t i = 0; i < 6; ++i) x.mutable_as<float>()[i] = static_cast<float>(i);
  const auto last = [&](double axis) -> std::optional<double> {
    const auto y = interpret(**graph, std::vector<RuntimeValue>{x, Tensor::scalar(DType::i64, axis)});
    return y ? std::optional((*y)[0].tensor().real_at(5)) : std::nullopt;
  };
  EXPECT_EQ(last(0), 7);
  EXPECT_EQ(last(1), 12);
  EXPECT_EQ(last(-2), 7);
  EXPECT_EQ(last(-1), 12);
  for (const double axis : {2, 7, -3}) EXPECT_EQ(last(axis), std::nullopt) << axis;
}

TEST(OnnxImport, QuestionMarksAreNotOneSize) {
  WireWriter g;
  g.message(11, value_info("x", 1, {"?", "3", "?", "?"}));
  g.message(1, node("Relu", {"x"}, {"out"}));
  g.message(12, value_info("out", 1, {"?", "3", "?", "?"}));
  const auto graph = read(model(g));
  ASSERT_TRUE(graph) << graph.error().message();
  const Dims& dims = (*graph)->input(0)->type().dims;
  EXPECT_FALSE(dims[0] == dims[2]);
  EXPECT_FALSE(dims[2] == dims[3]);
  EXPECT_EQ((*graph)->outputs()[0].value->type(), (*graph)->input(0)->type());
}

TEST(OnnxImport, ErrorsNameNodeOperatorAndOpset) {
  WireWriter g;
  g.message(11, value_info("x", 1, {"2"}));
  g.message(1, node("Add", {"x", "nowhere"}, {"sum"}));
  g.message(12, value_info("sum", 1, {"2"}));
  const auto graph = read(model(g));
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, ErrorCode::refused);
  const std::string message = graph.error().message();
  for (std::string_view part : {"sum", "Add", "18", "nowhere"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_FALSE(read(model(g, 99)));
}

TEST(OnnxImport, UnknownOperatorsStayForeignAndAreReported) {
  WireWriter g;
  g.message(11, value_info("x", 1, {"2"}));
  g.message(1, node("Frobnicate", {"x"}, {"a"}));
  g.message(1, node("Relu", {"a"}, {"b"}));
  g.message(12, value_info("b", 1, {"2"}));
  std::vector<UnknownOperator> unknown;
  ImportOptions options;
  options.unknown = &unknown;
  const auto graph = read(model(g), options);
  ASSERT_TRUE(graph) << graph.error().message();
  ASSERT_EQ(unknown.size(), 1u);
  EXPECT_EQ(unknown[0].op_type, "Frobnicate");
  EXPECT_EQ((*graph)->nodes().front()->op(), "onnx.ai.onnx.Frobnicate");
  EXPECT_EQ((*graph)->nodes().front()->definition(), nullptr);
}

// f(x) = relu(x) + x, called twice.
TEST(OnnxImport, InlinesFunctionsAndRefusesCycles) {
  WireWriter opset, function, own;
  opset.integer(2, 18);
  own.text(1, "my");
  own.integer(2, 1);
  function.text(1, "F");
  function.text(4, "x");
  function.text(5, "y");
  function.message(7, node("Relu", {"x"}, {"r"}));
  function.message(7, node("Add", {"r", "x"}, {"y"}));
  function.message(9, opset);
  function.text(10, "my");
  WireWriter g;
  g.message(11, value_info("x", 1, {"2"}));
  g.message(1, node("F", {"x"}, {"a"}, "my"));
  g.message(1, node("F", {"a"}, {"b"}, "my"));
  g.message(12, value_info("b", 1, {"2"}));
  WireWriter m = model(g);
  m.message(8, own);
  WireWriter good = m;
  good.message(25, function);
  const auto graph = read(good);
  ASSERT_TRUE(graph) << graph.error().message();
  EXPECT_EQ((*graph)->node_count(), 4u);
  const auto y = interpret(**graph, std::vector<RuntimeValue>{Tensor::f32s({2}, std::vector<float>{-1, 3})});
  ASSERT_TRUE(y) << y.error().message();
  EXPECT_EQ((*y)[0].tensor().as<float>()[0], -1);
  EXPECT_EQ((*y)[0].tensor().as<float>()[1], 12);

  function.message(7, node("F", {"x"}, {"z"}, "my"));
  function.message(9, own);
  WireWriter bad = m;
  bad.message(25, function);
  const auto refused = read(bad);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("calls itself"), std::string::npos) << refused.error().message();
}

// F(a, low, high) = Clip(a, low, high), called without a lower bound.
TEST(OnnxImport, FunctionsPassOnThatAnInputIsLeftOut) {
  WireWriter opset, function, own, g;
  opset.integer(2, 18);
  own.text(1, "my");
  own.integer(2, 1);
  function.text(1, "F");
  for (std::string_view input : {"a", "low", "high"}) function.text(4, input);
  function.text(5, "y");
  function.message(7, node("Clip", {"a", "low", "high"}, {"y"}));
  function.message(9, opset);
  function.text(10, "my");
  g.message(11, value_info("x", 1, {"2"}));
  g.message(11, value_info("high", 1, {}));
  g.message(1, node("F", {"x", "", "high"}, {"y"}, "my"));
  g.message(12, value_info("y", 1, {"2"}));
  WireWriter m = model(g);
  m.message(8, own);
  m.message(25, function);
  const auto graph = read(m);
  ASSERT_TRUE(graph) << graph.error().message();
  const auto y = interpret(
      **graph, std::vector<RuntimeValue>{Tensor::f32s({2}, std::vector<float>{-5, 3}), Tensor::scalar(DType::f32, 1)});
  ASSERT_TRUE(y) << y.error().message();
  EXPECT_EQ((*y)[0].tensor().as<float>()[0], -5);
  EXPECT_EQ((*y)[0].tensor().as<float>()[1], 1);
}

// What an operator is not known to have might change what it computes.
TEST(OnnxImport, AttributesThatNobodyReadsAreRefused) {
  const auto import_with = [](std::string_view op, std::string_view attribute, int opset,
                              std::string_view domain = "") {
    WireWriter g, ms;
    for (std::string_view x : {"x", "z"}) g.message(11, value_info(x, 1, {"1", "1", "3"}));
    const bool binary = op == "Conv" || op == "Add" || op == "PRelu";
    g.message(1, binary ? node(op, {"x", "z"}, {"y"}, domain, {integer_attribute(attribute, 3)})
                        : node(op, {"x"}, {"y"}, domain, {integer_attribute(attribute, 3)}));
    g.message(12, value_info("y", 1, {}));
    WireWriter m = model(g, opset);
    ms.text(1, "com.microsoft");
    ms.integer(2, 1);
    m.message(8, ms);
    return read(m);
  };
  const std::tuple<const char*, const char*, int, const char*> strange[] = {{"Conv", "foo", 21, ""},
                                                                            {"Relu", "foo", 21, ""},
                                                                            {"Add", "axis", 21, ""},
                                                                            {"Squeeze", "axes", 21, ""},
                                                                            {"QuickGelu", "beta", 21, "com.microsoft"}};
  for (const auto& [op, attribute, opset, domain] : strange) {
    const auto graph = import_with(op, attribute, opset, domain);
    ASSERT_FALSE(graph) << op;
    EXPECT_EQ(graph.error().code, ErrorCode::refused);
    const std::string message = graph.error().message();
    EXPECT_NE(message.find(op), std::string::npos) << message;
    EXPECT_NE(message.find(std::string("attribute '") + attribute + "'"), std::string::npos) << message;
  }
  for (const char* op : {"Add", "PRelu", "Relu", "Clip"}) {
    const auto graph = import_with(op, "consumed_inputs", 5);
    EXPECT_TRUE(graph) << graph.error().message();
  }
}

// An integer to the power of a float: what f32 would round stays exact.
TEST(OnnxImport, PowersOfLargeIntegers) {
  WireWriter g;
  g.message(11, value_info("x", 7, {"3"}));
  g.message(11, value_info("e", 1, {"3"}));
  g.message(1, node("Pow", {"x", "e"}, {"y"}));
  g.message(12, value_info("y", 7, {"3"}));
  const auto graph = read(model(g));
  ASSERT_TRUE(graph) << graph.error().message();
  const auto y = interpret(**graph, std::vector<RuntimeValue>{Tensor::i64s(Ints{16777217, 4097, 2}),
                                                              Tensor::f32s({3}, std::vector<float>{1, 2, 0.5F})});
  ASSERT_TRUE(y) << y.error().message();
  const auto values = (*y)[0].tensor().as<int64_t>();
  EXPECT_EQ(Ints(values.begin(), values.end()), (Ints{16777217, 16785409, 1}));
}

// Statistics in f32 of an x in f16 may be beyond f16's numbers.
TEST(OnnxImport, LargeVarianceOfSmallFloats) {
  WireWriter g;
  g.message(11, value_info("x", 10, {"1", "1", "2"}));
  for (std::string_view name : {"s", "b", "m", "v"}) g.message(11, value_info(name, 1, {"1"}));
  g.message(1, node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y"}));
  g.message(12, value_info("y", 10, {"1", "1", "2"}));
  const auto graph = read(model(g));
  ASSERT_TRUE(graph) << graph.error().message();
  Tensor x = *Tensor::allocate(DType::f16, {1, 1, 2});
  for (int64_t i = 0; i < 2; ++i) Accessor<double>(DType::f16).store(x.mutable_data(), i, static_cast<double>(i + 1));
  const auto one = [](float v) { return Tensor::f32s({1}, std::vector<float>{v}); };
  const auto y = interpret(**graph, std::vector<RuntimeValue>{x, one(1000), one(0), one(0), one(1e6F)});
  ASSERT_TRUE(y) << y.error().message();
  EXPECT_EQ((*y)[0].tensor().real_at(0), 1);
  EXPECT_EQ((*y)[0].tensor().real_at(1), 2);
}

TEST(OnnxImport, WaysToSampleHaveTheNamesOfTheirDomain) {
  for (const char* mode : {"bilinear", "bicubic", "nearest"}) {
    WireWriter g, ms, attribute;
    attribute.text(1, "mode");
    attribute.text(4, mode);
    attribute.integer(20, 3);
    g.message(11, value_info("x", 1, {"1", "1", "2", "2"}));
    g.message(11, value_info("at", 1, {"1", "2", "2", "2"}));
    g.message(1, node("GridSample", {"x", "at"}, {"y"}, "com.microsoft", {attribute}));
    g.message(12, value_info("y", 1, {"1", "1", "2", "2"}));
    ms.text(1, "com.microsoft");
    ms.integer(2, 1);
    WireWriter m = model(g);
    m.message(8, ms);
    const auto graph = read(m);
    EXPECT_TRUE(graph) << mode << ": " << graph.error().message();
  }
}

// The number for other keys is one of 64 bits, which f64 cannot hold.
TEST(OnnxImport, EncodersOfLargeNumbers) {
  const auto list = [](std::string_view name, int64_t value) {
    WireWriter a;
    a.text(1, name);
    a.integer(8, value);
    a.integer(20, 7);
    return a;
  };
  WireWriter g, ml;
  g.message(11, value_info("x", 7, {"2"}));
  g.message(1, node("LabelEncoder", {"x"}, {"y"}, "ai.onnx.ml",
                    {list("keys_int64s", 1), list("values_int64s", 5),
                     integer_attribute("default_int64", 9007199254740993)}));
  g.message(12, value_info("y", 7, {"2"}));
  ml.text(1, "ai.onnx.ml");
  ml.integer(2, 4);
  WireWriter m = model(g);
  m.message(8, ml);
  const auto graph = read(m);
  ASSERT_TRUE(graph) << graph.error().message();
  const auto y = interpret(**graph, std::vector<RuntimeValue>{Tensor::i64s(Ints{1, 2})});
  ASSERT_TRUE(y) << y.error().message();
  EXPECT_EQ((*y)[0].tensor().as<int64_t>()[0], 5);
  EXPECT_EQ((*y)[0].tensor().as<int64_t>()[1], 9007199254740993);
}

// Before opset 7 Add aligned B with an axis of A.
TEST(OnnxImport, OldBroadcasting) {
  WireWriter g;
  g.message(11, value_info("x", 1, {"2", "3", "2"}));
  g.message(11, value_info("b", 1, {"3"}));
  g.message(1, node("Add", {"x", "b"}, {"y"}, "", {integer_attribute("broadcast", 1), integer_attribute("axis", 1)}));
  g.message(12, value_info("y", 1, {"2", "3", "2"}));
  const auto graph = read(model(g, 6));
  ASSERT_TRUE(graph) << graph.error().message();
  const auto y = interpret(**graph, std::vector<RuntimeValue>{Tensor::f32s({2, 3, 2}, std::vector<float>(12, 0)),
                                                              Tensor::f32s({3}, std::vector<float>{1, 2, 3})});
  ASSERT_TRUE(y) << y.error().message();
  const auto values = (*y)[0].tensor().as<float>();
  EXPECT_EQ(std::vector<float>(values.begin(), values.begin() + 6), (std::vector<float>{1, 1, 2, 2, 3, 3}));
}

TEST(OnnxExport, ComesBackEqualInResults) {
  WireWriter g;
  g.message(11, value_info("x", 1, {"N", "4"}));
  g.message(1, node("Softmax", {"x"}, {"s"}));
  g.message(1, node("Transpose", {"s"}, {"t"}));
  g.message(1, node("MatMul", {"s", "t"}, {"y"}));
  g.message(12, value_info("y", 1, {"N", "N"}));
  const auto graph = read(model(g));
  ASSERT_TRUE(graph) << graph.error().message();
  const auto bytes = export_onnx(**graph);
  ASSERT_TRUE(bytes) << bytes.error().message();
  const auto again = import_onnx(as_bytes(*bytes));
  ASSERT_TRUE(again) << again.error().message();
  const std::vector<RuntimeValue> x = {Tensor::f32s({3, 4}, std::vector<float>{1, 2, 3, 4, 0, 1, 0, 2, 5, 5, 1, 0})};
  const auto a = interpret(**graph, x), b = interpret(**again, x);
  ASSERT_TRUE(a && b);
  EXPECT_TRUE((*a)[0].tensor().identical((*b)[0].tensor()));
}

WireWriter text_attribute(std::string_view name, std::string_view value) {
  WireWriter a;
  a.text(1, name);
  a.text(4, value);
  a.integer(20, 3);
  return a;
}

// x: f32[1,1,2,4] and its four scales, through one node.
WireWriter resizing(const WireWriter& resize, std::initializer_list<float> scales) {
  WireWriter g, tensor;
  tensor.integer(1, int64_t{4});
  tensor.integer(2, int64_t{1});
  tensor.packed(4, std::span<const float>(scales.begin(), scales.size()));
  tensor.text(8, "s");
  g.message(5, tensor);
  g.message(11, value_info("x", 1, {"1", "1", "2", "4"}));
  g.message(1, resize);
  g.message(12, value_info("y", 1, {"a", "b", "c", "d"}));
  return g;
}

// ONNX's case resize_downsample_nearest of operator set 10.
TEST(OnnxImport, OldResizeTakesTheNextElementWhereItShrinks) {
  const auto graph = read(model(resizing(node("Resize", {"x", "s"}, {"y"}), {1, 1, 0.6F, 0.6F}), 10));
  ASSERT_TRUE(graph) << graph.error().message();
  const auto y = interpret(
      **graph, std::vector<RuntimeValue>{Tensor::f32s({1, 1, 2, 4}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8})});
  ASSERT_TRUE(y) << y.error().message();
  EXPECT_EQ((*y)[0].tensor().dims(), (std::vector<int64_t>{1, 1, 1, 2}));
  EXPECT_EQ((*y)[0].tensor().real_at(0), 1);
  EXPECT_EQ((*y)[0].tensor().real_at(1), 3);
}

TEST(OnnxImport, UpsampleDoesNotShrink) {
  EXPECT_TRUE(read(model(resizing(node("Upsample", {"x", "s"}, {"y"}), {1, 1, 2, 1.5F}), 9)));
  const auto graph = read(model(resizing(node("Upsample", {"x", "s"}, {"y"}), {1, 1, 2, 0.5F}), 9));
  ASSERT_FALSE(graph);
  EXPECT_NE(graph.error().message().find("Upsample may not shrink"), std::string::npos) << graph.error().message();
}

TEST(OnnxImport, UnknownWaysToResizeAreRefused) {
  for (const char* name : {"mode", "nearest_mode", "coordinate_transformation_mode"}) {
    const WireWriter resize = node("Resize", {"x", "", "s"}, {"y"}, "", {text_attribute(name, "sideways")});
    const auto graph = read(model(resizing(resize, {1, 1, 2, 2})));
    ASSERT_FALSE(graph) << name;
    const std::string message = graph.error().message();
    EXPECT_NE(message.find("\"sideways\", which is not known"), std::string::npos) << message;
    EXPECT_NE(message.find("choose one of: "), std::string::npos) << message;
  }
}

// Every cut and many single changes of a model are refused or read; neither crashes.
TEST(OnnxImport, BodiesMustComputeTheirOutputs) {
  for (const std::string_view output : {"", "nowhere", "absent"}) {
    WireWriter body, attribute, g;
    body.message(11, value_info("element", 1, {"2"}));
    body.message(1, node("Relu", {"element"}, {"y"}));
    body.message(12, value_info(output, 1, {"2"}));
    attribute.text(1, "body");
    attribute.message(6, body);
    attribute.integer(20, 5);
    g.message(11, value_info("x", 1, {"2"}));
    g.message(1, node("SequenceConstruct", {"x", "x"}, {"both"}));
    g.message(1, node("SequenceMap", {"both"}, {"mapped"}, "", {attribute}));
    g.message(1, node("SequenceLength", {"mapped"}, {"n"}));
    g.message(12, value_info("n", 7, {}));
    const auto graph = read(model(g));
    ASSERT_FALSE(graph) << output;
    EXPECT_EQ(graph.error().code, ErrorCode::refused);
    EXPECT_NE(graph.error().message().find("is never computed"), std::string::npos) << graph.error().message();
  }
}

// As onnx's evaluator: the integer part of the norm, 0 and 1 of the error function.
TEST(OnnxImport, RealFunctionsOfIntegersAreCutOff) {
  WireWriter g;
  g.message(11, value_info("x", 6, {"2", "2"}));
  g.message(1, node("ReduceL2", {"x"}, {"norm"}, "", {integer_attribute("keepdims", 0)}));
  g.message(1, node("Erf", {"x"}, {"y"}));
  g.message(12, value_info("norm", 6, {}));
  g.message(12, value_info("y", 6, {"2", "2"}));
  const auto graph = read(model(g));
  ASSERT_TRUE(graph) << graph.error().message();
  Tensor x = *Tensor::allocate(DType::i32, {2, 2});
  const int32_t numbers[] = {1, 9, -7, 0};
  std::ranges::copy(numbers, x.mutable_as<int32_t>().begin());
  const auto y = interpret(**graph, std::vector<RuntimeValue>{x});
  ASSERT_TRUE(y) << y.error().message();
  EXPECT_EQ((*y)[0].tensor().as<int32_t>()[0], 11);
  const auto values = (*y)[1].tensor().as<int32_t>();
  EXPECT_EQ(std::vector<int32_t>(values.begin(), values.end()), (std::vector<int32_t>{0, 1, -1, 0}));
}

TEST(OnnxImport, TrianglesOfStrings) {
  WireWriter g;
  g.message(11, value_info("x", 8, {"2", "2"}));
  g.message(1, node("Trilu", {"x"}, {"y"}));
  g.message(12, value_info("y", 8, {"2", "2"}));
  const auto graph = read(model(g));
  ASSERT_TRUE(graph) << graph.error().message();
  Tensor x = *Tensor::allocate(DType::string, {2, 2});
  const std::string words[] = {"a", "b", "c", "d"};
  std::ranges::copy(words, x.mutable_as<std::string>().begin());
  const auto y = interpret(**graph, std::vector<RuntimeValue>{x});
  ASSERT_TRUE(y) << y.error().message();
  const auto values = (*y)[0].tensor().as<std::string>();
  EXPECT_EQ(std::vector<std::string>(values.begin(), values.end()), (std::vector<std::string>{"a", "b", "", "d"}));
}

TEST(OnnxImport, StringsAreNoNumbers) {
  WireWriter lowest, g;
  lowest.text(1, "min");
  lowest.real(2, 0.5F);
  lowest.integer(20, 1);
  g.message(11, value_info("x", 8, {"2"}));
  g.message(1, node("Clip", {"x"}, {"y"}, "", {lowest}));
  g.message(12, value_info("y", 8, {"2"}));
  const auto graph = read(model(g, 6));
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, ErrorCode::refused) << graph.error().message();
}

TEST(OnnxImport, MoreOrFewerInputsThanAnOperatorTakes) {
  const std::pair<std::string_view, std::vector<std::string_view>> nodes[] = {
      {"LayerNormalization", {"x", "x", "x", "x"}},
      {"LayerNormalization", {"x", "x", "x", "x", "x"}},
      {"LayerNormalization", {"x", "x", ""}},
      {"Concat", {"x", "", "x"}},
      {"Einsum", {"", "x"}},
      {"Einsum", {}},
  };
  for (const auto& [op, inputs] : nodes) {
    WireWriter n, equation, g;
    for (std::string_view i : inputs) n.text(1, i);
    n.text(2, "y");
    n.text(4, op);
    equation.text(1, "equation");
    equation.text(4, "ij,ij->ij");
    equation.integer(20, 3);
    if (op == "Einsum") n.message(5, equation);
    if (op == "Concat") n.message(5, integer_attribute("axis", 0));
    g.message(11, value_info("x", 1, {"2", "3"}));
    g.message(1, n);
    g.message(12, value_info("y", 1, {"2", "3"}));
    const auto graph = read(model(g));
    EXPECT_EQ(graph.has_value(), inputs.size() == 3 && op == "LayerNormalization") << op;
    if (!graph) {
      EXPECT_EQ(graph.error().code, ErrorCode::refused) << graph.error().message();
    }
  }
}

TEST(OnnxExport, EverySampleIsWrittenOrRefused) {
  int written = 0;
  for (const Operator* op : ops::all()) {
    for (const Sample& sample : op->samples) {
      const auto graph = ops::sample_graph(sample);
      ASSERT_TRUE(graph) << sample.text;
      const auto bytes = export_onnx(**graph);
      if (!bytes) {
        EXPECT_EQ(bytes.error().code, ErrorCode::refused) << sample.text << ": " << bytes.error().message();
        continue;
      }
      ++written;
      const auto again = import_onnx(as_bytes(*bytes));
      EXPECT_TRUE(again) << sample.text << ": " << again.error().message();
    }
  }
  EXPECT_GT(written, 100);
}

TEST(OnnxImport, SurvivesDamage) {
  WireWriter g;
  g.message(11, value_info("x", 1, {"N", "4"}));
  g.message(1, node("Softmax", {"x"}, {"y"}, "", {integer_attribute("axis", 1)}));
  g.message(12, value_info("y", 1, {"N", "4"}));
  const std::string whole = model(g).data();
  ASSERT_TRUE(import_onnx(as_bytes(whole)));
  int refused = 0;
  for (std::size_t n = 0; n < whole.size(); ++n) refused += !import_onnx(as_bytes(whole.substr(0, n)));
  EXPECT_GT(refused, static_cast<int>(whole.size()) / 2);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      (void)import_onnx(as_bytes(damaged));
    }
  }
}

}  // namespace
}  // namespace burnish
