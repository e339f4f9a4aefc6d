#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  c.result(0, Type::tensor(DType::i64, {}));
  if (c.type(0).ranked) c.result_contents(0, {c.type(0).element_count()});
  return {};
}

Status reference(ReferenceContext& c) {
  Tensor* y = TRY(c.out(0, {}));
  y->mutable_as<int64_t>()[0] = c.in(0).elements();
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  TRY(check_lowerable(c));
  Kernel kernel;
  const Declared declared = declare_operands(kernel.nest, c);
  kernel.nest.store(declared.results[0], {}, size_value(kernel.nest, c.type(0).element_count(), DType::i64));
  return kernel;
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "i64[]"}};
constexpr Sample kSamples[] = {
    {"x: f32[N,3]; y = size_of(x)"},
    {"x: i8[2,3,4]; y = size_of(x)"},
};
constexpr Operator kOperator = {
    .name = "size_of",
    .doc = "The number of elements of x.",
    .operands = kOperands,
    .results = kResults,
    .attributes = {},
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
extern const OperatorList list_size_of;
constinit const OperatorList list_size_of = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
