#pragma once
// Runs a nest through emitted code at every level that this machine has, on operands between forbidden pages, in several
// cuts of its tasks, and compares with the evaluator.

#include "codegen/cpu/nest_emit.h"
#include "tests/support/nest_case.h"

namespace burnish {

void expect_matches_evaluator(const NestCase& test, unsigned seed = 1);

// A kernel without an anchor from a nest's text form; fails the test when it does not parse or verify.
Kernel nest_kernel(std::string_view text);

}  // namespace burnish
