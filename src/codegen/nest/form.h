#pragma once
// A nest with its operands' storages, as loops over memory: every access has a step per axis. Axes that all accesses walk
// jointly are one axis here, and axes of extent 1 are gone.

#include <optional>
#include <span>
#include <vector>

#include "ir/storage.h"
#include "loop/nest.h"

namespace burnish {

// offset + sum of coefficients[axis] * axis + an integer expression.
struct LinearIndex {
  std::vector<Dim> coefficients;
  Dim offset = 0;
  int expression = -1;
};

// A dim whose place in memory is no linear function of the axes: gathered, or split into blocks.
struct ComputedDim {
  LinearIndex index;
  bool clamp = false;  // into [0, extent)
  Dim extent;
  Dim stride;
  int64_t block = 1, inner = 0;
};

// 0 <= index < extent must hold, or the load gives its fallback.
struct Guard {
  LinearIndex index;
  Dim extent;
};

struct Access {
  int operand = -1;
  DType dtype = DType::f32;
  std::vector<Dim> steps;  // elements, per axis
  Dim offset = 0;
  std::vector<ComputedDim> computed;
  std::vector<Guard> guards;
  double fallback = 0;
};

struct LoopForm {
  struct FormAxis {
    Dim extent;
    // The inner part of an axis split into blocks: only min(extent, total - extent * bound) positions are there.
    int bound = -1;
    Dim total;
  };
  Nest nest;  // expressions and statements; its axes are those below
  std::vector<FormAxis> axes;
  std::vector<int> outer;                     // outermost first
  std::vector<std::optional<Access>> loads;   // by expression
  std::vector<std::optional<Access>> stores;  // by statement

  // Does the expression's value change along the axis? (Temporaries do not: they are a row's.)
  bool depends(int expression, int axis) const;
  // Instructions of one evaluation, roughly, and the loads and steps it makes.
  double cost(int expression) const;
  std::vector<int> loads_of(int expression) const;  // numbers of load expressions
  bool reduces() const;
};

// The operand that an expression is made of, -1 where there are none or several. Where it is read does not count.
int only_operand(const Nest& nest, int expression);

Result<LoopForm> loop_form(const Nest& nest, std::span<const Storage> storages);

// Loops that write the fill of an output's border and of its unfinished blocks.
std::vector<LoopForm> fill_forms(const NestOperand& operand, int number, const Storage& storage);

}  // namespace burnish
