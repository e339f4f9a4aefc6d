#pragma once
// Scalar expressions as LLVM values. A value is a scalar where it is the same for all lanes, else a vector; operations
// widen what they must. In registers f16 and bf16 are f32, bool is i1; in memory bool takes a byte.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codegen/cpu/frame.h"
#include "codegen/cpu/math.h"
#include "loop/nest.h"

namespace burnish {

class Expressions {
 public:
  using Value = llvm::Value*;

  explicit Expressions(KernelFrame& frame) : frame_(frame), b_(frame.builder()), math_(b_, frame.cpu()) {}

  // Why code for this nest's expressions cannot be emitted; empty when it can.
  static std::string why_not(const Nest& nest);
  static bool supports(Scalar function, DType dtype);
  static bool supports(DType dtype);

  // Values of leaves (load, anchor, axis, temporary; sizes and constants are made here) by expression number, and of
  // checked ones, whose arguments are known then.
  using Leaf = std::function<Value(int expression)>;
  // The value of `root`; `known` remembers what has been emitted (one entry per expression, null at first) and must be
  // forgotten when control leaves the place.
  Value emit(const Nest& nest, int root, const Leaf& leaf, std::vector<Value>& known);

  llvm::Type* register_type(DType dtype, int lanes);
  llvm::Type* memory_type(DType dtype, int lanes);
  static int lanes_of(Value value);
  Value widen(Value value, int lanes);

  // From memory, as a register value. With a mask (i1 vector, or i1 for one lane: not touched where false) the rest is 0.
  Value load(Value pointer, DType dtype, int lanes, Value mask = nullptr, llvm::MDNode* scope = nullptr,
             llvm::MDNode* no_alias = nullptr);
  void store(Value pointer, Value value, DType dtype, int lanes, Value mask = nullptr, llvm::MDNode* scope = nullptr,
             llvm::MDNode* no_alias = nullptr);
  // Between what lies in memory and registers.
  Value to_register(Value memory, DType dtype);
  Value to_memory(Value value, DType dtype);

  Value constant(double value, DType dtype);
  Value apply(Scalar function, DType argument_dtype, std::vector<Value> arguments);
  Value convert(Value value, DType from, DType to);
  Value identity(Reduction reduction, DType dtype);
  Value combine(Reduction reduction, DType dtype, Value a, Value b);
  // All lanes of a vector into one, as a tree.
  Value reduce_lanes(Reduction reduction, DType dtype, Value value);

  VectorMath& math() { return math_; }

 private:
  Value integer_apply(Scalar function, DType dtype, std::span<const Value> arguments);
  Value power(Value base, DType dtype, double exponent);
  // With loops of their own (expression_loops.cc).
  Value integer_power(Value base, Value exponent, bool is_unsigned);
  Value remainder(Value a, Value b, bool floor);
  Value half_to_float(Value half);
  Value float_to_half(Value value);
  Value narrow_to_odd(Value value);

  KernelFrame& frame_;
  llvm::IRBuilder<>& b_;
  VectorMath math_;
};

}  // namespace burnish
