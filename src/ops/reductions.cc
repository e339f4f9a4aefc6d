// Reductions made of the core `reduce` and a function before and after it.

#include "ops/support/compose.h"
#include "ops/support/log_sum_exp.h"

namespace burnish::ops {
namespace {

Status infer_reduction(InferContext& n) {
  const Type& x = n.type(0);
  if (!x.is_ranked_tensor()) {
    n.result(0, Type::unranked(x.dtype));
    return {};
  }
  const Ints axes = TRY(normal_axes(n, n.ints("axes"), x.rank()));
  Dims dims;
  for (int64_t i = 0, next = 0; i < x.rank(); ++i) {
    const bool reduced = next < static_cast<int64_t>(axes.size()) && axes[next] == i;
    if (reduced) ++next;
    if (!reduced) dims.push_back(x.dims[i]);
    else if (n.integer("keep") != 0) dims.push_back(Dim(1));
  }
  n.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

struct Reduced {
  Ints axes;
  bool keep;
};
Result<Reduced> reduced(DecomposeContext& n) {
  const int64_t rank = static_cast<int64_t>(TRY(dims_of(n, 0)).size());
  return Reduced{TRY(normal_axes(n, n.ints("axes"), rank)), n.integer("keep") != 0};
}

// Half floats are squared, summed and divided in f32, and rounded once.
Result<Values> decompose_mean(DecomposeContext& n) {
  Compose c(n.builder);
  auto [axes, keep] = TRY(reduced(n));
  Value* x = c.cast(n.in(0), wide(n.type(0).dtype));
  return c.done({c.cast(c.mean(x, axes, keep), n.type(0).dtype)});
}

Result<Values> decompose_l1(DecomposeContext& n) {
  Compose c(n.builder);
  auto [axes, keep] = TRY(reduced(n));
  return c.done({c.reduce("sum", c.unary(Scalar::abs, n.in(0)), axes, keep)});
}

Result<Values> decompose_sum_square(DecomposeContext& n) {
  Compose c(n.builder);
  auto [axes, keep] = TRY(reduced(n));
  Value* x = c.cast(n.in(0), wide(n.type(0).dtype));
  return c.done({c.cast(c.reduce("sum", c.mul(x, x), axes, keep), n.type(0).dtype)});
}

// Roots and logarithms of integers are taken in f64, as NumPy does.
DType analytic(DType dtype) { return is_float(dtype) ? wide(dtype) : DType::f64; }

Result<Values> decompose_l2(DecomposeContext& n) {
  Compose c(n.builder);
  auto [axes, keep] = TRY(reduced(n));
  Value* x = c.cast(n.in(0), analytic(n.type(0).dtype));
  return c.done({c.cast(c.unary(Scalar::sqrt, c.reduce("sum", c.mul(x, x), axes, keep)), n.type(0).dtype)});
}

Result<Values> decompose_log_sum(DecomposeContext& n) {
  Compose c(n.builder);
  auto [axes, keep] = TRY(reduced(n));
  Value* x = c.cast(n.in(0), analytic(n.type(0).dtype));
  return c.done({c.cast(c.unary(Scalar::log, c.reduce("sum", x, axes, keep)), n.type(0).dtype)});
}

Result<Values> decompose_log_sum_exp(DecomposeContext& n) {
  Compose c(n.builder);
  const auto [axes, keep] = TRY(reduced(n));
  Value* x = c.cast(n.in(0), analytic(n.type(0).dtype));
  Value* y = log_sum_exp(c, x, keep, [&c, &over = axes](std::string_view kind, Value* v, bool keep_axes) {
    return c.reduce(kind, v, over, keep_axes);
  });
  return c.done({c.cast(y, n.type(0).dtype)});
}

constexpr OperandSpec kOperands[] = {{"x", "numeric"}};
constexpr ResultDoc kResults[] = {{"y", "x without the axes, or with size 1 there"}};
constexpr AttributeSpec kAttributes[] = {{"axes", AttributeKind::ints, "required", "axes to reduce; [] reduces none"},
                                         {"keep", AttributeKind::integer, "0", "1 leaves them with size 1"}};

constexpr Sample kMeanSamples[] = {{"x: f32[2,3,4]; y = reduce_mean(x) {axes = [1], keep = 1}"},
                                   {"x: f32[2,3,4]; y = reduce_mean(x) {axes = [0, 2]}"},
                                   {"x: f16[2,900] in [90, 110]; y = reduce_mean(x) {axes = [1]}"}};
constexpr Sample kL1Samples[] = {{"x: f32[2,3,4]; y = reduce_l1(x) {axes = [2], keep = 1}"},
                                 {"x: i32[2,3]; y = reduce_l1(x) {axes = [0, 1]}"},
                                 {"x: f16[2,90] in [-300, 300]; y = reduce_l1(x) {axes = [1]}"}};
constexpr Sample kL2Samples[] = {{"x: f32[2,3,4]; y = reduce_l2(x) {axes = [1]}"},
                                 {"x: f16[2,8] in [250, 350]; y = reduce_l2(x) {axes = [1], keep = 1}"}};
constexpr Sample kLogSumSamples[] = {{"x: f32[2,3,4] in [0.1, 3]; y = reduce_log_sum(x) {axes = [-1]}"},
                                     {"x: f16[2,900] in [90, 110]; y = reduce_log_sum(x) {axes = [1]}"}};
constexpr Sample kLogSumExpSamples[] = {
    {"x: f32[2,3,4] in [-90, 90]; y = reduce_log_sum_exp(x) {axes = [1], keep = 1}"},
    {"x: f32[2,3]; y = reduce_log_sum_exp(x) {axes = [0, 1]}"},
    {"x: f32[2,3] in [1e38, 3e38]; y = reduce_log_sum_exp(x) {axes = [1]}"},
    {"x: f16[2,900] in [9, 11]; y = reduce_log_sum_exp(x) {axes = [1]}"},
    {"x: f64[2,3] in [-1e300, 1e305]; y = reduce_log_sum_exp(x) {axes = [0], keep = 1}"}};
constexpr Sample kSumSquareSamples[] = {{"x: f32[2,3,4]; y = reduce_sum_square(x) {axes = [0], keep = 1}"},
                                        {"x: f16[2,90] in [-20, 20]; y = reduce_sum_square(x) {axes = [1]}"}};

constexpr Operator reduction(std::string_view name, std::string_view doc,
                             Result<Values> (*decompose)(DecomposeContext&), std::span<const Sample> samples) {
  return {.name = name,
          .doc = doc,
          .operands = kOperands,
          .results = kResults,
          .attributes = kAttributes,
          .infer = infer_reduction,
          .reference = nullptr,
          .decompose = decompose,
          .lower = nullptr,
          .gradient = nullptr,
          .samples = samples,
          .tolerance = {.relative = 1e-5, .absolute = 1e-6}};
}

constexpr Operator kOperators[] = {
    reduction("reduce_l1", "sum(|x|). Source: ONNX ReduceL1.", decompose_l1, kL1Samples),
    reduction("reduce_l2", "sqrt(sum(x^2)). Source: ONNX ReduceL2.", decompose_l2, kL2Samples),
    reduction("reduce_log_sum", "log(sum(x)). Source: ONNX ReduceLogSum.", decompose_log_sum, kLogSumSamples),
    reduction("reduce_log_sum_exp", "log(sum(exp(x))), the maximum taken off first. Source: ONNX ReduceLogSumExp.",
              decompose_log_sum_exp, kLogSumExpSamples),
    reduction("reduce_mean", "sum(x) / count. Source: ONNX ReduceMean.", decompose_mean, kMeanSamples),
    reduction("reduce_sum_square", "sum(x^2). Source: ONNX ReduceSumSquare.", decompose_sum_square, kSumSquareSamples),
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(reductions, kOperators)
