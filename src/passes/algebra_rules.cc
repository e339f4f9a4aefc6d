#include "passes/algebra_rules.h"

#include <algorithm>
#include <cmath>

#include "ops/support/strided.h"
#include "passes/bounds.h"

namespace burnish::passes {

namespace {

using enum AlgebraRule::Numbers;

// y surely has fewer elements than x: work moves to the smaller one.
bool y_is_smaller(const Match& m) {
  const Type &x = m.value("x")->type(), &y = m.value("y")->type();
  if (!x.is_ranked_tensor() || !y.is_ranked_tensor()) return false;
  Dim a = x.element_count(), b = y.element_count();
  return less_equal(b, a) == Truth::yes && equal(a, b) == Truth::no;
}

// neg of a constant is folded, not moved about.
bool y_varies(const Match& m) { return constant_of(m.value("y")) == nullptr; }

// c and 1/c keep all their bits: neither overflows nor is a denormal, which some processors flush.
template <bool kPowersOfTwo>
bool c_divides(const Match& m) {
  const Tensor* c = constant_of(m.value("c"));
  const FloatRange range = float_range(c->dtype());
  for (int64_t i = 0; i < c->elements(); ++i) {
    double v = std::abs(c->real_at(i));
    int exponent;
    if (!range.holds(v) || !range.holds(1 / v) || (kPowersOfTwo && std::frexp(v, &exponent) != 0.5)) return false;
  }
  return true;
}

// As y_is_smaller, and 1/y does not overflow. That half of the numbers have a reciprocal of fewer bits in f16 and bf16 is
// why it is for the wider types.
bool y_is_smaller_and_divides(const Match& m) {
  const Value* y = m.value("y");
  const DType dtype = y->type().dtype;
  return (dtype == DType::f32 || dtype == DType::f64) && y_is_smaller(m) &&
         least(y) >= float_range(dtype).smallest_normal;
}

// Powers of negative infinity and of -0 are those of their magnitudes; roots are not.
bool x_is_never_negative(const Match& m) { return never_negative(m.value("x")); }

template <bool kNegative>
bool zero_has_sign(const Match& m) {
  return std::signbit(*splat(m.value("z"))) == kNegative;
}

// Both constants together have no more elements than the larger of them, so that folding them costs no memory.
bool constants_stay_small(const Match& m) {
  const Tensor *a = constant_of(m.value("a")), *b = constant_of(m.value("b"));
  return a->elements() == 1 || b->elements() == 1 || a->dims() == b->dims() ||
         (a->rank() == b->rank() && std::max(a->elements(), b->elements()) >= 1 && [&] {
           int64_t joint = 1;
           for (std::size_t i = 0; i < a->dims().size(); ++i) joint *= std::max(a->dims()[i], b->dims()[i]);
           return joint <= std::max(a->elements(), b->elements());
         }());
}

// Of all pairs of elements that meet when a and b are broadcast to each other. Both are floats of one dtype.
template <class F>
bool all_pairs(const Match& m, F&& fits) {
  const Tensor *a = constant_of(m.value("a")), *b = constant_of(m.value("b"));
  auto dims = broadcast_sizes(a->dims(), b->dims());
  if (!dims) return false;
  const Sizes a_strides = broadcast_strides(a->dims(), *dims), b_strides = broadcast_strides(b->dims(), *dims);
  if (element_count(*dims) == 0) return true;
  Sizes position(dims->size(), 0);
  do {
    int64_t at_a = 0, at_b = 0;
    for (std::size_t i = 0; i < position.size(); ++i) {
      at_a += position[i] * a_strides[i];
      at_b += position[i] * b_strides[i];
    }
    if (!fits(a->real_at(at_a), b->real_at(at_b))) return false;
  } while (next_position(position, *dims));
  return true;
}

// a b stands for both: it neither overflows nor loses bits, and is 0 only where a or b is.
bool product_fits(const Match& m) {
  if (!constants_stay_small(m)) return false;
  const DType dtype = constant_of(m.value("a"))->dtype();
  const FloatRange range = float_range(dtype);
  return all_pairs(m, [&](double a, double b) {
    const double product = rounded(dtype, a * b);
    return product == 0 ? a == 0 || b == 0 : range.holds(std::abs(product));
  });
}

// a + b stands for both: it does not overflow, neither vanishes in the other, and they do not cancel (who adds a large
// number to take it off again wants the rounding).
bool sum_fits(const Match& m) {
  constexpr double kPart = 0x1p-7;
  if (!constants_stay_small(m)) return false;
  const DType dtype = constant_of(m.value("a"))->dtype();
  const FloatRange range = float_range(dtype);
  return all_pairs(m, [&](double a, double b) {
    const double sum = a + b, kept = rounded(dtype, sum), b_in_sum = sum - a;
    const double lost = (sum - kept) + ((a - (sum - b_in_sum)) + (b - b_in_sum));
    a = std::abs(a), b = std::abs(b);
    return std::abs(kept) <= range.largest && std::abs(lost) <= kPart * std::min(a, b) &&
           std::abs(kept) >= kPart * std::max(a, b);
  });
}

// As factors of one x: of one sign, or an infinite x would give NaN on one side and not on the other.
bool factors_fit(const Match& m) {
  if (!constants_stay_small(m)) return false;
  const DType dtype = constant_of(m.value("a"))->dtype();
  const FloatRange range = float_range(dtype);
  return all_pairs(m, [&](double a, double b) {
    return (a > 0) == (b > 0) && a != 0 && b != 0 && range.holds(std::abs(rounded(dtype, a + b)));
  });
}

constexpr bool kInexact = false;

constexpr AlgebraRule kRules[] = {
    // neutral elements
    {"add_zero", "add(x, 0)", "x", signed_ints},
    {"add_negative_zero", "add(x, z:-0)", "x", floats, true, false, zero_has_sign<true>},
    {"add_zero_floats", "add(x, 0)", "x", floats, kInexact},  // -0 + 0 is 0
    {"sub_zero", "sub(x, 0)", "x", signed_ints},
    {"sub_zero_floats", "sub(x, z:0)", "x", floats, true, false, zero_has_sign<false>},
    {"mul_one", "mul(x, 1)", "x", numbers},
    {"div_one", "div(x, 1)", "x", numbers},
    {"pow_one", "pow(x, 1)", "x", numbers},
    {"and_true", "logical_and(p, 1)", "p", booleans},
    {"or_false", "logical_or(p, 0)", "p", booleans},
    {"xor_false", "logical_xor(p, 0)", "p", booleans},
    {"bit_or_zero", "bit_or(x, 0)", "x", signed_ints},
    {"bit_xor_zero", "bit_xor(x, 0)", "x", signed_ints},
    // the same operand twice
    {"max_same", "max(x, x)", "x", numbers},
    {"min_same", "min(x, x)", "x", numbers},
    {"and_same", "logical_and(p, p)", "p", booleans},
    {"or_same", "logical_or(p, p)", "p", booleans},
    {"select_same", "select(p, x, x)", "x", any},
    // twice is once
    {"not_not", "logical_not(logical_not(p))", "p", booleans},
    {"bit_not_not", "bit_not(bit_not(x))", "x", signed_ints},
    {"neg_neg", "neg(neg(x))", "x", numbers},
    {"abs_abs", "abs(abs(x))", "abs(x)", numbers},
    {"abs_neg", "abs(neg(x))", "abs(x)", floats},
    {"relu_relu", "relu(relu(x))", "relu(x)", floats},
    {"floor_floor", "floor(floor(x))", "floor(x)", floats},
    {"ceil_ceil", "ceil(ceil(x))", "ceil(x)", floats},
    {"max_max", "max(max(x, #a), #b)", "max(x, max(#a, #b))", numbers, true, false, constants_stay_small},
    {"min_min", "min(min(x, #a), #b)", "min(x, min(#a, #b))", numbers, true, false, constants_stay_small},
    // conditions
    {"select_true", "select(1, x, y)", "x", any},
    {"select_false", "select(0, x, y)", "y", any},
    {"select_not", "select(logical_not(p), x, y)", "select(p, y, x)", any},
    {"not_eq", "logical_not(eq(x, y))", "ne(x, y)", any, true, true},
    {"not_ne", "logical_not(ne(x, y))", "eq(x, y)", any, true, true},
    {"not_lt", "logical_not(lt(x, y))", "ge(x, y)", signed_ints, true, true},  // not for floats: NaN
    {"not_gt", "logical_not(gt(x, y))", "le(x, y)", signed_ints, true, true},
    {"not_le", "logical_not(le(x, y))", "gt(x, y)", signed_ints, true, true},
    {"not_ge", "logical_not(ge(x, y))", "lt(x, y)", signed_ints, true, true},
    // signs
    {"zero_sub", "sub(0, x)", "neg(x)", signed_ints},
    {"zero_sub_floats", "sub(0, x)", "neg(x)", floats, kInexact},  // 0 - 0 is 0
    {"mul_minus_one", "mul(x, -1)", "neg(x)", numbers},
    {"add_neg", "add(x, neg(y))", "sub(x, y)", numbers, true, false, y_varies},
    {"sub_neg", "sub(x, neg(y))", "add(x, y)", numbers, true, false, y_varies},
    {"mul_neg_neg", "mul(neg(x), neg(y))", "mul(x, y)", floats},
    {"mul_neg_constant", "mul(neg(x), #c)", "mul(x, neg(#c))", floats},
    {"sub_constant", "sub(x, #c)", "add(x, neg(#c))", floats},
    // cheaper functions
    {"square", "pow(x, 2)", "mul(x, x)", floats},
    {"cube", "pow(x, 3)", "mul(mul(x, x), x)", floats, kInexact},
    {"square_root", "pow(x, 0.5)", "sqrt(x)", floats, kInexact, false, x_is_never_negative},
    {"inverse_square_root", "pow(x, -0.5)", "rsqrt(x)", floats, kInexact, false, x_is_never_negative},
    {"inverse", "pow(x, -1)", "reciprocal(x)", floats, kInexact},
    {"one_over", "div(1, x)", "reciprocal(x)", floats},
    {"reciprocal_of_sqrt", "reciprocal(sqrt(x))", "rsqrt(x)", floats, kInexact, true},
    {"sqrt_of_reciprocal", "sqrt(reciprocal(x))", "rsqrt(x)", floats, kInexact, true, x_is_never_negative},
    {"divide_by_sqrt", "div(x, sqrt(y))", "mul(x, rsqrt(y))", floats, kInexact, true, y_is_smaller},
    {"divide_by_smaller", "div(x, y)", "mul(x, reciprocal(y))", floats, kInexact, false, y_is_smaller_and_divides},
    {"divide_by_power_of_two", "div(x, #c)", "mul(x, reciprocal(#c))", floats, true, false, c_divides<true>},
    {"divide_by_constant", "div(x, #c)", "mul(x, reciprocal(#c))", floats, kInexact, false, c_divides<false>},
    {"sigmoid_spelled_out", "reciprocal(add(exp(neg(x)), 1))", "sigmoid(x)", floats, kInexact},
    // constants meet
    {"add_add_floats", "add(add(x, #a), #b)", "add(x, add(#a, #b))", floats, kInexact, false, sum_fits},
    {"add_add_ints", "add(add(x, #a), #b)", "add(x, add(#a, #b))", signed_ints, true, false, constants_stay_small},
    {"mul_mul_floats", "mul(mul(x, #a), #b)", "mul(x, mul(#a, #b))", floats, kInexact, false, product_fits},
    {"mul_mul_ints", "mul(mul(x, #a), #b)", "mul(x, mul(#a, #b))", signed_ints, true, false, constants_stay_small},
    {"factor", "add(mul(x, #a), mul(x, #b))", "mul(x, add(#a, #b))", floats, kInexact, true, factors_fit},
};

}  // namespace

std::span<const AlgebraRule> algebra_rules() { return kRules; }

bool dtype_allowed(AlgebraRule::Numbers numbers_of_rule, DType dtype) {
  NumberClass c = number_class(dtype);
  // Smaller floats are stored, not computed with; some have neither zero nor sign.
  const bool is_real = c == NumberClass::real && byte_size(dtype) >= 2;
  switch (numbers_of_rule) {
    case floats: return is_real;
    case signed_ints: return c == NumberClass::signed_int;
    case numbers: return is_real || c == NumberClass::signed_int;
    case booleans: return c == NumberClass::boolean;
    case any: return c != NumberClass::string && c != NumberClass::complex;
  }
  return false;
}

}  // namespace burnish::passes
