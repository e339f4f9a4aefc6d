// Quantised operators of ONNX Runtime (domain com.microsoft): plain operators on integers in floats where the result can be
// exact, else quantize and dequantize around them.

#include <array>

#include "import/onnx/quantized.h"
#include "import/onnx/shared.h"

namespace burnish::onnx {
namespace {

// Inputs i, i + 1, i + 2: a tensor, its scale and its zero point.
Value* read(NodeContext& c, std::size_t i, int64_t axis = 1) {
  return c.op("dequantize", {c.in(i), single(c, c.in(i + 1)), single(c, c.in(i + 2))},
              {{"axis", axis}, {"dtype", DType::f32}});
}

// Inputs i, i + 1: scale and zero point of the result.
Status write(NodeContext& c, Value* y, std::size_t i) {
  const DType dtype = c.has(i + 1) ? c.dtype(i + 1) : c.dtype(0);
  c.give(c.op("quantize", {y, single(c, c.in(i)), single(c, c.in(i + 1))}, {{"axis", int64_t{1}}, {"dtype", dtype}}));
  return {};
}

// The same two without rounding in between: input i less its zero point, and what is y / scale in exact arithmetic.
Value* integers(NodeContext& c, std::size_t i, DType dtype = DType::f64) {
  return centred(c, c.in(i), c.in(i + 2), 0, dtype);
}
Value* scale_of(NodeContext& c, std::size_t i) { return c.cast(single(c, c.in(i)), DType::f64); }
Value* exact(NodeContext& c, std::size_t i) { return c.op("mul", {integers(c, i), scale_of(c, i + 1)}); }
Status write_exact(NodeContext& c, Value* y, std::size_t i) {
  const DType dtype = c.has(i + 1) ? c.dtype(i + 1) : c.dtype(0);
  c.give(TRY(requantized(c, y, single(c, c.in(i)), single(c, c.in(i + 1)), dtype)));
  return {};
}

Status add(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 3, 4, 6}));
  return write_exact(c, c.op("add", {exact(c, 0), exact(c, 3)}), 6);
}

Status multiply(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 3, 4, 6}));
  Value* product = c.op("mul", {integers(c, 0), integers(c, 3)});
  return write_exact(c, c.op("mul", {product, scale_product(c, single(c, c.in(1)), single(c, c.in(4)))}), 6);
}

Status sigmoid(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 3}));
  return write(c, c.op("sigmoid", {read(c, 0)}), 3);
}

Status leaky_relu(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 3}));
  return write_exact(c, c.op("leaky_relu", {exact(c, 0)}, {{"alpha", c.real("alpha", 0.01F)}}), 3);
}

// Before opset 13 rows were everything from `axis` on.
Status softmax(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 3}));
  const Dims dims = TRY(c.dims(0));
  const int64_t axis = TRY(c.axis(c.integer("axis", -1), static_cast<int64_t>(dims.size())));
  Value* x = read(c, 0);
  if (c.integer("opset", 13) >= 13) return write(c, c.op("softmax", {x}, {{"axis", axis}}), 3);
  const auto split = static_cast<std::size_t>(axis);
  const Dims matrix = {product(std::span(dims).first(split)), product(std::span(dims).subspan(split))};
  Value* y = c.op("softmax", {c.op("reshape", {x}, {{"shape", matrix}})}, {{"axis", int64_t{-1}}});
  return write(c, c.op("reshape", {y}, {{"shape", dims}}), 3);
}

// Pools work on channels in the second axis; ONNX Runtime's own form may have them last.
Result<Value*> channels(NodeContext& c, Value* x, bool to_last) {
  return c.integer("channels_last", 0) == 0 ? x : channels_moved(c, x, TRY(c.rank(0)), to_last);
}

Status global_average_pool(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 3}));
  Value* y = c.op("global_average_pool", {TRY(channels(c, integers(c, 0), false))});
  return write_exact(c, c.op("mul", {TRY(channels(c, y, true)), scale_of(c, 1)}), 3);
}

Status average_pool(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 3}));
  const Ints kernel = c.ints("kernel_shape");
  const std::size_t n = kernel.size();
  const Ints pads = c.ints("pads", Ints(2 * n, 0));
  const std::string auto_pad = c.string("auto_pad", "NOTSET");
  // Where every window counts alike, the sum is what a mean in f32, which has a kernel of its own, is nearest to.
  int64_t count = 1;
  for (int64_t size : kernel) count = size > 0 && size < 1 << 14 && count < 1 << 14 ? count * size : 1 << 28;
  const bool padded = std::ranges::any_of(pads, [](int64_t pad) { return pad != 0; });
  const bool alike = count < 1 << 14 && (auto_pad == "NOTSET" || auto_pad == "VALID") &&
                     c.integer("ceil_mode", 0) == 0 && (!padded || c.integer("count_include_pad", 0) != 0);
  Value* y = c.op("average_pool", {TRY(channels(c, integers(c, 0, alike ? DType::f32 : DType::f64), false))},
                  {{"kernel", kernel},
                   {"strides", c.ints("strides", Ints(n, 1))},
                   {"pads", pads},
                   {"auto_pad", auto_pad},
                   {"ceil", c.integer("ceil_mode", 0)},
                   {"count_include_pad", c.integer("count_include_pad", 0)}});
  if (alike) {
    y = c.cast(y, DType::f64);
    Value* windows = c.number(y, static_cast<double>(count));
    y = c.op("div", {c.op("round_even", {c.op("mul", {y, windows})}), windows});
  }
  return write_exact(c, c.op("mul", {TRY(channels(c, y, true)), scale_of(c, 1)}), 3);
}

// Inputs: scale and zero point of the result, then three per part.
Status concat(NodeContext& c) {
  if (c.input_count() < 5 || (c.input_count() - 2) % 3 != 0) return c.error("the inputs do not come in threes");
  TRY(need_inputs(c, {0}));
  std::vector<Value*> parts;
  for (std::size_t i = 2; i < c.input_count(); i += 3) {
    TRY(need_inputs(c, {i, i + 1}));
    parts.push_back(exact(c, i));
  }
  Value* y = c.op("concat", parts, {{"axis", c.integer("axis", 0)}});
  const DType dtype = c.has(1) ? c.dtype(1) : c.dtype(2);
  c.give(TRY(requantized(c, y, single(c, c.in(0)), single(c, c.in(1)), dtype)));
  return {};
}

// The bias is in units of both scales; without a scale for it the result stays in f32.
Status gemm(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 3, 4}));
  const bool turned = c.integer("transB", 0) != 0;
  Value* sides = scale_product(c, single(c, c.in(1)), single(c, c.in(4)));
  const DType wide = c.has(7) ? DType::f64 : DType::f32;
  if (c.real("alpha", 1) != 1) sides = c.op("mul", {sides, c.number(sides, c.real("alpha", 1))});
  Value* y = c.op("gemm", {integers(c, 0, DType::f32), centred(c, c.in(3), c.in(5), turned ? 1 : 0, DType::f32)},
                  {{"trans_a", c.integer("transA", 0)}, {"trans_b", c.integer("transB", 0)}, {"exact", int64_t{1}}});
  y = c.cast(y, wide);
  if (c.has(6)) y = c.op("add", {y, c.cast(c.in(6), wide)});
  y = c.op("mul", {y, c.cast(sides, wide)});
  if (c.has(7)) return write_exact(c, y, 7);
  c.give(y);
  return {};
}

Status dynamic_matmul(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 2}));
  const DynamicallyQuantized q = dynamically_quantized(c, c.in(0));
  Value* a = c.op("dequantize", {q.y, q.scale, q.zero}, {{"axis", int64_t{0}}, {"dtype", DType::f32}});
  Value* b = c.op("dequantize", {c.in(1), single(c, c.in(2)), single(c, c.in(3))},
                  {{"axis", int64_t{-1}}, {"dtype", DType::f32}});
  Value* y = TRY(numpy_matmul(c, a, b));
  c.give(c.has(4) ? c.op("add", {y, c.in(4)}) : y);
  return {};
}

// A, B, their scales, their zero points, a bias.
Status matmul_to_float(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 2, 3}));
  const auto side = [&](std::size_t i) {
    return c.op("dequantize", {c.in(i), single(c, c.in(i + 2)), single(c, c.in(i + 4))},
                {{"axis", int64_t{i == 0 ? -2 : -1}}, {"dtype", DType::f32}});
  };
  Value* y = TRY(numpy_matmul(c, side(0), side(1)));
  c.give(c.has(6) ? c.op("add", {y, c.in(6)}) : y);
  return {};
}

// B holds the weights [N, K] in blocks of the last axis, several to a byte, the lowest bits first.
Status matmul_bits(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 2}));
  const int64_t k = c.integer("K", 0), n = c.integer("N", 0), bits = c.integer("bits", 4);
  const int64_t block = c.integer("block_size", 0);
  if (k < 1 || n < 1 || block < 1 || k > 1 << 30 || n > 1 << 30 || block > 1 << 20)
    return c.error("attributes 'K', 'N' and 'block_size' must be positive");
  if (bits != 2 && bits != 4 && bits != 8) return c.error("2, 4 and 8 bits are supported");
  const int64_t blocks = (k + block - 1) / block, each = 8 / bits, bytes = block / each;
  // [rows, m bytes] -> [rows, m * each] numbers.
  const auto unpacked = [&](Value* x, int64_t m) {
    x = c.op("reshape", {x}, {{"shape", Dims{n, m, 1}}});
    if (each == 1) return c.op("reshape", {x}, {{"shape", Dims{n, m}}});
    std::vector<Value*> parts;
    for (int64_t i = 0; i < each; ++i) {
      Value* shifted = c.op("shift_right", {x, c.number(x, static_cast<double>(i * bits))});
      parts.push_back(c.op("bit_and", {shifted, c.number(x, static_cast<double>((1 << bits) - 1))}));
    }
    return c.op("reshape", {c.op("concat", parts, {{"axis", int64_t{2}}})}, {{"shape", Dims{n, m * each}}});
  };
  // The block of each column, where they are in another order; without it a column's place tells.
  const auto reordered = [&](Value* x) {
    Value* order = c.op("slice", {c.in(4)}, {{"starts", Dims{0}}, {"sizes", Dims{k}}, {"steps", Ints{1}}});
    return c.op("gather", {c.op("reshape", {x}, {{"shape", Dims{n, blocks}}}), order}, {{"axis", int64_t{1}}});
  };
  const DType dtype = c.dtype(0);
  Value* weights = c.cast(unpacked(c.in(1), blocks * bytes), DType::f32);
  weights = c.op("reshape", {weights}, {{"shape", Dims{n, blocks, block}}});
  Value* zero = c.b().scalar(DType::f32, static_cast<double>(1 << (bits - 1)));
  if (c.has(3)) {
    zero = c.in(3);
    if (!is_float(c.dtype(3))) {
      // Rows of zero points are filled up to whole bytes.
      const int64_t row = (blocks + each - 1) / each;
      zero = unpacked(zero, row);
      if (row * each != blocks)
        zero = c.op("slice", {zero}, {{"starts", Dims{0, 0}}, {"sizes", Dims{n, blocks}}, {"steps", Ints{1, 1}}});
    }
    zero = c.op("reshape", {c.cast(zero, DType::f32)}, {{"shape", Dims{n, blocks, 1}}});
  }
  Value* scale = c.op("reshape", {c.cast(c.in(2), DType::f32)}, {{"shape", Dims{n, blocks, 1}}});
  const auto cut = [&](Value* x) {
    x = c.op("reshape", {x}, {{"shape", Dims{n, blocks * block}}});
    if (blocks * block == k) return x;
    return c.op("slice", {x}, {{"starts", Dims{0, 0}}, {"sizes", Dims{n, k}}, {"steps", Ints{1, 1}}});
  };
  if (c.has(4)) {
    if (c.has(3)) zero = reordered(zero);
    weights = c.op("mul", {c.op("sub", {cut(weights), zero}), reordered(scale)});
  } else {
    weights = cut(c.op("mul", {c.op("sub", {weights, zero}), scale}));
  }
  weights = c.op("transpose", {c.cast(weights, dtype)}, {{"permutation", Ints{1, 0}}});
  Value* y = TRY(numpy_matmul(c, c.in(0), weights));
  c.give(c.has(5) ? c.op("add", {y, c.in(5)}) : y);
  return {};
}

// B is a list of indices into a table of 16 numbers, two to a byte, the highest bits first: the weights [N, K], or [K, N]
// without transB, in blocks of the whole list that have a scale each (bitsandbytes' FP4 and NF4).
Status matmul_table(NodeContext& c) {
  static constexpr std::array<float, 16> kFp4 = {
      0,     5.208333333e-03F,  2.0F / 3,  1,  1.0F / 3,  0.5F,  1.0F / 6,  0.25F,
      -0.0F, -5.208333333e-03F, -2.0F / 3, -1, -1.0F / 3, -0.5F, -1.0F / 6, -0.25F};
  // Quantiles of the normal distribution (Dettmers et al., QLoRA, 2023, appendix E).
  static constexpr std::array<float, 16> kNf4 = {-1.0F,          -0.6961928010F, -0.5250730515F, -0.3949174881F,
                                                 -0.2844413817F, -0.1847734302F, -0.0910500363F, 0,
                                                 0.0795802996F,  0.1609302014F,  0.2461123019F,  0.3379152417F,
                                                 0.4407098293F,  0.5626170039F,  0.7229568362F,  1.0F};
  TRY(need_inputs(c, {0, 1, 2}));
  const int64_t k = c.integer("K", 0), n = c.integer("N", 0), block = c.integer("block_size", 0);
  const int64_t kind = c.integer("quant_type", 1);
  if (k < 1 || n < 1 || k > 1 << 30 || n > 1 << 30 || block < 1 || block > 1 << 20)
    return c.error("attributes 'K', 'N' and 'block_size' must be positive");
  if (kind != 0 && kind != 1) return c.error("attribute 'quant_type' must be 0 (FP4) or 1 (NF4)");
  const bool turned = c.integer("transB", 1) != 0;
  const int64_t count = n * k, bytes = (count + 1) / 2, blocks = (count + block - 1) / block;
  const auto cut = [&](Value* list, int64_t from) {
    return from == count ? list
                         : c.op("slice", {list}, {{"starts", Dims{0}}, {"sizes", Dims{count}}, {"steps", Ints{1}}});
  };
  Value* pairs = c.op("reshape", {c.in(1)}, {{"shape", Dims{bytes, 1}}});
  Value* parts[] = {c.op("shift_right", {pairs, c.number(pairs, 4)}), c.op("bit_and", {pairs, c.number(pairs, 15)})};
  Value* index = c.op("reshape", {c.op("concat", parts, {{"axis", int64_t{1}}})}, {{"shape", Dims{bytes * 2}}});
  Tensor table = TRY(Tensor::allocate(DType::f32, {16}));
  std::ranges::copy(kind == 0 ? kFp4 : kNf4, reinterpret_cast<float*>(table.mutable_data()));
  Value* weights = c.op("gather", {c.b().constant(std::move(table)), c.cast(cut(index, bytes * 2), DType::i64)},
                        {{"axis", int64_t{0}}});
  Value* scales = c.op("reshape", {c.cast(c.in(2), DType::f32)}, {{"shape", Dims{blocks, 1}}});
  scales = c.op("broadcast", {scales}, {{"shape", Dims{blocks, block}}});
  scales = cut(c.op("reshape", {scales}, {{"shape", Dims{blocks * block}}}), blocks * block);
  weights = c.cast(c.op("mul", {weights, scales}), c.dtype(0));
  weights = c.op("reshape", {weights}, {{"shape", turned ? Dims{n, k} : Dims{k, n}}});
  if (turned) weights = c.op("transpose", {weights}, {{"permutation", Ints{1, 0}}});
  c.give(TRY(numpy_matmul(c, c.in(0), weights)));
  return {};
}

// LSTM whose weights [directions, inputs, 4 hidden] are integers with a scale for each direction, or for each of its
// columns, and whose x and states are rounded as they come.
Status dynamic_lstm(NodeContext& c) {
  enum {
    x,
    weights,
    recurrent,
    bias,
    lengths,
    hidden,
    cell,
    peephole,
    weight_scale,
    weight_zero,
    recurrent_scale,
    recurrent_zero
  };
  TRY(need_inputs(c, {x, weights, recurrent, weight_scale, recurrent_scale}));
  const auto real = [&](std::size_t i, std::size_t scale, std::size_t zero) -> Result<Value*> {
    const auto by_direction = [&](std::size_t k) -> Result<Value*> {
      Dims dims = TRY(c.dims(k));
      if (dims.size() != 1 && dims.size() != 2) return c.error("scales and zero points must have one axis or two");
      dims.insert(dims.begin() + 1, dims.size() == 1 ? 2 : 1, Dim(1));
      return c.op("reshape", {c.cast(c.in(k), DType::f32)}, {{"shape", std::move(dims)}});
    };
    Value* w = c.cast(c.in(i), DType::f32);
    if (c.has(zero)) w = c.op("sub", {w, TRY(by_direction(zero))});
    w = c.op("mul", {w, TRY(by_direction(scale))});
    return c.op("transpose", {w}, {{"permutation", Ints{0, 2, 1}}});
  };
  Value* operands[] = {c.in(x),
                       TRY(real(weights, weight_scale, weight_zero)),
                       TRY(real(recurrent, recurrent_scale, recurrent_zero)),
                       c.in(bias),
                       c.in(lengths),
                       c.in(hidden),
                       c.in(cell),
                       c.in(peephole)};
  AttributeMap attributes = {
      {"direction", c.string("direction", "forward")},   {"activations", c.strings("activations")},
      {"activation_alpha", c.reals("activation_alpha")}, {"activation_beta", c.reals("activation_beta")},
      {"input_forget", c.integer("input_forget", 0)},    {"rounded", int64_t{1}}};
  if (c.has_attribute("clip")) attributes.emplace("clip", c.real("clip", 0));
  c.give_all("lstm", operands, std::move(attributes), 3);
  return {};
}

Status quantize(NodeContext& c) {
  TRY(need_inputs(c, {0, 1}));
  const DType dtype = c.has(2) ? c.dtype(2) : DType::u8;
  c.give(c.op("quantize", {c.in(0), single(c, c.in(1)), single(c, c.in(2))},
              {{"axis", c.integer("axis", 1)}, {"block", c.integer("block_size", 0)}, {"dtype", dtype}}));
  return {};
}

Status dequantize(NodeContext& c) {
  TRY(need_inputs(c, {0, 1}));
  c.give(c.op("dequantize", {c.in(0), single(c, c.in(1)), single(c, c.in(2))},
              {{"axis", c.integer("axis", 1)}, {"block", c.integer("block_size", 0)}, {"dtype", c.dtype(1)}}));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"QuantizeLinear", 1, quantize, {}},
    {"DequantizeLinear", 1, dequantize, {}},
    {"QLinearAdd", 1, add, {}},
    {"QLinearMul", 1, multiply, {}},
    {"QLinearSigmoid", 1, sigmoid, {}},
    {"QLinearLeakyRelu", 1, leaky_relu, {}},
    {"QLinearSoftmax", 1, softmax, {}},
    {"QLinearGlobalAveragePool", 1, global_average_pool, {}},
    {"QLinearAveragePool", 1, average_pool, {}},
    {"QLinearConcat", 1, concat, {}},
    {"QLinearConv", 1, qlinear_conv, {}, "-kernel_shape"},
    {"QGemm", 1, gemm, {}},
    {"DynamicQuantizeMatMul", 1, dynamic_matmul, {}},
    {"DynamicQuantizeLSTM", 1, dynamic_lstm, {}, "-hidden_size"},
    {"MatMulIntegerToFloat", 1, matmul_to_float, {}},
    {"MatMulNBits", 1, matmul_bits, {}, "-accuracy_level"},
    {"MatMulBnb4", 1, matmul_table, {}, "-training_mode"},
};

}  // namespace

std::span<const OperatorRow> microsoft_quantized_rows() { return kRows; }

}  // namespace burnish::onnx
