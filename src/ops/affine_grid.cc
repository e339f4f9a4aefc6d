#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& n) {
  const Type &theta = n.type(0), &size = n.type(1);
  const auto& known = n.contents(1);
  if (size.ranked && size.rank() != 1) return n.error("size must have one axis");
  std::optional<int64_t> spatial;
  if (known) spatial = static_cast<int64_t>(known->size()) - 2;
  else if (theta.ranked && theta.rank() == 3)
    if (auto rows = theta.dims[1].constant()) spatial = *rows;
  if (!spatial) {
    n.result(0, Type::unranked(theta.dtype));
    return {};
  }
  if (*spatial < 1 || *spatial > 8) return n.error("size must be [N, C, spatial...]");
  if (theta.ranked && (theta.rank() != 3 || equal(theta.dims[1], *spatial) == Truth::no ||
                       equal(theta.dims[2], *spatial + 1) == Truth::no))
    return n.error("theta must be [N, axes, axes + 1]");
  Dims dims = {known ? (*known)[0] : theta.ranked ? theta.dims[0] : n.fresh("N")};
  for (int64_t d = 0; d < *spatial; ++d) dims.push_back(known ? (*known)[idx(d + 2)] : n.fresh("size"));
  dims.emplace_back(*spatial);
  n.result(0, Type::tensor(theta.dtype, std::move(dims)));
  return {};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const auto& size = n.node().operand(1)->contents();
  if (!size || size->size() < 3) return n.error("size is not known");
  const DType dtype = n.type(0).dtype;
  const Dims spatial(size->begin() + 2, size->end());
  const auto axes = static_cast<int64_t>(spatial.size());
  const Dim points = product(spatial);
  // A row per point: its coordinates, the last axis first, and a one.
  Values columns;
  for (int64_t d = axes; d-- > 0;) {
    const Dim& length = spatial[idx(d)];
    Value* at = c.cast(c.iota({length}, 0), dtype);
    Value* coordinate = n.integer("align_corners") != 0
                            ? c.sub(c.div(c.mul(at, 2.0), c.size(max(length - 1, 1), dtype)), 1.0)
                            : c.sub(c.div(c.add(c.mul(at, 2.0), 1.0), c.size(length, dtype)), 1.0);
    columns.push_back(c.reshape(c.broadcast(c.aligned(coordinate, d, axes), spatial), {points, 1}));
  }
  columns.push_back(c.broadcast(c.number(dtype, 1), {points, 1}));
  Value* grid = c.op("matmul", {c.concat(columns, 1), c.transpose(n.in(0), {0, 2, 1})});
  Dims dims = {(*size)[0]};
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  dims.emplace_back(axes);
  return c.done({c.reshape(grid, std::move(dims))});
}

constexpr OperandSpec kOperands[] = {{"theta", "float"}, {"size", "int"}};
constexpr ResultDoc kResults[] = {{"y", "[N, spatial..., axes]: coordinates for grid_sample"}};
constexpr AttributeSpec kAttributes[] = {
    {"align_corners", AttributeKind::integer, "0", "1: -1 and 1 are the centres of the outer pixels, not their edges"},
};
constexpr Sample kSamples[] = {
    {"theta: f32[2,2,3], size: i64[4] = [2, 3, 4, 5]; y = affine_grid(theta, size)"},
    {"theta: f32[1,3,4], size: i64[5] = [1, 2, 2, 3, 4]; y = affine_grid(theta, size) {align_corners = 1}"},
};
constexpr Operator kOperators[] = {
    {.name = "affine_grid",
     .doc = "Coordinates of an image [N, C, spatial...], each taken through an affine map. Source: ONNX AffineGrid 20.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(affine_grid, kOperators)
