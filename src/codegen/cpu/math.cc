// Polynomials are near-minimax fits (interpolation at Chebyshev nodes in 60 digits, then rounded).

#include "codegen/cpu/math.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

#include "base/error.h"

namespace burnish {
namespace {

using Value = llvm::Value*;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// e^r = 1 + r + r^2 P(r), |r| <= ln(2) / 2
constexpr std::array kExp32 = {0.5, 0.166665733, 0.0416665487, 0.00836377405, 0.00139269268};
constexpr std::array kExp64 = {0.5,
                               0.16666666666666671,
                               0.041666666666666671,
                               0.0083333333333255443,
                               0.0013888888888883327,
                               0.00019841269876864356,
                               2.4801587327007187e-05,
                               2.7557252833516911e-06,
                               2.75572718102198e-07,
                               2.5106274733573296e-08,
                               2.0915442297780116e-09};
// 2^r = 1 + r P(r), |r| <= 1/2
constexpr std::array kExp2_32 = {0.693147182,  0.240226507,    0.0555041097,  0.00961805694,
                                 0.0013333502, 0.000154614449, 1.52973244e-05};
constexpr std::array kExp2_64 = {0.69314718055994529,    0.24022650695910072,    0.055504108664821583,
                                 0.0096181291076284838,  0.0013333558146428445,  0.00015403530393362755,
                                 1.5252733804051129e-05, 1.3215486815999978e-06, 1.0178086021185474e-07,
                                 7.0548943863483481e-09, 4.4455303091051067e-10, 2.5733568308756892e-11,
                                 1.3716962392737587e-12};
// log(1 + f) = f - f^2 / 2 + f^3 P(f), sqrt(1/2) <= 1 + f <= sqrt(2)
constexpr std::array kLog32 = {0.333333313,  -0.24999997, 0.200007156,  -0.166678026, 0.142490581,
                               -0.124256872, 0.116854198, -0.114797339, 0.0697161183};
// log((1 + s) / (1 - s)) = 2 s + s^3 P(s^2)
constexpr std::array kLog64 = {0.66666666666666663, 0.4000000000000089,  0.28571428570795432, 0.2222222239356661,
                               0.18181795442371981, 0.15386250447940419, 0.13268485680649206, 0.13089629160721844};
// erf(x) = x + x P(x^2) up to 0.92; 1 - erf(x) = e^(x P(x) - x) from there to 4
constexpr double kErfSplit = 0.921875;
constexpr std::array kErfSmall = {0.128379166,   -0.376126349,    0.112836912,   -0.0268591512,
                                  0.00520036882, -0.000813470921, 8.33471859e-05};
constexpr std::array kErfLarge = {-0.128671587,   -0.635004282,   -0.106561288,   0.0241025351,
                                  -0.00382712274, 0.000372707495, -1.65397796e-05};
// sin(r) = r + r^3 P(r^2), cos(r) = 1 - r^2 / 2 + r^4 P(r^2), |r| <= pi / 4
constexpr std::array kSin = {-0.16666666666666666, 0.0083333333333309254, -0.00019841269836722418,
                             2.7557316083816358e-06};
constexpr std::array kCos = {0.041666666666666664, -0.0013888888888887382, 2.480158729874307e-05,
                             -2.7557317260008821e-07};
// atan(x) = x + x^3 P(x^2), |x| <= 1
constexpr std::array kAtan = {-0.333333343, 0.199999496,   -0.142840043, 0.110882618,    -0.089318268,
                              0.0703191459, -0.0489605144, 0.0263050012, -0.00914462935, 0.00148869189};
// asin(x) = x + x^3 P(x^2), |x| <= 1/2
constexpr std::array kAsin = {0.166666657, 0.0750009492, 0.0445993207, 0.0311017279, 0.017143717, 0.0337007269};

// Fraction of 2^e / (2 pi) in units of 2^-64: reduces angles that are too large for subtraction.
constexpr uint64_t kTurns[] = {
    0x28be60db9391054aULL, 0x517cc1b727220a94ULL, 0xa2f9836e4e441529ULL, 0x45f306dc9c882a53ULL, 0x8be60db9391054a7ULL,
    0x17cc1b727220a94fULL, 0x2f9836e4e441529fULL, 0x5f306dc9c882a53fULL, 0xbe60db9391054a7fULL, 0x7cc1b727220a94feULL,
    0xf9836e4e441529fcULL, 0xf306dc9c882a53f8ULL, 0xe60db9391054a7f0ULL, 0xcc1b727220a94fe1ULL, 0x9836e4e441529fc2ULL,
    0x306dc9c882a53f84ULL, 0x60db9391054a7f09ULL, 0xc1b727220a94fe13ULL, 0x836e4e441529fc27ULL, 0x06dc9c882a53f84eULL,
    0x0db9391054a7f09dULL, 0x1b727220a94fe13aULL, 0x36e4e441529fc275ULL, 0x6dc9c882a53f84eaULL, 0xdb9391054a7f09d5ULL,
    0xb727220a94fe13abULL, 0x6e4e441529fc2757ULL, 0xdc9c882a53f84eafULL, 0xb9391054a7f09d5fULL, 0x727220a94fe13abeULL,
    0xe4e441529fc2757dULL, 0xc9c882a53f84eafaULL, 0x9391054a7f09d5f4ULL, 0x27220a94fe13abe8ULL, 0x4e441529fc2757d1ULL,
    0x9c882a53f84eafa3ULL, 0x391054a7f09d5f47ULL, 0x7220a94fe13abe8fULL, 0xe441529fc2757d1fULL, 0xc882a53f84eafa3eULL,
    0x91054a7f09d5f47dULL, 0x220a94fe13abe8faULL, 0x441529fc2757d1f5ULL, 0x882a53f84eafa3eaULL, 0x1054a7f09d5f47d4ULL,
    0x20a94fe13abe8fa9ULL, 0x41529fc2757d1f53ULL, 0x82a53f84eafa3ea6ULL, 0x054a7f09d5f47d4dULL, 0x0a94fe13abe8fa9aULL,
    0x1529fc2757d1f534ULL, 0x2a53f84eafa3ea69ULL, 0x54a7f09d5f47d4d3ULL, 0xa94fe13abe8fa9a6ULL, 0x529fc2757d1f534dULL,
    0xa53f84eafa3ea69bULL, 0x4a7f09d5f47d4d37ULL, 0x94fe13abe8fa9a6eULL, 0x29fc2757d1f534ddULL, 0x53f84eafa3ea69bbULL,
    0xa7f09d5f47d4d377ULL, 0x4fe13abe8fa9a6eeULL, 0x9fc2757d1f534ddcULL, 0x3f84eafa3ea69bb8ULL, 0x7f09d5f47d4d3770ULL,
    0xfe13abe8fa9a6ee0ULL, 0xfc2757d1f534ddc0ULL, 0xf84eafa3ea69bb81ULL, 0xf09d5f47d4d37703ULL, 0xe13abe8fa9a6ee06ULL,
    0xc2757d1f534ddc0dULL, 0x84eafa3ea69bb81bULL, 0x09d5f47d4d377036ULL, 0x13abe8fa9a6ee06dULL, 0x2757d1f534ddc0dbULL,
    0x4eafa3ea69bb81b6ULL, 0x9d5f47d4d377036dULL, 0x3abe8fa9a6ee06dbULL, 0x757d1f534ddc0db6ULL, 0xeafa3ea69bb81b6cULL,
    0xd5f47d4d377036d8ULL, 0xabe8fa9a6ee06db1ULL, 0x57d1f534ddc0db62ULL, 0xafa3ea69bb81b6c5ULL, 0x5f47d4d377036d8aULL,
    0xbe8fa9a6ee06db14ULL, 0x7d1f534ddc0db629ULL, 0xfa3ea69bb81b6c52ULL, 0xf47d4d377036d8a5ULL, 0xe8fa9a6ee06db14aULL,
    0xd1f534ddc0db6295ULL, 0xa3ea69bb81b6c52bULL, 0x47d4d377036d8a56ULL, 0x8fa9a6ee06db14acULL, 0x1f534ddc0db62959ULL,
    0x3ea69bb81b6c52b3ULL, 0x7d4d377036d8a566ULL, 0xfa9a6ee06db14accULL, 0xf534ddc0db629599ULL, 0xea69bb81b6c52b32ULL,
    0xd4d377036d8a5664ULL, 0xa9a6ee06db14acc9ULL, 0x534ddc0db6295993ULL, 0xa69bb81b6c52b327ULL, 0x4d377036d8a5664fULL,
};

}  // namespace

bool VectorMath::supports(Scalar function, DType dtype) {
  if (dtype != DType::f32 && dtype != DType::f64) return false;
  switch (function) {
    case Scalar::erf:
    case Scalar::sin:
    case Scalar::cos:
    case Scalar::tan:
    case Scalar::asin:
    case Scalar::acos:
    case Scalar::atan:
    case Scalar::atan2:
    case Scalar::pow: return dtype == DType::f32;
    case Scalar::mod_floor:
    case Scalar::mod_trunc:
    case Scalar::bit_not:
    case Scalar::bit_and:
    case Scalar::bit_or:
    case Scalar::bit_xor:
    case Scalar::shift_left:
    case Scalar::shift_right: return false;
    default: return true;
  }
}

Value VectorMath::k(Value like, double value) const { return llvm::ConstantFP::get(like->getType(), value); }

llvm::Type* VectorMath::same_shape(Value like, llvm::Type* element) const {
  auto* vector = llvm::dyn_cast<llvm::VectorType>(like->getType());
  return vector ? llvm::VectorType::get(element, vector->getElementCount()) : element;
}
llvm::Type* VectorMath::integers(Value like) const {
  return same_shape(like, is_double(like) ? b_.getInt64Ty() : b_.getInt32Ty());
}
Value VectorMath::bits(Value x) { return b_.CreateBitCast(x, integers(x)); }
Value VectorMath::integer(Value like, uint64_t value) const { return llvm::ConstantInt::get(integers(like), value); }
Value VectorMath::from_bits(Value like, Value integer) { return b_.CreateBitCast(integer, like->getType()); }

Value VectorMath::fma(Value a, Value b, Value c) {
  if (cpu_.level < 3) return b_.CreateFAdd(b_.CreateFMul(a, b), c);
  return b_.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c});
}

Value VectorMath::poly(Value x, std::span<const double> coefficients) {
  Value sum = k(x, coefficients.back());
  for (std::size_t i = coefficients.size() - 1; i-- > 0;) sum = fma(sum, x, k(x, coefficients[i]));
  return sum;
}

Value VectorMath::intrinsic(unsigned id, Value x) { return b_.CreateUnaryIntrinsic(id, x); }
// Without the sign bit, not as fabs: of two selects on fabs(x) one of which asks for fabs(x) > 0, LLVM 19's InstCombine makes
// one that asks for x > 0. So that it finds no fabs in this either, functions have the attribute noimplicitfloat (jit.cc).
Value VectorMath::abs(Value x) {
  const uint64_t magnitude = is_double(x) ? ~uint64_t{0} >> 1 : ~uint32_t{0} >> 1;
  return from_bits(x, b_.CreateAnd(bits(x), integer(x, magnitude)));
}
Value VectorMath::copysign(Value magnitude, Value sign) {
  return b_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, magnitude, sign);
}

Value VectorMath::clamp(Value x, double low, double high) {  // NaN stays NaN
  x = b_.CreateSelect(b_.CreateFCmpOLT(x, k(x, low)), k(x, low), x);
  return b_.CreateSelect(b_.CreateFCmpOGT(x, k(x, high)), k(x, high), x);
}

Value VectorMath::minimum(Value a, Value b) {
  Value smaller = b_.CreateSelect(b_.CreateFCmpOLT(a, b), a, b);  // b where either is NaN
  return b_.CreateSelect(b_.CreateFCmpUNO(a, a), a, smaller);
}
Value VectorMath::maximum(Value a, Value b) {
  Value larger = b_.CreateSelect(b_.CreateFCmpOGT(a, b), a, b);
  return b_.CreateSelect(b_.CreateFCmpUNO(a, a), a, larger);
}

Value VectorMath::sign(Value x) {
  Value one = copysign(k(x, 1), x);
  return b_.CreateSelect(b_.CreateFCmpUEQ(x, k(x, 0)), x, one);  // zeros and NaN are their own sign
}

// Adding 1.5 * 2^(mantissa bits) rounds to a whole number and leaves it in the low bits: no conversion that could trap or
// be undefined for NaN.
Value VectorMath::round(Value x, Value* whole) {
  const double magic = is_double(x) ? 0x1.8p52 : 0x1.8p23;
  Value shifted = b_.CreateFAdd(x, k(x, magic));
  *whole = b_.CreateSub(bits(shifted), bits(k(x, magic)));
  return b_.CreateFSub(shifted, k(x, magic));
}

// x * 2^exponent, given as a number and as an integer: in two steps, so that results may be denormal or just below overflow,
// or by the instruction for that, which rounds the same.
Value VectorMath::scale(Value x, Value whole, Value exponent) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(x->getType());
  if (cpu_.level >= 4 && vector && vector->getPrimitiveSizeInBits().getFixedValue() == 512) {
    const bool wide = is_double(x);
    llvm::Value* all = wide ? static_cast<llvm::Value*>(b_.getInt8(0xff)) : b_.getInt16(0xffff);
    return b_.CreateIntrinsic(
        wide ? llvm::Intrinsic::x86_avx512_mask_scalef_pd_512 : llvm::Intrinsic::x86_avx512_mask_scalef_ps_512, {},
        {x, whole, llvm::Constant::getNullValue(x->getType()), all, b_.getInt32(4)});  // rounded as arithmetic is
  }
  const uint64_t bias = is_double(x) ? 1023 : 127, mantissa = is_double(x) ? 52 : 23;
  auto power = [&](Value e) {
    return from_bits(x, b_.CreateShl(b_.CreateAdd(e, integer(x, bias)), integer(x, mantissa)));
  };
  Value half = b_.CreateAShr(exponent, integer(x, 1));
  return b_.CreateFMul(b_.CreateFMul(x, power(half)), power(b_.CreateSub(exponent, half)));
}

Value VectorMath::exp_scaled(Value x, int exponent) {
  const bool wide = is_double(x);
  // What underflows is 0 without being computed: processors take a hundred cycles for it, and masks are such numbers.
  Value tiny = b_.CreateFCmpOLT(x, k(x, wide ? -746 : -104));
  x = b_.CreateSelect(tiny, k(x, 0), x);
  x = b_.CreateSelect(b_.CreateFCmpOGT(x, k(x, wide ? 720 : 91)), k(x, wide ? 720 : 91), x);
  Value n;
  Value nf = round(b_.CreateFMul(x, k(x, std::numbers::log2e)), &n);
  Value r = fma(nf, k(x, wide ? -0.69314694404602050781 : -0.693115234375), x);
  r = fma(nf, k(x, wide ? -2.3651392480160472906e-07 : -3.1946184945309415e-05), r);
  Value p = poly(r, wide ? std::span<const double>(kExp64) : kExp32);
  Value sum = b_.CreateFAdd(fma(b_.CreateFMul(r, r), p, r), k(x, 1));
  if (exponent) {
    n = b_.CreateAdd(n, integer(x, static_cast<uint64_t>(static_cast<int64_t>(exponent))));
    nf = b_.CreateFAdd(nf, k(x, exponent));
  }
  return b_.CreateSelect(tiny, k(x, 0), scale(sum, nf, n));
}

Value VectorMath::exp2(Value x) {
  const bool wide = is_double(x);
  x = wide ? clamp(x, -1080, 1030) : clamp(x, -152, 130);
  Value n;
  Value nf = round(x, &n);
  Value r = b_.CreateFSub(x, nf);
  return scale(fma(r, poly(r, wide ? std::span<const double>(kExp2_64) : kExp2_32), k(x, 1)), nf, n);
}

Value VectorMath::expm1(Value x) {
  const bool wide = is_double(x);
  Value limited = wide ? clamp(x, -40, 709.9) : clamp(x, -18, 89);
  Value n;
  Value nf = round(b_.CreateFMul(limited, k(x, std::numbers::log2e)), &n);
  Value r = fma(nf, k(x, wide ? -0.69314694404602050781 : -0.693115234375), limited);
  r = fma(nf, k(x, wide ? -2.3651392480160472906e-07 : -3.1946184945309415e-05), r);
  Value p = poly(r, wide ? std::span<const double>(kExp64) : kExp32);
  Value q = fma(b_.CreateFMul(r, r), p, r);  // e^r - 1
  // e^x - 1 = 2 (2^(n-1) q + (2^(n-1) - 1/2)): 2^n itself may overflow.
  Value half = scale(k(x, 0.5), nf, n);
  Value sum = fma(half, q, b_.CreateFSub(half, k(x, 0.5)));
  Value result = b_.CreateFMul(sum, k(x, 2));
  return b_.CreateSelect(b_.CreateFCmpOEQ(x, k(x, 0)), x, result);
}

VectorMath::Parts VectorMath::split(Value x) {
  const bool wide = is_double(x);
  const double lift = wide ? 0x1p54 : 0x1p25;
  Value tiny = b_.CreateFCmpOLT(x, k(x, wide ? 0x1p-1022 : 0x1p-126));
  Value i = bits(b_.CreateSelect(tiny, b_.CreateFMul(x, k(x, lift)), x));
  Value mantissa = integer(x, wide ? 52 : 23);
  // The exponent of x / sqrt(1/2), so that 1 + f lies around 1.
  Value e = b_.CreateAShr(b_.CreateSub(i, integer(x, wide ? 0x3fe6a09e667f3bcdULL : 0x3f3504f3ULL)), mantissa);
  Value m = from_bits(x, b_.CreateSub(i, b_.CreateShl(e, mantissa)));
  const double magic = wide ? 0x1.8p52 : 0x1.8p23;
  Value ef = b_.CreateFSub(from_bits(x, b_.CreateAdd(e, bits(k(x, magic)))), k(x, magic));
  ef = b_.CreateFSub(ef, b_.CreateSelect(tiny, k(x, wide ? 54 : 25), k(x, 0)));
  return {b_.CreateFSub(m, k(x, 1)), ef};
}

// log(1 + f) + e * ln 2, or with log2_factor = log2(e): log2(1 + f) + e.
Value VectorMath::log_mantissa(const Parts& parts, double log2_factor) {
  Value f = parts.f, e = parts.e;
  const bool wide = is_double(f);
  Value square = b_.CreateFMul(b_.CreateFMul(f, f), k(f, 0.5));
  Value rest;
  if (wide) {
    Value s = b_.CreateFDiv(f, b_.CreateFAdd(f, k(f, 2)));
    Value z = b_.CreateFMul(s, s);
    rest = b_.CreateFMul(s, fma(z, poly(z, kLog64), square));
  } else {
    rest = b_.CreateFMul(b_.CreateFMul(b_.CreateFMul(f, f), f), poly(f, kLog32));
  }
  if (log2_factor != 0) {
    // The leading part of f is multiplied exactly, so that its error does not show.
    Value l = b_.CreateFSub(f, b_.CreateFSub(square, rest));
    return fma(l, k(f, log2_factor), e);
  }
  rest = fma(e, k(f, wide ? 2.3651392480160472906e-07 : 3.1946184945309415e-05), rest);
  Value sum = b_.CreateFSub(f, b_.CreateFSub(square, rest));
  return fma(e, k(f, wide ? 0.69314694404602050781 : 0.693115234375), sum);
}

Value VectorMath::log_edges(Value x, Value result) {
  result = b_.CreateSelect(b_.CreateFCmpOEQ(x, k(x, kInf)), x, result);
  result = b_.CreateSelect(b_.CreateFCmpULT(x, k(x, 0)), k(x, kNan), result);
  return b_.CreateSelect(b_.CreateFCmpOEQ(x, k(x, 0)), k(x, -kInf), result);
}

Value VectorMath::log(Value x) { return log_edges(x, log_mantissa(split(x), 0)); }
Value VectorMath::log2(Value x) { return log_edges(x, log_mantissa(split(x), std::numbers::log2e)); }

Value VectorMath::log1p(Value x) {
  Value u = b_.CreateFAdd(x, k(x, 1));
  // What the sum lost: exact because one of its terms is 1.
  Value big = b_.CreateFCmpOGT(x, k(x, 1));
  Value lost =
      b_.CreateSelect(big, b_.CreateFSub(k(x, 1), b_.CreateFSub(u, x)), b_.CreateFSub(x, b_.CreateFSub(u, k(x, 1))));
  Value result = b_.CreateFAdd(log_mantissa(split(u), 0), b_.CreateFDiv(lost, u));
  result = log_edges(u, result);
  return b_.CreateSelect(b_.CreateFCmpOLT(abs(x), k(x, is_double(x) ? 0x1p-54 : 0x1p-25)), x, result);
}

Value VectorMath::tanh(Value x) {
  Value limit = k(x, is_double(x) ? 20 : 10);
  Value a = abs(x);
  a = b_.CreateSelect(b_.CreateFCmpOGT(a, limit), limit, a);
  Value t = expm1(b_.CreateFAdd(a, a));
  return copysign(b_.CreateFDiv(t, b_.CreateFAdd(t, k(x, 2))), x);
}

Value VectorMath::sigmoid(Value x) {
  Value z = exp(b_.CreateFNeg(abs(x)));
  Value r = b_.CreateFDiv(k(x, 1), b_.CreateFAdd(z, k(x, 1)));
  return b_.CreateSelect(b_.CreateFCmpOLT(x, k(x, 0)), b_.CreateFMul(z, r), r);
}

Value VectorMath::erf(Value x) {
  Value a = abs(x);
  a = b_.CreateSelect(b_.CreateFCmpOGT(a, k(x, 4)), k(x, 4), a);
  Value small = fma(poly(b_.CreateFMul(a, a), kErfSmall), a, a);
  Value exponent = b_.CreateFSub(b_.CreateFMul(a, poly(a, kErfLarge)), a);
  Value large = b_.CreateFSub(k(x, 1), exp(exponent));
  return copysign(b_.CreateSelect(b_.CreateFCmpOLT(a, k(x, kErfSplit)), small, large), x);
}

Value VectorMath::sinh(Value x) {
  Value a = abs(x);
  Value t = expm1(a);
  Value small = b_.CreateFMul(k(x, 0.5), b_.CreateFAdd(t, b_.CreateFDiv(t, b_.CreateFAdd(t, k(x, 1)))));
  Value e = exp_scaled(a, -1);  // e^a / 2
  Value large = b_.CreateFSub(e, b_.CreateFDiv(k(x, 0.25), e));
  return copysign(b_.CreateSelect(b_.CreateFCmpOLT(a, k(x, 1)), small, large), x);
}

Value VectorMath::cosh(Value x) {
  Value e = exp_scaled(abs(x), -1);
  return b_.CreateFAdd(e, b_.CreateFDiv(k(x, 0.25), e));
}

Value VectorMath::asinh(Value x) {
  Value a = abs(x);
  Value square = b_.CreateFMul(a, a);
  Value root = intrinsic(llvm::Intrinsic::sqrt, b_.CreateFAdd(square, k(x, 1)));
  Value inner = b_.CreateFAdd(a, b_.CreateFDiv(square, b_.CreateFAdd(root, k(x, 1))));
  Value large = b_.CreateFCmpOGT(a, k(x, 1e18));
  Value r = log1p(b_.CreateSelect(large, a, inner));
  return copysign(b_.CreateFAdd(r, b_.CreateSelect(large, k(x, std::numbers::ln2), k(x, 0))), x);
}

Value VectorMath::acosh(Value x) {
  Value t = b_.CreateFSub(x, k(x, 1));
  Value root = intrinsic(llvm::Intrinsic::sqrt, fma(t, t, b_.CreateFAdd(t, t)));
  Value large = b_.CreateFCmpOGT(x, k(x, 1e18));
  Value r = log1p(b_.CreateSelect(large, x, b_.CreateFAdd(t, root)));
  r = b_.CreateFAdd(r, b_.CreateSelect(large, k(x, std::numbers::ln2), k(x, 0)));
  return b_.CreateSelect(b_.CreateFCmpULT(x, k(x, 1)), k(x, kNan), r);
}

Value VectorMath::atanh(Value x) {
  Value a = abs(x);
  Value r = log1p(b_.CreateFDiv(b_.CreateFAdd(a, a), b_.CreateFSub(k(x, 1), a)));
  return copysign(b_.CreateFMul(r, k(x, 0.5)), x);
}

VectorMath::Angle VectorMath::reduce(Value x) {
  llvm::Type* doubles = same_shape(x, b_.getDoubleTy());
  llvm::Type* longs = same_shape(x, b_.getInt64Ty());
  Value wide = b_.CreateFPExt(x, doubles);
  // Three-part pi / 2 whose first two parts have 22 bits: exact products up to 2^30.
  Value q;
  Value qf = round(b_.CreateFMul(wide, k(wide, 2 / std::numbers::pi)), &q);
  Value r = fma(qf, k(wide, -1.5707960128784179688), wide);
  r = fma(qf, k(wide, -3.1391641641675960273e-07), r);
  r = fma(qf, k(wide, -6.2233721718966133838e-14), r);

  Value large = b_.CreateFCmpOGE(abs(x), k(x, 0x1p30));
  Value any = large->getType()->isVectorTy() ? b_.CreateOrReduce(large) : large;
  llvm::Function* function = b_.GetInsertBlock()->getParent();
  auto* before = b_.GetInsertBlock();
  auto* slow = llvm::BasicBlock::Create(b_.getContext(), "large_angles", function);
  auto* after = llvm::BasicBlock::Create(b_.getContext(), "angles", function);
  b_.CreateCondBr(any, slow, after);

  b_.SetInsertPoint(slow);
  llvm::Module* module = function->getParent();
  llvm::GlobalVariable* table = module->getNamedGlobal("turns");
  if (!table) {
    auto* data = llvm::ConstantDataArray::get(b_.getContext(), llvm::ArrayRef<uint64_t>(kTurns));
    table = new llvm::GlobalVariable(*module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data, "turns");
    table->setAlignment(llvm::Align(64));
  }
  // x = mantissa * 2^e; turns = mantissa * fraction(2^e / 2 pi), where whole turns fall off the top of 64 bits.
  Value i = bits(x);
  Value e = b_.CreateSub(b_.CreateAnd(b_.CreateLShr(i, integer(x, 23)), integer(x, 255)), integer(x, 150));
  Value inside = b_.CreateICmpULT(e, integer(x, std::size(kTurns)));
  e = b_.CreateZExt(b_.CreateSelect(inside, e, integer(x, 0)), longs);
  Value mantissa = b_.CreateOr(b_.CreateAnd(i, integer(x, 0x7fffff)), integer(x, 0x800000));
  Value turn;
  if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(longs)) {
    turn = llvm::PoisonValue::get(longs);
    for (unsigned lane = 0; lane < vector->getNumElements(); ++lane) {
      Value place = b_.CreateInBoundsGEP(b_.getInt64Ty(), table, b_.CreateExtractElement(e, lane));
      turn = b_.CreateInsertElement(turn, b_.CreateLoad(b_.getInt64Ty(), place), lane);
    }
  } else {
    turn = b_.CreateLoad(longs, b_.CreateInBoundsGEP(b_.getInt64Ty(), table, e));
  }
  Value turns = b_.CreateMul(b_.CreateZExt(mantissa, longs), turn);
  turns = b_.CreateSelect(b_.CreateICmpSLT(i, integer(x, 0)), b_.CreateNeg(turns), turns);
  auto wide_integer = [&](uint64_t v) { return llvm::ConstantInt::get(longs, v); };
  Value q2 = b_.CreateLShr(b_.CreateAdd(turns, wide_integer(uint64_t{1} << 61)), wide_integer(62));
  Value rest = b_.CreateSub(turns, b_.CreateShl(q2, wide_integer(62)));
  Value r2 = b_.CreateFMul(b_.CreateSIToFP(rest, doubles), k(wide, 2 * std::numbers::pi * 0x1p-64));
  r2 = b_.CreateSelect(inside, r2, k(wide, kNan));  // of infinity and NaN
  r2 = b_.CreateSelect(large, r2, r);
  q2 = b_.CreateSelect(large, q2, q);
  slow = b_.GetInsertBlock();
  b_.CreateBr(after);

  b_.SetInsertPoint(after);
  auto merge = [&](Value fast, Value other) {
    auto* phi = b_.CreatePHI(fast->getType(), 2);
    phi->addIncoming(fast, before);
    phi->addIncoming(other, slow);
    return phi;
  };
  Value merged = merge(r, r2);
  return {merged, merge(q, q2)};
}

Value VectorMath::quarter(const Angle& angle, bool cosine) {
  Value r = angle.r, z = b_.CreateFMul(r, r);
  auto integer_like = [&](uint64_t v) { return llvm::ConstantInt::get(angle.quadrant->getType(), v); };
  Value q = cosine ? b_.CreateAdd(angle.quadrant, integer_like(1)) : angle.quadrant;
  Value sine = fma(b_.CreateFMul(r, z), poly(z, kSin), r);
  Value co = b_.CreateFAdd(fma(b_.CreateFMul(z, z), poly(z, kCos), b_.CreateFMul(z, k(r, -0.5))), k(r, 1));
  Value odd = b_.CreateICmpNE(b_.CreateAnd(q, integer_like(1)), integer_like(0));
  Value negative = b_.CreateICmpNE(b_.CreateAnd(q, integer_like(2)), integer_like(0));
  Value result = b_.CreateSelect(odd, co, sine);
  return b_.CreateSelect(negative, b_.CreateFNeg(result), result);
}

Value VectorMath::trigonometric(Value x, bool cosine) {
  Value result = b_.CreateFPTrunc(quarter(reduce(x), cosine), x->getType());
  return cosine ? result : b_.CreateSelect(b_.CreateFCmpOEQ(x, k(x, 0)), x, result);
}

Value VectorMath::tan(Value x) {
  const Angle angle = reduce(x);
  Value result = b_.CreateFPTrunc(b_.CreateFDiv(quarter(angle, false), quarter(angle, true)), x->getType());
  return b_.CreateSelect(b_.CreateFCmpOEQ(x, k(x, 0)), x, result);
}

Value VectorMath::arc_small(Value z) {
  Value square = b_.CreateFMul(z, z);
  return fma(b_.CreateFMul(z, square), poly(square, kAtan), z);
}

Value VectorMath::atan(Value x) {
  Value a = abs(x);
  Value large = b_.CreateFCmpOGT(a, k(x, 1));
  Value p = arc_small(b_.CreateSelect(large, b_.CreateFDiv(k(x, 1), a), a));
  return copysign(b_.CreateSelect(large, b_.CreateFSub(k(x, std::numbers::pi / 2), p), p), x);
}

Value VectorMath::atan2(Value y, Value x) {
  Value ax = abs(x), ay = abs(y);
  Value steep = b_.CreateFCmpOGT(ay, ax);
  Value high = b_.CreateSelect(steep, ay, ax), low = b_.CreateSelect(steep, ax, ay);
  Value ratio = b_.CreateFDiv(low, high);
  ratio = b_.CreateSelect(b_.CreateFCmpOEQ(high, k(x, 0)), k(x, 0), ratio);
  ratio = b_.CreateSelect(b_.CreateFCmpOEQ(low, k(x, kInf)), k(x, 1), ratio);
  Value p = arc_small(ratio);
  p = b_.CreateSelect(steep, b_.CreateFSub(k(x, std::numbers::pi / 2), p), p);
  Value left = b_.CreateICmpSLT(bits(x), integer(x, 0));
  p = b_.CreateSelect(left, b_.CreateFSub(k(x, std::numbers::pi), p), p);
  return b_.CreateSelect(b_.CreateFCmpUNO(x, y), k(x, kNan), copysign(p, y));
}

Value VectorMath::asin(Value x) {
  Value a = abs(x);
  Value large = b_.CreateFCmpOGT(a, k(x, 0.5));
  Value z = b_.CreateSelect(large, b_.CreateFMul(b_.CreateFSub(k(x, 1), a), k(x, 0.5)), b_.CreateFMul(a, a));
  Value s = b_.CreateSelect(large, intrinsic(llvm::Intrinsic::sqrt, z), a);
  Value p = fma(b_.CreateFMul(s, z), poly(z, kAsin), s);
  return copysign(b_.CreateSelect(large, fma(p, k(x, -2), k(x, std::numbers::pi / 2)), p), x);
}

Value VectorMath::acos(Value x) {
  Value a = abs(x);
  Value large = b_.CreateFCmpOGT(a, k(x, 0.5));
  Value z = b_.CreateSelect(large, b_.CreateFMul(b_.CreateFSub(k(x, 1), a), k(x, 0.5)), b_.CreateFMul(a, a));
  Value s = b_.CreateSelect(large, intrinsic(llvm::Intrinsic::sqrt, z), a);
  Value p = fma(b_.CreateFMul(s, z), poly(z, kAsin), s);
  Value twice = b_.CreateFAdd(p, p);
  Value far = b_.CreateSelect(b_.CreateFCmpOLT(x, k(x, 0)), b_.CreateFSub(k(x, std::numbers::pi), twice), twice);
  return b_.CreateSelect(large, far, b_.CreateFSub(k(x, std::numbers::pi / 2), copysign(p, x)));
}

Value VectorMath::pow(Value x, Value y) {
  // In double: the exponent's error grows with its size, and 24 bits of result need 31 bits of it.
  llvm::Type* doubles = same_shape(x, b_.getDoubleTy());
  Value a = b_.CreateFPExt(abs(x), doubles), e = b_.CreateFPExt(y, doubles);
  Value magnitude = b_.CreateFPTrunc(exp(b_.CreateFMul(e, log(a))), x->getType());
  // 1^y and (-1)^inf are 1, whatever the product above said.
  magnitude = b_.CreateSelect(b_.CreateFCmpOEQ(abs(x), k(x, 1)), k(x, 1), magnitude);
  Value whole = b_.CreateFCmpOEQ(intrinsic(llvm::Intrinsic::trunc, y), y);
  Value half = b_.CreateFMul(y, k(y, 0.5));
  Value odd = b_.CreateAnd(whole, b_.CreateFCmpONE(intrinsic(llvm::Intrinsic::trunc, half), half));
  Value result = b_.CreateSelect(odd, copysign(magnitude, x), magnitude);
  Value root_of_negative = b_.CreateAnd(b_.CreateFCmpOLT(x, k(x, 0)), b_.CreateNot(whole));
  root_of_negative = b_.CreateAnd(root_of_negative, b_.CreateFCmpONE(x, k(x, -kInf)));
  result = b_.CreateSelect(root_of_negative, k(x, kNan), result);
  result = b_.CreateSelect(b_.CreateAnd(b_.CreateFCmpUNO(y, y), b_.CreateFCmpONE(x, k(x, 1))), y, result);
  result = b_.CreateSelect(b_.CreateFCmpOEQ(x, k(x, 1)), k(x, 1), result);
  return b_.CreateSelect(b_.CreateFCmpOEQ(y, k(x, 0)), k(x, 1), result);
}

Value VectorMath::apply(Scalar function, std::span<llvm::Value* const> arguments) {
  Value a = arguments[0];
  Value b = arguments.size() > 1 ? arguments[1] : nullptr;
  Value zero = k(a, 0), one = k(a, 1);
  auto truth = [&](Value v) { return b_.CreateFCmpUNE(v, zero); };
  switch (function) {
    case Scalar::neg: return b_.CreateFNeg(a);
    case Scalar::abs: return abs(a);
    case Scalar::sign: return sign(a);
    case Scalar::exp: return exp(a);
    case Scalar::expm1: return expm1(a);
    case Scalar::log: return log(a);
    case Scalar::log1p: return log1p(a);
    case Scalar::log2: return log2(a);
    case Scalar::exp2: return exp2(a);
    case Scalar::sqrt: return intrinsic(llvm::Intrinsic::sqrt, a);
    case Scalar::rsqrt: return b_.CreateFDiv(one, intrinsic(llvm::Intrinsic::sqrt, a));
    case Scalar::reciprocal: return b_.CreateFDiv(one, a);
    case Scalar::sin: return sin(a);
    case Scalar::cos: return cos(a);
    case Scalar::tan: return tan(a);
    case Scalar::asin: return asin(a);
    case Scalar::acos: return acos(a);
    case Scalar::atan: return atan(a);
    case Scalar::sinh: return sinh(a);
    case Scalar::cosh: return cosh(a);
    case Scalar::tanh: return tanh(a);
    case Scalar::asinh: return asinh(a);
    case Scalar::acosh: return acosh(a);
    case Scalar::atanh: return atanh(a);
    case Scalar::erf: return erf(a);
    case Scalar::sigmoid: return sigmoid(a);
    case Scalar::floor: return intrinsic(llvm::Intrinsic::floor, a);
    case Scalar::ceil: return intrinsic(llvm::Intrinsic::ceil, a);
    case Scalar::round_even: return intrinsic(llvm::Intrinsic::roundeven, a);
    case Scalar::trunc: return intrinsic(llvm::Intrinsic::trunc, a);
    case Scalar::logical_not: return b_.CreateNot(truth(a));
    case Scalar::is_nan: return b_.CreateFCmpUNO(a, a);
    case Scalar::is_inf: return b_.CreateFCmpOEQ(abs(a), k(a, kInf));
    case Scalar::add: return b_.CreateFAdd(a, b);
    case Scalar::sub: return b_.CreateFSub(a, b);
    case Scalar::mul: return b_.CreateFMul(a, b);
    case Scalar::div: return b_.CreateFDiv(a, b);
    case Scalar::pow: return pow(a, b);
    case Scalar::min: return minimum(a, b);
    case Scalar::max: return maximum(a, b);
    case Scalar::atan2: return atan2(a, b);
    case Scalar::logical_and: return b_.CreateAnd(truth(a), truth(b));
    case Scalar::logical_or: return b_.CreateOr(truth(a), truth(b));
    case Scalar::logical_xor: return b_.CreateXor(truth(a), truth(b));
    case Scalar::eq: return b_.CreateFCmpOEQ(a, b);
    case Scalar::ne: return b_.CreateFCmpUNE(a, b);
    case Scalar::lt: return b_.CreateFCmpOLT(a, b);
    case Scalar::le: return b_.CreateFCmpOLE(a, b);
    case Scalar::gt: return b_.CreateFCmpOGT(a, b);
    case Scalar::ge: return b_.CreateFCmpOGE(a, b);
    default: break;
  }
  CHECK(false, std::string(info(function).name) + " has no vector form");
}

}  // namespace burnish
