#pragma once
// A nest says what a kernel computes: statements over axes, each a scalar expression that is stored or reduced. It knows
// no operators and no layout: indices are logical, the storage of each operand is given when code is emitted.
//
//   nest(parallel i: N, j: 64) {                      // row softmax over k: 128
//     t0 = max[k: 128] x[i,j,k]
//     t1 = sum[k: 128] exp(x[i,j,k] - t0)
//     y[i,j,k] = exp(x[i,j,k] - t0) / t1   for k: 128
//   }

#include <string>
#include <vector>

#include "base/error.h"
#include "ir/type.h"
#include "loop/scalar.h"

namespace burnish {

struct Axis {
  std::string name;
  Dim extent;
  bool operator==(const Axis&) const = default;
};

// offset + sum of coefficient * axis + value of a scalar (integer) expression for gathers.
struct Index {
  struct Term {
    int axis;
    Dim coefficient;
    bool operator==(const Term&) const = default;
  };
  std::vector<Term> terms;
  Dim offset = 0;
  int expression = -1;  // number of an integer expression that is added, or -1
  bool operator==(const Index&) const = default;
};

// One node of the expression DAG; operands are earlier expressions of the nest.
struct ScalarExpression {
  enum class Kind : uint8_t {
    constant,   // `value` (dtype's own number)
    size,       // `dim` as a number
    axis,       // the current index of `axis`
    load,       // operand[index...]; with `guarded`, `fallback` where any index is outside the operand's dims
    anchor,     // the result of the kernel's anchor at the current position (epilogues)
    temporary,  // result of reduction statement `statement`
    apply,      // function(arguments)
    cast,       // arguments[0] converted to dtype
    checked,  // arguments[0], which must lie in 0 .. dim - 1: else the run fails and names arguments[1], what was given
  };
  Kind kind = Kind::constant;
  DType dtype = DType::f32;  // of the value; arithmetic happens in it (f16 and bf16 compute in f32 and round at stores)
  double value = 0;
  Dim dim;
  int axis = -1;
  int operand = -1;
  std::vector<Index> index;
  bool guarded = false;
  double fallback = 0;
  int statement = -1;
  Scalar function = Scalar::add;
  std::vector<int> arguments;
  // checked: were negative numbers that were given counted from the end?
  bool from_end() const { return arguments[0] != arguments[1]; }
  bool operator==(const ScalarExpression&) const = default;
};

struct Statement {
  enum class Kind : uint8_t { reduce, store };
  Kind kind = Kind::store;
  std::vector<int> axes;  // looped over inside the outer axes, outermost first
  int expression = -1;
  Reduction reduction = Reduction::sum;  // reduce
  int operand = -1;                      // store: which output
  std::vector<Index> index;              // store: where
  bool operator==(const Statement&) const = default;
};

struct NestOperand {
  std::string name;
  Type type;
  bool output = false;
  bool operator==(const NestOperand&) const = default;
};

struct Nest {
  std::vector<NestOperand> operands;  // inputs first, then outputs
  std::vector<Axis> axes;
  std::vector<int> outer;  // axes that run in parallel around all statements, outermost first
  std::vector<ScalarExpression> expressions;
  std::vector<Statement> statements;

  int add_operand(std::string name, Type type, bool output = false);
  int add_axis(std::string name, Dim extent);
  int constant(double value, DType dtype);
  int load(int operand, std::vector<Index> index);
  int anchor(DType dtype);
  int apply(Scalar function, std::vector<int> arguments);  // dtype from the arguments and the table
  int cast(int argument, DType dtype);
  int checked(int value, Dim extent, int given);
  int reduce(Reduction reduction, std::vector<int> axes, int expression);  // the expression that reads its result
  void store(int operand, std::vector<Index> index, int expression, std::vector<int> axes = {});
  bool operator==(const Nest&) const = default;
};

// The plain index of an axis.
inline Index at(int axis) { return Index{{{axis, Dim(1)}}, Dim(0), -1}; }

std::string print(const Nest& nest);
Result<Nest> parse_nest(std::string_view text);
// Axes, operands, expressions and statements refer to what exists, in order; dtypes agree.
Status verify(const Nest& nest);

// Why the run fails at a checked expression: `index` is not in low .. high. `source` follows it (" of 'ids'").
std::string outside_text(int64_t index, int64_t low, int64_t high, std::string_view source = {});

// May `output` lie in the very memory of `input` (same storage, in place)? Yes when every element is read only by the
// task and iteration that overwrites it, or by earlier statements of that task.
bool may_share(const Nest& nest, int input, int output);

}  // namespace burnish
