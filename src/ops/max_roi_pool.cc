#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/reals.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &boxes = c.type(1);
  const Ints& size = c.ints("size");
  if (size.size() != 2 || size[0] < 1 || size[1] < 1 || size[0] > Range::kMax || size[1] > Range::kMax)
    return c.error("size must be two positive numbers");
  if (x.ranked && x.rank() != 4) return c.error("x must be [N, C, H, W]");
  if (boxes.ranked && (boxes.rank() != 2 || equal(boxes.dims[1], 5) == Truth::no))
    return c.error("boxes must be [n, 5]");
  c.result(0, Type::tensor(x.dtype, {boxes.ranked ? boxes.dims[0] : c.fresh("boxes"),
                                     x.ranked ? x.dims[1] : c.fresh("channels"), size[0], size[1]}));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &rois = c.in(1);
  if (x.rank() != 4 || rois.rank() != 2 || rois.dims()[1] != 5)
    return c.error("x must be [N, C, H, W] and boxes [n, 5]");
  const Ints& size = c.ints("size");
  const int64_t channels = x.dims()[1];
  Tensor* y = TRY(c.out(0, {rois.dims()[0], channels, size[0], size[1]}));
  std::vector<double> values(idx(y->elements()));
  const std::vector<double> pixels = reals(x), boxes = reals(rois);
  for (int64_t n = 0; n < rois.dims()[0]; ++n) {
    const double* box = boxes.data() + n * 5;
    const double image = box[0];
    if (!(image >= 0 && image < static_cast<double>(x.dims()[0])))
      return c.error("box " + std::to_string(n) + " is in no image of x");
    int64_t first[2], extent[2];
    for (std::size_t d = 0; d < 2; ++d) {
      const double start = std::round(box[2 - d] * c.real("scale")), end = std::round(box[4 - d] * c.real("scale"));
      if (!(std::abs(start) < 1e9 && std::abs(end) < 1e9)) return c.error("box " + std::to_string(n) + " is too large");
      first[d] = static_cast<int64_t>(start);
      extent[d] = std::max<int64_t>(static_cast<int64_t>(end) - first[d] + 1, 1);
    }
    // The pixels [low, high) of cell `cell` along axis d.
    const auto cells = [&](std::size_t d, int64_t cell) {
      const int64_t limit = x.dims()[d + 2];
      const int64_t low = first[d] + floor_div(cell * extent[d], size[d]);
      const int64_t high = first[d] + ceil_div((cell + 1) * extent[d], size[d]);
      return std::pair(std::clamp<int64_t>(low, 0, limit), std::clamp<int64_t>(high, 0, limit));
    };
    for (int64_t k = 0; k < channels; ++k)
      for (int64_t r = 0; r < size[0]; ++r)
        for (int64_t q = 0; q < size[1]; ++q) {
          const auto [top, bottom] = cells(0, r);
          const auto [left, right] = cells(1, q);
          const double* plane =
              pixels.data() + (static_cast<int64_t>(image) * channels + k) * x.dims()[2] * x.dims()[3];
          const bool empty = top >= bottom || left >= right;
          double most = empty ? 0 : plane[top * x.dims()[3] + left];
          for (int64_t i = top; i < bottom; ++i)
            for (int64_t j = left; j < right; ++j) most = std::max(most, plane[i * x.dims()[3] + j]);
          values[idx(((n * channels + k) * size[0] + r) * size[1] + q)] = most;
        }
  }
  store_reals(*y, values);
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "float"}, {"boxes", "float"}};
constexpr ResultDoc kResults[] = {{"y", "[n, C, size...]"}};
constexpr AttributeSpec kAttributes[] = {
    {"size", AttributeKind::ints, "required", "cells down and across"},
    {"scale", AttributeKind::real, "1.0", "from the boxes' coordinates to pixels of x"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,6,6], boxes: f32[2,5] = [0.0, 0.0, 0.0, 3.0, 4.0, 1.0, 1.0, 2.0, 5.0, 5.0]; y = max_roi_pool(x, "
     "boxes) {size = [2, 2]}"},
};
constexpr Operator kOperators[] = {{
    .name = "max_roi_pool",
    .doc = "Each box (image, x1, y1, x2, y2), rounded to pixels, as cells of their maxima. Source: ONNX MaxRoiPool 22.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(max_roi_pool, kOperators)
