#pragma once
// What is known about a program before any size is: made once for an Executor, shared by its contexts.

#include <memory>
#include <string>
#include <vector>

#include "runtime/program.h"

namespace burnish {

struct Prepared {
  const Program* program = nullptr;
  const std::byte* code = nullptr;        // the root's
  std::vector<int> arrivals;              // slots of the inputs, then of the captures
  std::vector<const Node*> nodes;         // per step; null for all but references
  std::vector<std::vector<int>> release;  // per step: heap slots that nobody reads after it
  std::vector<std::vector<int>> checked;  // per step: outputs whose dims or contents are compared or bind symbols
  std::vector<bool> viewed;               // per slot: read as a Tensor by a step that is not a kernel
  std::vector<std::string> symbols;       // all that occur, in bodies too; sorted
  bool late = false;                      // some symbols are only bound while it runs
  bool kernels = false;                   // there is a kernel step, in a body maybe
  std::vector<std::unique_ptr<Prepared>> bodies;  // as Program::bodies

  Prepared(const Program& of, const std::byte* code);
};

}  // namespace burnish
