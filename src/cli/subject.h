#pragma once
// Something that runs: an engine or a graph on references. Both are programs for the one executor.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "cli/limits.h"
#include "ir/graph.h"
#include "runtime/executor.h"

namespace burnish::cli {

struct StepCounts {
  int64_t all = 0, kernels = 0, references = 0;
  int64_t plain = 0;  // kernels that are plain loops
};

class Subject {
 public:
  static Result<Subject> of(std::shared_ptr<const Program> program, int threads);
  // Another context on what is loaded already.
  static Subject with(std::shared_ptr<const Executor> executor, int threads);
  static Result<Subject> references(std::shared_ptr<const Graph> graph);

  const Program& program() const { return executor_->program(); }
  const std::shared_ptr<const Executor>& executor() const { return executor_; }
  Context& context() { return *context_; }
  Result<std::vector<RuntimeValue>> run(std::span<const RuntimeValue> inputs,
                                        const RunOptions& options = run_options()) {
    return context_->run(inputs, options);
  }

 private:
  std::shared_ptr<const Executor> executor_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Context> context_;
};

// What its code needs, or "any".
std::string isa_of(const Program& program);
// Bodies counted too.
StepCounts count_steps(const Program& program);

}  // namespace burnish::cli
