// Operators of com.microsoft that say with other words what ONNX has, too.

#include <fmt/format.h>

#include "import/onnx/shared.h"

namespace burnish::onnx {
namespace {

// Condition; x, its scale and zero point; y, its scale and zero point; scale and zero point of the result.
Status qlinear_where(NodeContext& c) {
  TRY(need_inputs(c, {0, 1, 2, 4, 5, 7}));
  const auto real = [&](std::size_t i) {
    return c.op("dequantize", {c.in(i), single(c, c.in(i + 1)), single(c, c.in(i + 2))},
                {{"axis", int64_t{1}}, {"dtype", DType::f32}});
  };
  Value* y = c.op("select", {c.in(0), real(1), real(4)});
  c.give(c.op("quantize", {y, single(c, c.in(7)), single(c, c.in(8))},
              {{"axis", int64_t{1}}, {"dtype", c.has(8) ? c.dtype(8) : c.dtype(1)}}));
  return {};
}

Status max_pool_channels_last(NodeContext& c) {
  TRY(need_inputs(c, {0}));
  const int64_t rank = TRY(c.rank(0));
  const Ints kernel = c.ints("kernel_shape");
  const std::size_t n = kernel.size();
  if (n == 0 || rank != static_cast<int64_t>(n) + 2) return c.error("attribute 'kernel_shape' does not fit the input");
  Value* y = c.op("max_pool", {channels_moved(c, c.in(0), rank, false)},
                  {{"kernel", kernel},
                   {"strides", c.ints("strides", Ints(n, 1))},
                   {"dilations", c.ints("dilations", Ints(n, 1))},
                   {"pads", c.ints("pads", Ints(2 * n, 0))},
                   {"auto_pad", c.string("auto_pad", "NOTSET")},
                   {"ceil", c.integer("ceil_mode", 0)},
                   {"column_major", c.integer("storage_order", 0)}});
  c.give(channels_moved(c, y, rank, true));
  return {};
}

// Bytes of the last axis as the numbers of a few bits that each holds, the lowest one first.
Result<Value*> unpacked(NodeContext& c, Value* x, int64_t bits) {
  TRY(c.finish());
  if (!x->type().is_ranked_tensor() || x->type().rank() == 0)
    return c.error("bytes without a last axis hold no numbers");
  const Dims dims = x->type().dims;
  Dims column = dims, flat = dims;
  column.emplace_back(1);
  flat.back() = flat.back() * (8 / bits);
  Value* bytes = c.op("reshape", {x}, {{"shape", column}});
  std::vector<Value*> parts;
  for (int64_t shift = 0; shift < 8; shift += bits) {
    Value* shifted = c.op("shift_right", {bytes, c.number(bytes, static_cast<double>(shift))});
    parts.push_back(c.op("bit_and", {shifted, c.number(bytes, static_cast<double>((1 << bits) - 1))}));
  }
  Value* all = c.op("concat", parts, {{"axis", static_cast<int64_t>(dims.size())}});
  return c.op("reshape", {all}, {{"shape", flat}});
}

// Rows of a table of small integers, which have a scale for each block of an axis.
Status gather_block_quantized(NodeContext& c) {
  enum { data, indices, scales, zeros };
  TRY(need_inputs(c, {data, indices, scales}));
  const int64_t rank = TRY(c.rank(data)), bits = c.integer("bits", 4), block = c.integer("block_size", 128);
  int64_t along = TRY(c.axis(c.integer("quantize_axis", 1), rank));
  const int64_t axis = TRY(c.axis(c.integer("gather_axis", 0), rank));
  if (TRY(c.rank(scales)) != rank || (c.has(zeros) && TRY(c.rank(zeros)) != rank))
    return c.error("the scales or zero points have another rank than the data");
  const int64_t taken = TRY(c.rank(indices));
  if (along == axis) return c.error("blocks along the axis that is gathered are not supported");
  if (block < 1) return c.error("attribute 'block_size' must be positive");
  if (bits != 2 && bits != 4 && bits != 8) return c.error("only 2, 4 and 8 bits are supported");
  const bool bytes = c.dtype(data) == DType::u8, packed = bytes && bits < 8;
  if (packed && along != rank - 1) return c.error("numbers packed in bytes must have their blocks in the last axis");
  const auto rows = [&](std::size_t i) -> Result<Value*> {
    if (!c.has(i)) return nullptr;
    Value* taken = c.op("gather", {c.in(i), c.in(indices)}, {{"axis", axis}});
    return packed && i != scales ? TRY(unpacked(c, taken, bits)) : taken;
  };
  Value *x = TRY(rows(data)), *scale = TRY(rows(scales)), *zero = TRY(rows(zeros));
  TRY(c.finish());
  if (along > axis) along += taken - 1;
  if (zero != nullptr && packed) {
    // Bytes may hold more zero points than there are blocks.
    const Dims& sizes = scale->type().dims;
    if (!(zero->type().dims.back() == sizes.back()))
      zero = c.op("slice", {zero},
                  {{"starts", Dims(sizes.size(), Dim(0))}, {"sizes", sizes}, {"steps", Ints(sizes.size(), 1)}});
  } else if (zero == nullptr && bytes) {
    // Bytes are centred where nothing is said.
    zero = c.op("broadcast", {c.b().scalar(DType::u8, static_cast<double>(1 << (bits - 1)))},
                {{"shape", scale->type().dims}});
  }
  c.give(c.op("dequantize", {x, scale, zero}, {{"axis", along}, {"block", block}, {"dtype", scale->type().dtype}}));
  return {};
}

// Distances of the rows of two matrices.
Status distances(NodeContext& c) {
  TRY(need_inputs(c, {0, 1}));
  const std::string metric = c.string("metric", "sqeuclidean");
  if (metric != "euclidean" && metric != "sqeuclidean")
    return c.error(fmt::format("the metric '{}' is not supported", metric));
  if (TRY(c.rank(0)) != 2 || TRY(c.rank(1)) != 2) return c.error("the inputs must be matrices");
  Value* apart = c.op(
      "sub", {c.op("unsqueeze", {c.in(0)}, {{"axes", Ints{1}}}), c.op("unsqueeze", {c.in(1)}, {{"axes", Ints{0}}})});
  Value* y = c.op("reduce", {c.op("mul", {apart, apart})},
                  {{"kind", std::string("sum")}, {"axes", Ints{2}}, {"keep", int64_t{0}}});
  c.give(metric == "euclidean" ? c.op("sqrt", {y}) : y);
  return {};
}

Status pad(NodeContext& c) {
  TRY(need_inputs(c, {0, 1}));
  Value* value = c.in(2);
  if (value != nullptr) value = c.op("dynamic_reshape", {value, c.i64s({})});
  const Ints flat = {-1};
  Value* amounts = c.op("dynamic_reshape", {c.in(1), c.i64s(flat)});
  c.give(c.op("dynamic_pad", {c.in(0), amounts, value}, {{"mode", c.string("mode", "constant")}}));
  return {};
}

Status range(NodeContext& c) {
  TRY(need_inputs(c, {0, 1}));
  Value* step = c.has(2) ? c.in(2) : c.number(c.in(0), 1);
  c.give(c.op("range", {single(c, c.in(0)), single(c, c.in(1)), single(c, step)}));
  return {};
}

// The different elements in the order in which they come, the place of each element among them, and how often they come.
Status unique(NodeContext& c) {
  TRY(need_inputs(c, {0}));
  Value* operands[] = {c.in(0)};
  const std::vector<std::string> names(4);
  Node* node = c.b().node("unique", operands, {{"sorted", int64_t{0}}}, names, 4);
  TRY(c.finish());
  c.give(0, node->result(0));
  c.give(1, node->result(2));
  c.give(2, node->result(3));
  return {};
}

Status expand_dims(NodeContext& c) {
  TRY(need_inputs(c, {0, 1}));
  Value* axis = c.op("dynamic_reshape", {c.cast(c.in(1), DType::i64), c.i64s(Ints{1})});
  c.give(c.op("dynamic_unsqueeze", {c.in(0), axis}));
  return {};
}

// The padding is data: it is cut off the whole.
Status conv_transpose(NodeContext& c) {
  TRY(need_inputs(c, {0, 1}));
  const int64_t rank = TRY(c.rank(1));
  if (rank < 3) return c.error("the weights have no spatial axes");
  const auto n = static_cast<std::size_t>(rank - 2);
  c.ints("kernel_shape");  // that of the weights
  const std::string auto_pad = c.string("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID")
    return c.error(fmt::format("auto_pad '{}' beside pads is not supported", auto_pad));
  Value* y = c.op("conv_transpose", {c.in(0), c.in(1), c.in(3)},
                  {{"strides", c.ints("strides", Ints(n, 1))},
                   {"dilations", c.ints("dilations", Ints(n, 1))},
                   {"output_padding", c.ints("output_padding", Ints(n, 0))},
                   {"groups", c.integer("group", 1)}});
  if (c.has(2)) {
    Ints axes;
    for (int64_t i = 2; i < rank; ++i) axes.push_back(i);
    Value* cut = c.op("neg", {c.cast(c.in(2), DType::i64)});
    y = c.op("dynamic_pad", {y, cut, nullptr, c.i64s(axes)}, {{"mode", std::string("constant")}});
  }
  c.give(y);
  return {};
}

constexpr OperatorRow kRows[] = {
    {"QLinearWhere", 1, qlinear_where, {}},
    {"NhwcMaxPool", 1, max_pool_channels_last, {}},
    {"GatherBlockQuantized", 1, gather_block_quantized, {}},
    {"CDist", 1, distances, {}},
    {"Pad", 1, pad, {}},
    {"Range", 1, range, {}},
    {"Unique", 1, unique, {}},
    {"ExpandDims", 1, expand_dims, {}},
    {"ConvTransposeWithDynamicPads", 1, conv_transpose, {}},
};

}  // namespace

std::span<const OperatorRow> microsoft_plain_rows() { return kRows; }

}  // namespace burnish::onnx
