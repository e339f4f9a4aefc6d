#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/ordering.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (c.dims("count").size() != 1) return c.error("count must be one number");
  if (!x.ranked) {
    c.result(0, Type::unranked(DType::i64));
    return {};
  }
  const std::size_t axis = idx(TRY(c.axis(c.integer("axis"), x.rank())));
  const Dim& count = c.dims("count")[0];
  if (less_equal(0, count) == Truth::no || less_equal(count, x.dims[axis]) == Truth::no)
    return c.error("there are no " + count.text() + " among " + x.dims[axis].text() + " elements");
  c.require(Requirement::Kind::at_most, count, x.dims[axis], "the elements wanted and those of the axis");
  Dims dims = x.dims;
  dims[axis] = count;
  c.result(0, Type::tensor(DType::i64, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  const int64_t count = TRY(c.sizes("count"))[0], size = x.dims()[idx(axis)];
  if (count < 0 || count > size)
    return c.error("there are no " + std::to_string(count) + " among " + std::to_string(size) + " elements");
  const int64_t outer = element_count(std::span(x.dims()).first(idx(axis)));
  const int64_t inner = element_count(std::span(x.dims()).subspan(idx(axis) + 1));
  Sizes dims = x.dims();
  dims[idx(axis)] = count;
  Tensor* y = TRY(c.out(0, dims));
  std::vector<int64_t> order(idx(size));
  visit_number_class(x.dtype(), [&]<class N>(N) {
    if constexpr (std::is_arithmetic_v<N>) {
      const Accessor<N> access(x.dtype());
      std::unique_ptr<N[]> row(new N[idx(size)]);
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
          for (int64_t n = 0; n < size; ++n) row[idx(n)] = access.load(x.data(), (o * size + n) * inner + i);
          order_row<N>(std::span(row.get(), idx(size)), idx(count), c.integer("largest") != 0, order);
          for (int64_t n = 0; n < count; ++n)
            y->mutable_as<int64_t>()[idx((o * count + n) * inner + i)] = order[idx(n)];
        }
    }
  });
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const int64_t axis = ops::normal_axis(c.integer("axis"), c.type(0).rank());
  return problem_kernel(c, "arg_sort", {{"axis", axis}, {"largest", c.integer("largest")}});
}

constexpr OperandSpec kOperands[] = {{"x", "numeric"}};
constexpr ResultDoc kResults[] = {{"y", "i64: places along the axis, `count` of them"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "-1", "negative ones count from the end"},
    {"count", AttributeKind::dims, "required", "one number: how many, at most those of the axis"},
    {"largest", AttributeKind::integer, "1", "0: the smallest first"},
};
constexpr Sample kSamples[] = {
    {"x: f32[3,17]; y = arg_sort(x) {count = dims[5]}"},
    {"x: i32[6,N] in [0, 3]; y = arg_sort(x) {axis = 0, count = dims[6], largest = 0}"},
    {"x: f64[2,6,3] in [-1, 1]; y = arg_sort(x) {axis = 1, count = dims[1]}"},
};
constexpr Operator kOperator = {
    .name = "arg_sort",
    .doc = "Where the `count` largest (smallest) elements along axis are, in order; as top_k.",
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
extern const OperatorList list_arg_sort;
constinit const OperatorList list_arg_sort = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
