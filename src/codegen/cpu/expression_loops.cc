// Functions whose work depends on their arguments: loops that run until every lane is done.

#include <cmath>

#include <llvm/IR/Intrinsics.h>

#include "codegen/cpu/expression.h"

namespace burnish {

using Value = llvm::Value*;

namespace {

// The largest lane of unsigned numbers, as an i64.
Value largest(llvm::IRBuilder<>& b, Value x) {
  if (x->getType()->isVectorTy()) x = b.CreateIntMaxReduce(x, false);
  return b.CreateZExtOrTrunc(x, b.getInt64Ty());
}

}  // namespace

// By squares, as many as the largest exponent has bits. Negative exponents leave 1 and -1 only.
Value Expressions::integer_power(Value base, Value exponent, bool is_unsigned) {
  llvm::Type* type = base->getType();
  Value zero = llvm::Constant::getNullValue(type), one = llvm::ConstantInt::get(type, 1);
  Value negative = is_unsigned ? nullptr : b_.CreateICmpSLT(exponent, zero);
  Value count = negative ? b_.CreateSelect(negative, zero, exponent) : exponent;
  Value most = largest(b_, count);
  Value bits = b_.CreateSub(frame_.number(64),
                            b_.CreateIntrinsic(llvm::Intrinsic::ctlz, {b_.getInt64Ty()}, {most, b_.getInt1(false)}));
  KernelFrame::Values carried = {one, base, count};
  frame_.loop("power", frame_.number(0), bits, 1, carried, [&](Value, KernelFrame::Values& now) {
    Value odd = b_.CreateICmpNE(b_.CreateAnd(now[2], one), zero);
    now[0] = b_.CreateSelect(odd, b_.CreateMul(now[0], now[1]), now[0]);
    now[1] = b_.CreateMul(now[1], now[1]);
    now[2] = b_.CreateLShr(now[2], one);
  });
  if (!negative) return carried[0];
  Value minus = llvm::ConstantInt::getSigned(type, -1);
  Value odd = b_.CreateICmpNE(b_.CreateAnd(exponent, one), zero);
  Value inverse =
      b_.CreateSelect(b_.CreateICmpEQ(base, one), one,
                      b_.CreateSelect(b_.CreateICmpEQ(base, minus), b_.CreateSelect(odd, minus, one), zero));
  return b_.CreateSelect(negative, inverse, carried[0]);
}

// Long division of the mantissas, exact like fmod: one bit a turn, so quotients of moderate size take few.
Value Expressions::remainder(Value a, Value b, bool floor) {
  llvm::Type* real = a->getType();
  const bool wide = real->getScalarType()->isDoubleTy();
  const int fraction = wide ? 52 : 23, top = wide ? 0x7ff : 0xff, bias = wide ? 1023 : 127;
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(real);
  llvm::Type* word = b_.getIntNTy(wide ? 64 : 32);
  llvm::Type* words = vector ? llvm::FixedVectorType::get(word, vector->getNumElements()) : word;
  auto number = [&](int64_t v) { return llvm::ConstantInt::getSigned(words, v); };
  auto constant = [&](double v) { return llvm::ConstantFP::get(real, v); };

  Value size_a = b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, a);
  Value size_b = b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, b);
  Value bits_a = b_.CreateBitCast(size_a, words), bits_b = b_.CreateBitCast(size_b, words);
  Value mask = number((int64_t{1} << fraction) - 1), hidden = number(int64_t{1} << fraction);
  // Denormals have the least exponent and no hidden bit; as a divisor, whose top bit must be set, they are scaled.
  auto exponent = [&](Value bits) {
    Value e = b_.CreateLShr(bits, number(fraction));
    return b_.CreateSelect(b_.CreateICmpEQ(e, number(0)), number(1), e);
  };
  auto mantissa = [&](Value bits) {
    Value is_normal = b_.CreateICmpUGE(bits, hidden);
    return b_.CreateOr(b_.CreateAnd(bits, mask), b_.CreateSelect(is_normal, hidden, number(0)));
  };
  Value small = b_.CreateICmpULT(bits_b, hidden);
  Value scaled = b_.CreateSelect(small, b_.CreateFMul(size_b, constant(std::ldexp(1.0, fraction))), size_b);
  Value scaled_bits = b_.CreateBitCast(scaled, words);
  Value low = b_.CreateSub(exponent(scaled_bits), b_.CreateSelect(small, number(fraction), number(0)));
  Value divisor = mantissa(scaled_bits);
  // Lanes without a quotient take no turns.
  Value plain = b_.CreateAnd(
      b_.CreateFCmpOGE(size_a, size_b),
      b_.CreateAnd(b_.CreateICmpULT(bits_a, number(int64_t{top} << fraction)), b_.CreateICmpNE(bits_b, number(0))));
  Value turns = b_.CreateSelect(plain, b_.CreateSub(exponent(bits_a), low), number(0));
  auto less_divisor = [&](Value rest) {
    return b_.CreateSelect(b_.CreateICmpUGE(rest, divisor), b_.CreateSub(rest, divisor), rest);
  };
  KernelFrame::Values carried = {mantissa(bits_a), turns};
  frame_.loop("divide", frame_.number(0), largest(b_, turns), 1, carried, [&](Value, KernelFrame::Values& now) {
    Value running = b_.CreateICmpNE(now[1], number(0));
    now[0] = b_.CreateSelect(running, b_.CreateShl(less_divisor(now[0]), number(1)), now[0]);
    now[1] = b_.CreateSelect(running, b_.CreateSub(now[1], number(1)), now[1]);
  });
  // rest * 2^(low - bias - fraction), in two steps of normal numbers.
  Value rest = b_.CreateUIToFP(less_divisor(carried[0]), real);
  Value scale = b_.CreateSub(low, number(bias + fraction)), half = b_.CreateAShr(scale, number(1));
  auto power = [&](Value e) {
    return b_.CreateBitCast(b_.CreateShl(b_.CreateAdd(e, number(bias)), number(fraction)), real);
  };
  Value result = b_.CreateFMul(b_.CreateFMul(rest, power(half)), power(b_.CreateSub(scale, half)));
  result = b_.CreateSelect(b_.CreateFCmpOLT(size_a, size_b), size_a, result);
  result = b_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, result, a);
  Value undefined = b_.CreateOr(b_.CreateFCmpUNO(a, b), b_.CreateOr(b_.CreateFCmpOEQ(size_b, constant(0)),
                                                                    b_.CreateFCmpOEQ(size_a, constant(INFINITY))));
  result = b_.CreateSelect(undefined, constant(NAN), result);
  if (!floor) return result;
  Value differ = b_.CreateXor(b_.CreateFCmpOLT(result, constant(0)), b_.CreateFCmpOLT(b, constant(0)));
  Value mend = b_.CreateAnd(differ, b_.CreateFCmpONE(result, constant(0)));
  return b_.CreateSelect(mend, b_.CreateFAdd(result, b), result);
}

}  // namespace burnish
