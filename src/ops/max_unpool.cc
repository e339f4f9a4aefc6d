#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/windows.h"

namespace burnish::ops {
namespace {

// What pooling to x's size came from, at least.
Dims smallest(const Windows& w, const Dims& x) {
  Dims dims = {x[0], x[1]};
  for (std::size_t d = 0; d < w.rank(); ++d)
    dims.push_back((x[d + 2] - 1) * w.strides[d] - (w.before[d] + w.after[d]) + w.kernel[d]);
  return dims;
}

Status infer(InferContext& c) {
  const Type &x = c.type(0), &indices = c.type(1);
  const Windows w = TRY(read_windows(c, c.ints("kernel")));
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  if (x.rank() != static_cast<int64_t>(w.rank()) + 2) return c.error("x must be [N, C, an axis per kernel size]");
  if (indices.ranked && indices.rank() != x.rank()) return c.error("x and indices differ in rank");
  Dims dims = smallest(w, x.dims);
  if (c.has(2)) {
    if (const auto& given = c.contents(2); given && given->size() == dims.size()) dims = *given;
    else
      for (Dim& d : dims) d = c.fresh("size");
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &indices = c.in(1);
  const Windows w = TRY(read_windows(c, c.ints("kernel")));
  if (x.rank() != static_cast<int64_t>(w.rank()) + 2 || x.dims() != indices.dims())
    return c.error("x and indices must have the same dims [N, C, an axis per kernel size]");
  const Sizes own = *constants(smallest(w, to_dims(x.dims())));
  const Sizes dims = c.has(2) ? integers(c.in(2)) : own;
  if (dims.size() != own.size()) return c.error("shape has the wrong number of dims");
  for (std::size_t d = 0; d < dims.size(); ++d)
    if (own[d] < 0 || dims[d] < own[d]) return c.error("shape [" + text(dims) + "] is below [" + text(own) + "]");
  Tensor* y = TRY(c.out(0, dims));
  // Indices count the elements of the smallest result; more room is at the end of every axis.
  const int64_t count = element_count(own);
  const Sizes from = row_major_strides(own), to = row_major_strides(dims);
  for (int64_t n = 0; n < x.elements(); ++n) {
    const int64_t index = indices.int_at(n);
    if (index < 0 || index >= count) return c.error("index " + std::to_string(index) + " is out of range");
    int64_t at = 0;
    for (std::size_t d = 0; d < own.size(); ++d) at += index / from[d] % own[d] * to[d];
    copy_elements(x, n, *y, at, 1);
  }
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"indices", "i64"}, {"shape", "i64", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "of dims `shape`, or the smallest that pools to x"}};
constexpr AttributeSpec kAttributes[] = {
    {"kernel", AttributeKind::ints, "required", "window size per spatial axis"},
    {"strides", AttributeKind::ints, "required", "step per spatial axis"},
    {"dilations", AttributeKind::ints, "required", "ones"},
    {"pads", AttributeKind::ints, "required", "padding that the pooling had: begins, then ends"},
};
constexpr Sample kSamples[] = {
    {"x: f32[1,1,2,2], indices: i64[1,1,2,2] = [5, 7, 13, 15]; y = max_unpool(x, indices) {kernel = [2, 2], strides = "
     "[2, 2], dilations = [1, 1], pads = [0, 0, 0, 0]}"},
};
constexpr Operator kOperators[] = {{
    .name = "max_unpool",
    .doc = "y[indices[n]] = x[n], zero elsewhere: undoes max_pool_with_indices. Source: ONNX MaxUnpool 22.",
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
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(max_unpool, kOperators)
