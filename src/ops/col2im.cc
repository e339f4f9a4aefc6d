#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/windows.h"

namespace burnish::ops {
namespace {

// Attributes may be left out: ones, and zeros for pads.
Result<Windows> windows_of(const NodeView& c, Ints kernel) {
  const std::size_t n = kernel.size();
  Windows w{std::move(kernel), c.ints("strides"), c.ints("dilations"), {}, {}, false};
  Ints pads = c.ints("pads");
  if (w.strides.empty()) w.strides.assign(n, 1);
  if (w.dilations.empty()) w.dilations.assign(n, 1);
  if (pads.empty()) pads.assign(2 * n, 0);
  if (w.strides.size() != n || w.dilations.size() != n || pads.size() != 2 * n)
    return c.error("strides, dilations and pads do not fit the block's " + std::to_string(n) + " axes");
  constexpr int64_t kMost = 1 << 24;
  for (std::size_t d = 0; d < n; ++d)
    if (w.kernel[d] < 1 || w.strides[d] < 1 || w.dilations[d] < 1 || pads[d] < 0 || pads[d + n] < 0 ||
        std::max({w.kernel[d], w.strides[d], w.dilations[d], pads[d], pads[d + n]}) > kMost)
      return c.error("block sizes, strides and dilations must be positive and pads not negative");
  w.before.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(n));
  w.after.assign(pads.begin() + static_cast<std::ptrdiff_t>(n), pads.end());
  return w;
}

Status infer(InferContext& c) {
  const Type &x = c.type(0), &image = c.type(1);
  if (x.ranked && x.rank() != 3) return c.error("x must be [N, C * block, positions]");
  const auto& sizes = c.contents(1);
  if (!sizes && (!image.ranked || image.rank() != 1 || !image.dims[0].is_constant())) {
    c.result(0, Type::unranked(x.dtype));
    return {};
  }
  const std::size_t n = sizes ? sizes->size() : idx(image.dims[0].value());
  if (n == 0 || n > 16) return c.error("image must have a size per spatial axis");
  Dims dims = {x.ranked ? x.dims[0] : c.fresh("N"), c.fresh("channels")};
  const auto block = known_numbers(c, 2);
  if (block && x.ranked) {
    const Windows w = TRY(windows_of(c, *block));
    if (w.rank() != n) return c.error("image and block differ in length");
    const auto count = checked_product(w.kernel);
    if (!count || equal(mod(x.dims[1], Dim(*count)), 0) == Truth::no)
      return c.error("axis 1 of x does not divide into blocks");
    dims[1] = floordiv(x.dims[1], Dim(*count));
  }
  for (std::size_t d = 0; d < n; ++d) dims.push_back(sizes ? (*sizes)[d] : c.fresh("size"));
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const Sizes image = integers(c.in(1));
  const Windows w = TRY(windows_of(c, integers(c.in(2))));
  if (x.rank() != 3 || image.size() != w.rank() || image.empty()) return c.error("x, image and block do not fit");
  const auto taps = checked_product(w.kernel);
  if (!taps || x.dims()[1] % *taps != 0) return c.error("axis 1 of x does not divide into blocks");
  const int64_t channels = x.dims()[1] / *taps, positions = x.dims()[2];
  Sizes counts, dims = {x.dims()[0], channels};
  for (std::size_t d = 0; d < w.rank(); ++d) {
    if (image[d] < 0 || image[d] > Range::kMax) return c.error("image [" + text(image) + "] is out of range");
    counts.push_back(w.count(d, image[d]));
    dims.push_back(image[d]);
  }
  if (checked_product(counts) != positions)
    return c.error("the image has [" + text(counts) + "] positions, x has " + std::to_string(positions));
  Tensor* y = TRY(c.out(0, dims));
  if (x.elements() == 0) return {};
  const Sizes strides = row_major_strides(image);
  const int64_t plane = element_count(image);
  visit_number_class(x.dtype(), [&]<class N>(N) {
    if constexpr (std::is_same_v<N, double> || std::is_same_v<N, int64_t> || std::is_same_v<N, uint64_t>) {
      const Accessor<N> access(x.dtype());
      std::vector<N> sums(idx(plane));
      for (int64_t n = 0; n < dims[0] * channels; ++n) {
        std::ranges::fill(sums, N{});
        Sizes tap(w.rank(), 0);
        for (int64_t t = 0; t < *taps; ++t, next_position(tap, w.kernel)) {
          Sizes position(w.rank(), 0);
          for (int64_t p = 0; p < positions; ++p, next_position(position, counts)) {
            int64_t at = 0;
            bool inside = true;
            for (std::size_t d = 0; d < w.rank(); ++d) {
              const int64_t i = position[d] * w.strides[d] + tap[d] * w.dilations[d] - w.before[d];
              inside = inside && i >= 0 && i < image[d];
              at += i * strides[d];
            }
            if (inside) sums[idx(at)] += access.load(x.data(), (n * *taps + t) * positions + p);
          }
        }
        for (int64_t i = 0; i < plane; ++i) access.store(y->mutable_data(), n * plane + i, sums[idx(i)]);
      }
    }
  });
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "numeric"}, {"image", "i64"}, {"block", "i64"}};
constexpr ResultDoc kResults[] = {{"y", "[N, C, image...]"}};
constexpr AttributeSpec kAttributes[] = {
    {"strides", AttributeKind::ints, "[]", "step of the block per axis; [] = ones"},
    {"dilations", AttributeKind::ints, "[]", "distance of the block's elements; [] = ones"},
    {"pads", AttributeKind::ints, "[]", "around the image: begins, then ends; [] = none"},
};
constexpr Sample kSamples[] = {
    {"x: f32[1,4,9], image: i64[2] = [4, 4], block: i64[2] = [2, 2]; y = col2im(x, image, block)"},
    {"x: f32[2,12,4], image: i64[2] = [5, 5], block: i64[2] = [2, 3]; y = col2im(x, image, block) {strides = [3, 3], "
     "pads = [1, 0, 0, 1]}"},
};
constexpr Operator kOperators[] = {{
    .name = "col2im",
    .doc = "Adds the blocks in the columns of x [N, C * block, positions] up to an image. Source: ONNX Col2Im 18.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-5, 1e-6},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(col2im, kOperators)
