#pragma once
// Shorthand for writing composites: decompositions as arithmetic on values, and the checks their `infer` shares.

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "ops/operator.h"

namespace burnish::ops {

using Values = std::vector<Value*>;

// Builds with a DecomposeContext's Builder. Every call accepts null (a value after a failure, kept by the Builder) and
// returns null for it.
class Compose {
 public:
  explicit Compose(Builder& builder) : builder_(builder) {}

  Value* op(std::string_view name, std::initializer_list<Value*> operands, AttributeMap attributes = {});
  Value* op(std::string_view name, std::span<Value* const> operands, AttributeMap attributes = {}) {
    return builder_.op(name, operands, std::move(attributes));
  }
  Node* node(std::string_view name, std::initializer_list<Value*> operands, AttributeMap attributes,
             std::size_t results);

  // A scalar constant of the dtype of `like`.
  Value* number(const Value* like, double value);
  Value* number(DType dtype, double value) { return builder_.scalar(dtype, value); }
  Value* integers(std::span<const int64_t> values) { return builder_.constant(Tensor::i64s(values)); }
  // A size as a scalar of `dtype`: a constant where it is known, else data.
  Value* size(const Dim& dim, DType dtype);

  Value* unary(Scalar function, Value* x) { return op(info(function).name, {x}); }
  Value* binary(Scalar function, Value* a, Value* b) { return op(info(function).name, {a, b}); }
  Value* add(Value* a, Value* b) { return binary(Scalar::add, a, b); }
  Value* sub(Value* a, Value* b) { return binary(Scalar::sub, a, b); }
  Value* mul(Value* a, Value* b) { return binary(Scalar::mul, a, b); }
  Value* div(Value* a, Value* b) { return binary(Scalar::div, a, b); }
  Value* min(Value* a, Value* b) { return binary(Scalar::min, a, b); }
  Value* max(Value* a, Value* b) { return binary(Scalar::max, a, b); }
  Value* add(Value* a, double b) { return add(a, number(a, b)); }
  Value* sub(Value* a, double b) { return sub(a, number(a, b)); }
  Value* mul(Value* a, double b) { return mul(a, number(a, b)); }
  Value* div(Value* a, double b) { return div(a, number(a, b)); }
  Value* min(Value* a, double b) { return min(a, number(a, b)); }
  Value* max(Value* a, double b) { return max(a, number(a, b)); }
  Value* select(Value* condition, Value* a, Value* b) { return op("select", {condition, a, b}); }

  Value* cast(Value* x, DType dtype);  // none when x has it
  Value* reshape(Value* x, Dims shape);
  Value* broadcast(Value* x, Dims shape);
  Value* transpose(Value* x, Ints permutation);  // none when it is the identity
  // One axis cut to [start, start + size).
  Value* slice(Value* x, int64_t axis, Dim start, Dim size);
  Value* reduce(std::string_view kind, Value* x, Ints axes, bool keep = true);
  Value* mean(Value* x, Ints axes, bool keep = true);  // of half floats in f32
  Value* concat(std::span<Value* const> parts, int64_t axis);
  Value* iota(Dims shape, int64_t axis, DType dtype = DType::i64);
  // x[dims] as [1, ..., dims..., 1, ...]: rank `rank`, x's first dim at `axis`.
  Value* aligned(Value* x, int64_t axis, int64_t rank);

  // What a decomposition returns: the values, or the first failure.
  Result<Values> done(std::initializer_list<Value*> values);

 private:
  Builder& builder_;
};

// -- checks
// Dims of a ranked tensor operand; an error when it is none.
Result<Dims> dims_of(const NodeView& context, std::size_t operand);
// As InferContext::axis, for decompositions (after infer accepted the node).
inline int64_t normal_axis(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }
// Axes made non-negative and sorted; an error for one out of range or named twice.
Result<Ints> normal_axes(const NodeView& context, const Ints& axes, int64_t rank);
inline Ints range_of(int64_t first, int64_t last) {  // [first, last)
  Ints axes;
  for (int64_t i = first; i < last; ++i) axes.push_back(i);
  return axes;
}
// f16 and bf16 compute in f32 where a composite says so.
inline DType wide(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype; }

Status infer_same(InferContext& context);       // result 0 is of operand 0's type
Status infer_broadcast(InferContext& context);  // of all operands' dims; dtype of operand 0

}  // namespace burnish::ops

// Ends an operator file: the list the generated table reads.
#define OPERATORS(file, ...)                                                               \
  namespace burnish::ops {                                                                 \
  extern constinit const OperatorList list_##file = {__VA_ARGS__, std::size(__VA_ARGS__)}; \
  }
