#include "ops/support/axes.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  const std::size_t parts = c.result_count();
  const int64_t wanted = c.has_attribute("num_outputs") ? c.integer("num_outputs") : static_cast<int64_t>(parts);
  if (parts == 0 || wanted != static_cast<int64_t>(parts)) return c.error("num_outputs is not the number of results");
  if (!x.ranked) {
    for (std::size_t i = 0; i < parts; ++i) c.result(i, x);
    return {};
  }
  const int64_t axis = TRY(c.axis(c.integer("axis"), x.rank()));
  const Dim& size = x.dims[idx(axis)];
  Dims sizes(parts);
  if (!c.has(1)) {
    // Equal parts; the last one may be smaller.
    Dim part;
    if (divides(Dim(wanted), size, &part)) {
      std::ranges::fill(sizes, part);
    } else {
      part = ceildiv(size, Dim(wanted));
      for (std::size_t i = 0; i < parts; ++i)
        sizes[i] = max(Dim(0), min(part, size - part * Dim(static_cast<int64_t>(i))));
    }
  } else if (c.contents(1)) {
    sizes = *c.contents(1);
    if (sizes.size() != parts) return c.error("split has not one entry per result");
    Dim total = 0;
    for (const Dim& s : sizes) {
      if (s.range().high < 0) return c.error("size " + s.text() + " is negative");
      total += s;
    }
    if (equal(total, size) == Truth::no) return c.error("split adds up to " + total.text() + ", not " + size.text());
  } else {
    for (Dim& s : sizes) s = c.fresh();
  }
  for (std::size_t i = 0; i < parts; ++i) {
    Dims dims = x.dims;
    dims[idx(axis)] = sizes[i];
    c.result(i, Type::tensor(x.dtype, std::move(dims)));
  }
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  const std::size_t parts = c.node().result_count();
  const int64_t size = x.dims()[idx(axis)];
  Sizes sizes(parts);
  if (c.has(1)) {
    sizes = integers(c.in(1));
  } else {
    const int64_t part = ceil_div(size, static_cast<int64_t>(parts));
    for (std::size_t i = 0; i < parts; ++i)
      sizes[i] = std::clamp<int64_t>(size - part * static_cast<int64_t>(i), 0, part);
  }
  int64_t left = size;
  for (int64_t s : sizes) {
    if (s < 0 || s > left) return c.error("split does not add up to " + std::to_string(size));
    left -= s;
  }
  if (sizes.size() != parts || left != 0) return c.error("split does not add up to " + std::to_string(size));
  const Sizes strides = row_major_strides(x.dims());
  int64_t start = 0;
  for (std::size_t i = 0; i < parts; ++i) {
    Sizes dims = x.dims();
    dims[idx(axis)] = sizes[i];
    if (c.wanted(i)) {
      Tensor* y = TRY(c.out(i, dims));
      if (y->elements() > 0) copy_box(dims, x, {start * strides[idx(axis)], strides}, *y, {0, row_major_strides(dims)});
    }
    start += sizes[i];
  }
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}, {"split", "i64", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "consecutive pieces of x", false, true}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "0", "negative ones count from the end"},
    {"num_outputs", AttributeKind::integer, "optional", "the number of results"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,7]; a, b, c = split_by(x) {axis = 1, num_outputs = 3}"},
    {"x: i32[N,5], split: i64[2] = [4, 1]; a, b = split_by(x, split) {axis = -1}"},
};
constexpr Operator kOperator = {
    .name = "split_by",
    .doc =
        "Cuts x along axis into pieces of the sizes that `split` holds, or into equal ones (the last may be smaller). "
        "ONNX Split.",
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
extern const OperatorList list_split_by;
constinit const OperatorList list_split_by = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
