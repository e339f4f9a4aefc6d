#pragma once
// A small network of ten nodes, as a file of ONNX's.

#include <numeric>
#include <string>

#include "base/checked.h"
#include "import/onnx/export.h"
#include "ops/operator.h"

namespace burnish::test {

inline Tensor numbers(std::vector<int64_t> dims) {
  std::vector<float> values(static_cast<std::size_t>(*checked_product(dims)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 13) / 13 - 0.4f;
  return Tensor::f32s(std::move(dims), values);
}

inline Result<std::unique_ptr<Graph>> network() {
  auto graph = std::make_unique<Graph>();
  Builder b(*graph);
  const Dim n = Dim::symbol("N");
  Value* x = graph->add_input("x", Type::tensor(DType::f32, {n, 3, 8, 8}));
  const AttributeMap same = {{"pads", Ints{1, 1, 1, 1}}};
  Value* first = b.op("relu", {b.op("conv", {x, b.constant(numbers({8, 3, 3, 3}), "w1")}, same)});
  Value* second = b.op("conv", {first, b.constant(numbers({8, 8, 3, 3}), "w2")}, same);
  Value* sum = b.op("relu", {b.op("add", {second, first})});
  Value* small = b.op("max_pool", {sum}, {{"kernel", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  Value* flat = b.op("reshape", {small}, {{"shape", Dims{n, 128}}});
  Value* classes = b.op("matmul", {flat, b.constant(numbers({128, 10}), "w3")});
  Value* y = b.op("softmax", {b.op("add", {classes, b.constant(numbers({10}), "bias")})}, {{"axis", int64_t{-1}}});
  TRY(b.finish());
  graph->add_output(y, "y");
  return graph;
}

inline std::string model_bytes() {
  const auto graph = network();
  CHECK(graph.has_value(), graph.has_value() ? "" : graph.error().message());
  auto bytes = export_onnx(**graph);
  CHECK(bytes.has_value(), bytes.has_value() ? "" : bytes.error().message());
  return *std::move(bytes);
}

}  // namespace burnish::test
