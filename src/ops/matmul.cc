#include "ops/support/core.h"

namespace burnish {
namespace {

std::span<const Dim> batch(const Type& type) { return std::span(type.dims).first(type.dims.size() - 2); }

Status infer(InferContext& c) {
  const Type &a = c.type(0), &b = c.type(1);
  if (!a.ranked || !b.ranked) {
    c.result(0, Type::unranked(a.dtype));
    return {};
  }
  if (a.rank() < 2 || b.rank() < 2)
    return c.error("matmul needs rank 2 or more on both sides", "reshape a vector to a matrix");
  const Dim &m = a.dims[a.dims.size() - 2], &k = a.dims.back(), &n = b.dims.back();
  if (equal(k, b.dims[b.dims.size() - 2]) == Truth::no)
    return c.error("a has " + k.text() + " columns and b " + b.dims[b.dims.size() - 2].text() + " rows");
  c.require(Requirement::Kind::equal, k, b.dims[b.dims.size() - 2], "columns of a and rows of b");
  const auto a_batch = batch(a), b_batch = batch(b);
  Dims dims = TRY(c.broadcast(Dims(a_batch.begin(), a_batch.end()), Dims(b_batch.begin(), b_batch.end())));
  dims.push_back(m);
  dims.push_back(n);
  c.result(0, Type::tensor(a.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &a = c.in(0), &b = c.in(1);
  const std::size_t ra = a.dims().size(), rb = b.dims().size();
  if (ra < 2 || rb < 2 || a.dims()[ra - 1] != b.dims()[rb - 2])
    return c.error("[" + text(a.dims()) + "] times [" + text(b.dims()) + "]");
  const int64_t m = a.dims()[ra - 2], k = a.dims()[ra - 1], n = b.dims()[rb - 1];
  const auto a_batch = std::span(a.dims()).first(ra - 2), b_batch = std::span(b.dims()).first(rb - 2);
  auto both = broadcast_sizes(a_batch, b_batch);
  if (!both) return c.error(both.error().what);
  Sizes dims = *both;
  dims.push_back(m);
  dims.push_back(n);
  Tensor* y = TRY(c.out(0, dims));
  if (y->elements() == 0) return {};
  const Sizes a_steps = broadcast_strides(a_batch, *both), b_steps = broadcast_strides(b_batch, *both);
  const DType dtype = a.dtype();
  visit_number_class(dtype, [&]<class N>(N) {
    if constexpr (std::is_same_v<N, double> || std::is_same_v<N, int64_t> || std::is_same_v<N, uint64_t> ||
                  std::is_same_v<N, std::complex<double>>) {
      std::vector<N> right(idx(k * n)), row(idx(k)), sum(idx(n));
      Sizes position(both->size(), 0);
      int64_t loaded = -1, out = 0;
      do {
        int64_t a_at = 0, b_at = 0;
        for (std::size_t d = 0; d < position.size(); ++d) {
          a_at += position[d] * a_steps[d];
          b_at += position[d] * b_steps[d];
        }
        // Batch strides count matrices.
        if (b_at != loaded) load_block(dtype, b.data(), b_at * k * n, 1, k * n, right.data());
        loaded = b_at;
        for (int64_t i = 0; i < m; ++i, out += n) {
          load_block(dtype, a.data(), (a_at * m + i) * k, 1, k, row.data());
          std::ranges::fill(sum, N(0));
          for (int64_t p = 0; p < k; ++p) {
            const N factor = row[idx(p)];
            const N* values = right.data() + p * n;
            for (int64_t j = 0; j < n; ++j) sum[idx(j)] = multiply_add(sum[idx(j)], factor, values[j]);
          }
          store_block(dtype, y->mutable_data(), out, 1, n, sum.data());
        }
      } while (next_position(position, *both));
    }
  });
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  AttributeMap attributes;
  if (c.integer("exact") != 0) attributes.emplace("exact", int64_t{1});
  return problem_kernel(c, "matmul", std::move(attributes));
}

constexpr OperandSpec kOperands[] = {{"a", "numeric|complex"}, {"b", "same"}};
constexpr ResultDoc kResults[] = {{"y", "[..., M, N]"}};
constexpr AttributeSpec kAttributes[] = {{"exact", AttributeKind::integer, "0", "as of convolution"}};
constexpr Sample kSamples[] = {
    {"a: f32[5,7], b: f32[7,3]; y = matmul(a, b)"},
    {"a: f32[2,1,M,8], b: f32[3,8,4]; y = matmul(a, b)"},
    {"a: i32[2,9], b: i32[9,4]; y = matmul(a, b)"},
    {"a: f16[4,33], b: f16[33,6]; y = matmul(a, b)"},
};
constexpr Operator kOperator = {
    .name = "matmul",
    .doc = "y[..., m, n] = sum over k of a[..., m, k] * b[..., k, n]; leading dims broadcast. Integers wrap.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-5, 1e-5},
};

}  // namespace

namespace ops {
extern const OperatorList list_matmul;
constinit const OperatorList list_matmul = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
