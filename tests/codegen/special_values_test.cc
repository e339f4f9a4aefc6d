// Random expressions of infinities, NaN and zeros against the evaluator: what an optimiser may not simplify as it likes.

#include <cmath>

#include <gtest/gtest.h>

#include "tests/codegen/nest_harness.h"

namespace burnish {
namespace {

// Expressions whose value is exact in f32 and does not hang on the sign of a zero.
class Maker {
 public:
  Maker(unsigned seed, DType dtype) : random_(seed), dtype_(dtype) {}

  NestCase make() {
    const std::vector<double> special = {0, -0.0, 1, -1, 2, -2, 0.5, -0.5, INFINITY, -INFINITY, NAN};
    std::vector<double> other = special;
    other.push_back(3);  // another period: every pair occurs
    nest().outer = {nest().add_axis("i", Dim(static_cast<int64_t>(special.size() * other.size())))};
    const Type type = Type::tensor(dtype_, {nest().axes[0].extent});
    for (const char* name : {"x", "y"}) reals_.push_back(nest().load(nest().add_operand(name, type), {at(0)}));
    for (const double value : special) reals_.push_back(nest().constant(value, dtype_));
    reals_.insert(reals_.end(), 8, nest().constant(0, dtype_));  // what optimisers know most of
    const int value = real(4);
    nest().store(nest().add_operand("a", type, true), {at(0)}, value);
    test_.values = {special, other};
    return std::move(test_);
  }

 private:
  Nest& nest() { return test_.kernel.nest; }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  template <std::size_t n>
  Scalar any(const Scalar (&list)[n]) {
    return list[random_() % n];
  }

  int real(int depth) {
    if (depth == 0) return reals_[random_() % reals_.size()];
    if (chance(0.3)) return nest().apply(Scalar::select, {boolean(depth - 1), real(depth - 1), real(depth - 1)});
    if (chance(0.5)) {
      using enum Scalar;
      return nest().apply(any({neg, abs, abs, sign, floor, ceil, round_even, trunc}), {real(depth - 1)});
    }
    using enum Scalar;
    const Scalar function = any({add, sub, mul, min, max, max});
    return nest().apply(function, {real(depth - 1), real(chance(0.5) ? 0 : depth - 1)});
  }

  int boolean(int depth) {
    using enum Scalar;
    if (depth > 0 && chance(0.4))
      return nest().apply(any({logical_and, logical_or, logical_xor}), {boolean(depth - 1), boolean(depth - 1)});
    if (chance(0.3)) return nest().apply(any({is_nan, is_inf}), {real(depth)});
    return nest().apply(any({eq, ne, lt, le, gt, ge}), {real(depth), real(chance(0.6) ? 0 : depth)});
  }

  std::mt19937 random_;
  DType dtype_;
  NestCase test_;
  std::vector<int> reals_;
};

TEST(Nest, SpecialValuesMatchTheEvaluator) {
  for (unsigned i = 0; i <= 250; ++i) {
    const unsigned seed = i < 250 ? i : 2753;  // where LLVM saw fabs(x) > 0
    const NestCase test = Maker(seed, seed % 4 == 3 ? DType::f64 : DType::f32).make();
    auto fine = verify(test.kernel.nest);
    ASSERT_TRUE(fine) << fine.error().message() << print(test.kernel.nest);
    expect_matches_evaluator(test, seed);
    if (HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
}

// max(|x|, 0) is |x|: LLVM 19 makes max(x, 0) of it if it sees that.
TEST(Nest, MagnitudesBesideZero) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const bool swapped : {false, true})
      for (const Scalar function : {Scalar::max, Scalar::min, Scalar::gt, Scalar::lt}) {
        NestCase test;
        Nest& nest = test.kernel.nest;
        nest.outer = {nest.add_axis("i", Dim(77))};
        const Type type = Type::tensor(dtype, {Dim(77)});
        const int x = nest.apply(Scalar::abs, {nest.load(nest.add_operand("x", type), {at(0)})});
        const int zero = nest.constant(0, dtype), a = swapped ? zero : x, b = swapped ? x : zero;
        int value = nest.apply(function, {a, b});
        if (info(function).result == ScalarResult::boolean)
          value = nest.apply(Scalar::select,
                             {nest.apply(Scalar::is_nan, {x}), x, nest.apply(Scalar::select, {value, x, zero})});
        nest.store(nest.add_operand("y", type, true), {at(0)}, value);
        test.values = {{-3, 3, -0.5, 0, -0.0, INFINITY, -INFINITY, NAN, 1}};
        expect_matches_evaluator(test);
      }
}

}  // namespace
}  // namespace burnish
