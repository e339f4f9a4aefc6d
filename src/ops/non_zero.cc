#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  // A scalar counts as one element of rank 1.
  const Dim rank = !x.ranked ? c.fresh("rank") : Dim(std::max<int64_t>(x.rank(), 1));
  const Dim most = x.ranked ? x.element_count() : Dim(Range::kMax);
  c.result(0, Type::tensor(DType::i64, {rank, c.fresh("n", {0, most.range().high})}));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  std::vector<int64_t> found;
  visit_number_class(x.dtype(), [&]<class N>(N) {
    const Accessor<N> access(x.dtype());
    for (int64_t i = 0; i < x.elements(); ++i)
      if (access.load(x.data(), i) != N{}) found.push_back(i);
  });
  const Sizes dims = x.dims().empty() ? Sizes{1} : x.dims();
  const Sizes strides = row_major_strides(dims);
  const auto count = static_cast<int64_t>(found.size());
  Tensor* y = TRY(c.out(0, {static_cast<int64_t>(dims.size()), count}));
  auto out = y->mutable_as<int64_t>();
  for (std::size_t d = 0; d < dims.size(); ++d)
    for (std::size_t n = 0; n < found.size(); ++n) out[d * found.size() + n] = found[n] / strides[d] % dims[d];
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "i64[rank, n], one column per element"}};
constexpr Sample kSamples[] = {
    {"x: i32[3,4] in [0, 1]; y = non_zero(x)"},
    {"x: bool[N]; y = non_zero(x)"},
};
constexpr Operator kOperator = {
    .name = "non_zero",
    .doc = "Positions of the elements that are not 0 (false, empty), in row-major order.",
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
extern const OperatorList list_non_zero;
constinit const OperatorList list_non_zero = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
