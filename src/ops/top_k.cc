#include "ops/support/axes.h"
#include "ops/support/core.h"
#include "ops/support/ordering.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &k = c.type(1);
  if (!is_single(k)) return c.error("k must be one number");
  if (!x.ranked) {
    c.result(0, x);
    c.result(1, Type::unranked(DType::i64));
    return {};
  }
  const int64_t axis = TRY(c.axis(c.integer("axis"), x.rank()));
  Dims dims = x.dims;
  if (c.contents(1) && c.contents(1)->size() == 1) {
    const Dim& count = c.contents(1)->front();
    if (less_equal(0, count) == Truth::no) return c.error("k is negative");
    if (less_equal(count, dims[idx(axis)]) == Truth::no)
      return c.error("k = " + count.text() + " is more than the " + dims[idx(axis)].text() + " elements of the axis");
    dims[idx(axis)] = count;
  } else {
    dims[idx(axis)] = c.fresh("k");
  }
  c.result(0, Type::tensor(x.dtype, dims));
  c.result(1, Type::tensor(DType::i64, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  if (c.in(1).elements() != 1) return c.error("k must be one number");
  const int64_t k = integer_at(c.in(1), 0);
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  const int64_t size = x.dims()[idx(axis)], inner = element_count(std::span(x.dims()).subspan(idx(axis) + 1));
  const int64_t outer = element_count(std::span(x.dims()).first(idx(axis)));
  if (k < 0 || k > size) return c.error("k = " + std::to_string(k) + " of " + std::to_string(size) + " elements");
  Sizes dims = x.dims();
  dims[idx(axis)] = k;
  Tensor* values = c.wanted(0) ? TRY(c.out(0, dims)) : nullptr;
  Tensor* indices = c.wanted(1) ? TRY(c.out(1, dims)) : nullptr;
  const bool largest = c.integer("largest") != 0;
  std::vector<int64_t> order(idx(size));
  visit_number_class(x.dtype(), [&]<class N>(N) {
    if constexpr (std::is_arithmetic_v<N>) {
      const Accessor<N> access(x.dtype());
      std::unique_ptr<N[]> row(new N[idx(size)]);
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
          for (int64_t n = 0; n < size; ++n) row[idx(n)] = access.load(x.data(), (o * size + n) * inner + i);
          order_row<N>(std::span(row.get(), idx(size)), idx(k), largest, order);
          for (int64_t n = 0; n < k; ++n) {
            const int64_t at = (o * k + n) * inner + i, from = order[idx(n)];
            if (values != nullptr) copy_elements(x, (o * size + from) * inner + i, *values, at, 1);
            if (indices != nullptr) indices->mutable_as<int64_t>()[idx(at)] = from;
          }
        }
    }
  });
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "numeric"}, {"k", "i64"}};
constexpr ResultDoc kResults[] = {{"values", "x with k elements along axis", true},
                                  {"indices", "i64, where they were", true}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "-1", "negative ones count from the end"},
    {"largest", AttributeKind::integer, "1", "0: the smallest ones"},
    {"sorted", AttributeKind::integer, "1", "the result is sorted in any case"},
};
constexpr Sample kSamples[] = {
    {"x: f32[3,7], k: i64[1] = [3]; values, indices = top_k(x, k)"},
    {"x: i32[N,4] in [0, 3], k: i64[] = [2]; values, indices = top_k(x, k) {axis = 0, largest = 0}"},
};
constexpr Operator kOperator = {
    .name = "top_k",
    .doc =
        "The k largest (smallest) elements along axis, in order; among equals the first. A NaN counts as the largest.",
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
extern const OperatorList list_top_k;
constinit const OperatorList list_top_k = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
