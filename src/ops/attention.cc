#include <algorithm>
#include <cmath>

#include "ops/support/compose.h"
#include "ops/support/lowering.h"
#include "ops/support/sizes.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& n) {
  const Type &q = n.type(0), &k = n.type(1), &v = n.type(2);
  if (!q.is_ranked_tensor() || !k.is_ranked_tensor() || !v.is_ranked_tensor()) {
    n.result(0, Type::unranked(q.dtype));
    return {};
  }
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2) return n.error("q, k and v need two dims");
  const auto from_end = [](const Type& type, int64_t i) { return type.dims[type.dims.size() - i]; };
  if (equal(from_end(q, 1), from_end(k, 1)) == Truth::no) return n.error("q and k differ in their last dim");
  if (equal(from_end(k, 2), from_end(v, 2)) == Truth::no) return n.error("k and v differ in length");
  n.require(Requirement::Kind::equal, from_end(q, 1), from_end(k, 1), "the last sizes of q and k");
  n.require(Requirement::Kind::equal, from_end(k, 2), from_end(v, 2), "the lengths of k and v");
  const auto batch = [](const Type& type) { return Dims(type.dims.begin(), type.dims.end() - 2); };
  Dims dims = TRY(n.broadcast(TRY(n.broadcast(batch(q), batch(k))), batch(v)));
  if (n.has(3) && n.type(3).is_ranked_tensor()) {
    Dims scores = dims;
    scores.push_back(from_end(q, 2));
    scores.push_back(from_end(k, 2));
    TRY(check_extends(n, n.type(3).dims, scores, "the bias"));
  }
  dims.push_back(from_end(q, 2));
  dims.push_back(from_end(v, 1));
  n.result(0, Type::tensor(q.dtype, std::move(dims)));
  return {};
}

// A bias that is no higher than this hides its key where the attribute `masked` says so.
constexpr double kMasked = -1e30;

Result<double> scale_of(const NodeView& n) {
  if (n.has_attribute("scale")) return n.real("scale");
  const Dims q = TRY(dims_of(n, 0));
  const auto width = q.back().constant();
  if (!width) return n.error("q's last dim is not a number", "give the attribute scale");
  return 1.0 / std::sqrt(static_cast<double>(*width));
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const Dims q = TRY(dims_of(n, 0)), k = TRY(dims_of(n, 1));
  TRY(dims_of(n, 2));
  const double scale = TRY(scale_of(n));
  const int64_t rank = static_cast<int64_t>(k.size());
  Ints swap = range_of(0, rank);
  std::swap(swap[rank - 1], swap[rank - 2]);
  Value* scores = c.mul(c.op("matmul", {n.in(0), c.transpose(n.in(1), swap)}), scale);
  if (n.has(3)) {
    Value* sum = c.add(scores, n.in(3));
    scores = n.integer("masked") == 0
                 ? sum
                 : c.select(c.binary(Scalar::le, n.in(3), c.number(n.in(3), kMasked)), n.in(3), sum);
  }
  if (n.integer("causal") != 0) {
    Value* rows = c.iota({q[q.size() - 2], 1}, 0);
    Value* columns = c.iota({1, k[k.size() - 2]}, 1);
    scores = c.select(c.binary(Scalar::le, columns, rows), scores, c.number(scores, -INFINITY));
  }
  return c.done({c.op("matmul", {c.op("softmax", {scores}, {{"axis", -1}}), n.in(2)})});
}

Result<Kernel> lower(LowerContext& n) {
  const auto batch = [&](std::size_t i) { return std::span(n.type(i).dims).first(n.type(i).dims.size() - 2); };
  TRY(check_lowerable(n));
  // The family walks q, k and v side by side.
  for (std::size_t i : {1, 2})
    if (!std::ranges::equal(batch(0), batch(i))) return n.error("q, k and v differ in their batch dims");
  return problem_kernel(
      n, "attention", {{"scale", TRY(scale_of(n))}, {"causal", n.integer("causal")}, {"masked", n.integer("masked")}});
}

constexpr OperandSpec kOperands[] = {
    {"q", "float"}, {"k", "same"}, {"v", "same"}, {"bias", "same", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "[..., T, e]"}};
constexpr AttributeSpec kAttributes[] = {
    {"scale", AttributeKind::real, "optional", "of the scores; absent: 1 / sqrt(d)"},
    {"causal", AttributeKind::integer, "0", "1: row t sees only the columns up to t"},
    {"masked", AttributeKind::integer, "0", "1: a bias of at most -1e30 is the score itself, even beside NaN"}};
constexpr Sample kSamples[] = {
    {"q: f32[2,3,4,8], k: f32[2,3,5,8], v: f32[2,3,5,6]; y = attention(q, k, v)"},
    {"q: f32[2,4,8], k: f32[2,4,8], v: f32[2,4,8], b: f32[4,4]; y = attention(q, k, v, b) {causal = 1, scale = 0.5}"},
    {"q: f32[2,2,8], k: f32[2,3,8], v: f32[2,3,8], b: f32[2,3] = [0, -1e38, 0.5, -1e30, 1, 0]; y = attention(q, k, v, "
     "b) {masked = 1}"}};

constexpr Operator kOperators[] = {
    {.name = "attention",
     .doc =
         "softmax(scale * q k^T + bias) v: q [..., T, d], k [..., S, d], v [..., S, e], bias broadcast to [..., T, S]. "
         "Source: arXiv 1706.03762, section 3.2.1.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = lower,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(attention, kOperators)
