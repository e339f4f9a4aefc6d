#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Dims& sizes = c.dims("sizes");
  const Type& x = c.type(0);
  if (x.ranked && (x.rank() != 1 || equal(x.dims[0], Dim(static_cast<int64_t>(sizes.size()))) == Truth::no))
    return c.error("x must have one element for each of the " + std::to_string(sizes.size()) + " sizes");
  if (sizes.size() > kMaxContents) return c.error("there are too many sizes");
  if (const auto& known = c.contents(0); known && known->size() == sizes.size())
    for (std::size_t i = 0; i < sizes.size(); ++i)
      if (equal((*known)[i], sizes[i]) == Truth::no)
        return c.error("element " + std::to_string(i) + " is " + (*known)[i].text() + ", not " + sizes[i].text());
  c.result(0, Type::tensor(DType::i64, {static_cast<int64_t>(sizes.size())}));
  c.result_contents(0, sizes);
  return {};
}

// Whoever runs it learns the symbols from the result: Slot::contents.
Status reference(ReferenceContext& c) {
  if (c.in(0).elements() != static_cast<int64_t>(c.dims("sizes").size()))
    return c.error("x must have one element for each size");
  c.set(0, RuntimeValue(c.in(0)));
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  return pointwise_kernel(c, [](Nest&, std::span<const int> loaded) { return loaded[0]; });
}

constexpr OperandSpec kOperands[] = {{"x", "i64"}};
constexpr ResultDoc kResults[] = {{"y", "x"}};
constexpr AttributeSpec kAttributes[] = {
    {"sizes", AttributeKind::dims, "required", "what the elements of x are; it is an error of the run if they are not"},
};
constexpr Sample kSamples[] = {
    {"x: i64[3] = [4, 5, 6]; y = bind(x) {sizes = dims[4, 5, 6]}"},
};
constexpr Operator kOperator = {
    .name = "bind",
    .doc =
        "Data as sizes: symbols among the sizes that nothing has bound yet get their numbers here. Nodes that come "
        "after it may name them.",
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
    .effectful = true,
};

}  // namespace

namespace ops {
extern const OperatorList list_bind;
constinit const OperatorList list_bind = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
