#include "ops/support/axes.h"
#include "ops/support/core.h"
#include "ops/support/slicing.h"

namespace burnish {
namespace {

struct Plan {
  std::vector<std::optional<std::size_t>> entry;  // per axis, its place in starts, ends and steps
  Ints steps;                                     // per axis
};
Result<Plan> plan(const NodeView& c, std::size_t rank, std::size_t count, const std::optional<Sizes>& axes,
                  const std::optional<Sizes>& steps) {
  Plan p{std::vector<std::optional<std::size_t>>(rank), Ints(rank, 1)};
  if ((axes && axes->size() != count) || (steps && steps->size() != count))
    return c.error("starts, ends, axes and steps differ in length");
  for (std::size_t i = 0; i < count; ++i) {
    const int64_t given = axes ? (*axes)[i] : static_cast<int64_t>(i);
    const int64_t axis = TRY(checked_axis(c, given, static_cast<int64_t>(rank)));
    const int64_t step = steps ? (*steps)[i] : 1;
    if (p.entry[idx(axis)]) return c.error("axis " + std::to_string(axis) + " is listed twice");
    if (step == 0) return c.error("a step is 0");
    p.entry[idx(axis)] = i;
    p.steps[idx(axis)] = slice_step(step);
  }
  return p;
}

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  std::optional<int64_t> count;
  for (std::size_t i = 1; i < c.operand_count(); ++i) {
    if (!c.has(i) || !c.type(i).ranked) continue;
    if (c.type(i).rank() != 1) return c.error("starts, ends, axes and steps must have rank 1");
    if (const auto n = c.type(i).dims[0].constant()) count = n;
  }
  std::optional<Sizes> axes, steps;
  if (c.has(3)) axes = known_numbers(c, 3);
  if (c.has(4)) steps = known_numbers(c, 4);
  Dims dims = x.dims;
  if (!count || (c.has(3) && !axes)) {
    // Any axis may be cut.
    for (Dim& d : dims) d = c.fresh();
    c.result(0, Type::tensor(x.dtype, std::move(dims)));
    return {};
  }
  const Plan p = TRY(plan(c, dims.size(), idx(*count), axes, steps));
  const auto &starts = c.contents(1), &ends = c.contents(2);
  const bool known = starts && ends && (!c.has(4) || steps);
  if (known && (starts->size() != idx(*count) || ends->size() != idx(*count)))
    return c.error("starts and ends differ in length");
  Sizes first(dims.size(), 0);
  bool all_numbers = true;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!p.entry[i]) continue;
    std::optional<Dim> start, count;
    if (known) {
      start = slice_start((*starts)[*p.entry[i]], p.steps[i], dims[i]);
      count = slice_count((*starts)[*p.entry[i]], (*ends)[*p.entry[i]], p.steps[i], dims[i]);
    }
    all_numbers = all_numbers && start && start->is_constant();
    if (all_numbers) first[i] = start->value();
    dims[i] = count ? *count : c.fresh();
  }
  const auto from = constants(x.dims), to = constants(dims);
  if (all_numbers && from && to) {
    const Sizes strides = row_major_strides(*from);
    Sizes walk(strides);
    int64_t start = 0;
    for (std::size_t i = 0; i < walk.size(); ++i) {
      start += first[i] * strides[i];
      if ((*to)[i] > 1) walk[i] *= p.steps[i];
    }
    if (auto contents = pick_contents(c.contents(0), *to, start, walk)) c.result_contents(0, std::move(*contents));
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const Sizes starts = integers(c.in(1)), ends = integers(c.in(2));
  if (starts.size() != ends.size()) return c.error("starts and ends differ in length");
  const auto given = [&](std::size_t i) { return c.has(i) ? std::optional(integers(c.in(i))) : std::nullopt; };
  const Plan p = TRY(plan(c, x.dims().size(), starts.size(), given(3), given(4)));
  Sizes dims = x.dims();
  Box box{0, row_major_strides(dims)};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!p.entry[i]) continue;
    const int64_t start = starts[*p.entry[i]], size = x.dims()[i];
    dims[i] = slice_count(start, ends[*p.entry[i]], p.steps[i], size)->value();
    box.start += slice_start(start, p.steps[i], size)->value() * box.strides[i];
    if (dims[i] > 1) box.strides[i] *= p.steps[i];
  }
  Tensor* y = TRY(c.out(0, dims));
  if (y->elements() > 0) copy_box(dims, x, box, *y, {0, row_major_strides(dims)});
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"},
                                     {"starts", "i64|i32"},
                                     {"ends", "i64|i32"},
                                     {"axes", "i64|i32", OperandSpec::Arity::optional},
                                     {"steps", "i64|i32", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "what lies between"}};
constexpr Sample kSamples[] = {
    {"x: f32[4,6], starts: i64[2] = [1, -4], ends: i64[2] = [9, -1]; y = dynamic_slice(x, starts, ends)"},
    {"x: i32[3,7], starts: i64[1] = [-1], ends: i64[1] = [-100], axes: i64[1] = [1], steps: i64[1] = [-2]; "
     "y = dynamic_slice(x, starts, ends, axes, steps)"},
    {"x: f32[N,5], starts: i64[1] = [1], ends: i64[1] = [9223372036854775807], axes: i64[1] = [0]; "
     "y = dynamic_slice(x, starts, ends, axes)"},
    {"x: i64[0], starts: i64[1] = [-1], ends: i64[1] = [-9223372036854775807], axes: i64[1] = [0], steps: i64[1] = "
     "[-1]; "
     "y = dynamic_slice(x, starts, ends, axes, steps)"},
};
constexpr Operator kOperator = {
    .name = "dynamic_slice",
    .doc =
        "x[starts : ends : steps] along axes (all from the first on when absent); negative positions count from the "
        "end, "
        "those outside are clamped. ONNX Slice.",
    .operands = kOperands,
    .results = kResults,
    .attributes = {},
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
extern const OperatorList list_dynamic_slice;
constinit const OperatorList list_dynamic_slice = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
