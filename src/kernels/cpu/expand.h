#pragma once
// A problem spelled out as loops: what runs where no family has code for its dtypes.

#include "loop/kernel.h"

namespace burnish {

// The kernel with the anchor's result computed by reductions of the nest itself; operands stay in order. An error where a
// problem cannot be said so.
Result<Kernel> expand_anchor(const Kernel& kernel);

// The problem alone: its result is stored and nothing follows.
Kernel bare_kernel(const Problem& problem);
// Does nothing follow the kernel's problem?
bool stores_alone(const Kernel& kernel);

}  // namespace burnish
