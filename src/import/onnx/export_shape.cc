// Moving, reshaping, filling, as ONNX nodes.

#include <algorithm>
#include <limits>

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
std::vector<std::string> results(Exporter& e, const Node& node) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < node.result_count(); ++i) names.push_back(e.name(node.result(i)));
  while (!names.empty() && names.back().empty()) names.pop_back();
  return names;
}
std::string in(Exporter& e, const Node& n, std::size_t i) { return e.name(n.operand(i)); }
std::string out(Exporter& e, const Node& n) { return e.name(n.result()); }

Status constant(Exporter& e, const Node& n) {
  // Within a region too: every graph sees the main graph's initializers.
  e.initializer(out(e, n), NodeView(n).tensor("value"));
  return {};
}

Status sizes(Exporter& e, const Node& n) {
  const NodeView v(n);
  const std::string values = TRY(e.dims(v.dims("values")));
  if (v.integer("scalar") != 0) e.emit("Squeeze", {values}, {}, out(e, n));
  else e.emit("Identity", {values}, {}, out(e, n));
  return {};
}

Status broadcast(Exporter& e, const Node& n) {
  e.emit("Expand", {in(e, n, 0), TRY(e.dims(NodeView(n).dims("shape")))}, {}, out(e, n));
  return {};
}

// One unknown size is left to the runtime (-1), and a size that stays where it was is copied (0): no shapes to compute.
Status reshape(Exporter& e, const Node& n) {
  const Dims& shape = NodeView(n).dims("shape");
  const Type& from = n.operand(0)->type();
  Ints target;
  int open = 0;
  bool zero = false, copied = false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (const auto number = shape[i].constant()) {
      target.push_back(*number);
      zero |= *number == 0;
    } else if (from.ranked && i < from.dims.size() && from.dims[i] == shape[i]) {
      target.push_back(0);
      copied = true;
    } else {
      target.push_back(-1);
      ++open;
    }
  }
  if (open > 1 || (zero && (copied || open > 0))) {
    e.emit("Reshape", {in(e, n, 0), TRY(e.dims(shape))}, NodeWriter().integer("allowzero", 1), out(e, n));
  } else {
    e.emit("Reshape", {in(e, n, 0), e.i64s(target)}, zero ? NodeWriter().integer("allowzero", 1) : NodeWriter(),
           out(e, n));
  }
  return {};
}

Status slice(Exporter& e, const Node& n) {
  const NodeView v(n);
  const Dims &starts = v.dims("starts"), &sizes = v.dims("sizes");
  const Ints& steps = v.ints("steps");
  Ints axes;
  Dims first, last;
  Ints strides, smallest;
  bool maybe_below = false;
  const Type& from = n.operand(0)->type();
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const bool whole = starts[i] == Dim(0) && steps[i] == 1 && from.ranked && from.dims[i] == sizes[i];
    if (whole) continue;
    axes.push_back(static_cast<int64_t>(i));
    first.push_back(starts[i]);
    // One past the last element; before element 0 there is no such number but the smallest.
    const Dim end = starts[i] + sizes[i] * Dim(steps[i]);
    constexpr int64_t kBelow = -Range::kMax * 1024;
    const Truth inside = steps[i] < 0 ? less_equal(Dim(0), end) : Truth::yes;
    maybe_below |= inside == Truth::maybe;
    smallest.push_back(inside == Truth::yes ? 0 : kBelow);
    last.push_back(inside == Truth::no ? Dim(kBelow) : end);
    strides.push_back(steps[i]);
  }
  if (axes.empty()) {
    e.emit("Identity", {in(e, n, 0)}, {}, out(e, n));
    return {};
  }
  const std::string begin = TRY(e.dims(first));
  std::string end = TRY(e.dims(last));
  if (maybe_below) end = e.emit("Where", {e.emit("Less", {end, e.i64s(Ints{0})}), e.i64s(smallest), end});
  e.emit("Slice", {in(e, n, 0), begin, end, e.i64s(axes), e.i64s(strides)}, {}, out(e, n));
  return {};
}

Status pad(Exporter& e, const Node& n) {
  const NodeView v(n);
  Dims amounts = v.dims("before");
  amounts.insert(amounts.end(), v.dims("after").begin(), v.dims("after").end());
  const std::string pads = TRY(e.dims(amounts));
  e.emit("Pad", {in(e, n, 0), pads, in(e, n, 1)}, NodeWriter().text("mode", v.string("mode")), out(e, n));
  return {};
}

// 0, 1, 2 ... along one axis, the same along the others.
Status iota(Exporter& e, const Node& n) {
  const NodeView v(n);
  const Dims& shape = v.dims("shape");
  const int64_t given = v.integer("axis");
  const auto axis = static_cast<std::size_t>(given < 0 ? given + static_cast<int64_t>(shape.size()) : given);
  const std::string limit = e.emit("Squeeze", {TRY(e.dim(shape.at(axis)))});
  std::string x = e.emit("Range", {e.scalar(DType::i64, 0), limit, e.scalar(DType::i64, 1)});
  if (v.dtype("dtype") != DType::i64)
    x = e.emit("Cast", {x}, NodeWriter().integer("to", static_cast<int64_t>(to_onnx(v.dtype("dtype")))));
  Ints column(shape.size(), 1);
  column[axis] = -1;
  x = e.emit("Reshape", {x, e.i64s(column)});
  e.emit("Expand", {x, TRY(e.dims(shape))}, {}, out(e, n));
  return {};
}

Status cast(Exporter& e, const Node& n) {
  const NodeView v(n);
  const DType dtype = v.dtype("dtype");
  NodeWriter attributes;
  attributes.integer("to", static_cast<int64_t>(to_onnx(dtype)));
  if (v.integer("saturate") == 0) attributes.integer("saturate", 0);
  e.emit("Cast", operands(e, n), attributes, out(e, n));
  return {};
}

Status axes_operand(Exporter& e, const Node& n) {
  const NodeView v(n);
  std::vector<std::string> inputs = {in(e, n, 0)};
  if (v.has_attribute("axes")) inputs.push_back(e.i64s(v.ints("axes")));  // without them all axes of size 1 go
  e.emit(n.op() == "squeeze" ? "Squeeze" : "Unsqueeze", inputs, {}, out(e, n));
  return {};
}

// With a name for those that nobody asked for: as many parts as there are sizes.
std::vector<std::string> all_results(Exporter& e, const Node& n) {
  std::vector<std::string> names = results(e, n);
  names.resize(n.result_count());
  for (std::string& name : names)
    if (name.empty()) name = e.fresh("unused");
  return names;
}

Status split(Exporter& e, const Node& n) {
  const NodeView v(n);
  e.emit_all("Split", {in(e, n, 0), TRY(e.dims(v.dims("sizes")))}, NodeWriter().integer("axis", v.integer("axis")),
             all_results(e, n));
  return {};
}

Status split_by(Exporter& e, const Node& n) {
  NodeWriter attributes;
  attributes.integer("axis", NodeView(n).integer("axis"));
  if (n.operand(1) == nullptr) attributes.integer("num_outputs", static_cast<int64_t>(n.result_count()));
  e.emit_all("Split", operands(e, n), attributes, all_results(e, n));
  return {};
}

Status tile(Exporter& e, const Node& n) {
  e.emit("Tile", {in(e, n, 0), TRY(e.dims(NodeView(n).dims("repeats")))}, {}, out(e, n));
  return {};
}

Status concat(Exporter& e, const Node& n) {
  e.emit("Concat", operands(e, n), NodeWriter().integer("axis", NodeView(n).integer("axis")), out(e, n));
  return {};
}

Status transpose(Exporter& e, const Node& n) {
  e.emit("Transpose", operands(e, n), NodeWriter().integers("perm", NodeView(n).ints("permutation")), out(e, n));
  return {};
}

Status reverse_axes(Exporter& e, const Node& n) {
  e.emit("Transpose", operands(e, n), {}, out(e, n));
  return {};
}

Status shape_of(Exporter& e, const Node& n) {
  const NodeView v(n);
  NodeWriter attributes;
  attributes.integer("start", v.integer("start"));
  if (v.has_attribute("end")) attributes.integer("end", v.integer("end"));
  e.emit("Shape", operands(e, n), attributes, out(e, n));
  return {};
}

Status dynamic_reshape(Exporter& e, const Node& n) {
  e.emit("Reshape", operands(e, n), NodeWriter().integer("allowzero", NodeView(n).integer("allow_zero")), out(e, n));
  return {};
}

Status fill(Exporter& e, const Node& n) {
  e.emit("ConstantOfShape", operands(e, n), NodeWriter().tensor("value", NodeView(n).tensor("value").reshaped({1})),
         out(e, n));
  return {};
}

Status dynamic_pad(Exporter& e, const Node& n) {
  e.emit("Pad", operands(e, n), NodeWriter().text("mode", NodeView(n).string("mode")), out(e, n));
  return {};
}

// Same operands, no attributes.
Status dynamic(Exporter& e, const Node& n) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {{"size_of", "Size"},
                                                                      {"dynamic_broadcast", "Expand"},
                                                                      {"dynamic_slice", "Slice"},
                                                                      {"dynamic_squeeze", "Squeeze"},
                                                                      {"dynamic_unsqueeze", "Unsqueeze"},
                                                                      {"dynamic_tile", "Tile"},
                                                                      {"range", "Range"},
                                                                      {"non_zero", "NonZero"}};
  for (const auto& [ours, theirs] : kNames) {
    if (ours == n.op()) e.emit(theirs, operands(e, n), {}, out(e, n));
  }
  return {};
}

constexpr std::pair<std::string_view, NodeExport> kTable[] = {
    {"constant", constant},
    {"dims", sizes},
    {"broadcast", broadcast},
    {"reshape", reshape},
    {"transpose", transpose},
    {"reverse_axes", reverse_axes},
    {"slice", slice},
    {"pad", pad},
    {"concat", concat},
    {"iota", iota},
    {"cast", cast},
    {"squeeze", axes_operand},
    {"unsqueeze", axes_operand},
    {"split", split},
    {"split_by", split_by},
    {"tile", tile},
    {"shape_of", shape_of},
    {"dynamic_reshape", dynamic_reshape},
    {"fill", fill},
    {"dynamic_pad", dynamic_pad},
    {"size_of", dynamic},
    {"dynamic_broadcast", dynamic},
    {"dynamic_slice", dynamic},
    {"dynamic_squeeze", dynamic},
    {"dynamic_unsqueeze", dynamic},
    {"dynamic_tile", dynamic},
    {"range", dynamic},
    {"non_zero", dynamic},
};

}  // namespace

NodeExport find_shape_export(std::string_view op) {
  for (const auto& [name, write] : kTable) {
    if (name == op) return write;
  }
  return nullptr;
}

}  // namespace burnish::onnx
