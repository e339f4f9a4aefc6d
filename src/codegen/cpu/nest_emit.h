#pragma once
// Loop nests on the CPU: any nest, any storages. Outer axes are cut into tasks by shape alone and reductions are trees that
// the shape fixes, so results are the same for any number of threads.

#include <span>
#include <string>
#include <vector>

#include "codegen/cpu/jit.h"
#include "ir/storage.h"
#include "loop/kernel.h"
#include "target/cpu_features.h"
#include "target/target.h"

namespace burnish {

// One tactic, "nest", which takes every operand as it lies (any strides, blocks, borders); none, with the reason, for
// kernels with an anchor and for dtypes and functions without vector code.
std::vector<Tactic> nest_tactics(const Kernel& kernel, const CpuFeatures& cpu, std::string* why_not = nullptr);

Result<Emitted> emit_nest(const Kernel& kernel, const Tactic& tactic, std::span<const Storage> storages,
                          const CpuFeatures& cpu, const JitOptions& options = {});

}  // namespace burnish
