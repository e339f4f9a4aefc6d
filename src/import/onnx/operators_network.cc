// Convolutions, pooling, matrix products, recurrent layers.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "import/onnx/shared.h"

namespace burnish::onnx {
namespace {

// How many spatial axes: from the weights, the input, or the kernel attribute.
Result<std::size_t> spatial_rank(NodeContext& c, std::initializer_list<std::size_t> inputs) {
  for (std::size_t i : inputs) {
    if (c.has(i) && c.in(i)->type().is_ranked_tensor()) {
      const int64_t rank = c.in(i)->type().rank();
      if (rank < 2) return c.error(fmt::format("input {} has rank {}", i, rank));
      return static_cast<std::size_t>(rank - 2);
    }
  }
  if (c.has_attribute("kernel_shape")) return c.ints("kernel_shape").size();
  return c.error("the rank is unknown", "give the model's inputs full shapes");
}

// Strides, dilations and pads in full.
Result<AttributeMap> window(NodeContext& c, std::size_t spatial) {
  AttributeMap attributes;
  const std::string auto_pad = c.string("auto_pad", "NOTSET");
  const auto add = [&](std::string_view name, std::size_t count, int64_t otherwise) -> Status {
    Ints values = c.ints(name, Ints(count, otherwise));
    if (values.size() != count)
      return c.error(fmt::format("attribute '{}' has {} values where {} belong", name, values.size(), count));
    if (name == "pads" && auto_pad != "NOTSET" && auto_pad != "VALID") values.assign(count, 0);
    attributes.emplace(name, std::move(values));
    return {};
  };
  TRY(add("strides", spatial, 1));
  TRY(add("dilations", spatial, 1));
  TRY(add("pads", 2 * spatial, 0));
  attributes.emplace("auto_pad", auto_pad);
  return attributes;
}

Result<AttributeMap> convolution_attributes(NodeContext& c, std::size_t weights) {
  AttributeMap attributes = TRY(window(c, TRY(spatial_rank(c, {weights, 0}))));
  attributes.emplace("groups", c.integer("group", 1));
  // The kernel's shape is that of the weights; a model that says otherwise is broken.
  if (c.has_attribute("kernel_shape") && c.in(weights)->type().is_ranked_tensor()) {
    const Ints kernel = c.ints("kernel_shape");
    const Dims& dims = c.in(weights)->type().dims;
    bool same = kernel.size() + 2 == dims.size();
    for (std::size_t i = 0; same && i < kernel.size(); ++i) same = equal(dims[i + 2], Dim(kernel[i])) != Truth::no;
    if (!same)
      return c.error(
          fmt::format("attribute 'kernel_shape' is not that of the weights {}", c.in(weights)->type().text()));
  }
  return attributes;
}

Status conv(NodeContext& c) {
  TRY(need_inputs(c, 2));
  c.give(c.op("conv", {c.in(0), c.in(1), c.in(2)}, TRY(convolution_attributes(c, 1))));
  return {};
}

Status conv_transpose(NodeContext& c) {
  TRY(need_inputs(c, 2));
  AttributeMap attributes = TRY(convolution_attributes(c, 1));
  const std::size_t spatial = std::get<Ints>(attributes.at("strides")).size();
  attributes.emplace("output_padding", c.ints("output_padding", Ints(spatial, 0)));
  if (c.has_attribute("output_shape")) {
    Ints shape = c.ints("output_shape");
    // Some exporters write the batch and channels too.
    if (shape.size() == spatial + 2) shape.erase(shape.begin(), shape.begin() + 2);
    attributes.emplace("output_shape", std::move(shape));
  }
  c.give(c.op("conv_transpose", {c.in(0), c.in(1), c.in(2)}, std::move(attributes)));
  return {};
}

Result<AttributeMap> pool_attributes(NodeContext& c) {
  const Ints kernel = c.ints("kernel_shape");
  if (kernel.empty()) return c.error("attribute 'kernel_shape' is missing");
  AttributeMap attributes = TRY(window(c, kernel.size()));
  attributes.emplace("kernel", kernel);
  attributes.emplace("ceil", c.integer("ceil_mode", 0));
  return attributes;
}

Status max_pool(NodeContext& c) {
  TRY(need_inputs(c, 1));
  AttributeMap attributes = TRY(pool_attributes(c));
  attributes.emplace("column_major", c.integer("storage_order", 0));
  c.give_all("max_pool", c.inputs(), std::move(attributes), c.output_count());
  return {};
}

Status average_pool(NodeContext& c) {
  TRY(need_inputs(c, 1));
  AttributeMap attributes = TRY(pool_attributes(c));
  attributes.emplace("count_include_pad", c.integer("count_include_pad", 0));
  c.give(c.op("average_pool", {c.in(0)}, std::move(attributes)));
  return {};
}

// In the first opset p was a real number.
Result<int64_t> whole_p(NodeContext& c) {
  const double p = c.real("p", 2);
  if (p < 1 || p > 1 << 20 || p != std::floor(p)) return c.error(fmt::format("p = {} is not supported", p));
  return static_cast<int64_t>(p);
}

Status lp_pool(NodeContext& c) {
  TRY(need_inputs(c, 1));
  AttributeMap attributes = TRY(pool_attributes(c));
  attributes.emplace("p", c.opset() < 2 ? TRY(whole_p(c)) : c.integer("p", 2));
  c.give(c.op("lp_pool", {c.in(0)}, std::move(attributes)));
  return {};
}

Status global_lp_pool(NodeContext& c) {
  TRY(need_inputs(c, 1));
  c.give(c.op("global_lp_pool", {c.in(0)}, {{"p", TRY(whole_p(c))}}));
  return {};
}

Status deform_conv(NodeContext& c) {
  TRY(need_inputs(c, 3));
  AttributeMap attributes = TRY(convolution_attributes(c, 1));
  attributes.erase("auto_pad");
  attributes.emplace("offset_groups", c.integer("offset_group", 1));
  c.give(c.op("deform_conv", c.inputs(), std::move(attributes)));
  return {};
}

Status max_unpool(NodeContext& c) {
  TRY(need_inputs(c, 2));
  const Ints kernel = c.ints("kernel_shape");
  if (kernel.empty()) return c.error("attribute 'kernel_shape' is missing");
  AttributeMap attributes = TRY(window(c, kernel.size()));
  attributes.erase("auto_pad");
  attributes.emplace("kernel", kernel);
  c.give(c.op("max_unpool", c.inputs(), std::move(attributes)));
  return {};
}

Status mat_mul(NodeContext& c) {
  TRY(need_inputs(c, 2));
  c.give(TRY(numpy_matmul(c, c.in(0), c.in(1))));
  return {};
}

Status gemm(NodeContext& c) {
  TRY(need_inputs(c, 2));
  c.give(c.op("gemm", {c.in(0), c.in(1), c.in(2)},
              {{"alpha", c.real("alpha", 1)},
               {"beta", c.real("beta", 1)},
               {"trans_a", c.integer("transA", 0)},
               {"trans_b", c.integer("transB", 0)}}));
  return {};
}

// Zero points turn the operands into 32-bit differences; a vector of them belongs to rows of A and columns of B.
Result<Value*> centred(NodeContext& c, std::size_t i, std::size_t zero, int64_t axis) {
  Value* x = c.op("cast", {c.in(i)}, {{"dtype", DType::i32}});
  if (!c.has(zero) || x == nullptr) return x;
  Value* z = c.op("cast", {c.in(zero)}, {{"dtype", DType::i32}});
  if (z != nullptr && z->type().is_ranked_tensor() && z->type().rank() == 1 && !(z->type().dims[0] == Dim(1))) {
    // Counted from the end, an axis is followed by as many in any rank.
    int64_t others = -axis - 1;
    if (axis >= 0 || x->type().ranked) {
      const int64_t rank = TRY(c.rank(i));
      others = rank - 1 - TRY(c.axis(axis, rank));
    }
    Ints axes;
    for (int64_t k = 1; k <= others; ++k) axes.push_back(k);
    if (!axes.empty()) z = c.op("unsqueeze", {z}, {{"axes", axes}});
  }
  return c.op("sub", {x, z});
}

Status matmul_integer(NodeContext& c) {
  TRY(need_inputs(c, 2));
  Value* a = TRY(centred(c, 0, 2, -2));
  Value* b = TRY(centred(c, 1, 3, -1));
  c.give(TRY(numpy_matmul(c, a, b)));
  return {};
}

Status conv_integer(NodeContext& c) {
  TRY(need_inputs(c, 2));
  AttributeMap attributes = TRY(convolution_attributes(c, 1));
  // Products of 9-bit differences are exact in f64, and so are their sums.
  Value* x = c.op("cast", {TRY(centred(c, 0, 2, 1))}, {{"dtype", DType::f64}});
  Value* w = c.op("cast", {TRY(centred(c, 1, 3, 0))}, {{"dtype", DType::f64}});
  c.give(c.op("cast", {c.op("conv", {x, w}, std::move(attributes))}, {{"dtype", DType::i32}}));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"Conv", 1, conv, {}},
    {"ConvTranspose", 1, conv_transpose, {}},
    {"DeformConv", 19, deform_conv, {}},
    {"MaxPool", 1, max_pool, {}},
    {"AveragePool", 1, average_pool, {}},
    {"LpPool", 1, lp_pool, {}},
    {"GlobalAveragePool", 1, nullptr, "global_average_pool"},
    {"GlobalMaxPool", 1, nullptr, "global_max_pool"},
    {"GlobalLpPool", 2, nullptr, "global_lp_pool"},
    {"GlobalLpPool", 1, global_lp_pool, {}},
    {"MaxUnpool", 9, max_unpool, {}},
    {"MatMul", 1, mat_mul, {}},
    {"Gemm", 1, gemm, {}, "-broadcast"},
    {"MatMulInteger", 10, matmul_integer, {}},
    {"ConvInteger", 10, conv_integer, {}},
    {"Einsum", 12, nullptr, "einsum"},
    {"Det", 11, nullptr, "det"},
    {"LSTM", 1, nullptr, "lstm", "layout>batch_first, -hidden_size, -output_sequence"},
    {"GRU", 1, nullptr, "gru", "layout>batch_first, -hidden_size, -output_sequence"},
    {"RNN", 1, nullptr, "rnn", "layout>batch_first, -hidden_size, -output_sequence"},
    {"Attention", 23, nullptr, "onnx_attention",
     "is_causal>causal, q_num_heads>q_heads, kv_num_heads>kv_heads, softmax_precision>softmax_dtype, "
     "qk_matmul_output_mode>qk_mode"},
    {"RotaryEmbedding", 23, nullptr, "rotary_embedding", "num_heads>heads, rotary_embedding_dim>rotary_dim"},
    {"LinearAttention", 27, nullptr, "linear_attention",
     "q_num_heads>q_heads, kv_num_heads>kv_heads, update_rule>rule, -chunk_size"},
    {"CausalConvWithState", 27, nullptr, "causal_conv_with_state"},
};

}  // namespace

Result<Value*> numpy_matmul(NodeContext& c, Value* a, Value* b, bool exact) {
  AttributeMap attributes;
  if (exact) attributes.emplace("exact", int64_t{1});
  for (Value* v : {a, b})
    if (v != nullptr && !v->type().ranked) return c.op("numpy_matmul", {a, b}, std::move(attributes));
  const auto is_vector = [](Value* v) { return v != nullptr && v->type().is_ranked_tensor() && v->type().rank() == 1; };
  const bool row = is_vector(a), column = is_vector(b);
  if (row) a = c.op("unsqueeze", {a}, {{"axes", Ints{0}}});
  if (column) b = c.op("unsqueeze", {b}, {{"axes", Ints{1}}});
  Value* y = c.op("matmul", {a, b}, std::move(attributes));
  if (y == nullptr || (!row && !column)) return y;
  const int64_t rank = y->type().rank();
  Ints axes;
  if (row) axes.push_back(rank - 2);
  if (column) axes.push_back(rank - 1);
  return c.op("squeeze", {y}, {{"axes", axes}});
}

std::span<const OperatorRow> network_rows() { return kRows; }

}  // namespace burnish::onnx
