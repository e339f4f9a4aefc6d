// Gathering, scattering, searching, sorting, resizing.

#include <fmt/format.h>

#include "import/onnx/node_context.h"

namespace burnish::onnx {
namespace {

Status gather_elements(NodeContext& c) {
  TRY(need_inputs(c, 2));
  c.give(c.op("gather_elements", {c.in(0), c.in(1)}, {{"axis", c.integer("axis", 0)}}));
  return {};
}

Status top_k(NodeContext& c) {
  TRY(need_inputs(c, c.opset() < 10 ? 1 : 2));
  Value* k = c.in(1);
  if (c.opset() < 10) {
    const int64_t count = c.integer("k", 0);
    k = c.i64s(std::span(&count, 1));
  }
  Value* operands[] = {c.in(0), k};
  c.give_all(
      "top_k", operands,
      {{"axis", c.integer("axis", -1)}, {"largest", c.integer("largest", 1)}, {"sorted", c.integer("sorted", 1)}}, 2);
  return {};
}

// ONNX fixes four results; the catalogue's operator has them all.
Status unique(NodeContext& c) {
  TRY(need_inputs(c, 1));
  AttributeMap attributes = {{"sorted", c.integer("sorted", 1)}};
  if (c.has_attribute("axis")) attributes.emplace("axis", c.integer("axis", 0));
  c.give_all("unique", c.inputs(), std::move(attributes), 4);
  return {};
}

// The elements (of an axis, or of the flattened tensor) whose condition holds; a condition that is too short means false.
Status compress(NodeContext& c) {
  TRY(need_inputs(c, 2));
  Value* where = c.op("non_zero", {c.in(1)});
  const Ints flat = {-1};
  Value* indices = c.op("dynamic_reshape", {where, c.i64s(flat)});
  if (c.has_attribute("axis")) {
    c.give(c.op("gather", {c.in(0), indices}, {{"axis", c.integer("axis", 0)}}));
  } else {
    c.give(c.op("gather", {c.op("dynamic_reshape", {c.in(0), c.i64s(flat)}), indices}, {{"axis", int64_t{0}}}));
  }
  return {};
}

Status one_hot(NodeContext& c) {
  TRY(need_inputs(c, 3));
  c.give(c.op("one_hot", {c.in(0), c.in(1), c.in(2)}, {{"axis", c.integer("axis", -1)}}));
  return {};
}

// Scales of the first Upsample are attributes; all Upsamples are nearest with floor or linear, on asymmetric coordinates.
Status upsample(NodeContext& c) {
  TRY(need_inputs(c, 1));
  const std::string mode = c.string("mode", "nearest");
  Value* scales = c.in(1);
  if (c.opset() < 9) {
    Floats values = c.reals("scales");
    if (c.opset() < 7) values = {1, 1, c.real("height_scale", 1), c.real("width_scale", 1)};
    const std::vector<float> floats(values.begin(), values.end());
    scales = c.b().constant(Tensor::f32s({static_cast<int64_t>(floats.size())}, floats));
  }
  if (scales == nullptr) return c.error("the scales are missing");
  const Node* known = scales->producer();
  const Attribute* value = known != nullptr && known->op() == "constant" ? known->attribute("value") : nullptr;
  const Tensor* numbers = value != nullptr ? std::get_if<Tensor>(value) : nullptr;
  for (int64_t i = 0; numbers != nullptr && is_float(numbers->dtype()) && i < numbers->elements(); ++i)
    if (numbers->real_at(i) < 1)
      return c.error(fmt::format("a scale is {}, and Upsample may not shrink", numbers->real_at(i)), "use Resize");
  c.give(c.op("dynamic_resize", {c.in(0), nullptr, scales},
              {{"mode", mode == "bilinear" ? "linear" : mode},
               {"coordinates", std::string("asymmetric")},
               {"nearest", std::string("floor")}}));
  return {};
}

// Opset 10's Resize is Upsample that can also shrink: its nearest element is then the next one, not the one before.
Status resize_10(NodeContext& c) {
  TRY(need_inputs(c, 2));
  c.give(c.op("dynamic_resize", {c.in(0), nullptr, c.in(1)},
              {{"mode", c.string("mode", "nearest")},
               {"coordinates", std::string("asymmetric")},
               {"nearest", std::string("simple")}}));
  return {};
}

// An empty tensor stands for an absent one; the region matters to one kind of coordinates only.
Status resize(NodeContext& c) {
  TRY(need_inputs(c, 1));
  const std::string coordinates = c.string("coordinate_transformation_mode", "half_pixel");
  const auto given = [&](std::size_t i) -> Value* {
    if (!c.has(i)) return nullptr;
    const Type& type = c.in(i)->type();
    const bool empty = type.is_ranked_tensor() && type.rank() == 1 && type.dims[0] == Dim(0);
    return empty ? nullptr : c.in(i);
  };
  Value* roi = coordinates == "tf_crop_and_resize" ? given(1) : nullptr;
  c.give(c.op("dynamic_resize", {c.in(0), roi, given(2), given(3)},
              {{"axes", c.ints("axes")},
               {"policy", c.string("keep_aspect_ratio_policy", "stretch")},
               {"mode", c.string("mode", "nearest")},
               {"coordinates", coordinates},
               {"nearest", c.string("nearest_mode", "round_prefer_floor")},
               {"cubic_a", c.real("cubic_coeff_a", -0.75)},
               {"exclude_outside", c.integer("exclude_outside", 0)},
               {"extrapolation", c.real("extrapolation_value", 0)},
               {"antialias", c.integer("antialias", 0)}}));
  return {};
}

// Opset 16 moved pixels by half of one unless told otherwise.
Status roi_align(NodeContext& c) {
  TRY(need_inputs(c, 3));
  const std::string coordinates =
      c.string("coordinate_transformation_mode", c.opset() < 16 ? "output_half_pixel" : "half_pixel");
  if (coordinates != "half_pixel" && coordinates != "output_half_pixel")
    return c.error(fmt::format("attribute 'coordinate_transformation_mode' is '{}'", coordinates));
  c.give(c.op("roi_align", {c.in(0), c.in(1), c.in(2)},
              {{"mode", c.string("mode", "avg")},
               {"height", c.integer("output_height", 1)},
               {"width", c.integer("output_width", 1)},
               {"samples", c.integer("sampling_ratio", 0)},
               {"scale", c.real("spatial_scale", 1)},
               {"half_pixel", int64_t{coordinates == "half_pixel"}}}));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"Gather", 1, nullptr, "gather"},
    {"GatherElements", 11, gather_elements, {}},
    {"GatherND", 11, nullptr, "gather_nd"},
    {"Scatter", 9, nullptr, "scatter_elements"},
    {"ScatterElements", 11, nullptr, "scatter_elements"},
    {"ScatterND", 11, nullptr, "scatter_nd"},
    {"TensorScatter", 24, nullptr, "tensor_scatter"},
    {"TopK", 1, top_k, {}},
    {"NonZero", 9, nullptr, "non_zero"},
    {"OneHot", 9, one_hot, {}},
    {"Unique", 11, unique, {}},
    {"Compress", 9, compress, {}},
    {"EyeLike", 9, nullptr, "eye_like"},
    {"Upsample", 1, upsample, {}},
    {"Resize", 10, resize_10, {}},
    {"Resize", 11, resize, {}},
    {"GridSample", 16, grid_sample, {}},
    {"AffineGrid", 20, nullptr, "affine_grid"},
    {"RoiAlign", 10, roi_align, {}},
    {"MaxRoiPool", 1, nullptr, "max_roi_pool", "pooled_shape>size, spatial_scale>scale"},
    {"NonMaxSuppression", 10, nullptr, "non_max_suppression", "center_point_box>centred"},
};

}  // namespace

Status grid_sample(NodeContext& c) {
  TRY(need_inputs(c, 2));
  std::string mode = c.string("mode", c.opset() < 20 ? "bilinear" : "linear");
  if (mode == "bilinear") mode = "linear";
  if (mode == "bicubic") mode = "cubic";
  c.give(c.op("grid_sample", {c.in(0), c.in(1)},
              {{"mode", mode},
               {"padding", c.string("padding_mode", "zeros")},
               {"align_corners", c.integer("align_corners", 0)}}));
  return {};
}

std::span<const OperatorRow> index_rows() { return kRows; }

}  // namespace burnish::onnx
