// nll_loss and softmax_cross_entropy.

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& n) {
  const std::string& reduction = n.string("reduction");
  if (reduction != "none" && reduction != "mean" && reduction != "sum")
    return n.error("reduction must be \"none\", \"mean\" or \"sum\"");
  const Type &x = n.type(0), &target = n.type(1);
  n.result(1, x);  // softmax_cross_entropy's logarithms
  if (reduction != "none") n.result(0, Type::tensor(x.dtype, {}));
  else n.result(0, target.is_ranked_tensor() ? Type::tensor(x.dtype, target.dims) : Type::unranked(x.dtype));
  if (!x.is_ranked_tensor() || !target.is_ranked_tensor()) return {};
  if (x.rank() < 2 || target.rank() != x.rank() - 1) return n.error("target needs x's dims without the second");
  for (int64_t i = 0; i < target.rank(); ++i)
    if (equal(target.dims[i], x.dims[i == 0 ? 0 : i + 1]) == Truth::no)
      return n.error("target needs x's dims without the second");
  if (n.has(2) && n.type(2).is_ranked_tensor() &&
      (n.type(2).rank() != 1 || equal(n.type(2).dims[0], x.dims[1]) == Truth::no))
    return n.error("weight needs one number per class");
  return {};
}

// -weight[target] * x[n, target, ...], reduced.
Result<Value*> loss_of(DecomposeContext& n, Compose& c, Value* x) {
  TRY(dims_of(n, 0));
  const Dims dims = TRY(dims_of(n, 1));
  const DType dtype = n.type(0).dtype;
  Value *target = n.in(1), *ignored = nullptr;
  if (n.has_attribute("ignore_index")) {
    Value* wanted = c.reshape(c.integers(Ints{n.integer("ignore_index")}), {});
    ignored = c.binary(Scalar::eq, c.cast(target, DType::i64), wanted);
    target = c.select(ignored, c.number(target, 0), target);
  }
  Dims one_class = dims;
  one_class.insert(one_class.begin() + 1, Dim(1));
  Value* loss = c.op("gather_elements", {x, c.reshape(target, one_class)}, {{"axis", 1}});
  loss = c.unary(Scalar::neg, c.reshape(loss, dims));
  Value* weight = nullptr;
  if (n.has(2)) weight = c.op("gather", {n.in(2), target}, {{"axis", 0}});
  if (ignored != nullptr) {
    if (weight == nullptr) weight = c.broadcast(c.number(dtype, 1), dims);
    weight = c.select(ignored, c.number(dtype, 0), weight);
    loss = c.select(ignored, c.number(dtype, 0), loss);  // it may be infinite
  }
  if (weight != nullptr) loss = c.mul(loss, weight);
  const std::string& reduction = n.string("reduction");
  if (reduction == "none") return loss;
  const Ints all = range_of(0, static_cast<int64_t>(dims.size()));
  if (reduction == "mean" && weight == nullptr) return c.mean(loss, all, false);
  loss = c.reduce("sum", loss, all, false);
  return reduction == "sum" ? loss : c.div(loss, c.reduce("sum", weight, all, false));
}

Result<Values> decompose_nll(DecomposeContext& n) {
  Compose c(n.builder);
  return c.done({TRY(loss_of(n, c, n.in(0)))});
}

Result<Values> decompose_cross_entropy(DecomposeContext& n) {
  Compose c(n.builder);
  Value* logarithms = c.op("log_softmax", {n.in(0)}, {{"axis", 1}});
  Values results = {TRY(loss_of(n, c, logarithms)), logarithms};
  TRY(n.builder.finish());
  results.resize(n.node().result_count());
  return results;
}

constexpr OperandSpec kOperands[] = {
    {"x", "float"}, {"target", "i32|i64"}, {"weight", "same", OperandSpec::Arity::optional}};
constexpr ResultDoc kLoss[] = {{"loss", "one number, or one per target"}};
constexpr ResultDoc kLossAndLogarithms[] = {{"loss", "one number, or one per target"},
                                            {"log_probabilities", "log_softmax(x) along the classes", true}};
constexpr AttributeSpec kAttributes[] = {
    {"reduction", AttributeKind::string, "\"mean\"", "\"none\", \"sum\", or \"mean\" weighted by `weight`"},
    {"ignore_index", AttributeKind::integer, "optional", "targets of this class count for nothing"}};
constexpr Sample kNllSamples[] = {
    {"x: f32[3,5], t: i64[3] in [0, 4]; y = nll_loss(x, t)"},
    {"x: f32[2,3], t: i64[2] = [1, 9007199254740993]; y = nll_loss(x, t) {ignore_index = 9007199254740993}"},
    {"x: f32[2,4,3], t: i64[2,3] = [1, 3, 0, 2, 1, 1], w: f32[4] in [0.1, 2]; y = nll_loss(x, t, w) {ignore_index "
     "= 1}"},
    {"x: f32[2,4,3], t: i64[2,3] in [0, 3], w: f32[4]; y = nll_loss(x, t, w) {reduction = \"none\"}"}};
constexpr Sample kCrossEntropySamples[] = {
    {"x: f32[3,5], t: i64[3] in [0, 4]; y, p = softmax_cross_entropy(x, t)"},
    {"x: f32[2,4,3], t: i64[2,3] in [0, 3], w: f32[4] in [0.1, 2]; y = softmax_cross_entropy(x, t, w) {reduction = "
     "\"sum\", ignore_index = 2}"}};

constexpr Operator kOperators[] = {
    {.name = "nll_loss",
     .doc = "-weight[target] * x[n, target, ...], reduced. Source: ONNX NegativeLogLikelihoodLoss.",
     .operands = kOperands,
     .results = kLoss,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose_nll,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kNllSamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-6}},
    {.name = "softmax_cross_entropy",
     .doc = "nll_loss(log_softmax(x) along axis 1, target, weight). Source: ONNX SoftmaxCrossEntropyLoss.",
     .operands = kOperands,
     .results = kLossAndLogarithms,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose_cross_entropy,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kCrossEntropySamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-6}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(nll_loss, kOperators)
