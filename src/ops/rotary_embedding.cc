#include "ops/support/compose.h"
#include "ops/support/sizes.h"

namespace burnish::ops {
namespace {

// x as [batch, length, heads, width].
struct Shape {
  bool packed;
  Dim batch, length, heads, width;
  Dim rotated;
};

Result<Shape> shape_of(const NodeView& n) {
  const Dims x = TRY(dims_of(n, 0));
  if (x.size() != 3 && x.size() != 4)
    return n.error("x must be [batch, heads, length, width] or [batch, length, heads * width]");
  Shape s;
  s.packed = x.size() == 3;
  s.batch = x[0];
  const int64_t heads = n.integer("heads");
  if (s.packed && heads < 1) return n.error("x of 3 dims needs the attribute heads");
  s.length = s.packed ? x[1] : x[2];
  s.heads = s.packed ? Dim(heads) : x[1];
  s.width = s.packed ? floordiv(x[2], heads) : x[3];
  const int64_t rotated = n.integer("rotary_dim");
  if (rotated < 0 || rotated % 2 != 0) return n.error("rotary_dim must be even");
  s.rotated = rotated == 0 ? s.width : Dim(rotated);
  if (less_equal(s.rotated, s.width) == Truth::no) return n.error("rotary_dim is larger than a head");
  if (equal(mod(s.rotated, 2), 0) == Truth::no) return n.error("the width of a head must be even");
  for (std::size_t i : {1, 2}) {
    const Dims cache = TRY(dims_of(n, i));
    if (cache.size() != (n.has(3) ? 2u : 3u)) return n.error("cos and sin need 2 dims with positions, else 3");
    if (equal(cache.back(), floordiv(s.rotated, 2)) == Truth::no)
      return n.error("cos and sin hold " + cache.back().text() + " angles for " + s.rotated.text() +
                     " rotated elements");
  }
  if (n.has(3) && TRY(dims_of(n, 3)).size() != 2) return n.error("positions must be [batch, length]");
  return s;
}

Status infer(InferContext& n) {
  if (n.type(0).is_ranked_tensor() && n.type(1).is_ranked_tensor() && n.type(2).is_ranked_tensor()) {
    const Shape s = TRY(shape_of(n));
    // Of each element: its position, or the angles themselves.
    const Dims each = {s.batch, s.length};
    if (n.has(3)) TRY(check_extends(n, n.type(3).dims, each, "positions"));
    else
      for (std::size_t i : {1, 2}) TRY(check_extends(n, std::span(n.type(i).dims).first(2), each, "angles"));
  }
  return infer_same(n);
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const Shape s = TRY(shape_of(n));
  const Dim half = floordiv(s.rotated, 2);
  const bool interleaved = n.integer("interleaved") != 0;
  Value* x = s.packed ? c.reshape(n.in(0), {s.batch, s.length, s.heads, s.width}) : c.transpose(n.in(0), {0, 2, 1, 3});
  Value* angles[2];
  for (std::size_t i = 0; i < 2; ++i) {
    Value* cache = n.in(i + 1);
    if (n.has(3)) cache = c.op("gather", {cache, n.in(3)}, {{"axis", 0}});
    if (cache == nullptr) break;
    Dims dims = cache->type().dims;
    dims.insert(dims.begin() + 2, Dim(1));
    angles[i] = c.reshape(cache, dims);
  }
  TRY(n.builder.finish());
  Value* turning = c.slice(x, 3, 0, s.rotated);
  Value *first, *second;
  // Interleaved pairs lie side by side: a last axis of two.
  if (interleaved) {
    const Dims pairs = {s.batch, s.length, s.heads, half, 2}, flat = {s.batch, s.length, s.heads, half};
    turning = c.reshape(turning, pairs);
    first = c.reshape(c.slice(turning, 4, 0, 1), flat);
    second = c.reshape(c.slice(turning, 4, 1, 1), flat);
  } else {
    first = c.slice(turning, 3, 0, half);
    second = c.slice(turning, 3, half, half);
  }
  Value* real = c.sub(c.mul(angles[0], first), c.mul(angles[1], second));
  Value* imaginary = c.add(c.mul(angles[1], first), c.mul(angles[0], second));
  Value* y;
  if (interleaved) {
    const Dims one = {s.batch, s.length, s.heads, half, 1};
    y = c.op("concat", {c.reshape(real, one), c.reshape(imaginary, one)}, {{"axis", 4}});
    y = c.reshape(y, {s.batch, s.length, s.heads, s.rotated});
  } else {
    y = c.op("concat", {real, imaginary}, {{"axis", 3}});
  }
  if (!(s.rotated == s.width)) y = c.op("concat", {y, c.slice(x, 3, s.rotated, s.width - s.rotated)}, {{"axis", 3}});
  y = s.packed ? c.reshape(y, n.type(0).dims) : c.transpose(y, {0, 2, 1, 3});
  return c.done({y});
}

constexpr OperandSpec kOperands[] = {
    {"x", "float"}, {"cos", "same"}, {"sin", "same"}, {"positions", "int", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "of x's type"}};
constexpr AttributeSpec kAttributes[] = {
    {"heads", AttributeKind::integer, "0", "where x has 3 dims"},
    {"interleaved", AttributeKind::integer, "0", "1: pairs are neighbours; 0: they are half a head apart"},
    {"rotary_dim", AttributeKind::integer, "0", "elements of a head that are rotated, from its first on; 0: all"}};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,4,8], c: f32[10,4], s: f32[10,4], p: i64[2,4] in [0, 9]; y = rotary_embedding(x, c, s, p)"},
    {"x: f32[2,4,24], c: f32[2,4,3], s: f32[2,4,3]; y = rotary_embedding(x, c, s) {heads = 3, interleaved = 1, "
     "rotary_dim = "
     "6}"}};

constexpr Operator kOperators[] = {
    {.name = "rotary_embedding",
     .doc = "Each pair (a, b) of a head's elements becomes (cos a - sin b, sin a + cos b), cos and sin by position. "
            "Source: "
            "ONNX RotaryEmbedding, arXiv 2104.09864.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(rotary_embedding, kOperators)
