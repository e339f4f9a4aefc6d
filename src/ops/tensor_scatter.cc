#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  const Type &cache = c.type(0), &update = c.type(1);
  if (c.string("mode") != "linear" && c.string("mode") != "circular")
    return c.error("mode must be \"linear\" or \"circular\"");
  if (cache.ranked) {
    const int64_t axis = TRY(c.axis(c.integer("axis"), cache.rank()));
    if (axis == 0) return c.error("axis 0 is the batch");
    if (update.ranked && update.rank() != cache.rank()) return c.error("cache and update differ in rank");
    for (int64_t d = 0; update.ranked && d < cache.rank(); ++d) {
      const Dim &a = cache.dims[idx(d)], &b = update.dims[idx(d)];
      if (d == axis ? less_equal(b, a) == Truth::no : equal(a, b) == Truth::no)
        return c.error("the update does not fit the cache");
      const auto kind = d == axis ? Requirement::Kind::at_most : Requirement::Kind::equal;
      c.require(kind, b, a, "sizes of the update and of the cache");
    }
    if (c.has(2) && c.type(2).ranked)
      c.require(Requirement::Kind::equal, c.type(2).element_count(), cache.dims[0], "positions and sequences");
  }
  c.result(0, cache);
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &cache = c.in(0), &update = c.in(1);
  if (update.rank() != cache.rank()) return c.error("cache and update must have equal ranks");
  const std::size_t axis = idx(TRY(checked_axis(c, c.integer("axis"), cache.rank())));
  if (axis == 0) return c.error("axis 0 is the batch");
  const int64_t batch = cache.dims()[0], size = cache.dims()[axis], length = update.dims()[axis];
  Sizes expected = cache.dims();
  expected[axis] = length;
  if (expected != update.dims() || length > size) return c.error("the update does not fit the cache");
  const Sizes starts = c.has(2) ? integers(c.in(2)) : Sizes(idx(batch), 0);
  if (static_cast<int64_t>(starts.size()) != batch) return c.error("positions needs one number per batch element");
  const bool circular = c.string("mode") == "circular";
  Tensor* y = TRY(c.out(0, cache.dims()));
  copy_elements(cache, 0, *y, 0, cache.elements());
  const Sizes to = row_major_strides(cache.dims()), from = row_major_strides(update.dims());
  Sizes dims = update.dims();
  dims[0] = dims[axis] = 1;
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t k = 0; k < length; ++k) {
      const auto sum = checked_add(starts[idx(n)], k);
      if (!sum || (!circular && (*sum < 0 || *sum >= size)))
        return c.error("position " + std::to_string(starts[idx(n)]) + " is out of range");
      const int64_t place = circular ? floor_mod(*sum, size) : *sum;
      copy_box(dims, update, {n * from[0] + k * from[axis], from}, *y, {n * to[0] + place * to[axis], to});
    }
  return {};
}

// Each element of y is one of the update where that reaches it.
Result<Kernel> lower(LowerContext& c) {
  if (c.has(2) && c.type(2).ranked && c.type(2).rank() != 1) return c.error("positions are no list");
  const Type &cache = c.type(0), &update = c.type(1);
  const std::size_t axis = idx(ops::normal_axis(c.integer("axis"), cache.rank()));
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    int place = axis_value(nest, axes[axis], DType::i64);
    if (c.has(2)) {
      int start = nest.cast(nest.load(declared.operands[2], {at(axes[0])}), DType::i64);
      if (c.string("mode") == "linear") {
        const Dim& length = update.dims[axis];
        // An update without elements may be anywhere.
        if (less_equal(1, length) != Truth::yes)
          start = nest.apply(Scalar::mul, {start, size_value(nest, min(length, 1), DType::i64)});
        start = nest.checked(start, cache.dims[axis] - length + 1, start);
      }
      place = nest.apply(Scalar::sub, {place, start});
    }
    if (c.string("mode") == "circular")
      place = nest.apply(Scalar::mod_floor, {place, size_value(nest, cache.dims[axis], DType::i64)});
    const int reached = nest.apply(Scalar::ge, {place, nest.constant(0, DType::i64)});
    const int left = nest.apply(Scalar::lt, {place, size_value(nest, update.dims[axis], DType::i64)});
    std::vector<Index> from = plain_index(axes);
    from[axis] = Index{{}, Dim(0), place};
    const int element = guarded_load(nest, declared.operands[1], std::move(from));
    const int old = nest.load(declared.operands[0], plain_index(axes));
    return nest.apply(Scalar::select, {nest.apply(Scalar::logical_and, {reached, left}), element, old});
  });
}

constexpr OperandSpec kOperands[] = {
    {"cache", "any"}, {"update", "same"}, {"positions", "int", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "type of cache"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "-2", "the axis of the sequence"},
    {"mode", AttributeKind::string, "\"linear\"", "linear, or circular: positions past the end begin again"},
};
constexpr Sample kSamples[] = {
    {"cache: f32[2,3,5,4], update: f32[2,3,2,4], positions: i64[2] = [1, 3]; y = tensor_scatter(cache, update, "
     "positions)"},
    {"cache: f32[2,5,3], update: f32[2,2,3], positions: i64[2] = [4, 0]; y = tensor_scatter(cache, update, positions) "
     "{mode = \"circular\"}"},
};
constexpr Operator kOperators[] = {{
    .name = "tensor_scatter",
    .doc = "The cache with update written into each sequence n from positions[n] on (0 by default). Source: ONNX "
           "TensorScatter 24.",
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
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(tensor_scatter, kOperators)
