#include <numeric>

#include "ops/support/axes.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  const bool whole = !c.has_attribute("axis");
  if (!x.ranked) {
    c.result(0, whole ? Type::tensor(x.dtype, {c.fresh("n")}) : x);
    for (std::size_t i = 1; i < c.result_count(); ++i) c.result(i, Type::tensor(DType::i64, {c.fresh("n")}));
    return {};
  }
  const int64_t axis = whole ? 0 : TRY(c.axis(c.integer("axis"), x.rank()));
  const Dim total = whole ? x.element_count() : x.dims[idx(axis)];
  const Dim count = c.fresh("n", {0, total.range().high});
  Dims dims = whole ? Dims{count} : x.dims;
  dims[idx(axis)] = count;
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  c.result(1, Type::tensor(DType::i64, {count}));
  c.result(2, Type::tensor(DType::i64, {total}));
  c.result(3, Type::tensor(DType::i64, {count}));
  return {};
}

// -1, 0, 1 for slices `a` and `b` along the axis.
template <class N>
int compare(const Accessor<N>& access, const Tensor& x, int64_t outer, int64_t size, int64_t inner, int64_t a,
            int64_t b) {
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const N u = access.load(x.data(), (o * size + a) * inner + i),
              v = access.load(x.data(), (o * size + b) * inner + i);
      if constexpr (std::is_same_v<N, std::complex<double>>) {
        const auto p = std::pair(u.real(), u.imag()), q = std::pair(v.real(), v.imag());
        if (p != q) return p < q ? -1 : 1;
      } else {
        if constexpr (std::is_same_v<N, double>) {
          // NaNs are last and each its own.
          if (std::isnan(u) || std::isnan(v)) return std::isnan(u) && (!std::isnan(v) || a > b) ? 1 : -1;
        }
        if (u < v) return -1;
        if (v < u) return 1;
      }
    }
  return 0;
}

Status reference(ReferenceContext& c) {
  const bool whole = !c.has_attribute("axis");
  const Tensor x = whole ? c.in(0).reshaped({c.in(0).elements()}) : c.in(0);
  const int64_t axis = whole ? 0 : TRY(checked_axis(c, c.integer("axis"), x.rank()));
  const int64_t size = x.dims()[idx(axis)], inner = element_count(std::span(x.dims()).subspan(idx(axis) + 1));
  const int64_t outer = element_count(std::span(x.dims()).first(idx(axis)));
  std::vector<int64_t> order(idx(size));
  std::iota(order.begin(), order.end(), 0);
  // Groups of equal slices, each listed by its first position.
  std::vector<int64_t> first, counts, group(idx(size));
  visit_number_class(x.dtype(), [&]<class N>(N) {
    const Accessor<N> access(x.dtype());
    std::ranges::stable_sort(
        order, [&](int64_t a, int64_t b) { return a != b && compare(access, x, outer, size, inner, a, b) < 0; });
    for (std::size_t n = 0; n < order.size(); ++n) {
      if (n == 0 || compare(access, x, outer, size, inner, order[n - 1], order[n]) != 0) {
        first.push_back(order[n]);
        counts.push_back(0);
      }
      group[idx(order[n])] = static_cast<int64_t>(first.size()) - 1;
      ++counts.back();
    }
  });
  if (c.integer("sorted") == 0) {  // by first appearance
    std::vector<int64_t> by_place(first.size()), rank(first.size());
    std::iota(by_place.begin(), by_place.end(), 0);
    std::ranges::sort(by_place, {}, [&](int64_t g) { return first[idx(g)]; });
    for (std::size_t n = 0; n < by_place.size(); ++n) rank[idx(by_place[n])] = static_cast<int64_t>(n);
    for (int64_t& g : group) g = rank[idx(g)];
    std::vector<int64_t> f, k;
    for (int64_t g : by_place) {
      f.push_back(first[idx(g)]);
      k.push_back(counts[idx(g)]);
    }
    first = std::move(f);
    counts = std::move(k);
  }
  const auto found = static_cast<int64_t>(first.size());
  if (c.wanted(0)) {
    Sizes dims = x.dims();
    dims[idx(axis)] = found;
    Tensor* y = TRY(c.out(0, dims));
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t n = 0; n < found; ++n)
        copy_elements(x, (o * size + first[idx(n)]) * inner, *y, (o * found + n) * inner, inner);
  }
  const std::vector<int64_t>* lists[] = {&first, &group, &counts};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!c.wanted(i + 1)) continue;
    Tensor* y = TRY(c.out(i + 1, {static_cast<int64_t>(lists[i]->size())}));
    std::ranges::copy(*lists[i], y->mutable_as<int64_t>().begin());
  }
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "the different elements (slices)", true},
                                  {"first", "i64, where each of them appears first", true},
                                  {"inverse", "i64, for each of x its place in y", true},
                                  {"counts", "i64, how often each appears", true}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "optional", "compare slices along it; absent: all elements"},
    {"sorted", AttributeKind::integer, "1", "0: in order of first appearance"},
};
constexpr Sample kSamples[] = {
    {"x: i32[9] in [0, 3]; y, first, inverse, counts = unique(x)"},
    {"x: f32[4,2] = [1, 2, 0, 5, 1, 2, 0, 4]; y, _, inverse, _ = unique(x) {axis = 0, sorted = 0}"},
};
constexpr Operator kOperator = {
    .name = "unique",
    .doc = "The different elements of x, or its different slices along an axis.",
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
extern const OperatorList list_unique;
constinit const OperatorList list_unique = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
