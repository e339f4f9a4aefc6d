#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Dims& values = c.dims("values");
  const bool scalar = c.integer("scalar") != 0;
  if (scalar && values.size() != 1) return c.error("a scalar needs one value, not " + std::to_string(values.size()));
  c.result(0, Type::tensor(DType::i64, scalar ? Dims{} : Dims{static_cast<int64_t>(values.size())}));
  c.result_contents(0, values);
  return {};
}

Status reference(ReferenceContext& c) {
  const Sizes values = TRY(c.sizes("values"));
  const bool scalar = c.integer("scalar") != 0;
  Tensor* y = TRY(c.out(0, scalar ? Sizes{} : Sizes{static_cast<int64_t>(values.size())}));
  std::ranges::copy(values, y->mutable_as<int64_t>().begin());
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  Kernel kernel;
  const Declared declared = declare_operands(kernel.nest, c);
  const Dims& values = c.dims("values");
  if (values.size() > kMaxContents) return c.error("too many values for a kernel");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int value = size_value(kernel.nest, values[i], DType::i64);
    std::vector<Index> where;
    if (c.integer("scalar") == 0) where.push_back(Index{{}, Dim(static_cast<int64_t>(i)), -1});
    kernel.nest.store(declared.results[0], std::move(where), value);
  }
  return kernel;
}

constexpr ResultDoc kResults[] = {{"y", "i64[n], or i64[] for a scalar"}};
constexpr AttributeSpec kAttributes[] = {
    {"values", AttributeKind::dims, "required", "numbers or expressions of the graph's symbols"},
    {"scalar", AttributeKind::integer, "0", "1: the one value as a tensor of rank 0"},
};
constexpr Sample kSamples[] = {
    {"; y = dims() {values = dims[2, 3, 64]}"},
    {"; y = dims() {values = dims[7], scalar = 1}"},
};
constexpr Operator kOperator = {
    .name = "dims",
    .doc = "Sizes as data: integers computed from the sizes of the graph's inputs.",
    .operands = {},
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
extern const OperatorList list_dims;
constinit const OperatorList list_dims = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
