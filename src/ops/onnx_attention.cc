#include <cmath>

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

enum Operand : std::size_t { kQ, kK, kV, kMask, kPastKey, kPastValue, kLengths };

// The sizes as the formula names them.
struct Shape {
  bool packed;  // heads are in the last dim
  Dim batch, q_heads, kv_heads, rows, columns, past, width, value_width;
  Dim total() const { return past + columns; }
};

Result<Shape> shape_of(const NodeView& n) {
  const Dims q = TRY(dims_of(n, kQ)), k = TRY(dims_of(n, kK)), v = TRY(dims_of(n, kV));
  if (q.size() != k.size() || q.size() != v.size() || (q.size() != 3 && q.size() != 4))
    return n.error("q, k and v must all have 3 or 4 dims");
  Shape s;
  s.packed = q.size() == 3;
  s.batch = q[0];
  if (s.packed) {
    const int64_t q_heads = n.integer("q_heads"), kv_heads = n.integer("kv_heads");
    if (q_heads < 1 || kv_heads < 1) return n.error("operands of 3 dims need q_heads and kv_heads");
    s.q_heads = q_heads;
    s.kv_heads = kv_heads;
    s.rows = q[1];
    s.columns = k[1];
    s.width = floordiv(q[2], q_heads);
    s.value_width = floordiv(v[2], kv_heads);
    if (equal(mod(q[2], q_heads), 0) == Truth::no || equal(mod(k[2], kv_heads), 0) == Truth::no ||
        equal(mod(v[2], kv_heads), 0) == Truth::no)
      return n.error("the last dims do not divide into the heads");
    if (equal(s.width, floordiv(k[2], kv_heads)) == Truth::no) return n.error("the heads of q and k differ in width");
  } else {
    s.q_heads = q[1];
    s.kv_heads = k[1];
    s.rows = q[2];
    s.columns = k[2];
    s.width = q[3];
    s.value_width = v[3];
    if (equal(q[3], k[3]) == Truth::no) return n.error("the heads of q and k differ in width");
  }
  if (n.has(kPastKey) != n.has(kPastValue)) return n.error("past_key and past_value come together");
  s.past = 0;
  if (n.has(kPastKey)) {
    const Dims past = TRY(dims_of(n, kPastKey)), past_value = TRY(dims_of(n, kPastValue));
    if (past.size() != 4 || past_value.size() != 4) return n.error("past_key and past_value must have 4 dims");
    s.past = past[2];
  }
  const auto q_heads = s.q_heads.constant(), kv_heads = s.kv_heads.constant();
  if (q_heads && kv_heads && (*kv_heads == 0 || *q_heads % *kv_heads != 0))
    return n.error("the heads of q are no multiple of those of k and v");
  return s;
}

Status infer(InferContext& n) {
  const int64_t mode = n.integer("qk_mode");
  if (mode < 0 || mode > 3) return n.error("qk_mode must be 0, 1, 2 or 3");
  if (n.has_attribute("softmax_dtype") && !is_float(n.dtype("softmax_dtype")))
    return n.error("softmax_dtype must be a floating-point type");
  const Shape s = TRY(shape_of(n));
  if (n.has(kMask)) {
    const Dims mask = TRY(dims_of(n, kMask));
    if (mask.empty() || mask.size() > 4) return n.error("the mask must have 1 to 4 dims");
    if (n.type(kMask).dtype != DType::boolean && n.type(kMask).dtype != n.type(kQ).dtype)
      return n.error("the mask must be bool or of q's dtype");
  }
  const DType dtype = n.type(kQ).dtype;
  n.result(0, s.packed ? Type::tensor(dtype, {s.batch, s.rows, s.q_heads * s.value_width})
                       : Type::tensor(dtype, {s.batch, s.q_heads, s.rows, s.value_width}));
  n.result(1, Type::tensor(n.type(kK).dtype, {s.batch, s.kv_heads, s.total(), s.width}));
  n.result(2, Type::tensor(n.type(kV).dtype, {s.batch, s.kv_heads, s.total(), s.value_width}));
  n.result(3, Type::tensor(dtype, {s.batch, s.q_heads, s.rows, s.total()}));
  return {};
}

// [batch, length, heads * width] -> [batch, heads, length, width]
Value* unpacked(Compose& c, Value* x, const Shape& s, const Dim& length, const Dim& heads, const Dim& width) {
  return s.packed ? c.transpose(c.reshape(x, {s.batch, length, heads, width}), {0, 2, 1, 3}) : x;
}

// Every head of k and v serves a run of q's heads.
Value* repeated(Compose& c, Value* x, const Shape& s, const Dim& width) {
  if (s.q_heads == s.kv_heads) return x;
  const Dim each = floordiv(s.q_heads, s.kv_heads);
  x = c.reshape(x, {s.batch, s.kv_heads, 1, s.total(), width});
  x = c.broadcast(x, {s.batch, s.kv_heads, each, s.total(), width});
  return c.reshape(x, {s.batch, s.q_heads, s.total(), width});
}

// All masks as one number to add to the scores, or null.
Value* bias_of(DecomposeContext& n, Compose& c, const Shape& s, bool causal) {
  const DType dtype = n.type(kQ).dtype;
  Value* hidden = c.number(dtype, -INFINITY);
  Value* zero = c.number(dtype, 0);
  Value* bias = nullptr;
  const auto also = [&](Value* other) { bias = bias == nullptr ? other : c.add(bias, other); };
  if (n.has(kMask)) {
    Value* mask = n.in(kMask);
    Dims dims = n.type(kMask).dims;
    if (n.type(kMask).dtype == DType::boolean) mask = c.select(mask, zero, hidden);
    // A mask may be shorter than the columns: the rest is hidden.
    if (!(dims.back() == s.total())) {
      Dims before(dims.size(), Dim(0)), after = before;
      after.back() = max(s.total() - dims.back(), 0);
      mask = c.op("pad", {mask, hidden}, {{"before", before}, {"after", after}, {"mode", std::string("constant")}});
    }
    also(mask);
  }
  if (causal) {
    Value* rows = c.add(c.iota({s.rows, 1}, 0), c.size(s.past, DType::i64));
    also(c.select(c.binary(Scalar::le, c.iota({1, s.total()}, 1), rows), zero, hidden));
  }
  if (n.has(kLengths)) {
    Value* lengths = c.reshape(c.cast(n.in(kLengths), DType::i64), {s.batch, 1, 1, 1});
    also(c.select(c.binary(Scalar::lt, c.iota({1, 1, 1, s.total()}, 3), lengths), zero, hidden));
  }
  return bias;
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const Shape s = TRY(shape_of(n));
  const DType dtype = n.type(kQ).dtype;
  Value* q = unpacked(c, n.in(kQ), s, s.rows, s.q_heads, s.width);
  Value* k = unpacked(c, n.in(kK), s, s.columns, s.kv_heads, s.width);
  Value* v = unpacked(c, n.in(kV), s, s.columns, s.kv_heads, s.value_width);
  if (n.has(kPastKey)) {
    k = c.op("concat", {n.in(kPastKey), k}, {{"axis", 2}});
    v = c.op("concat", {n.in(kPastValue), v}, {{"axis", 2}});
  }
  Value *present_key = k, *present_value = v;
  k = repeated(c, k, s, s.width);
  v = repeated(c, v, s, s.value_width);

  double scale;
  if (n.has_attribute("scale")) scale = n.real("scale");
  else if (auto width = s.width.constant()) scale = 1.0 / std::sqrt(static_cast<double>(*width));
  else return n.error("the width of a head is not a number", "give the attribute scale");
  const bool causal = n.integer("causal") != 0;
  const double softcap = n.real("softcap");
  const bool scores_wanted = n.node().result(3) != nullptr;
  const DType precision = n.has_attribute("softmax_dtype") ? n.dtype("softmax_dtype") : dtype;

  Value *y, *scores_result = nullptr;
  if (!scores_wanted && softcap == 0 && (precision == dtype || precision == wide(dtype))) {
    // The family's own form; it masks what is causal by itself unless rows start behind the past.
    const bool own = causal && s.past == Dim(0);
    Value* bias = bias_of(n, c, s, causal && !own);
    AttributeMap attributes = {{"scale", scale}, {"causal", static_cast<int64_t>(own)}};
    y = bias == nullptr ? c.op("attention", {q, k, v}, std::move(attributes))
                        : c.op("attention", {q, k, v, bias}, std::move(attributes));
  } else {
    const double root = std::sqrt(scale);
    Value* scores = c.op("matmul", {c.mul(q, root), c.mul(c.transpose(k, {0, 1, 3, 2}), root)});
    Value* stages[4] = {scores};
    if (softcap != 0) scores = c.mul(c.unary(Scalar::tanh, c.div(scores, softcap)), softcap);
    stages[1] = scores;
    if (Value* bias = bias_of(n, c, s, causal)) scores = c.add(scores, bias);
    stages[2] = scores;
    scores = c.op("softmax", {c.cast(scores, precision)}, {{"axis", -1}});
    stages[3] = c.cast(scores, dtype);
    scores_result = stages[n.integer("qk_mode")];
    y = c.op("matmul", {stages[3], v});
  }
  if (s.packed) y = c.reshape(c.transpose(y, {0, 2, 1, 3}), {s.batch, s.rows, s.q_heads * s.value_width});
  TRY(n.builder.finish());
  Values results = {y, present_key, present_value, scores_result};
  results.resize(n.node().result_count());
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (n.node().result(i) == nullptr) results[i] = nullptr;
    // An operand handed through needs a value of its own.
    else if (i > 0 && i < 3 && results[i] == n.in(i)) results[i] = c.op("identity", {results[i]});
  }
  TRY(n.builder.finish());
  return results;
}

constexpr OperandSpec::Arity kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kOperands[] = {{"q", "float"},
                                     {"k", "same"},
                                     {"v", "same"},
                                     {"mask", "same|bool", kOptional},
                                     {"past_key", "same", kOptional},
                                     {"past_value", "same", kOptional},
                                     {"lengths", "int", kOptional}};
constexpr ResultDoc kResults[] = {{"y", "like q, with the width of v"},
                                  {"present_key", "past_key and k", true},
                                  {"present_value", "past_value and v", true},
                                  {"qk", "the scores at the stage that qk_mode names", true}};
constexpr AttributeSpec kAttributes[] = {
    {"scale", AttributeKind::real, "optional", "of the scores; absent: 1 / sqrt(width of a head)"},
    {"causal", AttributeKind::integer, "0", "1: row t sees only the past and the columns up to t"},
    {"q_heads", AttributeKind::integer, "0", "heads of q where it has 3 dims"},
    {"kv_heads", AttributeKind::integer, "0", "heads of k and v where they have 3 dims"},
    {"softcap", AttributeKind::real, "0.0", "c: scores become c * tanh(scores / c); 0: they stay"},
    {"softmax_dtype", AttributeKind::dtype, "optional",
     "in which the softmax is taken; absent: q's, at least f32 inside"},
    {"qk_mode", AttributeKind::integer, "0", "qk is: 0 the product, 1 softcapped, 2 masked too, 3 after the softmax"}};
constexpr Sample kSamples[] = {
    {"q: f32[2,4,3,8], k: f32[2,2,5,8], v: f32[2,2,5,6], m: bool[3,5] = [1,0,1,1,0, 1,1,1,0,1, 0,0,1,0,0]; y = "
     "onnx_attention(q, k, v, m)"},
    {"q: f32[2,3,12], k: f32[2,4,12], v: f32[2,4,9], m: f32[2,1,3,6], pk: f32[2,3,2,4], pv: f32[2,3,2,3]; y, nk, nv, "
     "qk = "
     "onnx_attention(q, k, v, m, pk, pv) {q_heads = 3, kv_heads = 3, causal = 1, softcap = 2.0, qk_mode = 2}"},
    {"q: f32[2,1,3,4], k: f32[2,1,5,4], v: f32[2,1,5,4], m: f32[2,1,1,5], l: i64[2] = [3, 5]; y = onnx_attention(q, k, "
     "v, m, _, _, l) {scale "
     "= 0.25}"}};

constexpr Operator kOperators[] = {
    {.name = "onnx_attention",
     .doc =
         "softmax(softcap(scale * q k^T) + masks) v, with shared heads of k and v, a cache of past keys and values, "
         "and "
         "q, k, v of 4 dims [batch, heads, length, width] or 3 [batch, length, heads * width]. Source: ONNX Attention.",
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

OPERATORS(onnx_attention, kOperators)
