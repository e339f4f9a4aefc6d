#include "ops/support/core.h"

namespace burnish {
namespace {

// The dims from start to end, both counted from the end when negative and clamped.
std::pair<int64_t, int64_t> interval(const NodeView& c, int64_t rank) {
  const auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const int64_t start = clamp(std::clamp<int64_t>(c.integer("start"), -rank, rank));
  const int64_t end = c.has_attribute("end") ? clamp(std::clamp<int64_t>(c.integer("end"), -rank - 1, rank)) : rank;
  return {start, std::max(start, end)};
}

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (!x.ranked) {
    c.result(0, Type::tensor(DType::i64, {c.fresh("rank", {0, static_cast<int64_t>(kMaxContents)})}));
    return {};
  }
  const auto [start, end] = interval(c, x.rank());
  c.result(0, Type::tensor(DType::i64, {end - start}));
  c.result_contents(0, Dims(x.dims.begin() + start, x.dims.begin() + end));
  return {};
}

Status reference(ReferenceContext& c) {
  const Sizes& dims = c.in(0).dims();
  const auto [start, end] = interval(c, static_cast<int64_t>(dims.size()));
  Tensor* y = TRY(c.out(0, {end - start}));
  std::copy(dims.begin() + start, dims.begin() + end, y->mutable_as<int64_t>().begin());
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  TRY(check_lowerable(c));
  Kernel kernel;
  const Declared declared = declare_operands(kernel.nest, c);
  const auto [start, end] = interval(c, c.type(0).rank());
  for (int64_t i = start; i < end; ++i) {
    const int value = size_value(kernel.nest, c.type(0).dims[idx(i)], DType::i64);
    kernel.nest.store(declared.results[0], {Index{{}, Dim(i - start), -1}}, value);
  }
  return kernel;
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "i64[end - start]"}};
constexpr AttributeSpec kAttributes[] = {
    {"start", AttributeKind::integer, "0", "first axis; negative ones count from the end"},
    {"end", AttributeKind::integer, "optional", "axis after the last; absent: all"},
};
constexpr Sample kSamples[] = {
    {"x: f32[N,3,5]; y = shape_of(x)"},
    {"x: f32[2,3,5]; y = shape_of(x) {start = -2, end = 9}"},
};
constexpr Operator kOperator = {
    .name = "shape_of",
    .doc = "The dims of x as integers.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
};

}  // namespace

namespace ops {
extern const OperatorList list_shape_of;
constinit const OperatorList list_shape_of = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
