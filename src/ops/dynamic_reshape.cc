#include "ops/support/core.h"

namespace burnish {
namespace {

// total / rest, where it is what -1 stands for.
Dim quotient(const Dim& total, const Dim& rest) {
  Dim exact;
  if (divides(rest, total, &exact)) return exact;
  return floordiv(total, rest);
}

Status infer(InferContext& c) {
  const Type &x = c.type(0), &shape = c.type(1);
  if (shape.ranked && shape.rank() != 1) return c.error("the shape must have rank 1");
  const bool allow_zero = c.integer("allow_zero") != 0;
  const auto& wanted = c.contents(1);
  if (!wanted) {
    const auto rank = shape.ranked ? shape.dims[0].constant() : std::nullopt;
    if (!rank || *rank > static_cast<int64_t>(kMaxContents)) {
      c.result(0, Type::unranked(x.dtype));
      return {};
    }
    Dims dims;
    for (int64_t i = 0; i < *rank; ++i) dims.push_back(c.fresh());
    // One unknown size follows from the number of elements.
    if (*rank == 1 && x.ranked) dims[0] = x.element_count();
    c.result(0, Type::tensor(x.dtype, std::move(dims)));
    return {};
  }
  Dims dims = *wanted;
  std::optional<std::size_t> open;
  bool known = true;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].constant() == 0 && !allow_zero) {
      if (x.ranked && i >= x.dims.size())
        return c.error("size " + std::to_string(i) + " is copied from an axis that x has not");
      dims[i] = x.ranked ? x.dims[i] : c.fresh();
      known &= x.ranked;
    } else if (dims[i].constant() == -1) {
      if (open) return c.error("more than one size is -1");
      open = i;
    } else if (dims[i].range().high < 0) {
      return c.error("size " + dims[i].text() + " is negative");
    } else if (dims[i].range().low < 0) {
      // May turn out to be -1: the run will tell.
      dims[i] = c.fresh();
      known = false;
    }
  }
  if (open) {
    dims[*open] = 1;
    const Dim rest = product(dims);
    if (!x.ranked || !known || rest.constant() == 0) {
      dims[*open] = rest.constant() == 0 ? Dim(0) : c.fresh();
    } else {
      const Dim total = x.element_count();
      if (total.is_constant() && rest.is_constant() && total.value() % rest.value() != 0)
        return c.error(total.text() + " elements do not divide into rows of " + rest.text());
      dims[*open] = quotient(total, rest);
    }
  } else if (x.ranked && known && equal(x.element_count(), product(dims)) == Truth::no) {
    return c.error(x.element_count().text() + " elements do not fit into [" + text(dims) + "]");
  }
  if (c.contents(0)) c.result_contents(0, *c.contents(0));
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  Sizes dims = integers(c.in(1));
  const bool allow_zero = c.integer("allow_zero") != 0;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && !allow_zero) {
      if (i >= x.dims().size()) return c.error("size " + std::to_string(i) + " is copied from an axis that x has not");
      dims[i] = x.dims()[i];
    } else if (dims[i] == -1) {
      if (open) return c.error("more than one size is -1");
      open = i;
    } else if (dims[i] < 0) {
      return c.error("size " + std::to_string(dims[i]) + " is negative");
    }
  }
  if (open) {
    dims[*open] = 1;
    const auto rest = checked_product(dims);
    if (!rest || (*rest == 0 && x.elements() != 0) || (*rest != 0 && x.elements() % *rest != 0))
      return c.error(std::to_string(x.elements()) + " elements do not fit into [" + text(integers(c.in(1))) + "]");
    dims[*open] = *rest == 0 ? 0 : x.elements() / *rest;
  }
  if (checked_product(dims) != x.elements())
    return c.error(std::to_string(x.elements()) + " elements do not fit into [" + text(dims) + "]");
  c.set(0, RuntimeValue(x.reshaped(std::move(dims))));
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"shape", "i64"}};
constexpr ResultDoc kResults[] = {{"y", "the same elements in the same row-major order"}};
constexpr AttributeSpec kAttributes[] = {{"allow_zero", AttributeKind::integer, "0", "1: a size of 0 means 0"}};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,4], shape: i64[3] = [0, -1, 2]; y = dynamic_reshape(x, shape)"},
    {"x: i32[N,6], shape: i64[2] = [-1, 3]; y = dynamic_reshape(x, shape)"},
    {"x: f32[0,3], shape: i64[2] = [3, 0]; y = dynamic_reshape(x, shape) {allow_zero = 1}"},
};
constexpr Operator kOperator = {
    .name = "dynamic_reshape",
    .doc =
        "x under the dims that `shape` holds: one of them may be -1 and is inferred, 0 copies the dim of x. ONNX "
        "Reshape.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
};

}  // namespace

namespace ops {
extern const OperatorList list_dynamic_reshape;
constinit const OperatorList list_dynamic_reshape = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
