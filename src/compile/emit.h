#pragma once
// Code for all kernels of a program: each distinct one once, on all threads.

#include "base/thread_pool.h"
#include "compile/code_cache.h"
#include "schedule/place.h"

namespace burnish {

struct EmitOptions {
  const Target* target = nullptr;
  ThreadPool* pool = nullptr;            // may be null
  CodeCache* cache = nullptr;            // may be null
  std::function<void(double)> progress;  // fraction done
  std::function<bool()> cancelled;
};
// Fills in the code of `root` and the kernels of the jobs' programs (root's own and its bodies').
Status emit(std::vector<KernelJob>& jobs, Program& root, const EmitOptions& options);

}  // namespace burnish
