#pragma once
// Nests as CUDA C++: the second printer of what codegen/cpu makes machine code of.

#include <span>
#include <string>
#include <vector>

#include "codegen/cuda/plan.h"
#include "loop/kernel.h"

namespace burnish {

// One kernel function, `extern "C" __global__`. Its parameters are a pointer per operand of the kernel (start of its
// buffer plus its storage's offset; buffers begin at multiples of 16 bytes), a pointer to a KernelFailure of the target
// that is 0 before the run, CudaKernel::scratch_bytes of memory, and CudaKernel::integers as 64-bit numbers. It asks for no dynamic shared memory.
struct CudaFunction {
  std::string name;
  Dim blocks = 1;  // grid, of one dimension; not launched where it is 0
  int threads = 0;
  std::vector<CudaCondition> conditions;  // on the sizes of the run
};

// The first function whose conditions hold is run. The last has none.
struct CudaLaunch {
  std::vector<CudaFunction> choices;
};

struct CudaKernel {
  std::string text;                  // of all functions; goes after cuda_prelude()
  std::vector<CudaLaunch> launches;  // one after the other on a stream
  std::vector<Dim> integers;
  Dim scratch_bytes = 0;  // at a multiple of 16; what it holds does not matter
};

// Why there is no text for a kernel: it has an anchor, stores to computed places, or a dtype that lacks arithmetic.
// Empty when there is.
std::string cuda_why_not(const Kernel& kernel);

// Functions called NAME, NAME_1, NAME_parts, NAME_fill0 ... for a kernel whose operands lie as `storages` say (one per operand).
// Refuses what cuda_why_not has a reason against. The same kernel gives the same text.
Result<CudaKernel> print_cuda(const Kernel& kernel, std::span<const Storage> storages, const std::string& name);

// Of a launch, for the sizes of a run. An error names a symbol that is missing.
Result<const CudaFunction*> choose(const CudaLaunch& launch, const SymbolTable& symbols);

}  // namespace burnish
