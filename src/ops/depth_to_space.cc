// depth_to_space and space_to_depth: blocks of pixels against channels, NCHW.

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

Result<Dims> checked(const NodeView& n) {
  const Dims x = TRY(dims_of(n, 0));
  if (x.size() != 4) return n.error("x must be [batch, channels, height, width]");
  if (n.integer("block") < 1 || n.integer("block") > 1 << 20) return n.error("block must be positive");
  return x;
}

Status infer_space(InferContext& n) {
  if (n.string("mode") != "DCR" && n.string("mode") != "CRD") return n.error("mode must be \"DCR\" or \"CRD\"");
  if (!n.type(0).is_ranked_tensor()) return infer_same(n);
  const Dims x = TRY(checked(n));
  const int64_t b = n.integer("block");
  if (equal(mod(x[1], b * b), 0) == Truth::no) return n.error("the channels do not divide into blocks");
  n.result(0, Type::tensor(n.type(0).dtype, {x[0], floordiv(x[1], b * b), x[2] * b, x[3] * b}));
  return {};
}

Result<Values> decompose_space(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims x = TRY(checked(n));
  const int64_t b = n.integer("block");
  const Dim channels = floordiv(x[1], b * b);
  const bool blocks_first = n.string("mode") == "DCR";
  Value* y = blocks_first ? c.reshape(n.in(0), {x[0], b, b, channels, x[2], x[3]})
                          : c.reshape(n.in(0), {x[0], channels, b, b, x[2], x[3]});
  y = c.transpose(y, blocks_first ? Ints{0, 3, 4, 1, 5, 2} : Ints{0, 1, 4, 2, 5, 3});
  return c.done({c.op("reshape", {y}, {{"shape", Dims{x[0], channels, x[2] * b, x[3] * b}}})});
}

Status infer_depth(InferContext& n) {
  if (!n.type(0).is_ranked_tensor()) return infer_same(n);
  const Dims x = TRY(checked(n));
  const int64_t b = n.integer("block");
  for (std::size_t i : {2, 3})
    if (equal(mod(x[i], b), 0) == Truth::no) return n.error("height and width do not divide into blocks");
  n.result(0, Type::tensor(n.type(0).dtype, {x[0], x[1] * (b * b), floordiv(x[2], b), floordiv(x[3], b)}));
  return {};
}

Result<Values> decompose_depth(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims x = TRY(checked(n));
  const int64_t b = n.integer("block");
  const Dim height = floordiv(x[2], b), width = floordiv(x[3], b);
  Value* y = c.transpose(c.reshape(n.in(0), {x[0], x[1], height, b, width, b}), {0, 3, 5, 1, 2, 4});
  return c.done({c.op("reshape", {y}, {{"shape", Dims{x[0], x[1] * (b * b), height, width}}})});
}

constexpr OperandSpec kX[] = {{"x", "any"}};
constexpr ResultDoc kY[] = {{"y", "[batch, channels, height, width]"}};
constexpr AttributeSpec kSpace[] = {
    {"block", AttributeKind::integer, "required", "side of a block"},
    {"mode", AttributeKind::string, "\"DCR\"",
     "channels are [block, block, depth] (\"DCR\") or [depth, block, block] (\"CRD\")"}};
constexpr AttributeSpec kDepth[] = {{"block", AttributeKind::integer, "required", "side of a block"}};
constexpr Sample kSpaceSamples[] = {{"x: f32[2,8,2,3]; y = depth_to_space(x) {block = 2}"},
                                    {"x: f32[1,8,2,3]; y = depth_to_space(x) {block = 2, mode = \"CRD\"}"}};
constexpr Sample kDepthSamples[] = {{"x: f32[2,2,4,6]; y = space_to_depth(x) {block = 2}"}};

constexpr Operator kOperators[] = {
    {.name = "depth_to_space",
     .doc = "Channels become blocks of pixels. Source: ONNX DepthToSpace.",
     .operands = kX,
     .results = kY,
     .attributes = kSpace,
     .infer = infer_space,
     .reference = nullptr,
     .decompose = decompose_space,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSpaceSamples,
     .tolerance = {.relative = 0, .absolute = 0}},
    {.name = "space_to_depth",
     .doc = "Blocks of pixels become channels, ordered [block, block, depth]. Source: ONNX SpaceToDepth.",
     .operands = kX,
     .results = kY,
     .attributes = kDepth,
     .infer = infer_depth,
     .reference = nullptr,
     .decompose = decompose_depth,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kDepthSamples,
     .tolerance = {.relative = 0, .absolute = 0}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(depth_to_space, kOperators)
