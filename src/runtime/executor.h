#pragma once
// Runs programs. One Executor per program (shared, read-only); one Context per concurrent run.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "ir/tensor.h"
#include "runtime/program.h"

namespace burnish {

struct RunOptions {
  std::function<bool()> cancelled;       // polled between steps
  int64_t max_bytes = int64_t{1} << 40;  // arenas, scratch and heap values together
  int64_t max_loop_iterations = int64_t{1} << 32;
  // Memory of outputs that are written in place, when set; it need not be zeroed. Other outputs have memory of their own.
  std::function<Result<Tensor>(DType dtype, std::vector<int64_t> dims)> allocate_output;
};

struct StepTime {
  std::string name;
  std::string kind;  // "kernel conv direct 14x2", "reference Foo"
  double seconds = 0;
  const Program* program = nullptr;  // a body's steps are its own
  int step = 0;
  double start = 0;  // seconds after the run's
  // Of a trace, and of kernels: one for every thread that had a part in it.
  struct Worker {
    int number = 0;
    double first = 0, last = 0;  // begin of its first piece of work and end of its last, seconds after the run's start
    double busy = 0;             // seconds within pieces
  };
  std::vector<Worker> workers;
};

// A buffer of an arena, and between which steps it is live.
struct LiveBuffer {
  int64_t bytes;
  int first_step, last_step;
  int64_t offset = 0;  // result
};

class Executor;
struct Prepared;

class Context {
 public:
  // `pool` may be shared by contexts; it must outlive them. Null: the calling thread works alone.
  Context(std::shared_ptr<const Executor> executor, ThreadPool* pool);
  ~Context();
  Context(const Context&) = delete;

  // Inputs in the program's order. Checks dtypes and dims, binds symbols, runs, returns one value per output. An entry of
  // `preallocated` that is a tensor of the right dtype and dims receives that output in place.
  Result<std::vector<RuntimeValue>> run(std::span<const RuntimeValue> inputs, const RunOptions& options = {},
                                        std::span<Tensor> preallocated = {});
  // When set, every step of the following runs is timed and appended; with `trace`, the part of every thread, too, which
  // takes a little longer.
  void set_profile(std::vector<StepTime>* profile, bool trace = false);
  int64_t arena_bytes() const;  // of the last shapes that ran
  // One per buffer of the program, where it lies for the last shapes that ran; without bytes where that is not in the arena.
  std::vector<LiveBuffer> arena() const;

 private:
  struct State;
  class Run;
  std::unique_ptr<State> state_;
};

class Executor {
 public:
  // Maps code executable. `mapped` keeps a plan file's mapping alive that constants and code may point into.
  static Result<std::shared_ptr<const Executor>> create(std::shared_ptr<const Program> program,
                                                        std::shared_ptr<const void> mapped = nullptr);
  ~Executor();
  const Program& program() const { return *program_; }
  const std::byte* code() const { return code_; }
  // Runs Program::check_constants once, the first time that a context runs; later calls give its answer.
  Status check_constants(ThreadPool* pool) const;
  const Prepared& prepared() const;

 private:
  struct Parts;
  Executor() = default;
  std::shared_ptr<const Program> program_;
  std::shared_ptr<const void> mapped_;
  const std::byte* code_ = nullptr;
  std::unique_ptr<Parts> parts_;
};

// Offsets for buffers so that those live at the same time do not overlap: greedy by size (arXiv 2001.03288, section 5.2),
// 64-byte aligned. Returns the total.
Result<int64_t> plan_arena(std::span<LiveBuffer> buffers);

// Runs one graph on references: oracle, constant folder, fallback.
Result<std::vector<RuntimeValue>> interpret(const Graph& graph, std::span<const RuntimeValue> inputs,
                                            const RunOptions& options = {});
// One node, for the constant folder.
Result<std::vector<RuntimeValue>> interpret(const Node& node, std::span<const RuntimeValue* const> inputs,
                                            const SymbolTable& symbols);

}  // namespace burnish
