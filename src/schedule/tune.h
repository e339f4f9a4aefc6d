#pragma once
// Measures the ways to run each kernel on the machine at hand, before select chooses among them (`max-autotune`).

#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "schedule/select.h"
#include "schedule/timing_cache.h"
#include "schedule/unit.h"
#include "target/target.h"

namespace burnish {

struct TuneOptions {
  const Target* target = nullptr;  // its code must run here
  ThreadPool* pool = nullptr;      // as many threads as a run will have
  std::string processor;           // names machine and threads in the cache
  TimingCache* cache = nullptr;
  std::function<void(double fraction)> progress;
  std::function<bool()> cancelled;
};

// Replaces the estimates of tactics that select may choose by seconds of runs: the best few of each distinct kernel by
// estimate, by turns, in the formats that they ask for, on weights that are not in the nearest caches. The others' estimates
// are scaled to agree. Returns how many tactics were run; those that the cache knows are not.
Result<int> tune(std::vector<Unit>& units, const SelectOptions& selecting, const TuneOptions& options);

}  // namespace burnish
