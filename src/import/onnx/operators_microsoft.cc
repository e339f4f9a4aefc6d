// Fused operators that ONNX Runtime's optimiser writes (domain com.microsoft), in terms of plain ones.

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "import/onnx/shared.h"

namespace burnish::onnx {
namespace {

Value* add(NodeContext& c, Value* a, Value* b) { return b == nullptr ? a : c.op("add", {a, b}); }
Value* mul(NodeContext& c, Value* a, double b) { return b == 1 ? a : c.op("mul", {a, c.number(a, b)}); }

// The activation named by an attribute. `parameter`: what the node says of "alpha" and its like, or the number that it is
// otherwise.
template <typename Parameter>
Result<Value*> activated(NodeContext& c, Value* x, const Parameter& parameter) {
  const std::string name = c.string("activation", "");
  const auto alpha = [&](double otherwise) { return parameter("alpha", otherwise); };
  const auto beta = [&](double otherwise) { return parameter("beta", otherwise); };
  if (name.empty()) return x;
  if (name == "Relu") return c.op("relu", {x});
  if (name == "Tanh") return c.op("tanh", {x});
  if (name == "Sigmoid") return c.op("sigmoid", {x});
  if (name == "Softplus") return c.op("softplus", {x});
  if (name == "Softsign") return c.op("softsign", {x});
  if (name == "HardSwish") return c.op("hard_swish", {x});
  if (name == "LeakyRelu") return c.op("leaky_relu", {x}, {{"alpha", alpha(0.01)}});
  if (name == "ThresholdedRelu") return c.op("thresholded_relu", {x}, {{"alpha", alpha(1)}});
  if (name == "Elu") return c.op("elu", {x}, {{"alpha", alpha(1)}});
  if (name == "Celu") return c.op("celu", {x}, {{"alpha", alpha(1)}});
  if (name == "Selu")
    return c.op(
        "selu", {x},
        {{"alpha", alpha(1.67326319217681884765625)}, {"gamma", parameter("gamma", 1.05070102214813232421875)}});
  if (name == "HardSigmoid") return c.op("hard_sigmoid", {x}, {{"alpha", alpha(0.2)}, {"beta", beta(0.5)}});
  if (name == "ScaledTanh") return mul(c, c.op("tanh", {mul(c, x, beta(1))}), alpha(1));
  if (name == "ParametricSoftplus") return mul(c, c.op("softplus", {mul(c, x, beta(1))}), alpha(1));
  if (name == "Clip") {
    constexpr double kMost = 3.4028234663852886e38;
    return c.op("clip", {x, c.number(x, alpha(-kMost)), c.number(x, beta(kMost))});
  }
  return c.error(fmt::format("the activation '{}' is not supported", name));
}

Status fused_conv(NodeContext& c) {
  TRY(need_inputs(c, 2));
  const int64_t rank = TRY(c.rank(1));
  if (rank < 3) return c.error("the weights have no spatial axes");
  const auto spatial = static_cast<std::size_t>(rank - 2);
  Value* y = c.op("conv", {c.in(0), c.in(1), c.in(2)},
                  {{"strides", c.ints("strides", Ints(spatial, 1))},
                   {"dilations", c.ints("dilations", Ints(spatial, 1))},
                   {"pads", c.ints("pads", Ints(2 * spatial, 0))},
                   {"groups", c.integer("group", 1)},
                   {"auto_pad", c.string("auto_pad", "NOTSET")}});
  const Floats parameters = c.reals("activation_params");
  c.give(TRY(activated(c, add(c, y, c.in(3)), [&](std::string_view name, double otherwise) {
    const std::size_t i = name == "alpha" ? 0 : 1;
    return i < parameters.size() ? parameters[i] : otherwise;
  })));
  return {};
}

Status fused_gemm(NodeContext& c) {
  TRY(need_inputs(c, 2));
  Value* y = c.op("gemm", {c.in(0), c.in(1), c.in(2)},
                  {{"alpha", c.real("alpha", 1)},
                   {"beta", c.real("beta", 1)},
                   {"trans_a", c.integer("transA", 0)},
                   {"trans_b", c.integer("transB", 0)}});
  c.give(TRY(activated(c, y, [&](std::string_view name, double otherwise) {
    return c.real(fmt::format("activation_{}", name), otherwise);
  })));
  return {};
}

// The first axis may go behind the other batch axes, then the last two may change places.
Result<Value*> turned(NodeContext& c, std::size_t i, std::string_view transpose, std::string_view batch) {
  const int64_t rank = TRY(c.rank(i));
  Ints order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  if (c.integer(batch, 0) != 0 && rank > 2) std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  if (c.integer(transpose, 0) != 0 && rank > 1) std::swap(order[order.size() - 1], order[order.size() - 2]);
  if (std::ranges::is_sorted(order)) return c.in(i);
  return c.op("transpose", {c.in(i)}, {{"permutation", order}});
}

Status fused_matmul(NodeContext& c) {
  TRY(need_inputs(c, 2));
  Value* a = TRY(turned(c, 0, "transA", "transBatchA"));
  Value* b = TRY(turned(c, 1, "transB", "transBatchB"));
  c.give(mul(c, TRY(numpy_matmul(c, a, b)), c.real("alpha", 1)));
  return {};
}

Status gelu(NodeContext& c) {
  TRY(need_inputs(c, 1));
  c.give(c.op("gelu", {add(c, c.in(0), c.in(1))}));
  return {};
}

Status fast_gelu(NodeContext& c) {
  TRY(need_inputs(c, 1));
  c.give(c.op("gelu", {add(c, c.in(0), c.in(1))}, {{"approximate", std::string("tanh")}}));
  return {};
}

Status quick_gelu(NodeContext& c) {
  TRY(need_inputs(c, 1));
  c.give(c.op("mul", {c.in(0), c.op("sigmoid", {mul(c, c.in(0), c.real("alpha", 1.702))})}));
  return {};
}

// Results: the norm, mean, inverse deviation, the sum that was normalised.
Status give_norm(NodeContext& c, Value* sum, Value* scale, Value* bias, bool centred) {
  const AttributeMap attributes = {{"axis", int64_t{-1}}, {"epsilon", c.real("epsilon", 1e-12F)}};
  if (c.wanted(1) || c.wanted(2)) {
    if (!centred) return c.error("the statistics of this norm are not supported");
    Value* operands[] = {sum, scale, bias};
    c.give_all("layer_norm", std::span(operands, bias != nullptr ? 3 : 2), attributes, 3);
  } else if (centred) {
    c.give(c.op("layer_norm", {sum, scale, bias}, attributes));
  } else {
    c.give(c.op("rms_norm", {sum, scale}, attributes));
  }
  if (c.wanted(3)) c.give(3, sum);
  return {};
}

Status skip_layer_norm(NodeContext& c) {
  TRY(need_inputs(c, 3));
  Value* sum = add(c, c.op("add", {c.in(0), c.in(1)}), c.in(4));
  return give_norm(c, sum, c.in(2), c.in(3), true);
}

Status skip_rms_norm(NodeContext& c) {
  TRY(need_inputs(c, 3));
  return give_norm(c, add(c, c.op("add", {c.in(0), c.in(1)}), c.in(3)), c.in(2), nullptr, false);
}

// Word, position and segment embeddings, summed and normalised; the mask's ones are counted.
// Inputs from 8 on: the places of the words, or, of integers, the scale of each of the five tables and their zero points.
Status embedded(NodeContext& c, bool quantized) {
  enum { ids, segments, words, positions, segment_table, gamma, beta, mask, position_ids, scales = 8, zeros = 13 };
  for (std::size_t i : {ids, words, positions, gamma, beta})
    if (!c.has(i) || (quantized && i != ids && !c.has(scales + i - words)))
      return c.error(fmt::format("input {} or its scale is missing", i));
  const Dims shape = TRY(c.dims(ids));
  if (shape.size() != 2) return c.error("the ids must be [batch, length]");
  const auto table = [&](std::size_t i) {
    if (!quantized) return c.in(i);
    const std::size_t k = i - words;
    return c.op("dequantize", {c.in(i), single(c, c.in(scales + k)), single(c, c.in(zeros + k))},
                {{"axis", int64_t{0}}, {"dtype", DType::f32}});
  };
  const auto look_up = [&](std::size_t i, Value* index) {
    return c.op("gather", {table(i), index}, {{"axis", int64_t{0}}});
  };
  Value* place = !quantized && c.has(position_ids)
                     ? c.in(position_ids)
                     : c.op("iota", {}, {{"shape", Dims{1, shape[1]}}, {"axis", int64_t{1}}, {"dtype", DType::i64}});
  Value* sum = c.op("add", {look_up(words, c.in(ids)), look_up(positions, place)});
  if (c.has(segments) && c.has(segment_table)) {
    if (quantized && !c.has(scales + segment_table - words)) return c.error("the scale of the segments is missing");
    sum = c.op("add", {sum, look_up(segment_table, c.in(segments))});
  }
  c.give(c.op("layer_norm", {sum, table(gamma), table(beta)},
              {{"axis", int64_t{-1}}, {"epsilon", c.real("epsilon", 1e-12F)}}));
  if (c.wanted(1)) {
    if (c.has(mask)) {
      c.give(1, c.op("reduce", {c.cast(c.in(mask), DType::i32)},
                     {{"kind", std::string("sum")}, {"axes", Ints{1}}, {"keep", int64_t{0}}}));
    } else {
      c.give(1, c.op("broadcast", {c.b().constant(Tensor::scalar(DType::i32, 0))}, {{"shape", Dims{shape[0]}}}));
    }
  }
  if (c.wanted(2)) c.give(2, sum);
  return {};
}

Status embed_layer_norm(NodeContext& c) { return embedded(c, false); }
Status quantized_embed_layer_norm(NodeContext& c) { return embedded(c, true); }

// -- attention

// Columns of the last axis from `start` on.
Result<Value*> columns(NodeContext& c, Value* x, const Dim& start, const Dim& count) {
  if (x == nullptr) return nullptr;
  if (!x->type().is_ranked_tensor() || x->type().rank() == 0)
    return c.error(fmt::format("{} must have axes whose number is known", x->name()));
  Dims sizes = x->type().dims, starts(sizes.size(), Dim(0));
  starts.back() = start;
  sizes.back() = count;
  return c.op("slice", {x}, {{"starts", starts}, {"sizes", sizes}, {"steps", Ints(sizes.size(), 1)}});
}

// What a mask of ones and zeros adds to scores [batch, heads, rows, columns]; also one of lengths [batch], of ends and
// starts [2 batch], or of lengths before running sums [3 batch + 2].
Result<Value*> mask_bias(NodeContext& c, std::size_t i, DType dtype, const Dim& batch, const Dim& total) {
  Value* mask = c.in(i);
  const Dims dims = TRY(c.dims(i));
  Value* keep;
  if (dims.size() == 1) {
    Value* place = c.op("iota", {}, {{"shape", Dims{1, 1, 1, total}}, {"axis", int64_t{3}}, {"dtype", DType::i64}});
    const bool ends_and_starts = dims[0] == batch * 2, plain = !ends_and_starts && !(dims[0] == batch * 3 + 2);
    // Part k of the list, one number for each sequence.
    const auto part = [&](int64_t k) {
      Value* numbers = c.cast(mask, DType::i64);
      if (!plain)
        numbers = c.op("slice", {numbers}, {{"starts", Dims{batch * k}}, {"sizes", Dims{batch}}, {"steps", Ints{1}}});
      return c.op("reshape", {numbers}, {{"shape", Dims{plain ? dims[0] : batch, 1, 1, 1}}});
    };
    keep = c.op("lt", {place, part(0)});
    if (ends_and_starts) keep = c.op("logical_and", {keep, c.op("ge", {place, part(1)})});
  } else {
    Dims shape;
    if (dims.size() == 2) shape = {dims[0], 1, 1, dims[1]};
    else if (dims.size() == 3) shape = {dims[0], 1, dims[1], dims[2]};
    else return c.error("masks of this rank are not supported");
    keep = c.op("ne", {mask, c.number(mask, 0)});
    keep = c.op("reshape", {keep}, {{"shape", shape}});
  }
  Value* hidden = c.b().scalar(dtype, c.real("mask_filter_value", -10000));
  return c.op("select", {keep, c.b().scalar(dtype, 0), hidden});
}

Value* joined(NodeContext& c, Value* a, Value* b) { return a == nullptr ? b : add(c, a, b); }

struct Heads {
  Value *q, *k, *v, *bias = nullptr, *past_key = nullptr, *past_value = nullptr;
};

// Outputs: y, and the keys and values with the past.
Status give_attention(NodeContext& c, const Heads& h, std::vector<Value*>& results) {
  const int64_t heads = c.integer("num_heads", 0);
  if (heads < 1) return c.error("attribute 'num_heads' must be positive");
  AttributeMap attributes = {{"q_heads", heads}, {"kv_heads", heads}, {"causal", c.integer("unidirectional", 0)}};
  if (c.has_attribute("scale") && c.real("scale", 0) != 0) attributes.emplace("scale", c.real("scale", 0));
  Value* operands[] = {h.q, h.k, h.v, h.bias, h.past_key, h.past_value};
  TRY(c.finish());
  const std::vector<std::string> names(3);
  Node* node = c.b().node("onnx_attention", operands, std::move(attributes), names, 3);
  TRY(c.finish());
  for (std::size_t i = 0; i < 3; ++i) results.push_back(node->result(i));
  return {};
}

// Where an attention of one input for queries, keys and values has its other inputs.
struct AttentionInputs {
  std::size_t mask, past, bias;
};

// x: dims of the input, w: of the weights; `all`: their product, with the bias of the projection.
Status give_projected(NodeContext& c, const Dims& x, const Dims& w, Value* all, const AttentionInputs& at) {
  if (c.integer("do_rotary", 0) != 0) return c.error("rotary embeddings within Attention are not supported");
  if (c.integer("past_present_share_buffer", 0) != 0)
    return c.error("one buffer for past and present (past_present_share_buffer) is not supported");
  Ints widths = c.ints("qkv_hidden_sizes");
  Dims parts;
  for (int64_t size : widths) parts.emplace_back(size);
  if (parts.empty()) parts.assign(3, floordiv(w[1], 3));
  if (parts.size() != 3) return c.error("attribute 'qkv_hidden_sizes' needs three numbers");
  Heads h{};
  h.q = TRY(columns(c, all, 0, parts[0]));
  h.k = TRY(columns(c, all, parts[0], parts[1]));
  h.v = TRY(columns(c, all, parts[0] + parts[1], parts[2]));
  Dim total = x[1];
  if (c.has(at.past)) {
    const Dims d = TRY(c.dims(at.past));
    if (d.size() != 5) return c.error("the past must be [2, batch, heads, length, width]");
    total = total + d[3];
    const auto half = [&](int64_t which) {
      Dims sizes = d, starts(5, Dim(0));
      sizes[0] = 1;
      starts[0] = which;
      Value* one = c.op("slice", {c.in(at.past)}, {{"starts", starts}, {"sizes", sizes}, {"steps", Ints(5, 1)}});
      return c.op("reshape", {one}, {{"shape", Dims(d.begin() + 1, d.end())}});
    };
    h.past_key = half(0);
    h.past_value = half(1);
  }
  if (c.has(at.mask)) h.bias = TRY(mask_bias(c, at.mask, all->type().dtype, x[0], total));
  if (c.has(at.bias)) h.bias = joined(c, h.bias, c.in(at.bias));
  std::vector<Value*> results;
  TRY(give_attention(c, h, results));
  c.give(results[0]);
  if (c.wanted(1)) {
    const auto one = [&](Value* v) { return c.op("unsqueeze", {v}, {{"axes", Ints{0}}}); };
    c.give(1, c.op("concat", {one(results[1]), one(results[2])}, {{"axis", int64_t{0}}}));
  }
  return {};
}

Status attention(NodeContext& c) {
  enum { input, weights, bias, mask, past, attention_bias };
  TRY(need_inputs(c, 2));
  const Dims x = TRY(c.dims(input)), w = TRY(c.dims(weights));
  if (x.size() != 3 || w.size() != 2) return c.error("the input must be [batch, length, width], the weights a matrix");
  Value* all = add(c, c.op("matmul", {c.in(input), c.in(weights)}), c.in(bias));
  TRY(c.finish());
  return give_projected(c, x, w, all, {mask, past, attention_bias});
}

// Attention whose input and weights are 8-bit integers.
Status quantised_attention(NodeContext& c) {
  enum { input, weights, bias, input_scale, weight_scale, mask, input_zero, weight_zero, past, none };
  TRY(need_inputs(c, 5));
  const Dims x = TRY(c.dims(input)), w = TRY(c.dims(weights));
  if (x.size() != 3 || w.size() != 2) return c.error("the input must be [batch, length, width], the weights a matrix");
  const auto real = [&](std::size_t i, std::size_t scale, std::size_t zero) {
    return c.op("dequantize", {c.in(i), single(c, c.in(scale)), single(c, c.in(zero))},
                {{"axis", int64_t{-1}}, {"dtype", c.dtype(input_scale)}});
  };
  Value* all = add(c, c.op("matmul", {real(input, input_scale, input_zero), real(weights, weight_scale, weight_zero)}),
                   c.in(bias));
  TRY(c.finish());
  return give_projected(c, x, w, all, {mask, past, none});
}

Status multi_head_attention(NodeContext& c) {
  enum { query, key, value, bias, padding, attention_bias, past_key, past_value };
  TRY(need_inputs(c, 3));
  const Dims q = TRY(c.dims(query)), k = TRY(c.dims(key)), v = TRY(c.dims(value));
  // Keys and values of another sequence may come as [batch, heads, length, width], ready for use.
  const bool ready = k.size() == 4 && v.size() == 4;
  if (q.size() != 3 || (!ready && (k.size() != 3 || v.size() != 3)))
    return c.error(
        "only queries of [batch, length, width] with keys and values like them or of [batch, heads, length, width] are "
        "supported");
  Heads h{c.in(query), c.in(key), c.in(value)};
  if (c.has(bias)) {
    h.q = c.op("add", {h.q, TRY(columns(c, c.in(bias), 0, q[2]))});
    if (!ready) {
      h.k = c.op("add", {h.k, TRY(columns(c, c.in(bias), q[2], k[2]))});
      h.v = c.op("add", {h.v, TRY(columns(c, c.in(bias), q[2] + k[2], v[2]))});
    }
  }
  if (ready) {
    h.q = c.op("reshape", {h.q}, {{"shape", Dims{q[0], q[1], k[1], k[3]}}});
    h.q = c.op("transpose", {h.q}, {{"permutation", Ints{0, 2, 1, 3}}});
  }
  Dim total = ready ? k[2] : k[1];
  if (c.has(past_key) != c.has(past_value)) return c.error("the past needs keys and values");
  if (c.has(past_key)) {
    const Dims d = TRY(c.dims(past_key));
    if (d.size() != 4) return c.error("the past must be [batch, heads, length, width]");
    total = total + d[2];
    h.past_key = c.in(past_key);
    h.past_value = c.in(past_value);
  }
  if (c.has(padding)) h.bias = TRY(mask_bias(c, padding, c.dtype(query), q[0], total));
  if (c.has(attention_bias)) h.bias = joined(c, h.bias, c.in(attention_bias));
  std::vector<Value*> results;
  TRY(give_attention(c, h, results));
  if (ready) {
    results[0] = c.op("transpose", {results[0]}, {{"permutation", Ints{0, 2, 1, 3}}});
    results[0] = c.op("reshape", {results[0]}, {{"shape", Dims{q[0], q[1], k[1] * v[3]}}});
  }
  for (std::size_t i = 0; i < 3; ++i) c.give(i, results[i]);
  return {};
}

Status rotary(NodeContext& c) {
  TRY(need_inputs(c, 4));
  const Dims x = TRY(c.dims(0)), places = TRY(c.dims(1)), table = TRY(c.dims(2));
  if (x.size() != 3 && x.size() != 4) return c.error("the input must have three or four axes");
  const Dim batch = x[0], length = x.size() == 3 ? x[1] : x[2];
  Value* at = c.in(1);
  if (places.size() == 1) {
    // Where the first element of every sequence stands.
    Value* steps = c.op("iota", {}, {{"shape", Dims{1, length}}, {"axis", int64_t{1}}, {"dtype", DType::i64}});
    at = c.op("broadcast", {c.op("add", {steps, c.cast(at, DType::i64)})}, {{"shape", Dims{batch, length}}});
  }
  int64_t heads = c.integer("num_heads", 0);
  if (x.size() == 3 && heads == 0) {
    // The tables tell the width of a head.
    if (!x[2].is_constant() || table.size() != 2 || !table[1].is_constant() || table[1].value() < 1)
      return c.error("attribute 'num_heads' is missing");
    heads = x[2].value() / 2 / table[1].value();
  }
  c.give(c.op("rotary_embedding", {c.in(0), c.in(2), c.in(3), at},
              {{"heads", heads},
               {"interleaved", c.integer("interleaved", 0)},
               {"rotary_dim", c.integer("rotary_embedding_dim", 0)}}));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"FusedConv", 1, fused_conv, {}, "-kernel_shape"},
    {"FusedGemm", 1, fused_gemm, {}, "-activation_alpha, -activation_beta, -activation_gamma"},
    {"FusedMatMul", 1, fused_matmul, {}},
    {"TransposeMatMul", 1, fused_matmul, {}},
    {"Gelu", 1, gelu, {}},
    {"BiasGelu", 1, gelu, {}},
    {"FastGelu", 1, fast_gelu, {}},
    {"QuickGelu", 1, quick_gelu, {}},
    {"SkipLayerNormalization", 1, skip_layer_norm, {}},
    {"SkipSimplifiedLayerNormalization", 1, skip_rms_norm, {}},
    {"EmbedLayerNormalization", 1, embed_layer_norm, {}, "-mask_index_type"},
    {"QEmbedLayerNormalization", 1, quantized_embed_layer_norm, {}, "-mask_index_type"},
    {"Attention", 1, attention, {}, "-mask_filter_value, -rotary_embedding_dim"},
    {"QAttention", 1, quantised_attention, {}, "-mask_filter_value"},
    {"MultiHeadAttention", 1, multi_head_attention, {}, "-mask_filter_value"},
    // ONNX Runtime's kernels make no use of these either.
    {"RotaryEmbedding", 1, rotary, {}, "-scale, -is_packed_batching"},
    {"Trilu", 1, nullptr, "trilu"},
    {"GridSample", 1, grid_sample, {}},
};

}  // namespace

std::span<const OperatorRow> microsoft_rows() { return kRows; }

}  // namespace burnish::onnx
