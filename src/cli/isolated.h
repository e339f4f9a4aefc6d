#pragma once
// Tasks in processes of their own, so that one that crashes or hangs takes no other down.

#include <functional>
#include <string>

#include "base/error.h"

namespace burnish::cli {

struct TaskResult {
  std::string output;  // what the task returned
  std::string died;    // else why it returned nothing, in words
};

// Runs task(0 .. count - 1) in up to `processes` children; `done` is called here, in the order in which they end. The
// process must have one thread.
Status run_isolated(int count, int processes, double timeout_seconds, const std::function<std::string(int)>& task,
                    const std::function<void(int, TaskResult)>& done);

}  // namespace burnish::cli
