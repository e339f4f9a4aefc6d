// Resizing, pixels at boxes, random numbers, optional values, bits, as ONNX nodes.

#include <cmath>

#include <fmt/format.h>

#include "import/onnx/exporter.h"
#include "import/onnx/tensors.h"

namespace burnish::onnx {
namespace {

std::vector<std::string> operands(Exporter& e, const Node& node) {
  std::vector<std::string> names;
  for (const Value* v : node.operands()) names.push_back(e.name(v));
  return names;
}
std::string in(Exporter& e, const Node& n, std::size_t i) { return e.name(n.operand(i)); }
std::string out(Exporter& e, const Node& n) { return e.name(n.result()); }

Tensor f32s(const Floats& values) {
  return Tensor::f32s({static_cast<int64_t>(values.size())}, std::vector<float>(values.begin(), values.end()));
}

NodeWriter resize_attributes(const NodeView& v) {
  NodeWriter attributes;
  attributes.text("mode", v.string("mode")).text("coordinate_transformation_mode", v.string("coordinates"));
  if (v.string("mode") == "nearest") attributes.text("nearest_mode", v.string("nearest"));
  if (v.string("mode") == "cubic") attributes.real("cubic_coeff_a", v.real("cubic_a"));
  if (v.integer("exclude_outside") != 0) attributes.integer("exclude_outside", 1);
  if (v.string("coordinates") == "tf_crop_and_resize") attributes.real("extrapolation_value", v.real("extrapolation"));
  if (v.integer("antialias") != 0) attributes.integer("antialias", 1);
  return attributes;
}

// ONNX takes scales or sizes. With scales the sizes are floor(dims * scales), which is how ours came to have both.
Status resize(Exporter& e, const Node& n) {
  const NodeView v(n);
  const Dims& sizes = v.dims("sizes");
  const Floats& scales = v.reals("scales");
  const bool crop = v.string("coordinates") == "tf_crop_and_resize";
  const std::string roi = crop && !v.reals("roi").empty() ? e.constant(f32s(v.reals("roi")), "roi") : "";
  if (scales.empty()) {
    e.emit("Resize", {in(e, n, 0), roi, "", TRY(e.dims(sizes))}, resize_attributes(v), out(e, n));
    return {};
  }
  const Type& x = n.operand(0)->type();
  for (std::size_t i = 0; i < scales.size() && x.ranked && i < x.dims.size(); ++i) {
    const auto from = x.dims[i].constant(), to = sizes[i].constant();
    const auto scale = static_cast<float>(scales[i]);
    if (from && to && static_cast<int64_t>(std::floor(static_cast<float>(*from) * scale)) != *to)
      return refused(fmt::format("a scale of {} that does not make {} of {} elements", scale, *to, *from));
  }
  e.emit("Resize", {in(e, n, 0), roi, e.constant(f32s(scales), "scales")}, resize_attributes(v), out(e, n));
  return {};
}

Status dynamic_resize(Exporter& e, const Node& n) {
  const NodeView v(n);
  NodeWriter attributes = resize_attributes(v);
  if (!v.ints("axes").empty()) attributes.integers("axes", v.ints("axes"));
  attributes.text("keep_aspect_ratio_policy", v.string("policy"));
  e.emit("Resize", operands(e, n), attributes, out(e, n));
  return {};
}

Status roi_align(Exporter& e, const Node& n) {
  const NodeView v(n);
  e.emit("RoiAlign", operands(e, n),
         NodeWriter()
             .text("mode", v.string("mode"))
             .integer("output_height", v.integer("height"))
             .integer("output_width", v.integer("width"))
             .integer("sampling_ratio", v.integer("samples"))
             .real("spatial_scale", v.real("scale"))
             .text("coordinate_transformation_mode", v.integer("half_pixel") != 0 ? "half_pixel" : "output_half_pixel"),
         out(e, n));
  return {};
}

// Sizes that only a run tells are those of a tensor of zeros.
Status random(Exporter& e, const Node& n) {
  const NodeView v(n);
  NodeWriter attributes;
  const bool normal = n.op() == "random_normal";
  for (const char* name : {"mean", "scale", "low", "high", "seed"})
    if (n.attribute(name) != nullptr) attributes.real(name, v.real(name));
  attributes.integer("dtype", static_cast<int64_t>(to_onnx(v.dtype("dtype"))));
  if (const auto sizes = constants(v.dims("shape"))) {
    attributes.integers("shape", *sizes);
    e.emit(normal ? "RandomNormal" : "RandomUniform", {}, attributes, out(e, n));
  } else {
    const std::string zeros = e.emit("ConstantOfShape", {TRY(e.dims(v.dims("shape")))});
    e.emit(normal ? "RandomNormalLike" : "RandomUniformLike", {zeros}, attributes, out(e, n));
  }
  return {};
}

Status optional(Exporter& e, const Node& n) {
  NodeWriter attributes;
  if (const NodeView v(n); n.attribute("type") != nullptr && !v.has(0)) {
    attributes.type("type", std::get<Type>(*n.attribute("type")));
  }
  e.emit("Optional", operands(e, n), attributes, out(e, n));
  return {};
}

// Between integers of one width a cast keeps the bits.
Status bitcast(Exporter& e, const Node& n) {
  const DType from = n.operand(0)->type().dtype, to = NodeView(n).dtype("dtype");
  const bool integers = is_integer(from) && is_integer(to);
  if (!integers) e.need_opset(26);
  e.emit(integers ? "Cast" : "BitCast", operands(e, n), NodeWriter().integer("to", static_cast<int64_t>(to_onnx(to))),
         out(e, n));
  return {};
}

constexpr std::pair<std::string_view, NodeExport> kTable[] = {
    {"resize", resize},        {"dynamic_resize", dynamic_resize}, {"roi_align", roi_align},
    {"random_normal", random}, {"random_uniform", random},         {"optional", optional},
    {"bitcast", bitcast},
};

}  // namespace

NodeExport find_index_export(std::string_view op) {
  for (const auto& [name, write] : kTable) {
    if (name == op) return write;
  }
  return nullptr;
}

}  // namespace burnish::onnx
