// Vector functions against the C library in double, over special values, all magnitudes, and where functions are delicate.

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "codegen/cpu/expression.h"
#include "tests/support/mapped_code.h"

namespace burnish {
namespace {

// out[i] = f(in0[i], in1[i]) in vectors; the count is a multiple of 64.
Result<Emitted> kernel(const CpuFeatures& cpu, Scalar function, DType dtype, DType result) {
  KernelModule module(cpu);
  KernelFrame frame(module);
  Expressions expressions(frame);
  const int lanes = cpu.vector_bytes() / static_cast<int>(byte_size(dtype));
  frame.loop("i", frame.first(), frame.last(), lanes, [&](llvm::Value* i) {
    std::vector<llvm::Value*> arguments;
    const auto bytes = static_cast<int64_t>(byte_size(dtype));
    for (int a = 0; a < info(function).arity; ++a)
      arguments.push_back(expressions.load(frame.advance(frame.pointer(a), i, bytes), dtype, lanes));
    llvm::Value* y = expressions.apply(function, dtype, arguments);
    expressions.store(frame.advance(frame.pointer(2), i, static_cast<int64_t>(byte_size(result))), y, result, lanes);
  });
  return frame.finish();
}

template <class T>
std::vector<T> run(const CpuFeatures& cpu, Scalar function, DType dtype, std::vector<T> a, std::vector<T> b) {
  auto emitted = kernel(cpu, function, dtype, dtype);
  if (!emitted) {
    ADD_FAILURE() << emitted.error().message();
    return {};
  }
  MappedCode code(*emitted);
  std::vector<T> out(a.size());
  void* pointers[] = {a.data(), b.data(), out.data()};
  const KernelArgs args{pointers, nullptr, nullptr, nullptr};
  code.function()(&args, 0, static_cast<int64_t>(a.size()));
  return out;
}

std::vector<CpuFeatures> levels() {
  std::vector<CpuFeatures> list;
  for (int level = 2; level <= host_cpu().level; ++level) {
    CpuFeatures cpu;
    cpu.level = level;
    list.push_back(cpu);
  }
  return list;
}

// Every magnitude, dense around 0 and 1, and the values with rules of their own.
template <class T>
std::vector<T> arguments(unsigned seed) {
  std::vector<T> x = {0,
                      T(-0.0),
                      1,
                      -1,
                      2,
                      -2,
                      T(0.5),
                      T(-0.5),
                      3,
                      -3,
                      std::numeric_limits<T>::infinity(),
                      -std::numeric_limits<T>::infinity(),
                      std::numeric_limits<T>::quiet_NaN(),
                      std::numeric_limits<T>::denorm_min(),
                      std::numeric_limits<T>::min(),
                      std::numeric_limits<T>::max(),
                      -std::numeric_limits<T>::max(),
                      T(88.72),
                      T(88.73),
                      T(-87.5),
                      T(-103.5),
                      T(-104.5),
                      T(709.7),
                      T(-745)};
  std::mt19937_64 random(seed);
  auto uniform = [&](double low, double high) { return std::uniform_real_distribution<double>(low, high)(random); };
  for (int i = 0; i < 4000; ++i) x.push_back(static_cast<T>(uniform(-10, 10)));
  for (int i = 0; i < 4000; ++i) x.push_back(static_cast<T>(uniform(-1.2, 1.2)));
  for (int i = 0; i < 2000; ++i) x.push_back(static_cast<T>(uniform(-100, 100)));
  for (int i = 0; i < 4000; ++i)
    x.push_back(static_cast<T>(std::copysign(std::pow(2, uniform(-30, 30)), uniform(-1, 1))));
  for (int i = 0; i < 4000; ++i)
    x.push_back(static_cast<T>(std::copysign(std::pow(2, uniform(-149, 127)), uniform(-1, 1))));
  while (x.size() % 64 != 0) x.push_back(T(0.25));
  return x;
}

double reference(Scalar f, double a, double b) {
  switch (f) {
    case Scalar::exp: return std::exp(a);
    case Scalar::expm1: return std::expm1(a);
    case Scalar::log: return std::log(a);
    case Scalar::log1p: return std::log1p(a);
    case Scalar::log2: return std::log2(a);
    case Scalar::exp2: return std::exp2(a);
    case Scalar::sin: return std::sin(a);
    case Scalar::cos: return std::cos(a);
    case Scalar::tan: return std::tan(a);
    case Scalar::asin: return std::asin(a);
    case Scalar::acos: return std::acos(a);
    case Scalar::atan: return std::atan(a);
    case Scalar::sinh: return std::sinh(a);
    case Scalar::cosh: return std::cosh(a);
    case Scalar::tanh: return std::tanh(a);
    case Scalar::asinh: return std::asinh(a);
    case Scalar::acosh: return std::acosh(a);
    case Scalar::atanh: return std::atanh(a);
    case Scalar::erf: return std::erf(a);
    case Scalar::sigmoid: return a < 0 ? std::exp(a) / (1 + std::exp(a)) : 1 / (1 + std::exp(-a));
    case Scalar::rsqrt: return 1 / std::sqrt(a);
    case Scalar::round_even: return std::nearbyint(a);
    case Scalar::sign: return std::isnan(a) ? a : (a > 0) - (a < 0);
    case Scalar::pow: return std::pow(a, b);
    case Scalar::atan2: return std::atan2(a, b);
    case Scalar::min: return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b);
    case Scalar::max: return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b);
    default: break;
  }
  ADD_FAILURE();
  return 0;
}

// Distance in units in the last place of T at the expected value.
template <class T>
double distance(T got, double expected) {
  const T rounded = static_cast<T>(expected);
  if (std::isnan(expected)) return std::isnan(got) ? 0 : 1e30;
  if (std::isinf(rounded) || std::isinf(got)) {
    if (got == rounded) return 0;
    // Next to the overflow either side will do.
    return std::fabs(got) >= std::numeric_limits<T>::max() * T(0.9999) && std::signbit(got) == std::signbit(rounded) &&
                   std::fabs(rounded) >= std::numeric_limits<T>::max() * T(0.9999)
               ? 0
               : 1e30;
  }
  if (std::isnan(got)) return 1e30;
  int exponent = 0;
  std::frexp(rounded, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent - std::numeric_limits<T>::digits,
                                               std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits));
  return std::fabs(static_cast<double>(got) - expected) / unit;
}

template <class T>
void expect_close(Scalar function, DType dtype, double limit) {
  const auto a = arguments<T>(1);
  auto b = arguments<T>(2);
  std::shuffle(b.begin(), b.end(), std::mt19937(3));
  for (const auto& cpu : levels()) {
    const auto out = run<T>(cpu, function, dtype, a, b);
    ASSERT_EQ(out.size(), a.size());
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double d = distance<T>(out[i], reference(function, static_cast<double>(a[i]), static_cast<double>(b[i])));
      if (d > worst) worst = d, at = i;
    }
    EXPECT_LE(worst, limit) << info(function).name << " at " << cpu.text() << " of " << a[at] << ", " << b[at]
                            << " gives " << out[at] << ", not "
                            << reference(function, static_cast<double>(a[at]), static_cast<double>(b[at]));
  }
}

TEST(VectorMath, SinglePrecision) {
  const std::pair<Scalar, double> limits[] = {
      {Scalar::exp, 2},   {Scalar::expm1, 3},      {Scalar::log, 2},   {Scalar::log1p, 3}, {Scalar::log2, 3},
      {Scalar::exp2, 2},  {Scalar::sin, 1},        {Scalar::cos, 1},   {Scalar::tan, 1},   {Scalar::asin, 3},
      {Scalar::acos, 3},  {Scalar::atan, 3},       {Scalar::sinh, 4},  {Scalar::cosh, 3},  {Scalar::tanh, 4},
      {Scalar::asinh, 4}, {Scalar::acosh, 4},      {Scalar::atanh, 4}, {Scalar::erf, 3},   {Scalar::sigmoid, 4},
      {Scalar::rsqrt, 2}, {Scalar::round_even, 0}, {Scalar::sign, 0},  {Scalar::pow, 1},   {Scalar::atan2, 3},
      {Scalar::min, 0},   {Scalar::max, 0}};
  for (auto [function, limit] : limits) expect_close<float>(function, DType::f32, limit);
}

TEST(VectorMath, DoublePrecision) {
  const std::pair<Scalar, double> limits[] = {
      {Scalar::exp, 3},   {Scalar::expm1, 4},   {Scalar::log, 3},   {Scalar::log1p, 4},
      {Scalar::log2, 4},  {Scalar::exp2, 3},    {Scalar::tanh, 5},  {Scalar::sinh, 5},
      {Scalar::cosh, 4},  {Scalar::sigmoid, 5}, {Scalar::asinh, 5}, {Scalar::acosh, 5},
      {Scalar::atanh, 5}, {Scalar::rsqrt, 2},   {Scalar::min, 0},   {Scalar::max, 0}};
  for (auto [function, limit] : limits) {
    ASSERT_TRUE(VectorMath::supports(function, DType::f64));
    expect_close<double>(function, DType::f64, limit);
  }
}

TEST(VectorMath, IntegerDivisionNeverTraps) {
  std::vector<int32_t> a = {7, -7, 7, -7, INT32_MIN, 5, INT32_MIN, 0}, b = {2, 2, -2, -2, -1, 0, 0, 0};
  while (a.size() < 64) a.push_back(9), b.push_back(4);
  for (const auto& cpu : levels()) {
    const auto q = run<int32_t>(cpu, Scalar::div, DType::i32, a, b);
    EXPECT_EQ(std::vector<int32_t>(q.begin(), q.begin() + 9),
              (std::vector<int32_t>{3, -3, -3, 3, INT32_MIN, 0, 0, 0, 2}));
    const auto floor = run<int32_t>(cpu, Scalar::mod_floor, DType::i32, a, b);
    EXPECT_EQ(std::vector<int32_t>(floor.begin(), floor.begin() + 9),
              (std::vector<int32_t>{1, 1, -1, -1, 0, 0, 0, 0, 1}));
    const auto trunc = run<int32_t>(cpu, Scalar::mod_trunc, DType::i32, a, b);
    EXPECT_EQ(std::vector<int32_t>(trunc.begin(), trunc.begin() + 9),
              (std::vector<int32_t>{1, -1, 1, -1, 0, 0, 0, 0, 1}));
  }
}

// All 65536 half numbers to f32 and back; every f32 of interest rounded like the host's functions do.
TEST(VectorMath, HalfConversions) {
  for (const auto& cpu : levels()) {
    for (DType dtype : {DType::f16, DType::bf16}) {
      KernelModule module(cpu);
      KernelFrame frame(module);
      Expressions e(frame);
      frame.loop("i", frame.first(), frame.last(), 8, [&](llvm::Value* i) {
        llvm::Value* x = e.load(frame.advance(frame.pointer(0), i, 2), dtype, 8);
        e.store(frame.advance(frame.pointer(1), i, 4), x, DType::f32, 8);
        llvm::Value* y = e.load(frame.advance(frame.pointer(2), i, 4), DType::f32, 8);
        e.store(frame.advance(frame.pointer(3), i, 2), y, dtype, 8);
      });
      auto emitted = frame.finish();
      ASSERT_TRUE(emitted) << emitted.error().message();
      std::vector<uint16_t> in(65536), back(65536);
      std::vector<float> wide(65536), floats(65536);
      std::mt19937 random(5);
      for (std::size_t i = 0; i < in.size(); ++i) {
        in[i] = static_cast<uint16_t>(i);
        // Halfway cases and their neighbours among them.
        const float base = dtype == DType::f16 ? half_to_float(in[i]) : bfloat_to_float(in[i]);
        const auto step = static_cast<uint32_t>(random() % 4 * (dtype == DType::f16 ? 0x800u : 0x4000u) + random() % 3);
        floats[i] = std::bit_cast<float>(std::bit_cast<uint32_t>(base) + step);
      }
      MappedCode code(*emitted);
      void* pointers[] = {in.data(), wide.data(), floats.data(), back.data()};
      const KernelArgs args{pointers, nullptr, nullptr, nullptr};
      code.function()(&args, 0, 65536);
      for (std::size_t i = 0; i < in.size(); ++i) {
        const float expected = dtype == DType::f16 ? half_to_float(in[i]) : bfloat_to_float(in[i]);
        if (std::isnan(expected)) EXPECT_TRUE(std::isnan(wide[i]));
        else ASSERT_EQ(std::bit_cast<uint32_t>(wide[i]), std::bit_cast<uint32_t>(expected)) << i;
        const uint16_t rounded = dtype == DType::f16 ? float_to_half(floats[i]) : float_to_bfloat(floats[i]);
        const float r = dtype == DType::f16 ? half_to_float(back[i]) : bfloat_to_float(back[i]);
        if (std::isnan(floats[i])) ASSERT_TRUE(std::isnan(r)) << i;
        else ASSERT_EQ(back[i], rounded) << floats[i];
      }
    }
  }
}

}  // namespace
}  // namespace burnish
