#include "ops/support/core.h"
#include "ops/support/reals.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  if (x.rank() < 2 || equal(x.dims[idx(x.rank() - 1)], x.dims[idx(x.rank() - 2)]) == Truth::no)
    return c.error("x must hold square matrices");
  c.result(0, Type::tensor(x.dtype, Dims(x.dims.begin(), x.dims.end() - 2)));
  return {};
}

// Gaussian elimination with partial pivoting.
double determinant(std::span<double> m, int64_t n) {
  double product = 1;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i)
      if (std::abs(m[idx(i * n + k)]) > std::abs(m[idx(pivot * n + k)])) pivot = i;
    const double head = m[idx(pivot * n + k)];
    if (head == 0) return 0;
    if (pivot != k) {
      product = -product;
      std::swap_ranges(m.begin() + k * n, m.begin() + (k + 1) * n, m.begin() + pivot * n);
    }
    product *= head;
    for (int64_t i = k + 1; i < n; ++i) {
      const double factor = m[idx(i * n + k)] / head;
      for (int64_t j = k; j < n; ++j) m[idx(i * n + j)] -= factor * m[idx(k * n + j)];
    }
  }
  return product;
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  if (x.rank() < 2 || x.dims()[idx(x.rank() - 2)] != x.dims().back()) return c.error("x must hold square matrices");
  const int64_t n = x.dims().back();
  Tensor* y = TRY(c.out(0, Sizes(x.dims().begin(), x.dims().end() - 2)));
  std::vector<double> matrices = reals(x), values(idx(y->elements()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = determinant(std::span(matrices).subspan(i * idx(n * n), idx(n * n)), n);
  store_reals(*y, values);
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "float"}};
constexpr ResultDoc kResults[] = {{"y", "dims of x without the last two"}};
constexpr Sample kSamples[] = {{"x: f32[3,3]; y = det(x)"}, {"x: f32[N,2,4,4]; y = det(x)"}};
constexpr Operator kOperator = {
    .name = "det",
    .doc = "Determinants of the matrices in the last two axes. Source: ONNX Det 22.",
    .operands = kOperands,
    .results = kResults,
    .attributes = {},
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-4, 1e-5},
};

}  // namespace

namespace ops {
extern const OperatorList list_det;
constinit const OperatorList list_det = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
