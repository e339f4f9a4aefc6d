// split and tile.

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

Status infer_split(InferContext& n) {
  const Dims& sizes = n.dims("sizes");
  if (sizes.size() != n.result_count())
    return n.error(std::to_string(sizes.size()) + " sizes for " + std::to_string(n.result_count()) + " results");
  const Type& x = n.type(0);
  Dim total = 0;
  for (const Dim& size : sizes) {
    if (size.range().high < 0) return n.error("a part has the size " + size.text());
    total += size;
  }
  int64_t axis = -1;
  if (x.is_ranked_tensor()) {
    axis = TRY(n.axis(n.integer("axis"), x.rank()));
    if (equal(total, x.dims[axis]) == Truth::no)
      return n.error("the sizes add up to " + total.text() + " but the axis has " + x.dims[axis].text());
  }
  int64_t start = 0;
  bool known = x.is_ranked_tensor() && x.rank() == 1 && n.contents(0).has_value();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Type type = x;
    if (axis >= 0) type.dims[axis] = sizes[i];
    n.result(i, std::move(type));
    known = known && sizes[i].is_constant() && start + sizes[i].value() <= static_cast<int64_t>(n.contents(0)->size());
    if (!known) continue;
    const auto first = n.contents(0)->begin() + start;
    n.result_contents(i, Dims(first, first + sizes[i].value()));
    start += sizes[i].value();
  }
  return {};
}

Result<Values> decompose_split(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims dims = TRY(dims_of(n, 0));
  const int64_t axis = normal_axis(n.integer("axis"), static_cast<int64_t>(dims.size()));
  const Dims sizes = n.dims("sizes");
  Values results;
  Dim start = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const bool wanted = n.node().result(i) != nullptr;
    results.push_back(wanted ? c.slice(n.in(0), axis, start, sizes[i]) : nullptr);
    // A part that is all of x still needs a value of its own.
    if (wanted && results.back() == n.in(0)) results.back() = c.op("identity", {n.in(0)});
    start += sizes[i];
  }
  TRY(n.builder.finish());
  return results;
}

Status infer_tile(InferContext& n) {
  Type type = n.type(0);
  if (type.is_ranked_tensor()) {
    const Dims& repeats = n.dims("repeats");
    if (static_cast<int64_t>(repeats.size()) != type.rank()) return n.error("repeats needs one entry per dim of x");
    for (std::size_t i = 0; i < repeats.size(); ++i) {
      if (repeats[i].range().high < 0) return n.error("repeats holds " + repeats[i].text());
      type.dims[i] *= repeats[i];
    }
  }
  n.result(0, std::move(type));
  return {};
}

// A new axis before each repeated one is broadcast, then merged with it.
Result<Values> decompose_tile(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims dims = TRY(dims_of(n, 0));
  const Dims repeats = n.dims("repeats");
  Dims apart, repeated, merged;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!(repeats[i] == Dim(1))) {
      apart.push_back(1);
      repeated.push_back(repeats[i]);
    }
    apart.push_back(dims[i]);
    repeated.push_back(dims[i]);
    merged.push_back(dims[i] * repeats[i]);
  }
  if (apart.size() == dims.size()) return c.done({c.op("identity", {n.in(0)})});
  return c.done({c.reshape(c.broadcast(c.reshape(n.in(0), apart), repeated), merged)});
}

constexpr OperandSpec kX[] = {{"x", "any"}};
constexpr ResultDoc kParts[] = {{"y", "one part per size", false, true}};
constexpr ResultDoc kY[] = {{"y", "of dims x's * repeats"}};
constexpr AttributeSpec kSplit[] = {{"axis", AttributeKind::integer, "0", "the axis to cut"},
                                    {"sizes", AttributeKind::dims, "required", "of the parts, in order"}};
constexpr AttributeSpec kTile[] = {{"repeats", AttributeKind::dims, "required", "copies along each axis"}};
constexpr Sample kSplitSamples[] = {{"x: f32[2,7]; a, b, d = split(x) {axis = -1, sizes = dims[2, 4, 1]}"},
                                    {"x: f32[4,3]; a, _ = split(x) {sizes = dims[1, 3]}"}};
constexpr Sample kTileSamples[] = {{"x: f32[2,3]; y = tile(x) {repeats = dims[2, 2]}"},
                                   {"x: i64[2,1,3]; y = tile(x) {repeats = dims[1, 3, 2]}"}};

constexpr Operator kOperators[] = {
    {.name = "split",
     .doc = "x cut along an axis. Source: ONNX Split.",
     .operands = kX,
     .results = kParts,
     .attributes = kSplit,
     .infer = infer_split,
     .reference = nullptr,
     .decompose = decompose_split,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSplitSamples,
     .tolerance = {.relative = 0, .absolute = 0}},
    {.name = "tile",
     .doc = "x repeated along each axis. Source: ONNX Tile.",
     .operands = kX,
     .results = kY,
     .attributes = kTile,
     .infer = infer_tile,
     .reference = nullptr,
     .decompose = decompose_tile,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kTileSamples,
     .tolerance = {.relative = 0, .absolute = 0}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(split, kOperators)
