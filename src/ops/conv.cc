// conv and conv_transpose: the core convolutions with a bias and ONNX's ways of saying how much padding there is.

#include <algorithm>

#include <fmt/format.h>

#include "ops/support/window.h"

namespace burnish::ops {
namespace {

// Until the sizes of the weights are numbers, the result's are only known when it is there.
Result<bool> fresh_spatial(InferContext& n, Dims dims) {
  const Dims w = TRY(dims_of(n, 1));
  if (w.size() < 3 || constants(std::span(w).subspan(2))) return false;
  for (std::size_t d = 2; d < w.size(); ++d) dims.push_back(n.fresh());
  n.result(0, Type::tensor(n.type(0).dtype, std::move(dims)));
  return true;
}

// The kernel's spatial sizes, which must be numbers.
Result<Ints> kernel_of(const NodeView& n) {
  const Dims w = TRY(dims_of(n, 1));
  if (w.size() < 3) return n.error("w needs the dims [out, in, spatial...]");
  auto kernel = constants(std::span(w).subspan(2));
  if (!kernel) return n.error("the sizes of w must be numbers");
  return *kernel;
}

Result<Dims> spatial_of(const NodeView& n) {
  const Dims x = TRY(dims_of(n, 0));
  if (x.size() < 3) return n.error("x needs the dims [batch, channels, spatial...]");
  if (TRY(dims_of(n, 1)).size() != x.size()) return n.error("x and w differ in rank");
  return Dims(x.begin() + 2, x.end());
}

Status check_bias(const InferContext& n, const Dim& channels) {
  if (!n.has(2) || !n.type(2).is_ranked_tensor()) return {};
  if (n.type(2).rank() != 1 || equal(n.type(2).dims[0], channels) == Truth::no)
    return n.error("the bias must be of dims [" + channels.text() + "]");
  return {};
}

Value* with_bias(Compose& c, DecomposeContext& n, Value* y) {
  if (!n.has(2) || y == nullptr) return y;
  return c.add(y, c.aligned(n.in(2), 1, y->type().rank()));
}

Status infer_conv(InferContext& n) {
  if (!n.type(0).is_ranked_tensor() || !n.type(1).is_ranked_tensor()) {
    n.result(0, Type::unranked(n.type(0).dtype));
    return {};
  }
  const Dims spatial = TRY(spatial_of(n));
  const Dims &x = n.type(0).dims, &w = n.type(1).dims;
  if (TRY(fresh_spatial(n, {x[0], w[0]}))) return {};
  const Window window = TRY(window_of(n, spatial, TRY(kernel_of(n)), false));
  const int64_t groups = n.integer("groups");
  if (groups < 1) return n.error("groups must be positive");
  if (equal(w[1] * groups, x[1]) == Truth::no)
    return n.error(
        fmt::format("w takes {} channels in each of {} groups but x has {}", w[1].text(), groups, x[1].text()));
  if (equal(mod(w[0], groups), 0) == Truth::no) return n.error("w's results do not divide into the groups");
  TRY(check_bias(n, w[0]));
  Dims dims = {x[0], w[0]};
  dims.insert(dims.end(), window.result.begin(), window.result.end());
  n.result(0, Type::tensor(n.type(0).dtype, std::move(dims)));
  return {};
}

Result<Values> decompose_conv(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims spatial = TRY(spatial_of(n));
  Window window = TRY(window_of(n, spatial, TRY(kernel_of(n)), false));
  Value* x = n.in(0);
  auto pads = window.pads();
  if (!pads) {  // the core operator pads by numbers
    x = padded(c, x, window, 0);
    pads = window.pads();
  }
  AttributeMap attributes = {
      {"strides", window.strides}, {"dilations", window.dilations}, {"pads", *pads}, {"groups", n.integer("groups")}};
  if (n.integer("exact") != 0) attributes.emplace("exact", int64_t{1});
  Value* y = c.op("convolution", {x, n.in(1)}, std::move(attributes));
  return c.done({with_bias(c, n, y)});
}

// -- transposed

struct Transposed {
  Ints strides, dilations, pads, extra;  // extra: output_padding
  Dims result;
  // Where output_shape needs pads that are data, the whole result is computed, lengthened by `longer` zeros and cut from
  // `start` on. Empty where there is nothing to do.
  Dims start, longer;
};

Result<Transposed> transposed_of(const NodeView& n) {
  const Dims spatial = TRY(spatial_of(n));
  const Ints kernel = TRY(kernel_of(n));
  const std::size_t rank = spatial.size();
  // Checks the attributes that both kinds share; the window itself is that of the other direction.
  const Dims enough(rank, Dim(Range::kMax));
  const Window window = TRY(window_of(n, enough, kernel, false));
  Transposed t{window.strides, window.dilations, Ints(2 * rank, 0), n.ints("output_padding"), {}, {}, {}};
  if (t.extra.empty()) t.extra.assign(rank, 0);
  if (t.extra.size() != rank) return n.error("output_padding needs one entry per spatial axis");
  const Ints& wanted = n.ints("output_shape");
  if (!wanted.empty() && wanted.size() != rank) return n.error("output_shape needs one entry per spatial axis");
  const std::string& auto_pad = n.string("auto_pad");
  const bool upper = auto_pad == "SAME_UPPER", same = upper || auto_pad == "SAME_LOWER";
  for (std::size_t i = 0; i < rank; ++i) {
    if (t.extra[i] < 0 || t.extra[i] > Range::kMax) return n.error("output_padding must not be negative");
    Dim size = (spatial[i] - 1) * t.strides[i] + (kernel[i] - 1) * t.dilations[i] + 1 + t.extra[i];
    if (wanted.empty() && !same) {
      t.pads[i] = auto_pad == "VALID" || n.ints("pads").empty() ? 0 : n.ints("pads")[i];
      t.pads[i + rank] = auto_pad == "VALID" || n.ints("pads").empty() ? 0 : n.ints("pads")[i + rank];
    } else {
      const Dim target = wanted.empty() ? spatial[i] * t.strides[i] : Dim(wanted[i]);
      const auto total = (size - target).constant();
      if (!total) {
        const Dim excess = max(size - target, 0), small = floordiv(excess, 2);
        t.start.resize(rank, Dim(0));
        t.longer.resize(rank, Dim(0));
        t.start[i] = upper ? small : excess - small;
        t.longer[i] = max(target - size, 0);
        t.result.push_back(target);
        continue;
      }
      if (*total < 0) {
        t.extra[i] += -*total;  // a larger result grows at its end
        size += -*total;
      } else {
        const int64_t small = *total / 2;
        t.pads[i] = upper ? small : *total - small;
        t.pads[i + rank] = upper ? *total - small : small;
      }
    }
    size = size - t.pads[i] - t.pads[i + rank];
    if (size.range().high < 0) return n.error("the pads leave nothing of the result");
    t.result.push_back(size);
  }
  return t;
}

Status infer_transpose(InferContext& n) {
  if (!n.type(0).is_ranked_tensor() || !n.type(1).is_ranked_tensor()) {
    n.result(0, Type::unranked(n.type(0).dtype));
    return {};
  }
  TRY(spatial_of(n));
  const Dims &x = n.type(0).dims, &w = n.type(1).dims;
  const int64_t groups = n.integer("groups");
  if (groups < 1) return n.error("groups must be positive");
  if (TRY(fresh_spatial(n, {x[0], w[1] * groups}))) return {};
  const Transposed t = TRY(transposed_of(n));
  if (equal(w[0], x[1]) == Truth::no) return n.error("w takes " + w[0].text() + " channels but x has " + x[1].text());
  if (equal(mod(x[1], groups), 0) == Truth::no) return n.error("the channels do not divide into the groups");
  const Dim channels = w[1] * groups;
  TRY(check_bias(n, channels));
  Dims dims = {x[0], channels};
  dims.insert(dims.end(), t.result.begin(), t.result.end());
  n.result(0, Type::tensor(n.type(0).dtype, std::move(dims)));
  return {};
}

Result<Values> decompose_transpose(DecomposeContext& n) {
  Compose c(n.builder);
  Transposed t = TRY(transposed_of(n));
  Value* y = c.op("convolution_transpose", {n.in(0), n.in(1)},
                  {{"strides", t.strides},
                   {"dilations", t.dilations},
                   {"pads", t.pads},
                   {"output_padding", t.extra},
                   {"groups", n.integer("groups")}});
  if (!t.start.empty() && y != nullptr) {
    Dims before(y->type().dims.size(), Dim(0)), after = before;
    std::ranges::copy(t.longer, after.begin() + 2);
    y = c.op("pad", {y, c.number(y, 0)}, {{"before", before}, {"after", after}, {"mode", std::string("constant")}});
    for (std::size_t i = 0; i < t.start.size(); ++i)
      y = c.slice(y, static_cast<int64_t>(i) + 2, t.start[i], t.result[i]);
  }
  return c.done({with_bias(c, n, y)});
}

constexpr OperandSpec kOperands[] = {{"x", "float"}, {"w", "same"}, {"bias", "same", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "[batch, channels, spatial...]"}};
constexpr AttributeSpec kConvAttributes[] = {
    WINDOW_ATTRIBUTES,
    {"groups", AttributeKind::integer, "1", "channels are cut into so many independent groups"},
    {"exact", AttributeKind::integer, "0", "as of convolution"}};
constexpr AttributeSpec kTransposeAttributes[] = {
    WINDOW_ATTRIBUTES,
    {"groups", AttributeKind::integer, "1", "channels are cut into so many independent groups"},
    {"output_padding", AttributeKind::ints, "[]", "elements added at the end of each spatial axis; [] = none"},
    {"output_shape", AttributeKind::ints, "[]", "spatial sizes of the result, from which pads follow; [] = from pads"}};

constexpr Sample kConvSamples[] = {
    {"x: f32[2,3,5,6], w: f32[4,3,3,3], b: f32[4]; y = conv(x, w, b) {pads = [1, 1, 1, 1]}"},
    {"x: f32[1,4,7], w: f32[6,2,3]; y = conv(x, w) {groups = 2, strides = [2], auto_pad = \"SAME_UPPER\"}"},
    {"x: f32[1,2,6,5], w: f32[2,2,2,3]; y = conv(x, w) {auto_pad = \"SAME_LOWER\", strides = [1, 2]}"},
    {"x: f32[1,2,4,4,4], w: f32[3,2,2,2,2], b: f32[3]; y = conv(x, w, b) {dilations = [2, 1, 3]}"}};
constexpr Sample kTransposeSamples[] = {
    {"x: f32[1,2,3,3], w: f32[2,3,3,3], b: f32[3]; y = conv_transpose(x, w, b) {strides = [2, 2], pads = [1, 0, 1, "
     "0]}"},
    {"x: f32[1,2,3,3], w: f32[2,2,3,3]; y = conv_transpose(x, w) {strides = [3, 2], output_shape = [10, 8]}"},
    {"x: f32[1,2,3,3], w: f32[2,2,3,3]; y = conv_transpose(x, w) {strides = [2, 2], auto_pad = \"SAME_UPPER\"}"},
    {"x: f32[1,4,3], w: f32[4,1,3]; y = conv_transpose(x, w) {strides = [2], groups = 2, output_padding = [1]}"}};

constexpr Operator kOperators[] = {
    {.name = "conv",
     .doc =
         "y[n, o, p] = bias[o] + sum over c, k of x[n, c, p * stride + k * dilation - pad] * w[o, c, k]. Source: ONNX "
         "Conv.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kConvAttributes,
     .infer = infer_conv,
     .reference = nullptr,
     .decompose = decompose_conv,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kConvSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-4}},
    {.name = "conv_transpose",
     .doc =
         "The transpose of conv: y[n, o, p * stride + k * dilation - pad] sums x[n, c, p] * w[c, o, k]. Source: ONNX "
         "ConvTranspose.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kTransposeAttributes,
     .infer = infer_transpose,
     .reference = nullptr,
     .decompose = decompose_transpose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kTransposeSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-4}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(conv, kOperators)
