#include "ops/support/scalars.h"

#include <cmath>
#include <complex>
#include <string>
#include <type_traits>

namespace burnish {
namespace {

using enum Scalar;
using Complex = std::complex<double>;

template <class N>
inline constexpr bool kInteger = std::is_same_v<N, int64_t> || std::is_same_v<N, uint64_t>;
template <class N>
inline constexpr bool kReal = std::is_same_v<N, double>;

double sign_of(double x) { return std::isnan(x) ? x : static_cast<double>((x > 0) - (x < 0)); }
double sigmoid_of(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double floor_mod_of(double a, double b) {
  const double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
double min_of(double a, double b) { return std::isnan(a) ? a : std::isnan(b) ? b : std::fmin(a, b); }
double max_of(double a, double b) { return std::isnan(a) ? a : std::isnan(b) ? b : std::fmax(a, b); }

// Wraps: unsigned arithmetic is the same modulo 2^64 and defined.
uint64_t bits_of(int64_t a) { return static_cast<uint64_t>(a); }
int64_t divide(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return b == -1 ? static_cast<int64_t>(0 - bits_of(a)) : a / b;
}
uint64_t divide(uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; }
int64_t remainder_of(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
uint64_t remainder_of(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }
int64_t floor_mod_of(int64_t a, int64_t b) {
  const int64_t r = remainder_of(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
uint64_t floor_mod_of(uint64_t a, uint64_t b) { return remainder_of(a, b); }

uint64_t unsigned_pow(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}
uint64_t pow_of(uint64_t a, uint64_t b) { return unsigned_pow(a, b); }
int64_t pow_of(int64_t a, int64_t b) { return wrapping_pow(a, b); }

template <class N>
N shift_left_of(N a, N b, int bits) {
  const auto amount = static_cast<uint64_t>(b);
  return amount >= static_cast<uint64_t>(bits) ? N(0) : static_cast<N>(static_cast<uint64_t>(a) << amount);
}
template <class N>
N shift_right_of(N a, N b, int bits) {
  const auto amount = static_cast<uint64_t>(b);
  if (amount >= static_cast<uint64_t>(bits)) return a < N(0) ? static_cast<N>(-1) : N(0);
  return a >> amount;
}

template <class In, class Out, class F>
bool each(const In* x, Out* y, int64_t count, F&& f) {
  for (int64_t i = 0; i < count; ++i) y[i] = f(x[i]);
  return true;
}
template <class In, class Out, class F>
bool each(const In* a, const In* b, Out* y, int64_t count, F&& f) {
  for (int64_t i = 0; i < count; ++i) y[i] = f(a[i], b[i]);
  return true;
}

bool real_unary(Scalar function, const double* x, double* y, int64_t n) {
  switch (function) {
    case neg: return each(x, y, n, [](double v) { return -v; });
    case Scalar::abs: return each(x, y, n, [](double v) { return std::fabs(v); });
    case sign: return each(x, y, n, sign_of);
    case Scalar::exp: return each(x, y, n, [](double v) { return std::exp(v); });
    case Scalar::expm1: return each(x, y, n, [](double v) { return std::expm1(v); });
    case Scalar::log: return each(x, y, n, [](double v) { return std::log(v); });
    case Scalar::log1p: return each(x, y, n, [](double v) { return std::log1p(v); });
    case Scalar::log2: return each(x, y, n, [](double v) { return std::log2(v); });
    case Scalar::exp2: return each(x, y, n, [](double v) { return std::exp2(v); });
    case Scalar::sqrt: return each(x, y, n, [](double v) { return std::sqrt(v); });
    case rsqrt: return each(x, y, n, [](double v) { return 1 / std::sqrt(v); });
    case reciprocal: return each(x, y, n, [](double v) { return 1 / v; });
    case Scalar::sin: return each(x, y, n, [](double v) { return std::sin(v); });
    case Scalar::cos: return each(x, y, n, [](double v) { return std::cos(v); });
    case Scalar::tan: return each(x, y, n, [](double v) { return std::tan(v); });
    case Scalar::asin: return each(x, y, n, [](double v) { return std::asin(v); });
    case Scalar::acos: return each(x, y, n, [](double v) { return std::acos(v); });
    case Scalar::atan: return each(x, y, n, [](double v) { return std::atan(v); });
    case Scalar::sinh: return each(x, y, n, [](double v) { return std::sinh(v); });
    case Scalar::cosh: return each(x, y, n, [](double v) { return std::cosh(v); });
    case Scalar::tanh: return each(x, y, n, [](double v) { return std::tanh(v); });
    case Scalar::asinh: return each(x, y, n, [](double v) { return std::asinh(v); });
    case Scalar::acosh: return each(x, y, n, [](double v) { return std::acosh(v); });
    case Scalar::atanh: return each(x, y, n, [](double v) { return std::atanh(v); });
    case Scalar::erf: return each(x, y, n, [](double v) { return std::erf(v); });
    case sigmoid: return each(x, y, n, sigmoid_of);
    case Scalar::floor: return each(x, y, n, [](double v) { return std::floor(v); });
    case Scalar::ceil: return each(x, y, n, [](double v) { return std::ceil(v); });
    case round_even: return each(x, y, n, [](double v) { return std::nearbyint(v); });
    case Scalar::trunc: return each(x, y, n, [](double v) { return std::trunc(v); });
    default: return false;
  }
}

bool real_binary(Scalar function, const double* a, const double* b, double* y, int64_t n) {
  switch (function) {
    case add: return each(a, b, y, n, [](double u, double v) { return u + v; });
    case sub: return each(a, b, y, n, [](double u, double v) { return u - v; });
    case mul: return each(a, b, y, n, [](double u, double v) { return u * v; });
    case Scalar::div: return each(a, b, y, n, [](double u, double v) { return u / v; });
    case mod_floor: return each(a, b, y, n, [](double u, double v) { return floor_mod_of(u, v); });
    case mod_trunc: return each(a, b, y, n, [](double u, double v) { return std::fmod(u, v); });
    // The library's pow is off by a bit now and then; a square need not be.
    case Scalar::pow: return each(a, b, y, n, [](double u, double v) { return v == 2 ? u * u : std::pow(u, v); });
    case min: return each(a, b, y, n, min_of);
    case max: return each(a, b, y, n, max_of);
    case Scalar::atan2: return each(a, b, y, n, [](double u, double v) { return std::atan2(u, v); });
    default: return false;
  }
}

template <class N>
bool integer_binary(Scalar function, const N* a, const N* b, N* y, int64_t n, int bits) {
  const auto wrap = [](uint64_t v) { return static_cast<N>(v); };
  const auto u = [](N v) { return static_cast<uint64_t>(v); };
  switch (function) {
    case add: return each(a, b, y, n, [&](N p, N q) { return wrap(u(p) + u(q)); });
    case sub: return each(a, b, y, n, [&](N p, N q) { return wrap(u(p) - u(q)); });
    case mul: return each(a, b, y, n, [&](N p, N q) { return wrap(u(p) * u(q)); });
    case Scalar::div: return each(a, b, y, n, [](N p, N q) { return divide(p, q); });
    case mod_floor: return each(a, b, y, n, [](N p, N q) { return floor_mod_of(p, q); });
    case mod_trunc: return each(a, b, y, n, [](N p, N q) { return remainder_of(p, q); });
    case Scalar::pow: return each(a, b, y, n, [](N p, N q) { return pow_of(p, q); });
    case min: return each(a, b, y, n, [](N p, N q) { return p < q ? p : q; });
    case max: return each(a, b, y, n, [](N p, N q) { return p < q ? q : p; });
    case bit_and: return each(a, b, y, n, [](N p, N q) { return p & q; });
    case bit_or: return each(a, b, y, n, [](N p, N q) { return p | q; });
    case bit_xor: return each(a, b, y, n, [](N p, N q) { return p ^ q; });
    case shift_left: return each(a, b, y, n, [&](N p, N q) { return shift_left_of(p, q, bits); });
    case shift_right: return each(a, b, y, n, [&](N p, N q) { return shift_right_of(p, q, bits); });
    default: return false;
  }
}

}  // namespace

int64_t wrapping_pow(int64_t base, int64_t exponent) {
  if (exponent >= 0) return static_cast<int64_t>(unsigned_pow(bits_of(base), bits_of(exponent)));
  // 1 / base^|exponent|, truncated.
  if (base == 1) return 1;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  return 0;
}

template <class N>
bool apply_unary(Scalar function, const N* x, N* y, int64_t n) {
  if constexpr (kReal<N>) {
    return real_unary(function, x, y, n);
  } else if constexpr (kInteger<N>) {
    const auto negative = [](N v) { return static_cast<N>(0 - static_cast<uint64_t>(v)); };
    switch (function) {
      case neg: return each(x, y, n, negative);
      case Scalar::abs: return each(x, y, n, [&](N v) { return v < N(0) ? negative(v) : v; });
      case sign: return each(x, y, n, [](N v) { return static_cast<N>((v > N(0)) - (v < N(0))); });
      case bit_not: return each(x, y, n, [](N v) { return static_cast<N>(~v); });
      default: return false;
    }
  } else if constexpr (std::is_same_v<N, Complex>) {
    return function == neg && each(x, y, n, [](N v) { return -v; });
  } else {
    return false;
  }
}

template <class N>
bool apply_binary(Scalar function, const N* a, const N* b, N* y, int64_t n, int bits) {
  if constexpr (kReal<N>) {
    return real_binary(function, a, b, y, n);
  } else if constexpr (kInteger<N>) {
    return integer_binary(function, a, b, y, n, bits);
  } else if constexpr (std::is_same_v<N, Complex>) {
    switch (function) {
      case add: return each(a, b, y, n, [](N p, N q) { return p + q; });
      case sub: return each(a, b, y, n, [](N p, N q) { return p - q; });
      case mul: return each(a, b, y, n, [](N p, N q) { return p * q; });
      case Scalar::div: return each(a, b, y, n, [](N p, N q) { return p / q; });
      default: return false;
    }
  } else {
    return false;
  }
}

template <class N>
bool apply_test(Scalar function, const N* x, bool* y, int64_t n) {
  if constexpr (kReal<N>) {
    if (function == is_nan) return each(x, y, n, [](double v) { return std::isnan(v); });
    if (function == is_inf) return each(x, y, n, [](double v) { return std::isinf(v); });
  } else if constexpr (std::is_same_v<N, bool>) {
    if (function == logical_not) return each(x, y, n, [](bool v) { return !v; });
  }
  return false;
}

template <class N>
bool apply_comparison(Scalar function, const N* a, const N* b, bool* y, int64_t n) {
  if (function == eq) return each(a, b, y, n, [](const N& p, const N& q) { return p == q; });
  if (function == ne) return each(a, b, y, n, [](const N& p, const N& q) { return p != q; });
  if constexpr (std::is_same_v<N, bool>) {
    if (function == logical_and) return each(a, b, y, n, [](bool p, bool q) { return p && q; });
    if (function == logical_or) return each(a, b, y, n, [](bool p, bool q) { return p || q; });
    if (function == logical_xor) return each(a, b, y, n, [](bool p, bool q) { return p != q; });
  } else if constexpr (!std::is_same_v<N, Complex>) {
    switch (function) {
      case lt: return each(a, b, y, n, [](const N& p, const N& q) { return p < q; });
      case le: return each(a, b, y, n, [](const N& p, const N& q) { return p <= q; });
      case gt: return each(a, b, y, n, [](const N& p, const N& q) { return p > q; });
      case ge: return each(a, b, y, n, [](const N& p, const N& q) { return p >= q; });
      default: return false;
    }
  }
  return false;
}

#define BURNISH_SCALARS(N)                                                     \
  template bool apply_unary<N>(Scalar, const N*, N*, int64_t);                 \
  template bool apply_binary<N>(Scalar, const N*, const N*, N*, int64_t, int); \
  template bool apply_test<N>(Scalar, const N*, bool*, int64_t);               \
  template bool apply_comparison<N>(Scalar, const N*, const N*, bool*, int64_t);
BURNISH_SCALARS(double)
BURNISH_SCALARS(int64_t)
BURNISH_SCALARS(uint64_t)
BURNISH_SCALARS(bool)
BURNISH_SCALARS(Complex)
BURNISH_SCALARS(std::string)
#undef BURNISH_SCALARS

}  // namespace burnish
