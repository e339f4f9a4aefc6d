#pragma once
// Everything about a program that depends on sizes, in numbers: made once for a new set of input dims, then reused.

#include <vector>

#include "runtime/prepared.h"
#include "runtime/stored.h"
#include "target/target.h"

namespace burnish {

struct KernelCall {
  KernelFunction function = nullptr;
  std::vector<void*> pointers;
  std::vector<int64_t> integers;
  int64_t tasks = 0, grain = 1, scratch_bytes = 0;
  bool late = false;  // has operands on the heap, or sizes that are bound while the program runs
};

struct ShapePlan {
  std::vector<int64_t> key;  // dims of what arrives, and the outer symbols' numbers
  SymbolTable symbols;
  int64_t arena_bytes = 0;
  std::vector<int64_t> buffer_offsets;  // in the arena
  std::vector<Placement> placements;    // per slot; empty for heap slots
  std::vector<KernelCall> calls;        // per step; empty for all but kernels
  std::vector<RuntimeValue> views;      // per slot: a constant's or the arena's, where viewed and contiguous

  std::vector<const SizeCheck*> late_checks;  // of sizes that are bound while the program runs

  // Pointers into the arena and constants are right for this arena; those into inputs and outputs change in every run.
  const std::byte* arena = nullptr;
  bool resolved = false;
  struct Pointer {
    int step, operand, buffer;
    int64_t bytes;  // from the buffer's start
  };
  std::vector<Pointer> fixed, changing;

  // `symbols` holds what is bound already.
  static Result<std::unique_ptr<ShapePlan>> make(const Prepared& prepared, SymbolTable symbols);
  void resolve(const Prepared& prepared, std::byte* arena_start);
};

// Nothing is said of sizes that are not known yet.
Status verify(const SizeCheck& check, const SymbolTable& symbols);

// Integers, tasks, grain and scratch of a kernel.
Status evaluate(const KernelCode& kernel, const SymbolTable& symbols, KernelCall& call);

}  // namespace burnish
