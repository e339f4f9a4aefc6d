#pragma once
// Elementary functions as LLVM IR, for vectors of any width and for scalars, in f32 and f64. Nothing is called: no library
// exists where kernels run. Errors are within 2-4 units in the last place; infinities, NaNs and denormals behave as in C.

#include <span>

#include <llvm/IR/IRBuilder.h>

#include "ir/dtype.h"
#include "loop/scalar.h"
#include "target/cpu_features.h"

namespace burnish {

class VectorMath {
 public:
  VectorMath(llvm::IRBuilder<>& builder, const CpuFeatures& cpu) : b_(builder), cpu_(cpu) {}

  // Is there an implementation for f32 or f64? (Not for remainders, and not for every function in f64.)
  static bool supports(Scalar function, DType dtype);
  // Floating-point functions only; all arguments have one type.
  llvm::Value* apply(Scalar function, std::span<llvm::Value* const> arguments);

  using Value = llvm::Value*;
  Value exp(Value x) { return exp_scaled(x, 0); }
  Value exp2(Value x);
  Value expm1(Value x);
  Value log(Value x);
  Value log2(Value x);
  Value log1p(Value x);
  Value tanh(Value x);
  Value sigmoid(Value x);
  Value erf(Value x);  // f32
  Value sinh(Value x);
  Value cosh(Value x);
  Value asinh(Value x);
  Value acosh(Value x);
  Value atanh(Value x);
  Value sin(Value x) { return trigonometric(x, false); }  // f32
  Value cos(Value x) { return trigonometric(x, true); }   // f32
  Value tan(Value x);                                     // f32
  Value asin(Value x);                                    // f32
  Value acos(Value x);                                    // f32
  Value atan(Value x);                                    // f32
  Value atan2(Value y, Value x);                          // f32
  Value pow(Value x, Value y);                            // f32
  Value minimum(Value a, Value b);                        // NaN if either is
  Value maximum(Value a, Value b);
  Value sign(Value x);
  // a * b + c, in one rounding where the processor has it.
  Value fma(Value a, Value b, Value c);

 private:
  struct Parts {  // x = (1 + f) * 2^e
    Value f, e;
  };
  struct Angle {  // r = x - quadrant * pi / 2, as f64; the quadrant modulo 4 as i64
    Value r, quadrant;
  };
  bool is_double(Value x) const { return x->getType()->getScalarType()->isDoubleTy(); }
  Value k(Value like, double value) const;
  llvm::Type* same_shape(Value like, llvm::Type* element) const;
  llvm::Type* integers(Value like) const;
  Value bits(Value x);
  Value integer(Value like, uint64_t value) const;
  Value from_bits(Value like, Value integer);
  Value poly(Value x, std::span<const double> coefficients);
  Value abs(Value x);
  Value copysign(Value magnitude, Value sign);
  Value intrinsic(unsigned id, Value x);
  Value clamp(Value x, double low, double high);
  // The nearest whole number of a value of moderate size, as a float and as an integer.
  Value round(Value x, Value* whole);
  Value scale(Value x, Value whole, Value exponent);
  Value exp_scaled(Value x, int exponent);
  Parts split(Value x);
  Value log_mantissa(const Parts& parts, double log2_factor);
  Value log_edges(Value x, Value result);
  Value arc_small(Value z);
  Angle reduce(Value x);
  Value quarter(const Angle& angle, bool cosine);
  Value trigonometric(Value x, bool cosine);

  llvm::IRBuilder<>& b_;
  const CpuFeatures& cpu_;
};

}  // namespace burnish
