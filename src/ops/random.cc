#include <atomic>
#include <bit>
#include <numbers>

#include "ops/support/core.h"

namespace burnish {
namespace {

// Numbers of a key and a counter (splitmix64's finaliser over both): element n is the same in whatever order it is asked
// for.
class Numbers {
 public:
  explicit Numbers(const NodeView& c) {
    static std::atomic<uint64_t> next = 1;
    key_ = c.node().attribute("seed") != nullptr ? std::bit_cast<uint64_t>(c.real("seed")) : next++;
    key_ = mix(key_ + 0x9e3779b97f4a7c15);
  }
  // In [0, 1).
  double uniform(uint64_t n) const { return static_cast<double>(mix(key_ ^ mix(n + 1)) >> 11) * 0x1p-53; }
  double normal(uint64_t n) const {
    const double radius = std::sqrt(-2 * std::log(1 - uniform(2 * n)));
    return radius * std::cos(2 * std::numbers::pi * uniform(2 * n + 1));
  }

 private:
  static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
  uint64_t key_;
};

bool is_like(const NodeView& c) { return c.operand_count() == 1; }

DType wanted_dtype(const NodeView& c) { return c.has_attribute("dtype") ? c.dtype("dtype") : c.type(0).dtype; }

Status infer_numbers(InferContext& c) {
  const DType dtype = wanted_dtype(c);
  if (!is_float(dtype)) return c.error("random numbers are floats, not " + std::string(name(dtype)));
  if (is_like(c)) {
    Type y = c.type(0);
    y.dtype = dtype;
    c.result(0, std::move(y));
    return {};
  }
  for (const Dim& d : c.dims("shape"))
    if (d.range().high < 0) return c.error("size " + d.text() + " is negative");
  c.result(0, Type::tensor(dtype, c.dims("shape")));
  return {};
}

template <bool kNormal>
Status reference_numbers(ReferenceContext& c) {
  Tensor* y = TRY(c.out(0, wanted_dtype(c), is_like(c) ? c.in(0).dims() : TRY(c.sizes("shape"))));
  const Numbers numbers(c);
  const Accessor<double> access(y->dtype());
  const double from = c.real(kNormal ? "mean" : "low");
  const double scale = kNormal ? c.real("scale") : c.real("high") - from;
  for (int64_t n = 0; n < y->elements(); ++n) {
    const auto at = static_cast<uint64_t>(n);
    access.store(y->mutable_data(), n, from + scale * (kNormal ? numbers.normal(at) : numbers.uniform(at)));
  }
  return {};
}

Status infer_bernoulli(InferContext& c) {
  const DType dtype = wanted_dtype(c);
  if (!is_float(dtype) && !is_integer(dtype) && dtype != DType::boolean)
    return c.error("nothing drawn is " + std::string(name(dtype)));
  Type y = c.type(0);
  y.dtype = dtype;
  c.result(0, std::move(y));
  return {};
}

Status reference_bernoulli(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  Tensor* y = TRY(c.out(0, wanted_dtype(c), x.dims()));
  const Numbers numbers(c);
  visit_number_class(y->dtype(), [&]<class N>(N) {
    if constexpr (std::is_arithmetic_v<N>) {
      const Accessor<N> access(y->dtype());
      for (int64_t n = 0; n < x.elements(); ++n)
        access.store(y->mutable_data(), n, N(numbers.uniform(static_cast<uint64_t>(n)) < x.real_at(n)));
    }
  });
  return {};
}

Status infer_multinomial(InferContext& c) {
  const Type& x = c.type(0);
  const DType dtype = c.dtype("dtype");
  const int64_t samples = c.integer("sample_size");
  if (dtype != DType::i32 && dtype != DType::i64)
    return c.error("classes are i32 or i64, not " + std::string(name(dtype)));
  if (samples < 1 || samples > Range::kMax) return c.error("sample_size must be 1 or more");
  if (x.ranked && x.rank() != 2) return c.error("x must be [batch, classes]");
  c.result(0, Type::tensor(dtype, {x.ranked ? x.dims[0] : c.fresh(), samples}));
  return {};
}

Status reference_multinomial(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  if (x.rank() != 2) return c.error("x must be [batch, classes]");
  const int64_t batch = x.dims()[0], classes = x.dims()[1], samples = c.integer("sample_size");
  if (classes == 0) return c.error("there are no classes");
  Tensor* y = TRY(c.out(0, c.dtype("dtype"), {batch, samples}));
  const Numbers numbers(c);
  const Accessor<int64_t> access(y->dtype());
  std::vector<double> bounds(idx(classes));
  for (int64_t b = 0; b < batch; ++b) {
    double largest = -std::numeric_limits<double>::infinity(), total = 0;
    for (int64_t k = 0; k < classes; ++k) largest = std::max(largest, x.real_at(b * classes + k));
    for (int64_t k = 0; k < classes; ++k) bounds[idx(k)] = total += std::exp(x.real_at(b * classes + k) - largest);
    for (int64_t s = 0; s < samples; ++s) {
      const double at = numbers.uniform(static_cast<uint64_t>(b * samples + s)) * total;
      const auto found = std::ranges::upper_bound(bounds, at);
      access.store(y->mutable_data(), b * samples + s, std::min<int64_t>(found - bounds.begin(), classes - 1));
    }
  }
  return {};
}

constexpr AttributeSpec kSeed = {"seed", AttributeKind::real, "optional",
                                 "the same numbers every time; absent: others in every run"};
constexpr AttributeSpec kDType = {"dtype", AttributeKind::dtype, "f32", "dtype of y"};
constexpr AttributeSpec kLikeDType = {"dtype", AttributeKind::dtype, "optional", "dtype of y; absent: that of x"};
constexpr AttributeSpec kShape = {"shape", AttributeKind::dims, "required", "dims of y"};
constexpr AttributeSpec kMean = {"mean", AttributeKind::real, "0.0", "mean of the numbers"};
constexpr AttributeSpec kScale = {"scale", AttributeKind::real, "1.0", "their standard deviation"};
constexpr AttributeSpec kLow = {"low", AttributeKind::real, "0.0", "smallest number"};
constexpr AttributeSpec kHigh = {"high", AttributeKind::real, "1.0", "all numbers are below it"};

constexpr AttributeSpec kNormal[] = {kDType, kMean, kScale, kSeed, kShape};
constexpr AttributeSpec kUniform[] = {kDType, kHigh, kLow, kSeed, kShape};
constexpr AttributeSpec kNormalLike[] = {kLikeDType, kMean, kScale, kSeed};
constexpr AttributeSpec kUniformLike[] = {kLikeDType, kHigh, kLow, kSeed};
constexpr AttributeSpec kBernoulli[] = {kLikeDType, kSeed};
constexpr AttributeSpec kMultinomial[] = {{"dtype", AttributeKind::dtype, "i32", "i32 or i64"},
                                          {"sample_size", AttributeKind::integer, "1", "how many are drawn per row"},
                                          kSeed};

constexpr OperandSpec kLike[] = {{"x", "any"}};
constexpr OperandSpec kProbabilities[] = {{"x", "float"}};
constexpr ResultDoc kResults[] = {{"y", "random"}};

constexpr Sample kNormalSamples[] = {
    {"; y = random_normal() {shape = dims[3, 4], mean = 2.0, scale = 0.5, seed = 1.0}"},
    {"; y = random_normal() {shape = dims[7], dtype = f16}"}};
constexpr Sample kUniformSamples[] = {
    {"; y = random_uniform() {shape = dims[3, 4], low = -1.0, high = 1.0, seed = 1.0}"},
    {"; y = random_uniform() {shape = dims[7], dtype = f64}"}};
constexpr Sample kNormalLikeSamples[] = {{"x: f32[N,3]; y = random_normal_like(x) {seed = 7.0}"},
                                         {"x: i32[4]; y = random_normal_like(x) {dtype = f32}"}};
constexpr Sample kUniformLikeSamples[] = {{"x: f32[N,3]; y = random_uniform_like(x) {seed = 7.0}"},
                                          {"x: i32[4]; y = random_uniform_like(x) {dtype = f32}"}};
constexpr Sample kBernoulliSamples[] = {{"x: f32[4,5] in [0, 1]; y = bernoulli(x) {seed = 3.0}"},
                                        {"x: f32[N] in [0, 1]; y = bernoulli(x) {dtype = bool}"}};
constexpr Sample kMultinomialSamples[] = {{"x: f32[2,5]; y = multinomial(x) {sample_size = 6, seed = 3.0}"},
                                          {"x: f32[N,3]; y = multinomial(x) {dtype = i64}"}};

constexpr Operator make(std::string_view name, std::string_view doc, std::span<const OperandSpec> operands,
                        std::span<const AttributeSpec> attributes, Status (*infer)(InferContext&),
                        Status (*reference)(ReferenceContext&), std::span<const Sample> samples) {
  return {
      .name = name,
      .doc = doc,
      .operands = operands,
      .results = kResults,
      .attributes = attributes,
      .infer = infer,
      .reference = reference,
      .decompose = nullptr,
      .lower = nullptr,
      .gradient = nullptr,
      .samples = samples,
      .tolerance = {},
      .random = true,
  };
}
constinit const Operator kOperators[] = {
    make("random_normal", "Normally distributed numbers.", {}, kNormal, infer_numbers, reference_numbers<true>,
         kNormalSamples),
    make("random_uniform", "Numbers evenly distributed in [low, high).", {}, kUniform, infer_numbers,
         reference_numbers<false>, kUniformSamples),
    make("random_normal_like", "Normally distributed numbers in the shape of x.", kLike, kNormalLike, infer_numbers,
         reference_numbers<true>, kNormalLikeSamples),
    make("random_uniform_like", "Numbers evenly distributed in [low, high), in the shape of x.", kLike, kUniformLike,
         infer_numbers, reference_numbers<false>, kUniformLikeSamples),
    make("bernoulli", "1 with the probability x, else 0.", kProbabilities, kBernoulli, infer_bernoulli,
         reference_bernoulli, kBernoulliSamples),
    make("multinomial", "Classes drawn with probabilities in proportion to e^x along the rows of x[batch, classes].",
         kProbabilities, kMultinomial, infer_multinomial, reference_multinomial, kMultinomialSamples),
};

}  // namespace

namespace ops {
extern const OperatorList list_random;
constinit const OperatorList list_random = {kOperators, std::size(kOperators)};
}  // namespace ops
}  // namespace burnish
