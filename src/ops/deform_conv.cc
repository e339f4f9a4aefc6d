#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/reals.h"
#include "ops/support/windows.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &w = c.type(1);
  if (!x.ranked || !w.ranked) {
    c.result(0, Type::unranked(x.dtype));
    return {};
  }
  if (x.rank() < 3 || x.rank() > 8 || w.rank() != x.rank())
    return c.error("x and w must be [N, C, spatial...] and [O, C / groups, kernel...]");
  if (c.integer("groups") < 1 || c.integer("offset_groups") < 1) return c.error("groups must be positive");
  if (equal(x.dims[1], w.dims[1] * Dim(c.integer("groups"))) == Truth::no)
    return c.error("x has " + x.dims[1].text() + " channels where w wants " +
                   (w.dims[1] * Dim(c.integer("groups"))).text());
  Dims dims = {x.dims[0], w.dims[0]};
  if (!constants(std::span(w.dims).subspan(2))) {
    for (int64_t d = 2; d < w.rank(); ++d) dims.push_back(c.fresh());
  } else {
    const Windows windows = TRY(read_windows(c, TRY(kernel_of(c, w))));
    for (std::size_t d = 0; d < windows.rank(); ++d) dims.push_back(windows.count(d, x.dims[d + 2]));
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

// Linear interpolation between pixels; what lies outside is 0.
double sample(const double* plane, std::span<const int64_t> dims, std::span<const int64_t> strides,
              std::span<const double> at) {
  double sum = 0;
  const std::size_t n = dims.size();
  for (std::size_t corner = 0; corner < std::size_t{1} << n; ++corner) {
    double weight = 1;
    int64_t offset = 0;
    bool inside = true;
    for (std::size_t d = 0; d < n && inside; ++d) {
      const double low = std::floor(at[d]), fraction = at[d] - low;
      const bool upper = (corner >> d & 1) != 0;
      const double position = upper ? low + 1 : low;
      inside = position >= 0 && position < static_cast<double>(dims[d]);
      weight *= upper ? fraction : 1 - fraction;
      if (inside) offset += static_cast<int64_t>(position) * strides[d];
    }
    if (inside && weight != 0) sum += weight * plane[offset];
  }
  return sum;
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &w = c.in(1), &offsets = c.in(2);
  if (x.rank() < 3 || w.rank() != x.rank()) return c.error("x and w differ in rank");
  const Windows windows = TRY(read_windows(c, Ints(w.dims().begin() + 2, w.dims().end())));
  const std::size_t n = windows.rank();
  const int64_t groups = c.integer("groups"), offset_groups = c.integer("offset_groups");
  const int64_t channels = x.dims()[1], results = w.dims()[0], taps = element_count(windows.kernel);
  if (channels != w.dims()[1] * groups || results % groups != 0 || channels % offset_groups != 0)
    return c.error("the channels do not divide into groups");
  Sizes dims = {x.dims()[0], results}, spatial;
  for (std::size_t d = 0; d < n; ++d) spatial.push_back(windows.count(d, x.dims()[d + 2]));
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  Sizes wanted = {x.dims()[0], offset_groups * taps * static_cast<int64_t>(n)};
  wanted.insert(wanted.end(), spatial.begin(), spatial.end());
  if (offsets.dims() != wanted) return c.error("offsets must be [" + text(wanted) + "]");
  wanted[1] = offset_groups * taps;
  if (c.has(4) && c.in(4).dims() != wanted) return c.error("mask must be [" + text(wanted) + "]");
  if (c.has(3) && c.in(3).dims() != Sizes{results}) return c.error("bias must have one number per channel");
  Tensor* y = TRY(c.out(0, dims));
  const std::vector<double> pixels = reals(x), weights = reals(w), moves = reals(offsets);
  const std::vector<double> bias = c.has(3) ? reals(c.in(3)) : std::vector<double>(idx(results));
  const std::vector<double> mask = c.has(4) ? reals(c.in(4)) : std::vector<double>();
  std::vector<double> values(idx(y->elements()));
  const Sizes image(x.dims().begin() + 2, x.dims().end()), strides = row_major_strides(image);
  const int64_t plane = element_count(image), points = element_count(spatial), in_group = w.dims()[1];
  std::vector<double> at(n), column(idx(channels * taps));
  for (int64_t b = 0; b < dims[0]; ++b) {
    Sizes position(n, 0);
    for (int64_t p = 0; p < points; ++p, next_position(position, spatial)) {
      for (int64_t k = 0; k < channels; ++k) {
        const int64_t group = k / (channels / offset_groups);
        Sizes tap(n, 0);
        for (int64_t t = 0; t < taps; ++t, next_position(tap, windows.kernel)) {
          const int64_t which = (b * offset_groups + group) * taps + t;
          for (std::size_t d = 0; d < n; ++d)
            at[d] = static_cast<double>(position[d] * windows.strides[d] - windows.before[d] +
                                        tap[d] * windows.dilations[d]) +
                    moves[idx((which * static_cast<int64_t>(n) + static_cast<int64_t>(d)) * points + p)];
          const double value = sample(pixels.data() + (b * channels + k) * plane, image, strides, at);
          column[idx(k * taps + t)] = mask.empty() ? value : value * mask[idx(which * points + p)];
        }
      }
      for (int64_t o = 0; o < results; ++o) {
        const double* from = column.data() + o / (results / groups) * in_group * taps;
        double sum = bias[idx(o)];
        for (int64_t i = 0; i < in_group * taps; ++i) sum += weights[idx(o * in_group * taps + i)] * from[i];
        values[idx((b * results + o) * points + p)] = sum;
      }
    }
  }
  store_reals(*y, values);
  return {};
}

constexpr auto kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kOperands[] = {
    {"x", "float"}, {"w", "same"}, {"offsets", "same"}, {"bias", "same", kOptional}, {"mask", "same", kOptional}};
constexpr ResultDoc kResults[] = {{"y", "[N, O, spatial...]"}};
constexpr AttributeSpec kAttributes[] = {
    {"strides", AttributeKind::ints, "required", "step per spatial axis"},
    {"dilations", AttributeKind::ints, "required", "distance of the kernel's elements"},
    {"pads", AttributeKind::ints, "required", "zeros around x: begins, then ends"},
    {"groups", AttributeKind::integer, "1", "channels are split into so many convolutions"},
    {"offset_groups", AttributeKind::integer, "1", "channels are split into so many sets of offsets"},
};
constexpr Sample kSamples[] = {
    {"x: f32[1,2,4,4], w: f32[3,2,2,2], offsets: f32[1,8,3,3] in [-1, 1], bias: f32[3], mask: f32[1,4,3,3] in [0, 1]; "
     "y "
     "= deform_conv(x, w, offsets, bias, mask) {strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0]}"},
    {"x: f32[2,4,5,5], w: f32[4,2,3,3], offsets: f32[2,36,3,3] in [-1, 1]; y = deform_conv(x, w, offsets) {strides = "
     "[2, 2], dilations = [1, 1], pads = [1, 1, 1, 1], groups = 2, offset_groups = 2}"},
};
constexpr Operator kOperators[] = {{
    .name = "deform_conv",
    .doc = "Convolution whose taps are moved by offsets [N, offset_groups * taps * axes, spatial...] to points between "
           "pixels, and weighted by mask. Source: ONNX DeformConv 22.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-4, 1e-5},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(deform_conv, kOperators)
