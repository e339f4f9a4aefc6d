#pragma once
// Runs a nest through emitted code at every level that this machine has, on operands between forbidden pages, in several
// cuts of its tasks, and compares with the evaluator.

#include "codegen/cpu/nest_emit.h"

namespace burnish {

struct NestCase {
  Kernel kernel;
  std::vector<Storage> storages = {};  // empty: dense and plain
  SymbolTable symbols = {};
  double tolerance = 2e-6;                       // relative to the sum of what is added up, roughly
  double low = -2, high = 2;                     // of the random inputs
  std::vector<std::vector<double>> values = {};  // given contents of an input instead (cycled), by operand
};

void expect_matches_evaluator(const NestCase& test, unsigned seed = 1);

// A kernel without an anchor from a nest's text form; fails the test when it does not parse or verify.
Kernel nest_kernel(std::string_view text);

}  // namespace burnish
