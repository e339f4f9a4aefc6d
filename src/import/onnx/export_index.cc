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

// The newest operator set leaves out what older ones had.
Result<NodeWriter> resize_attributes(const NodeView& v) {
  NodeWriter attributes;
  if (v.string("coordinates") == "tf_half_pixel_for_nn") return refused("coordinates of kind 'tf_half_pixel_for_nn'");
  if (v.string("mode") == "nearest" && v.string("nearest") == "simple")
    return refused("nearest elements that depend on whether an axis shrinks");
  attributes.text("mode", v.string("mode")).text("coordinate_transformation_mode", v.string("coordinates"));
  if (v.string("mode") == "nearest") attributes.text("nearest_mode", v.string("nearest"));
  if (v.string("mode") == "cubic") attributes.real("cubic_coeff_a", v.real("cubic_a"));
  if (v.integer("exclude_outside") != 0) attributes.integer("exclude_outside", 1);
  if (v.string("coordinates") == "tf_crop_and_resize") attributes.real("extrapolation_value", v.real("extrapolation"));
  if (v.integer("antialias") != 0) attributes.integer("antialias", 1);
  return attributes;
}

Status expect_size(const Dim& from, const Dim& to, double scale) {
  const auto before = from.constant(), after = to.constant();
  if (!before || !after) return {};
  const float made = std::floor(static_cast<float>(*before) * static_cast<float>(scale));
  if (made == static_cast<float>(*after)) return {};
  return refused(fmt::format("a scale of {} that does not make {} of {} elements", scale, *after, *before));
}

// ONNX takes scales or sizes. With scales the sizes are floor(dims * scales), which is how ours came to have both.
Status resize(Exporter& e, const Node& n) {
  const NodeView v(n);
  const Dims& sizes = v.dims("sizes");
  const Floats& scales = v.reals("scales");
  const bool crop = v.string("coordinates") == "tf_crop_and_resize";
  const std::string roi = crop && !v.reals("roi").empty() ? e.constant(f32s(v.reals("roi")), "roi") : "";
  if (scales.empty()) {
    e.emit("Resize", {in(e, n, 0), roi, "", TRY(e.dims(sizes))}, TRY(resize_attributes(v)), out(e, n));
    return {};
  }
  const Type& x = n.operand(0)->type();
  for (std::size_t i = 0; i < scales.size() && x.ranked && i < x.dims.size(); ++i)
    TRY(expect_size(x.dims[i], sizes[i], scales[i]));
  e.emit("Resize", {in(e, n, 0), roi, e.constant(f32s(scales), "scales")}, TRY(resize_attributes(v)), out(e, n));
  return {};
}

Status dynamic_resize(Exporter& e, const Node& n) {
  const NodeView v(n);
  NodeWriter attributes = TRY(resize_attributes(v));
  if (!v.ints("axes").empty()) attributes.integers("axes", v.ints("axes"));
  if (v.has(3)) attributes.text("keep_aspect_ratio_policy", v.string("policy"));
  e.emit("Resize", operands(e, n), attributes, out(e, n));
  return {};
}

// With a scale the size is what it makes of x's, which is where ours came from.
Status resize_axis(Exporter& e, const Node& n) {
  const NodeView v(n);
  const auto vector = [&](std::size_t i, int64_t count) {
    const NodeWriter to = std::move(NodeWriter().integer("to", static_cast<int64_t>(DataType::f32)));
    return e.emit("Reshape", {e.emit("Cast", {in(e, n, i)}, to), e.i64s(Ints{count})});
  };
  const Node* known = v.has(1) ? n.operand(1)->producer() : nullptr;
  const Type& x = n.operand(0)->type();
  if (known != nullptr && known->op() == "constant" && x.is_ranked_tensor()) {
    const int64_t axis = v.integer("axis") < 0 ? v.integer("axis") + x.rank() : v.integer("axis");
    TRY(expect_size(x.dims[static_cast<std::size_t>(axis)], v.dims("size")[0],
                    NodeView(*known).tensor("value").real_at(0)));
  }
  const std::string roi = v.has(2) ? vector(2, 2) : "", scale = v.has(1) ? vector(1, 1) : "";
  const std::string size = v.has(1) ? "" : TRY(e.dims(v.dims("size")));
  NodeWriter attributes = TRY(resize_attributes(v));
  attributes.integers("axes", Ints{v.integer("axis")});
  e.emit("Resize", {in(e, n, 0), roi, scale, size}, attributes, out(e, n));
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
    {"resize", resize},           {"dynamic_resize", dynamic_resize},
    {"resize_axis", resize_axis}, {"roi_align", roi_align},
    {"random_normal", random},    {"random_uniform", random},
    {"optional", optional},       {"bitcast", bitcast},
};

}  // namespace

NodeExport find_index_export(std::string_view op) {
  for (const auto& [name, write] : kTable) {
    if (name == op) return write;
  }
  return nullptr;
}

}  // namespace burnish::onnx
