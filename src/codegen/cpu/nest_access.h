#pragma once
// Loads and stores of a nest at a position: one element, or a vector of elements along one axis.

#include <functional>
#include <map>
#include <vector>

#include "codegen/cpu/expression.h"
#include "codegen/nest/form.h"

namespace burnish {

using Value = llvm::Value*;

// Where the loops stand. Axes without a value are at 0.
struct Position {
  std::vector<Value> index;  // i64 per axis; of the first lane along the vector axis
  int axis = -1;             // the vector axis
  int lanes = 1;
  Value mask = nullptr;            // which lanes exist; null: all
  std::vector<Value> temporaries;  // by statement
  std::map<int, Value> preset;     // expressions whose values are known (transposed tiles, cached rows)
};

class NestAccess {
 public:
  NestAccess(KernelFrame& frame, Expressions& expressions, const LoopForm& form, int operands);

  Value evaluate(int expression, const Position& at);
  void store(std::size_t statement, Value value, const Position& at);
  // Address of a linear access (nothing computed or guarded).
  Value address(const Access& access, const Position& at);
  Value load_at(const Access& access, Value address, int lanes, Value mask);

 private:
  Value leaf(int expression, const Position& at, std::vector<Value>& known);
  Value load(const Access& access, const Position& at, std::vector<Value>& known);
  Value checked(int expression, const Position& at, std::vector<Value>& known);
  // index at the position: a scalar, or a vector where lanes differ.
  Value index_value(const LinearIndex& index, const Position& at, std::vector<Value>& known);
  Value linear(const std::vector<Dim>& coefficients, const Dim& offset, const Position& at);
  Value multiply(Value value, const Dim& factor);
  Value lane_numbers(const Position& at, bool existing_only);
  Value element(const Access& access, Value offset);
  Value gather(const Access& access, Value offsets, Value mask);
  llvm::MDNode* scope(int operand);
  llvm::MDNode* no_alias(const Access& access, bool store);

  KernelFrame& frame_;
  Expressions& expressions_;
  llvm::IRBuilder<>& b_;
  const LoopForm& form_;
  std::vector<llvm::MDNode*> scopes_;  // per operand of the kernel
  std::vector<bool> outputs_;
};

}  // namespace burnish
