#pragma once
// What a target is. codegen and kernels implement it; select and the runtime know only this.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "loop/kernel.h"

namespace burnish {

// Kernel ABI v2. A kernel is `void k(const KernelArgs*, int64_t first, int64_t last)` and runs tasks [first, last).
extern "C" {
// An index that is outside of what it indexes. The first kernel to find one sets `failed`, 0 before, and the rest; then
// what it was called to do is not done.
struct KernelFailure {
  int64_t failed;
  int64_t index, low, high;  // low <= index <= high should hold
  int64_t operand;           // of the kernel, that the index was read from; -1: it was computed from several
};
struct KernelArgs {
  void* const* pointers;    // one per operand of the kernel: start of its buffer plus its storage's offset
  const int64_t* integers;  // Emitted::integers, evaluated
  void* scratch;            // Emitted::scratch_bytes for this worker, 64-byte aligned; null when none
  KernelFailure* failure;   // shared by all workers
};
using KernelFunction = void (*)(const KernelArgs*, int64_t first, int64_t last);
}

// The name of a tactic that writes a problem down as loops, because no family has code for it; its `why` says why not. It
// is slow beside what a family makes, and reports tell.
inline constexpr std::string_view kPlainLoops = "plain loops";

// Compiled code of one kernel: position-independent, without relocations or calls to the outside.
struct Emitted {
  std::vector<std::byte> code;
  std::size_t entry = 0;      // offset of the function in code; code is placed at 64-byte alignment
  std::vector<Dim> integers;  // what the kernel wants in KernelArgs::integers
  Dim tasks = 1;              // number of tasks
  Dim grain = 1;              // tasks handed out at a time
  Dim scratch_bytes = 0;      // per worker
};

class Target {
 public:
  virtual ~Target() = default;
  virtual std::string name() const = 0;  // "cpu x86-64-v4"
  // Ways to run the kernel on this target, best estimate first; empty: no way, with the reason in *why_not.
  virtual std::vector<Tactic> tactics(const Kernel& kernel, std::string* why_not) const = 0;
  // Code for the kernel with operands stored as given (one Storage per operand, buffer numbers ignored).
  virtual Result<Emitted> emit(const Kernel& kernel, const Tactic& tactic, std::span<const Storage> storages) const = 0;
  // What the kernel reads in place of a constant operand: a tensor of one dim, Port::derived_bytes large.
  virtual Result<Tensor> derive(const Kernel& kernel, const Tactic& tactic, std::size_t operand,
                                const Tensor& constant) const = 0;
};

}  // namespace burnish
