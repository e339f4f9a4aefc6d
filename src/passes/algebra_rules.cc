#include "passes/algebra_rules.h"

#include <cmath>

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

// 1/c is finite and, where it matters, not a denormal that some processors flush.
template <bool kPowersOfTwo>
bool c_divides(const Match& m) {
  const Tensor* c = constant_of(m.value("c"));
  double low = c->dtype() == DType::f16 ? 1e-4 : 1e-30;
  for (int64_t i = 0; i < c->elements(); ++i) {
    double v = std::abs(c->real_at(i));
    int exponent;
    if (!(v > low && v < 1 / low) || (kPowersOfTwo && std::frexp(v, &exponent) != 0.5)) return false;
  }
  return true;
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

constexpr bool kInexact = false;

constexpr AlgebraRule kRules[] = {
    // neutral elements
    {"add_zero", "add(x, 0)", "x", numbers},
    {"sub_zero", "sub(x, 0)", "x", numbers},
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
    {"zero_sub", "sub(0, x)", "neg(x)", numbers},
    {"mul_minus_one", "mul(x, -1)", "neg(x)", numbers},
    {"add_neg", "add(x, neg(y))", "sub(x, y)", numbers, true, false, y_varies},
    {"sub_neg", "sub(x, neg(y))", "add(x, y)", numbers, true, false, y_varies},
    {"mul_neg_neg", "mul(neg(x), neg(y))", "mul(x, y)", floats},
    {"mul_neg_constant", "mul(neg(x), #c)", "mul(x, neg(#c))", floats},
    {"sub_constant", "sub(x, #c)", "add(x, neg(#c))", floats},
    // cheaper functions
    {"square", "pow(x, 2)", "mul(x, x)", floats},
    {"cube", "pow(x, 3)", "mul(mul(x, x), x)", floats, kInexact},
    {"square_root", "pow(x, 0.5)", "sqrt(x)", floats, kInexact},
    {"inverse_square_root", "pow(x, -0.5)", "rsqrt(x)", floats, kInexact},
    {"inverse", "pow(x, -1)", "reciprocal(x)", floats, kInexact},
    {"one_over", "div(1, x)", "reciprocal(x)", floats},
    {"reciprocal_of_sqrt", "reciprocal(sqrt(x))", "rsqrt(x)", floats, kInexact, true},
    {"sqrt_of_reciprocal", "sqrt(reciprocal(x))", "rsqrt(x)", floats, kInexact, true},
    {"divide_by_sqrt", "div(x, sqrt(y))", "mul(x, rsqrt(y))", floats, kInexact, true, y_is_smaller},
    {"divide_by_smaller", "div(x, y)", "mul(x, reciprocal(y))", floats, kInexact, false, y_is_smaller},
    {"divide_by_power_of_two", "div(x, #c)", "mul(x, reciprocal(#c))", floats, true, false, c_divides<true>},
    {"divide_by_constant", "div(x, #c)", "mul(x, reciprocal(#c))", floats, kInexact, false, c_divides<false>},
    {"sigmoid_spelled_out", "reciprocal(add(exp(neg(x)), 1))", "sigmoid(x)", floats, kInexact},
    // constants meet
    {"add_add_floats", "add(add(x, #a), #b)", "add(x, add(#a, #b))", floats, kInexact, false, constants_stay_small},
    {"add_add_ints", "add(add(x, #a), #b)", "add(x, add(#a, #b))", signed_ints, true, false, constants_stay_small},
    {"mul_mul_floats", "mul(mul(x, #a), #b)", "mul(x, mul(#a, #b))", floats, kInexact, false, constants_stay_small},
    {"mul_mul_ints", "mul(mul(x, #a), #b)", "mul(x, mul(#a, #b))", signed_ints, true, false, constants_stay_small},
    {"factor", "add(mul(x, #a), mul(x, #b))", "mul(x, add(#a, #b))", floats, kInexact, true, constants_stay_small},
};

}  // namespace

std::span<const AlgebraRule> algebra_rules() { return kRules; }

bool dtype_allowed(AlgebraRule::Numbers numbers_of_rule, DType dtype) {
  NumberClass c = number_class(dtype);
  switch (numbers_of_rule) {
    case floats: return c == NumberClass::real;
    case signed_ints: return c == NumberClass::signed_int;
    case numbers: return c == NumberClass::real || c == NumberClass::signed_int;
    case booleans: return c == NumberClass::boolean;
    case any: return c != NumberClass::string && c != NumberClass::complex;
  }
  return false;
}

}  // namespace burnish::passes
