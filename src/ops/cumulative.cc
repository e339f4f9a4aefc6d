#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/scalars.h"

namespace burnish {
namespace {

// Function and start value of a kind.
std::optional<Scalar> step_of(std::string_view kind) {
  if (kind == "sum") return Scalar::add;
  if (kind == "product") return Scalar::mul;
  if (kind == "max") return Scalar::max;
  if (kind == "min") return Scalar::min;
  return std::nullopt;
}

Status infer(InferContext& c) {
  const auto step = step_of(c.string("kind"));
  if (!step) return c.error("kind '" + c.string("kind") + "' is unknown");
  if (c.integer("exclusive") != 0 && (*step == Scalar::max || *step == Scalar::min))
    return c.error("an exclusive " + c.string("kind") + " has no first element");
  if (c.type(0).ranked) TRY(c.axis(c.integer("axis"), c.type(0).rank()));
  c.result(0, c.type(0));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  const int64_t size = x.dims()[idx(axis)], inner = element_count(std::span(x.dims()).subspan(idx(axis) + 1));
  const int64_t outer = element_count(std::span(x.dims()).first(idx(axis)));
  const Scalar step = *step_of(c.string("kind"));
  const bool exclusive = c.integer("exclusive") != 0, reverse = c.integer("reverse") != 0;
  Tensor* y = TRY(c.out(0, x.dims()));
  if (y->elements() == 0) return {};
  const DType dtype = x.dtype();
  visit_number_class(dtype, [&]<class N>(N) {
    if constexpr (std::is_same_v<N, double> || std::is_same_v<N, int64_t> || std::is_same_v<N, uint64_t>) {
      const Accessor<N> access(dtype);
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
          N total = step == Scalar::mul ? N(1) : N(0);
          for (int64_t k = 0; k < size; ++k) {
            const int64_t at = (o * size + (reverse ? size - 1 - k : k)) * inner + i;
            const N value = access.load(x.data(), at);
            if (exclusive) access.store(y->mutable_data(), at, total);
            if (k == 0 && !exclusive) total = value;
            else apply_binary<N>(step, &total, &value, &total, 1, bit_width(dtype));
            if (!exclusive) access.store(y->mutable_data(), at, total);
          }
        }
    }
  });
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const int64_t axis = ops::normal_axis(c.integer("axis"), c.type(0).rank());
  return problem_kernel(c, "cumulative",
                        {{"axis", axis},
                         {"kind", c.string("kind")},
                         {"exclusive", c.integer("exclusive")},
                         {"reverse", c.integer("reverse")}});
}

constexpr OperandSpec kOperands[] = {{"x", "numeric"}};
constexpr ResultDoc kResults[] = {{"y", "shape of x"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "required", "negative ones count from the end"},
    {"kind", AttributeKind::string, "\"sum\"", "sum, product, max or min"},
    {"exclusive", AttributeKind::integer, "0", "1: without the element itself (sum and product)"},
    {"reverse", AttributeKind::integer, "0", "1: from the end"},
};
constexpr Sample kSamples[] = {
    {"x: f32[3,5]; y = cumulative(x) {axis = 1}"},
    {"x: i32[N,4]; y = cumulative(x) {axis = 0, kind = \"product\", exclusive = 1, reverse = 1}"},
    {"x: f32[6]; y = cumulative(x) {axis = -1, kind = \"max\"}"},
    {"x: f32[2,5,37]; y = cumulative(x) {axis = -2, kind = \"min\", reverse = 1}"},
};
constexpr Operator kOperator = {
    .name = "cumulative",
    .doc = "y[k] = x[0] + ... + x[k] along axis, or their product, maximum or minimum.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-5, 1e-5},
};

}  // namespace

namespace ops {
extern const OperatorList list_cumulative;
constinit const OperatorList list_cumulative = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
