#include <numbers>

#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/reals.h"

namespace burnish::ops {
namespace {

// The axis as a number where it is known.
std::optional<int64_t> known_axis(const InferContext& c) {
  if (!c.has(2)) return c.integer("axis");
  const auto numbers = known_numbers(c, 2);
  return numbers && numbers->size() == 1 ? std::optional((*numbers)[0]) : std::nullopt;
}

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  for (std::size_t i = 1; i < 3; ++i)
    if (c.has(i) && !is_single(c.type(i))) return c.error("length and axis are single numbers");
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  const int64_t rank = x.rank();
  if (rank < 2) return c.error("x must be [..., 1 or 2]");
  if (equal(x.dims.back(), 1) == Truth::no && equal(x.dims.back(), 2) == Truth::no)
    return c.error("the last axis of x holds a real number or a real and an imaginary part");
  const bool half = c.integer("onesided") != 0, inverse = c.integer("inverse") != 0;
  Dims dims = x.dims;
  dims.back() = half && inverse ? 1 : 2;
  const auto axis = known_axis(c);
  if (!axis) {
    for (int64_t d = 0; d < rank - 1; ++d) dims[idx(d)] = c.fresh("n");
    c.result(0, Type::tensor(x.dtype, std::move(dims)));
    return {};
  }
  const int64_t at = TRY(c.axis(*axis, rank));
  if (at == rank - 1) return c.error("the last axis holds the parts of a number");
  Dim& size = dims[idx(at)];
  if (c.has(1)) {
    const auto& length = c.contents(1);
    size = length && length->size() == 1 ? (*length)[0] : c.fresh("n");
  } else if (half && inverse) {
    size = (size - 1) * 2;
  }
  if (half && !inverse) size = floordiv(size, 2) + 1;
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

using Complex = std::complex<double>;

// In place, for a power of two; sign -1 is the forward transform.
void radix2(std::vector<Complex>& v, int sign) {
  const std::size_t n = v.size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n >> 1;
    for (; (j & bit) != 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(v[i], v[j]);
  }
  for (std::size_t length = 2; length <= n; length *= 2) {
    const double angle = sign * 2 * std::numbers::pi / static_cast<double>(length);
    for (std::size_t k = 0; k < length / 2; ++k) {
      const Complex root = std::polar(1.0, angle * static_cast<double>(k));
      for (std::size_t i = k; i < n; i += length) {
        const Complex odd = v[i + length / 2] * root;
        v[i + length / 2] = v[i] - odd;
        v[i] += odd;
      }
    }
  }
}

// Any length: a power of two at once, others as a convolution of power-of-two length (Bluestein).
void transform(std::vector<Complex>& v, int sign) {
  const std::size_t n = v.size();
  if (n < 2) return;
  if ((n & (n - 1)) == 0) return radix2(v, sign);
  std::vector<Complex> chirp(n);
  for (std::size_t k = 0; k < n; ++k)
    chirp[k] = std::polar(1.0, sign * std::numbers::pi * static_cast<double>(k * k % (2 * n)) / static_cast<double>(n));
  std::size_t m = 1;
  while (m < 2 * n - 1) m *= 2;
  std::vector<Complex> a(m), b(m);
  for (std::size_t k = 0; k < n; ++k) a[k] = v[k] * chirp[k];
  for (std::size_t k = 0; k < n; ++k) b[k] = b[(m - k) % m] = std::conj(chirp[k]);
  radix2(a, -1);
  radix2(b, -1);
  for (std::size_t k = 0; k < m; ++k) a[k] *= b[k];
  radix2(a, 1);
  for (std::size_t k = 0; k < n; ++k) v[k] = a[k] * chirp[k] / static_cast<double>(m);
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const int64_t rank = x.rank();
  for (std::size_t i = 1; i < 3; ++i)
    if (c.has(i) && c.in(i).elements() != 1) return c.error("length and axis are single numbers");
  const int64_t axis = TRY(checked_axis(c, c.has(2) ? c.in(2).int_at(0) : c.integer("axis"), rank));
  if (axis == rank - 1) return c.error("the last axis holds the parts of a number");
  const int64_t parts = x.dims().back();
  if (parts != 1 && parts != 2) return c.error("x must be [..., 1 or 2]");
  const bool half = c.integer("onesided") != 0, inverse = c.integer("inverse") != 0;
  const int64_t given = x.dims()[idx(axis)];
  const int64_t n = c.has(1) ? c.in(1).int_at(0) : half && inverse ? 2 * (given - 1) : given;
  if (n < 1 || n > 1 << 24) return c.error("length " + std::to_string(n) + " is out of range");
  Sizes dims = x.dims();
  dims[idx(axis)] = half && !inverse ? n / 2 + 1 : n;
  dims.back() = half && inverse ? 1 : 2;
  Tensor* y = TRY(c.out(0, dims));
  const int64_t inner = element_count(std::span(x.dims()).subspan(idx(axis) + 1)) / parts;
  const int64_t outer = element_count(std::span(x.dims()).first(idx(axis)));
  const std::vector<double> numbers = reals(x);
  std::vector<double> values(idx(y->elements()));
  std::vector<Complex> line(idx(n));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      std::ranges::fill(line, Complex());
      const auto at = [&](int64_t k) {
        const int64_t from = ((o * given + k) * inner + i) * parts;
        return Complex(numbers[idx(from)], parts == 2 ? numbers[idx(from + 1)] : 0);
      };
      if (half && inverse) {
        // The other half is the conjugate of this one; the ends of it are real.
        for (int64_t k = 0; k <= n / 2 && k < given; ++k) {
          const Complex value = at(k);
          const bool end = k == 0 || 2 * k == n;
          line[idx(k)] = end ? Complex(value.real()) : value;
          if (!end) line[idx(n - k)] = std::conj(value);
        }
      } else {
        for (int64_t k = 0; k < std::min(n, given); ++k) line[idx(k)] = at(k);
      }
      transform(line, inverse ? 1 : -1);
      const int64_t kept = dims[idx(axis)];
      for (int64_t k = 0; k < kept; ++k) {
        const Complex value = inverse ? line[idx(k)] / static_cast<double>(n) : line[idx(k)];
        const int64_t to = ((o * kept + k) * inner + i) * dims.back();
        values[idx(to)] = value.real();
        if (dims.back() == 2) values[idx(to + 1)] = value.imag();
      }
    }
  store_reals(*y, values);
  return {};
}

constexpr auto kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kOperands[] = {{"x", "float"}, {"length", "int", kOptional}, {"along", "int", kOptional}};
constexpr ResultDoc kResults[] = {{"y", "[..., 2], or [..., 1] for the inverse of one side"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "-2", "the axis that is transformed, unless `along` says so"},
    {"inverse", AttributeKind::integer, "0", "1: the inverse transform, divided by the length"},
    {"onesided", AttributeKind::integer, "0", "1: of n results (or, inverse, operands) only the first n / 2 + 1"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,10,1]; y = dft(x)"},
    {"x: f32[2,8,3,2], n: i64[] = [5]; y = dft(x, n) {axis = 1, inverse = 1}"},
    {"x: f32[3,16,1]; y = dft(x) {axis = 1, onesided = 1}"},
};
constexpr Operator kOperators[] = {{
    .name = "dft",
    .doc =
        "Fourier transform along an axis of complex numbers, whose parts are in the last axis; cut or filled up with "
        "zeros to `length`. Source: ONNX DFT 20.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-4, 1e-4},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(dft, kOperators)
