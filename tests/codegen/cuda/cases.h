#pragma once
// Kernels with the memory that they run on, for whoever has a device: samples of the catalogue and random nests.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "codegen/cuda/print.h"
#include "target/target.h"

namespace burnish::test {

struct CudaCase {
  std::string name;
  Kernel kernel;
  std::vector<Storage> storages;
  SymbolTable symbols;
  std::vector<std::vector<std::byte>> memory;  // of each operand before the run, from its storage's offset on
  std::vector<int> shares;     // by operand: the input whose memory an output takes, or -1; empty: none do
  KernelFailure failure = {};  // what the run must end with; then its results mean nothing
  // What is wrong with the memory after the run; empty: nothing.
  std::function<std::string(const std::vector<std::vector<std::byte>>&)> wrong;
};

struct SampleOptions {
  bool dtypes = false;     // each sample in all dtypes that it allows
  bool scattered = false;  // and with operands in any order with gaps, at odd offsets
};
// Of all operators with `lower` whose kernels have CUDA text; reasons of the others go to `refused`, "operator: reason".
std::vector<CudaCase> sample_cases(const SampleOptions& options, std::vector<std::string>& refused);
// Gathers and the like with indices that are out of range.
std::vector<CudaCase> failing_cases();
CudaCase random_case(unsigned seed, bool large = false);

}  // namespace burnish::test
