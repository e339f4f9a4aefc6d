#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/reals.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &boxes = c.type(1), &images = c.type(2);
  const int64_t height = c.integer("height"), width = c.integer("width");
  if (height < 1 || width < 1 || height > Range::kMax || width > Range::kMax)
    return c.error("height and width must be positive");
  if (c.string("mode") != "avg" && c.string("mode") != "max") return c.error("mode must be \"avg\" or \"max\"");
  if (x.ranked && x.rank() != 4) return c.error("x must be [N, C, H, W]");
  if (boxes.ranked && (boxes.rank() != 2 || equal(boxes.dims[1], 4) == Truth::no))
    return c.error("boxes must be [n, 4]");
  if (images.ranked && images.rank() != 1) return c.error("images must be [n]");
  const Dim count = boxes.ranked ? boxes.dims[0] : images.ranked ? images.dims[0] : c.fresh("boxes");
  if (boxes.ranked && images.ranked && equal(boxes.dims[0], images.dims[0]) == Truth::no)
    return c.error("boxes and images differ in number");
  c.result(0, Type::tensor(x.dtype, {count, x.ranked ? x.dims[1] : c.fresh("channels"), height, width}));
  return {};
}

// Four pixels around a point and their weights; all zero for one far outside.
struct Point {
  std::array<int64_t, 4> offset{};
  std::array<double, 4> weight{};
};

Point point_at(double y, double x, int64_t height, int64_t width) {
  if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width))) return {};
  const auto split = [](double& v, int64_t size, int64_t& low) {
    v = std::max(v, 0.0);
    low = static_cast<int64_t>(v);
    if (low >= size - 1) {
      low = size - 1;
      v = static_cast<double>(low);
      return low;
    }
    return low + 1;
  };
  int64_t top = 0, left = 0;
  const int64_t bottom = split(y, height, top), right = split(x, width, left);
  const double fy = y - static_cast<double>(top), fx = x - static_cast<double>(left);
  return {{top * width + left, top * width + right, bottom * width + left, bottom * width + right},
          {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx}};
}

// Samples per cell along an axis are bounded, as a box from a file may be of any size.
constexpr double kMostSamples = 1 << 12;

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &rois = c.in(1);
  const std::vector<int64_t> images = integers(c.in(2));
  if (x.rank() != 4 || rois.rank() != 2 || rois.dims()[1] != 4 || rois.dims()[0] != static_cast<int64_t>(images.size()))
    return c.error("x must be [N, C, H, W], boxes [n, 4] and images [n]");
  const int64_t rows = c.integer("height"), columns = c.integer("width"), channels = x.dims()[1];
  const int64_t height = x.dims()[2], width = x.dims()[3], samples = c.integer("samples");
  const double scale = c.real("scale"), offset = c.integer("half_pixel") != 0 ? 0.5 : 0;
  const bool average = c.string("mode") == "avg";
  Tensor* y = TRY(c.out(0, {rois.dims()[0], channels, rows, columns}));
  std::vector<double> values(idx(y->elements()));
  if (values.empty()) return {};
  if (height == 0 || width == 0) return c.error("x has no pixels");
  const std::vector<double> pixels = reals(x), boxes = reals(rois);
  for (std::size_t n = 0; n < images.size(); ++n) {
    if (images[n] < 0 || images[n] >= x.dims()[0])
      return c.error("box " + std::to_string(n) + " is in image " + std::to_string(images[n]) + " of " +
                     std::to_string(x.dims()[0]));
    std::array<double, 4> box{};
    for (std::size_t k = 0; k < 4; ++k) {
      box[k] = boxes[n * 4 + k] * scale - offset;
      if (!std::isfinite(box[k])) return c.error("box " + std::to_string(n) + " is not finite");
    }
    double wide = box[2] - box[0], high = box[3] - box[1];
    if (offset == 0) wide = std::max(wide, 1.0), high = std::max(high, 1.0);  // degenerate boxes count as one pixel
    const double cell_h = high / static_cast<double>(rows), cell_w = wide / static_cast<double>(columns);
    const double want_h = samples > 0 ? static_cast<double>(samples) : std::ceil(cell_h);
    const double want_w = samples > 0 ? static_cast<double>(samples) : std::ceil(cell_w);
    if (want_h > kMostSamples || want_w > kMostSamples)
      return c.error("box " + std::to_string(n) + " is too large", "set the number of samples");
    const auto grid_h = static_cast<int64_t>(std::max(want_h, 0.0)),
               grid_w = static_cast<int64_t>(std::max(want_w, 0.0));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t q = 0; q < columns; ++q)
        for (int64_t s = 0; s < grid_h * grid_w; ++s) {
          const double at_y = box[1] + static_cast<double>(r) * cell_h +
                              (static_cast<double>(s / grid_w) + 0.5) * cell_h / static_cast<double>(grid_h);
          const double at_x = box[0] + static_cast<double>(q) * cell_w +
                              (static_cast<double>(s % grid_w) + 0.5) * cell_w / static_cast<double>(grid_w);
          const Point point = point_at(at_y, at_x, height, width);
          for (int64_t k = 0; k < channels; ++k) {
            double& value = values[idx(((static_cast<int64_t>(n) * channels + k) * rows + r) * columns + q)];
            const double* plane = pixels.data() + (images[n] * channels + k) * height * width;
            double sum = 0, most = 0;
            for (std::size_t t = 0; t < 4; ++t) {
              const double part = point.weight[t] * plane[point.offset[t]];
              sum += part;
              most = t == 0 ? part : std::max(most, part);
            }
            if (average) value += sum / static_cast<double>(grid_h * grid_w);
            else value = s == 0 ? most : std::max(value, most);
          }
        }
  }
  store_reals(*y, values);
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "float"}, {"boxes", "float"}, {"images", "int"}};
constexpr ResultDoc kResults[] = {{"y", "[n, C, height, width]"}};
constexpr AttributeSpec kAttributes[] = {
    {"mode", AttributeKind::string, "\"avg\"", "avg or max over a cell's samples"},
    {"height", AttributeKind::integer, "1", "cells down"},
    {"width", AttributeKind::integer, "1", "cells across"},
    {"samples", AttributeKind::integer, "0", "samples per cell and axis; 0: as many as the cell has pixels"},
    {"scale", AttributeKind::real, "1.0", "from the boxes' coordinates to pixels of x"},
    {"half_pixel", AttributeKind::integer, "1", "1: a pixel's centre is at .5"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,6,6], boxes: f32[2,4] = [0.5, 0.5, 4.0, 5.0, 1.0, 0.0, 5.5, 3.0], images: i64[2] = [1, 0]; y = "
     "roi_align(x, boxes, images) {height = 2, width = 3, samples = 2}"},
    {"x: f32[1,2,5,5], boxes: f32[1,4] = [0.0, 1.0, 8.0, 9.0], images: i64[1] = [0]; y = roi_align(x, boxes, images) "
     "{height = 2, width = 2, scale = 0.5, half_pixel = 0, mode = \"max\"}"},
};
constexpr Operator kOperators[] = {{
    .name = "roi_align",
    .doc = "Each box (x1, y1, x2, y2) of image images[n] as height x width cells, each the average or maximum of "
           "bilinear samples. Source: ONNX RoiAlign 22.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-5, 1e-5},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(roi_align, kOperators)
