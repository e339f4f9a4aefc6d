// Transposed convolutions as convolutions, which have kernels. Along an axis of stride s the outputs u * s + r of one
// phase r are a convolution of stride 1 with every s-th tap of the kernel, from r on and in reverse:
//   y[u * s + r] = sum over j of x[u - j] * w[j * s + r]
// So all phases together are one convolution with s times as many outputs, whose phases are then laid out beside each
// other. Source: Shi et al., "Is the deconvolution layer the same as a convolutional layer?", arXiv:1609.07009.

#include "base/checked.h"
#include "ops/support/compose.h"
#include "passes/match.h"
#include "passes/passes.h"

namespace burnish::passes {

namespace {

using ops::Compose;

// Taps of zero may make the weights this many times as large; beyond that nearly all of the work would be with zeros.
constexpr double kMostGrowth = 4;
constexpr int64_t kMostSize = 1 << 20;  // of a window, a stride or a pad, well below what a convolution takes

struct Axis {
  int64_t kernel, stride, dilation;
  int64_t taps = 0, step = 1;  // of the convolution's kernel, and their distance
  int64_t begin = 0, end = 0;  // its pads
  int64_t skip = 0;            // outputs of the interleaved phases before the first of the result
  bool strided() const { return stride > 1; }
  int64_t extent() const { return (kernel - 1) * dilation + 1; }
  int64_t padded() const { return taps * stride; }  // the kernel's size with its zeros, where strided
};

struct Shape {
  std::vector<Axis> axes;
  int64_t groups = 1, inputs = 0, outputs = 0;  // channels of one group
  bool zeros = false;                           // the weights get taps of zero
};

// The convolution that computes the node; nothing where there is none that is worth it.
std::optional<Shape> shape_of(const Node& node) {
  const Type &x = node.operand(0)->type(), &w = node.operand(1)->type();
  const Type& y = node.result()->type();
  if (x.dtype != DType::f32 || !x.is_ranked_tensor() || !y.is_ranked_tensor() || !w.is_static() || w.rank() < 3)
    return std::nullopt;
  const Ints sizes = *constants(w.dims), strides = integers(node, "strides"), dilations = integers(node, "dilations"),
             pads = integers(node, "pads"), extra = integers(node, "output_padding");
  Shape s;
  s.groups = integer(node, "groups", 1);
  s.inputs = sizes[0] / s.groups;
  s.outputs = sizes[1];
  if (s.inputs < 1 || s.outputs < 1) return std::nullopt;
  double growth = 1;
  for (std::size_t d = 0; d < strides.size(); ++d) {
    Axis a{sizes[d + 2], strides[d], dilations[d]};
    const int64_t before = pads[d], after = pads[d + strides.size()];
    for (int64_t size : {a.kernel, a.stride, a.dilation, a.extent(), before, after, extra[d]})
      if (size > kMostSize) return std::nullopt;
    a.taps = a.strided() ? ceil_div(a.extent(), a.stride) : a.kernel;
    a.step = a.strided() ? 1 : a.dilation;
    // Of the outputs u, the first needed is before / stride, and the last the one that ends the result. Where the pads
    // take away whole inputs, more is computed and cut off.
    const int64_t window = (a.taps - 1) * a.step + 1;
    a.begin = std::max<int64_t>(0, window - 1 - before / a.stride);
    a.end = std::max<int64_t>(0, ceil_div(a.extent() + extra[d] - after, a.stride) - 1);
    a.skip = before - (window - 1 - a.begin) * a.stride;
    if (a.strided()) growth *= static_cast<double>(a.padded()) / static_cast<double>(a.kernel);
    s.zeros |= a.strided() && a.padded() != a.kernel;
    s.axes.push_back(a);
  }
  if (growth > kMostGrowth) return std::nullopt;
  // With one channel in a group an output is a few multiplications; laying out the phases takes longer than those.
  if (s.groups > 1 && s.inputs == 1 && std::ranges::any_of(s.axes, &Axis::strided)) return std::nullopt;
  return s;
}

// w[inputs, outputs, kernel...] of each group as [group, phase..., output][inputs][taps...], reversed.
Value* weights_of(Compose& c, Value* w, const Shape& s) {
  const Dims channels = {w->type().dims[0], w->type().dims[1]};
  // Zeros between the taps, where an axis has holes that its phases see.
  Dims apart = channels, stuffed = channels, extents = channels, padded = channels;
  Dims holes(2, Dim(0)), rest(2, Dim(0));
  for (const Axis& a : s.axes) {
    const int64_t hole = a.strided() && a.kernel > 1 ? a.dilation - 1 : 0, extent = a.strided() ? a.extent() : a.kernel;
    apart.insert(apart.end(), {Dim(a.kernel), Dim(1)});
    holes.insert(holes.end(), {Dim(0), Dim(hole)});
    stuffed.push_back(Dim(a.kernel * (hole + 1)));
    extents.push_back(Dim(extent));
    rest.push_back(Dim(a.strided() ? a.padded() - extent : 0));
  }
  const auto pad = [&](Value* v, const Dims& after) {
    if (std::ranges::all_of(after, [](const Dim& d) { return d == Dim(0); })) return v;
    return c.op("pad", {v, c.number(v, 0)},
                {{"before", Dims(after.size(), Dim(0))}, {"after", after}, {"mode", std::string("constant")}});
  };
  if (stuffed != w->type().dims) {
    w = c.reshape(pad(c.reshape(w, apart), holes), stuffed);
    for (std::size_t i = 2; i < extents.size(); ++i) w = c.slice(w, static_cast<int64_t>(i), 0, extents[i]);
  }
  w = pad(w, rest);

  const auto rank = static_cast<int64_t>(s.axes.size());
  Dims split = {Dim(s.groups), Dim(s.inputs), Dim(s.outputs)}, shape = {Dim(0), Dim(s.inputs)};
  Ints order = {0};
  int64_t phases = 1;
  for (const Axis& a : s.axes) {
    split.insert(split.end(), {Dim(a.taps), Dim(a.stride)});
    shape.push_back(Dim(a.taps));
    phases *= a.stride;
  }
  shape[0] = Dim(s.groups * phases * s.outputs);
  for (int64_t d = 0; d < rank; ++d) order.push_back(4 + 2 * d);
  order.insert(order.end(), {2, 1});
  for (int64_t d = 0; d < rank; ++d) order.push_back(3 + 2 * d);
  w = c.reshape(c.transpose(c.reshape(w, split), order), shape);

  Dims starts = {Dim(0), Dim(0)};
  Ints steps = {1, 1};
  for (const Axis& a : s.axes) {
    starts.push_back(Dim(a.taps - 1));
    steps.push_back(-1);
  }
  return c.op("slice", {w}, {{"starts", starts}, {"sizes", shape}, {"steps", steps}});
}

// y[n, (group, phase..., output), u...] as [n, (group, output), u * stride + phase...].
Value* interleaved(Compose& c, Value* y, const Shape& s) {
  if (y == nullptr || std::ranges::none_of(s.axes, &Axis::strided)) return y;
  const Dims from = y->type().dims;
  const auto phases = std::ranges::count_if(s.axes, &Axis::strided);
  Dims split = {from[0], Dim(s.groups)}, shape = {from[0], Dim(s.groups * s.outputs)};
  Ints order = {0, 1, 2 + phases};
  int64_t phase = 2;
  for (std::size_t d = 0; d < s.axes.size(); ++d) {
    order.push_back(3 + phases + static_cast<int64_t>(d));
    if (s.axes[d].strided()) {
      split.push_back(Dim(s.axes[d].stride));
      order.push_back(phase++);
    }
    shape.push_back(from[d + 2] * Dim(s.axes[d].stride));
  }
  split.push_back(Dim(s.outputs));
  split.insert(split.end(), from.begin() + 2, from.end());
  return c.reshape(c.transpose(c.reshape(y, split), order), shape);
}

Result<bool> as_convolution(Node& node, const PassContext& context) {
  const auto s = shape_of(node);
  // 0 times what is not finite is no zero: then outputs that a tap of zero reaches would change.
  if (!s || (context.exact && s->zeros)) return false;
  Builder builder(*node.graph(), &node, node.source());
  Compose c(builder);
  Ints dilations, begins, ends;
  for (const Axis& a : s->axes) {
    dilations.push_back(a.step);
    begins.push_back(a.begin);
    ends.push_back(a.end);
  }
  begins.insert(begins.end(), ends.begin(), ends.end());
  Value* y =
      c.op("convolution", {node.operand(0), weights_of(c, node.operand(1), *s)},
           {{"strides", Ints(s->axes.size(), 1)}, {"dilations", dilations}, {"pads", begins}, {"groups", s->groups}});
  y = interleaved(c, y, *s);
  const Dims& wanted = node.result()->type().dims;
  Dims starts = {Dim(0), Dim(0)};
  for (const Axis& a : s->axes) starts.push_back(Dim(a.skip));
  const bool cut = std::ranges::any_of(s->axes, [](const Axis& a) { return a.skip != 0; });
  if (y != nullptr && (cut || y->type().dims != wanted))
    y = c.op("slice", {y}, {{"starts", starts}, {"sizes", wanted}, {"steps", Ints(wanted.size(), 1)}});
  TRY(builder.finish());
  return replace(&node, y);
}

}  // namespace

Result<bool> transposed_convolutions(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node* node : all_nodes(graph)) {
    if (node->op() != "convolution_transpose" || node->result()->unused()) continue;
    if (TRY(as_convolution(*node, context))) changed = true;
  }
  return changed;
}

}  // namespace burnish::passes
