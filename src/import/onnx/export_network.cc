// Layers as ONNX nodes, and operators whose forms are the same by their import row.

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "import/onnx/exporter.h"
#include "import/onnx/tensors.h"
#include "ops/support/attributes.h"

namespace burnish::onnx {
namespace {

std::vector<std::string> operands(Exporter& e, const Node& node) {
  std::vector<std::string> names;
  for (const Value* v : node.operands()) names.push_back(e.name(v));
  return names;
}
std::vector<std::string> results(Exporter& e, const Node& node) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < node.result_count(); ++i) names.push_back(e.name(node.result(i)));
  while (!names.empty() && names.back().empty()) names.pop_back();
  return names;
}
std::string out(Exporter& e, const Node& n) { return e.name(n.result()); }

NodeWriter window(const NodeView& v) {
  NodeWriter attributes;
  for (std::string_view name : {"strides", "dilations"}) {
    if (v.has_attribute(name) && !v.ints(name).empty()) attributes.integers(name, v.ints(name));
  }
  const std::string_view auto_pad = v.has_attribute("auto_pad") ? std::string_view(v.string("auto_pad")) : "NOTSET";
  if (auto_pad != "NOTSET") attributes.text("auto_pad", auto_pad);
  else if (v.has_attribute("pads") && !v.ints("pads").empty()) attributes.integers("pads", v.ints("pads"));
  return attributes;
}

// What ConvInteger became is a convolution of i32, which ONNX does not have.
Status expect_floats(const NodeView& v) {
  if (is_float(v.type(0).dtype)) return {};
  return refused(fmt::format("a convolution of {} has no ONNX form", name(v.type(0).dtype)));
}

Status convolution(Exporter& e, const Node& n) {
  const NodeView v(n);
  TRY(expect_floats(v));
  e.emit("Conv", operands(e, n), window(v).integer("group", v.integer("groups")), out(e, n));
  return {};
}

Status convolution_transpose(Exporter& e, const Node& n) {
  const NodeView v(n);
  TRY(expect_floats(v));
  NodeWriter attributes = window(v).integer("group", v.integer("groups"));
  const bool padded = v.has_attribute("output_padding") && std::ranges::count(v.ints("output_padding"), 0) !=
                                                               static_cast<int64_t>(v.ints("output_padding").size());
  if (padded && v.has_attribute("auto_pad") && v.string("auto_pad").starts_with("SAME"))
    return refused("an output padding beside SAME has no ONNX form that engines agree about");
  if (padded) attributes.integers("output_padding", v.ints("output_padding"));
  if (v.has_attribute("output_shape") && !v.ints("output_shape").empty())
    attributes.integers("output_shape", v.ints("output_shape"));
  e.emit("ConvTranspose", operands(e, n), attributes, out(e, n));
  return {};
}

Status pool(Exporter& e, const Node& n) {
  const NodeView v(n);
  const bool maximum =
      n.op() == "max_pool" || n.op() == "max_pool_with_indices" || (n.op() == "pool" && v.string("mode") == "max");
  NodeWriter attributes = window(v).integers("kernel_shape", v.ints("kernel"));
  if (v.has_attribute("ceil") && v.integer("ceil") != 0) {
    attributes.integer("ceil_mode", 1);
    e.need_opset(22);  // which left out windows that begin in the padding
  }
  if (maximum && n.op() != "pool") {
    attributes.integer("storage_order", v.integer("column_major"));
    std::vector<std::string> names = results(e, n);
    if (!names.empty() && names[0].empty()) names[0] = e.fresh("unused");
    e.emit_all("MaxPool", operands(e, n), attributes, names);
    return {};
  }
  if (n.op() == "lp_pool") attributes.integer("p", v.integer("p"));
  else if (!maximum) attributes.integer("count_include_pad", v.integer("count_include_pad"));
  e.emit(n.op() == "lp_pool" ? "LpPool" : maximum ? "MaxPool" : "AveragePool", operands(e, n), attributes, out(e, n));
  return {};
}

Status gemm(Exporter& e, const Node& n) {
  const NodeView v(n);
  e.emit("Gemm", operands(e, n),
         NodeWriter()
             .real("alpha", v.real("alpha"))
             .real("beta", v.real("beta"))
             .integer("transA", v.integer("trans_a"))
             .integer("transB", v.integer("trans_b")),
         out(e, n));
  return {};
}

Status matmul(Exporter& e, const Node& n) {
  e.emit("MatMul", operands(e, n), {}, out(e, n));
  return {};
}

Status softmax(Exporter& e, const Node& n) {
  const std::string_view op = n.op() == "softmax" ? "Softmax" : n.op() == "log_softmax" ? "LogSoftmax" : "Hardmax";
  e.emit(op, operands(e, n), NodeWriter().integer("axis", NodeView(n).integer("axis")), out(e, n));
  return {};
}

// ONNX's layer norm needs a scale.
Status layer_norm(Exporter& e, const Node& n) {
  const NodeView v(n);
  auto in = operands(e, n);
  if (in.size() < 2 || in[1].empty()) {
    const Type& x = v.type(0);
    if (!x.ranked) return refused("a layer norm of unknown rank");
    const int64_t axis = v.integer("axis") < 0 ? v.integer("axis") + x.rank() : v.integer("axis");
    const Dims inner(x.dims.begin() + axis, x.dims.end());
    in.resize(std::max<std::size_t>(in.size(), 2));
    const std::string one = e.constant(Tensor::scalar(x.dtype, 1).reshaped({1}), "one");
    in[1] = e.emit("Expand", {one, TRY(e.dims(inner))});
  }
  e.emit_all("LayerNormalization", in,
             NodeWriter().integer("axis", v.integer("axis")).real("epsilon", v.real("epsilon")), results(e, n));
  return {};
}

Status batch_norm(Exporter& e, const Node& n) {
  e.emit("BatchNormalization", operands(e, n), NodeWriter().real("epsilon", NodeView(n).real("epsilon")), out(e, n));
  return {};
}

Status group_norm(Exporter& e, const Node& n) {
  const NodeView v(n);
  e.emit("GroupNormalization", operands(e, n),
         NodeWriter().integer("num_groups", v.integer("groups")).real("epsilon", v.real("epsilon")), out(e, n));
  return {};
}

Status quantize(Exporter& e, const Node& n) {
  const NodeView v(n);
  NodeWriter attributes = NodeWriter().integer("axis", v.integer("axis")).integer("block_size", v.integer("block"));
  if (n.op() == "quantize") {
    if (n.operand(2) == nullptr) attributes.integer("output_dtype", static_cast<int64_t>(to_onnx(v.dtype("dtype"))));
    attributes.integer("saturate", v.integer("saturate"));
  } else if (v.dtype("dtype") == DType::f64) {
    return refused("ONNX dequantizes to no f64");
  } else if (v.dtype("dtype") != v.type(1).dtype) {
    e.need_opset(23);
    attributes.integer("output_dtype", static_cast<int64_t>(to_onnx(v.dtype("dtype"))));
  }
  e.emit(n.op() == "quantize" ? "QuantizeLinear" : "DequantizeLinear", operands(e, n), attributes, out(e, n));
  return {};
}

Status mean_variance(Exporter& e, const Node& n) {
  e.emit("MeanVarianceNormalization", operands(e, n), NodeWriter().integers("axes", NodeView(n).ints("axes")),
         out(e, n));
  return {};
}

// The size of the state is an attribute too, though the weights tell it.
Status recurrent(Exporter& e, const Node& n) {
  const NodeView v(n);
  const Dims& weights = v.type(2).dims;
  const std::string_view op = n.op() == "lstm" ? "LSTM" : n.op() == "gru" ? "GRU" : "RNN";
  NodeWriter attributes;
  if (const auto hidden = weights.empty() ? std::nullopt : weights.back().constant())
    attributes.integer("hidden_size", *hidden);
  attributes.text("direction", v.string("direction")).integer("layout", v.integer("batch_first"));
  for (std::string_view name : {"activation_alpha", "activation_beta"})
    if (!v.reals(name).empty()) attributes.reals(name, v.reals(name));
  if (!v.strings("activations").empty()) attributes.texts("activations", v.strings("activations"));
  if (v.has_attribute("clip")) attributes.real("clip", v.real("clip"));
  if (n.op() == "lstm") attributes.integer("input_forget", v.integer("input_forget"));
  if (n.op() == "gru") attributes.integer("linear_before_reset", v.integer("linear_before_reset"));
  e.emit_all(op, operands(e, n), attributes, results(e, n));
  return {};
}

// Opset 20 made the axis an operand.
Status dft(Exporter& e, const Node& n) {
  const NodeView v(n);
  auto in = operands(e, n);
  in.resize(3);
  if (in[2].empty()) in[2] = e.scalar(DType::i64, static_cast<double>(v.integer("axis")));
  // The inverse of one side wants complex numbers; reals are such without a second part.
  const Type& x = v.type(0);
  const bool half = v.integer("inverse") != 0 && v.integer("onesided") != 0;
  if (half && x.is_ranked_tensor() && x.dims.back() == Dim(1)) {
    Ints pads(static_cast<std::size_t>(2 * x.rank()), 0);
    pads.back() = 1;
    in[0] = e.emit("Pad", {in[0], e.i64s(pads)});
  }
  e.emit("DFT", in, NodeWriter().integer("inverse", v.integer("inverse")).integer("onesided", v.integer("onesided")),
         out(e, n));
  return {};
}

constexpr std::pair<std::string_view, NodeExport> kTable[] = {
    {"lstm", recurrent},
    {"gru", recurrent},
    {"rnn", recurrent},
    {"dft", dft},
    {"convolution", convolution},
    {"conv", convolution},
    {"convolution_transpose", convolution_transpose},
    {"conv_transpose", convolution_transpose},
    {"pool", pool},
    {"max_pool", pool},
    {"average_pool", pool},
    {"lp_pool", pool},
    {"max_pool_with_indices", pool},
    {"gemm", gemm},
    {"matmul", matmul},
    {"numpy_matmul", matmul},
    {"softmax", softmax},
    {"log_softmax", softmax},
    {"hardmax", softmax},
    {"layer_norm", layer_norm},
    {"batch_norm", batch_norm},
    {"group_norm", group_norm},
    {"quantize", quantize},
    {"dequantize", quantize},
    {"mean_variance_norm", mean_variance},
};

}  // namespace

NodeExport find_network_export(std::string_view op) {
  for (const auto& [name, write] : kTable) {
    if (name == op) return write;
  }
  return nullptr;
}

}  // namespace burnish::onnx
