// What moves and relabels elements without computing.

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "import/onnx/node_context.h"

namespace burnish::onnx {
namespace {

Status reshape(NodeContext& c) {
  TRY(need_inputs(c, 1));
  Value* shape = c.opset() < 5 ? c.i64s(c.ints("shape")) : c.in(1);
  if (shape == nullptr) return c.error("the shape is missing");
  c.give(c.op("dynamic_reshape", {c.in(0), shape}, {{"allow_zero", c.integer("allowzero", 0)}}));
  return {};
}

Status transpose(NodeContext& c) {
  TRY(need_inputs(c, 1));
  Ints permutation = c.ints("perm");
  if (!c.has_attribute("perm")) {
    if (!c.in(0)->type().ranked) {
      c.give(c.op("reverse_axes", {c.in(0)}));
      return {};
    }
    const int64_t rank = TRY(c.rank(0));
    for (int64_t i = rank - 1; i >= 0; --i) permutation.push_back(i);
  }
  c.give(c.op("transpose", {c.in(0)}, {{"permutation", permutation}}));
  return {};
}

// Axes: an attribute, from opset 13 on an operand. `ours` has an attribute form, `dynamic` an operand form.
Status squeeze(NodeContext& c) {
  TRY(need_inputs(c, 1));
  if (c.opset() < 13 && c.has_attribute("axes")) c.give(c.op("dynamic_squeeze", {c.in(0), c.i64s(c.ints("axes"))}));
  else if (c.has(1)) c.give(c.op("dynamic_squeeze", {c.in(0), c.in(1)}));
  else c.give(c.op("dynamic_squeeze", {c.in(0)}));
  return {};
}

Status unsqueeze(NodeContext& c) {
  TRY(need_inputs(c, 1));
  Value* axes = c.opset() < 13 ? c.i64s(c.ints("axes")) : c.in(1);
  if (axes == nullptr) return c.error("the axes are missing");
  c.give(c.op("dynamic_unsqueeze", {c.in(0), axes}));
  return {};
}

Status tile(NodeContext& c) {
  TRY(need_inputs(c, 2));
  if (c.opset() >= 6) {
    c.give(c.op("dynamic_tile", {c.in(0), c.in(1)}));
    return {};
  }
  // Before opset 6: how often, and along which axis, in numbers of the input's dtype.
  const auto whole = [&](std::size_t i) -> std::optional<Ints> {
    const Tensor* t = c.constant(i);
    if (t == nullptr || !is_float(t->dtype())) return c.known_ints(i);
    Ints values;
    for (int64_t k = 0; k < t->elements() && k < 2; ++k) {
      if (!(std::abs(t->real_at(k)) < 1 << 30)) return std::nullopt;
      values.push_back(static_cast<int64_t>(t->real_at(k)));
    }
    return values;
  };
  const auto tiles = whole(1), axis = whole(2);
  const int64_t rank = TRY(c.rank(0));
  if (!tiles || !axis) {
    const auto one = [&](std::size_t i) {
      return c.op("dynamic_reshape", {c.cast(c.in(i), DType::i64), c.i64s(Ints{1})});
    };
    TRY(need_inputs(c, 3));
    Value* once = c.i64s(Ints(static_cast<std::size_t>(rank), 1));
    c.give(c.op("dynamic_tile", {c.in(0), c.op("scatter_elements", {once, one(2), one(1)})}));
    return {};
  }
  if (tiles->size() != 1 || axis->size() != 1) return c.error("tiles and axis must be one number each");
  Ints repeats(static_cast<std::size_t>(rank), 1);
  repeats[static_cast<std::size_t>(TRY(c.axis((*axis)[0], rank)))] = (*tiles)[0];
  c.give(c.op("dynamic_tile", {c.in(0), c.i64s(repeats)}));
  return {};
}

Status slice(NodeContext& c) {
  TRY(need_inputs(c, 1));
  if (c.opset() >= 10) {
    TRY(need_inputs(c, 3));
    c.give(c.op("dynamic_slice", {c.in(0), c.in(1), c.in(2), c.in(3), c.in(4)}));
    return {};
  }
  const Ints starts = c.ints("starts"), ends = c.ints("ends");
  Ints axes = c.ints("axes");
  for (std::size_t i = 0; !c.has_attribute("axes") && i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  c.give(c.op("dynamic_slice", {c.in(0), c.i64s(starts), c.i64s(ends), c.i64s(axes)}));
  return {};
}

Status concat(NodeContext& c) {
  if (c.input_count() == 0) return c.error("has no inputs");
  TRY(need_inputs(c, c.input_count()));
  c.give(c.op("concat", c.inputs(), {{"axis", c.integer("axis", 1)}}));
  return {};
}

Status split(NodeContext& c) {
  TRY(need_inputs(c, 1));
  const int64_t axis = c.integer("axis", 0);
  const auto count = static_cast<int64_t>(c.output_count());
  if (c.integer("num_outputs", count) != count) return c.error("attribute 'num_outputs' is not the number of outputs");
  std::optional<Ints> sizes;
  if (c.opset() < 13) {
    if (c.has_attribute("split")) sizes = c.ints("split");
    else if (c.has(1)) sizes = c.known_ints(1);
  } else if (c.has(1)) {
    sizes = c.known_ints(1);
  }
  if (sizes) {
    c.give_all("split", {{c.in(0)}}, {{"axis", axis}, {"sizes", to_dims(*sizes)}}, c.output_count());
    return {};
  }
  // The first opset had sizes of the input's dtype.
  Value* operands[] = {c.in(0), c.opset() < 2 && c.has(1) ? c.cast(c.in(1), DType::i64) : c.in(1)};
  c.give_all("split_by", std::span(operands, c.has(1) ? 2 : 1), {{"axis", axis}, {"num_outputs", count}},
             c.output_count());
  return {};
}

// `paddings` in opset 1, `pads` in 2, operands from 11 on.
Status pad(NodeContext& c) {
  TRY(need_inputs(c, 1));
  const std::string mode = c.string("mode", "constant");
  Value *pads = c.in(1), *value = c.in(2), *axes = c.in(3);
  if (c.opset() < 11) {
    const Ints amounts = c.ints(c.opset() < 2 ? "paddings" : "pads");
    pads = c.i64s(amounts);
    const double fill = c.real("value", 0);
    value = mode == "constant" ? c.number(c.in(0), fill) : nullptr;
    axes = nullptr;
  }
  if (pads == nullptr) return c.error("the amounts are missing");
  // The value may come as a tensor of one element.
  if (value != nullptr && (!value->type().ranked || value->type().rank() != 0))
    value = c.op("dynamic_reshape", {value, c.i64s({})});
  c.give(c.op("dynamic_pad", {c.in(0), pads, value, axes}, {{"mode", mode}}));
  return {};
}

Status flatten(NodeContext& c) {
  TRY(need_inputs(c, 1));
  c.give(c.op("flatten", {c.in(0)}, {{"axis", c.integer("axis", 1)}}));
  return {};
}

Status shape_of(NodeContext& c) {
  TRY(need_inputs(c, 1));
  AttributeMap attributes = {{"start", c.integer("start", 0)}};
  if (c.has_attribute("end")) attributes.emplace("end", c.integer("end", 0));
  c.give(c.op("shape_of", {c.in(0)}, std::move(attributes)));
  return {};
}

Status constant_of_shape(NodeContext& c) {
  TRY(need_inputs(c, 1));
  Tensor value = c.has_attribute("value") ? TRY(c.tensor("value")) : Tensor::scalar(DType::f32, 0);
  if (value.elements() != 1) return c.error(fmt::format("the value has {} elements, not one", value.elements()));
  c.give(c.op("fill", {c.in(0)}, {{"value", value.reshaped({})}}));
  return {};
}

// Text names of types, in the first opset.
Result<DType> cast_target(NodeContext& c) {
  const AttributeProto* to = c.attribute("to");
  if (to == nullptr || to->kind != AttributeProto::Kind::string) return c.dtype_attribute("to");
  constexpr std::pair<std::string_view, DType> kNames[] = {
      {"FLOAT", DType::f32},    {"DOUBLE", DType::f64}, {"FLOAT16", DType::f16}, {"INT8", DType::i8},
      {"INT16", DType::i16},    {"INT32", DType::i32},  {"INT64", DType::i64},   {"UINT8", DType::u8},
      {"UINT16", DType::u16},   {"UINT32", DType::u32}, {"UINT64", DType::u64},  {"BOOL", DType::boolean},
      {"STRING", DType::string}};
  for (const auto& [text, dtype] : kNames) {
    if (to->s == text) return dtype;
  }
  return c.error("attribute 'to' names no element type");
}

// To f8e8m0 by the exponent of f32, whose fraction is cut off or rounded to nearest, halves up.
Status to_exponent(NodeContext& c, bool nearest, bool saturate) {
  constexpr double kHalf = 1 << 22;
  const auto number = [&](double value) { return c.b().scalar(DType::u32, value); };
  Value* bits = c.op("bitcast", {c.cast(c.in(0), DType::f32)}, {{"dtype", DType::u32}});
  Value* exponent = c.op("bit_and", {c.op("shift_right", {bits, number(23)}), number(255)});
  if (nearest) {
    Value* fraction = c.op("bit_and", {bits, number(2 * kHalf - 1)});
    // Half of the least number there is becomes that number.
    Value* more = c.op("select", {c.op("gt", {exponent, number(0)}), c.op("ge", {fraction, number(kHalf)}),
                                  c.op("gt", {fraction, number(kHalf)})});
    more = c.op("logical_and", {more, c.op("lt", {exponent, number(saturate ? 254 : 255)})});
    exponent = c.op("add", {exponent, c.cast(more, DType::u32)});
  }
  c.give(c.op("bitcast", {c.cast(exponent, DType::u8)}, {{"dtype", DType::f8e8m0}}));
  return {};
}

Status cast_to(NodeContext& c, DType dtype) {
  AttributeMap attributes = {{"dtype", dtype}, {"saturate", c.integer("saturate", 1)}};
  const std::string rounding = c.string("round_mode", "up");
  if (dtype == DType::f8e8m0 && rounding != "up") {
    if (rounding != "nearest" && rounding != "down")
      return c.error(fmt::format("attribute 'round_mode' is '{}', not up, down or nearest", rounding));
    return to_exponent(c, rounding == "nearest", c.integer("saturate", 1) != 0);
  }
  c.give(c.op("cast", {c.in(0)}, std::move(attributes)));
  return {};
}

Status cast(NodeContext& c) {
  TRY(need_inputs(c, 1));
  return cast_to(c, TRY(cast_target(c)));
}

Status cast_like(NodeContext& c) {
  TRY(need_inputs(c, 2));
  return cast_to(c, c.dtype(1));
}

Status identity(NodeContext& c) {
  TRY(need_inputs(c, 1));
  c.give(c.in(0));
  return {};
}

// Where training is asked for, elements are left out at random and the others grow by as much. The mask says what was kept.
Status dropout(NodeContext& c) {
  TRY(need_inputs(c, 1));
  Value* training = c.opset() >= 12 ? c.in(2) : nullptr;
  if (const Tensor* known = c.constant(2); training != nullptr && known != nullptr) {
    if (known->elements() != 1 || known->dtype() != DType::boolean) return c.error("training_mode is not one bool");
    if (known->int_at(0) == 0) training = nullptr;
  }
  if (training == nullptr) {
    c.give(c.in(0));
    if (c.wanted(1)) {
      const DType dtype = c.opset() < 10 ? c.dtype(0) : DType::boolean;
      if (dtype == DType::string) return c.error("the mask is of numbers, the input of strings");
      c.give(1, c.op("fill", {c.op("shape_of", {c.in(0)})}, {{"value", Tensor::scalar(dtype, 1)}}));
    }
    return {};
  }
  const DType dtype = c.dtype(0);
  Value* ratio = c.has(1) ? c.cast(c.in(1), dtype) : c.number(c.in(0), 0.5);
  AttributeMap attributes = {{"dtype", dtype}};
  if (c.has_attribute("seed")) attributes.emplace("seed", static_cast<double>(c.integer("seed", 0)));
  Value* drawn = c.op("random_uniform_like", {c.in(0)}, std::move(attributes));
  Value* kept = c.op("logical_or", {c.op("logical_not", {training}), c.op("ge", {drawn, ratio})});
  Value* one = c.number(c.in(0), 1);
  Value* grown = c.op("div", {c.in(0), c.op("select", {training, c.op("sub", {one, ratio}), one})});
  c.give(c.op("select", {kept, grown, c.number(c.in(0), 0)}));
  if (c.wanted(1)) c.give(1, kept);
  return {};
}

constexpr OperatorRow kRows[] = {
    {"Reshape", 1, reshape, {}, "-consumed_inputs"},
    {"Transpose", 1, transpose, {}},
    {"Squeeze", 1, squeeze, {}},
    {"Unsqueeze", 1, unsqueeze, {}},
    {"Flatten", 1, flatten, {}},
    {"Expand", 8, nullptr, "dynamic_broadcast"},
    {"Tile", 1, tile, {}},
    {"Slice", 1, slice, {}},
    {"Concat", 1, concat, {}},
    {"Split", 1, split, {}},
    {"Pad", 1, pad, {}},
    {"Shape", 1, shape_of, {}},
    {"Size", 1, nullptr, "size_of"},
    {"ConstantOfShape", 9, constant_of_shape, {}},
    {"Range", 11, nullptr, "range", "-stash_type"},
    {"Cast", 1, cast, {}},
    {"CastLike", 15, cast_like, {}},
    {"BitCast", 26, nullptr, "bitcast", "to>dtype"},
    {"Identity", 1, identity, {}},
    {"Dropout", 1, dropout, {}, "-consumed_inputs, -ratio, -is_test, -seed"},
    {"SpaceToDepth", 1, nullptr, "space_to_depth", "blocksize>block"},
    {"DepthToSpace", 1, nullptr, "depth_to_space", "blocksize>block"},
    {"CenterCropPad", 18, nullptr, "center_crop_pad"},
    {"Trilu", 14, nullptr, "trilu"},
    {"ReverseSequence", 10, nullptr, "reverse_sequence"},
    {"Col2Im", 18, nullptr, "col2im"},
};

}  // namespace

std::span<const OperatorRow> shape_rows() { return kRows; }

}  // namespace burnish::onnx
