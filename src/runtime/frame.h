#pragma once
// One running instance of a program: its values, its arena, its plans per shape. Bodies of branches and loops run in
// frames of their own.

#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "runtime/executor.h"
#include "runtime/memory.h"
#include "runtime/prepared.h"
#include "runtime/shape_plan.h"

namespace burnish {

struct RunState;

// Memory that is kept from run to run counts for each run that uses it, once, by the most that it used.
struct Kept {
  int64_t bytes = 0, run = 0;
  Status use(RunState& state, int64_t wanted);
};

// What the frames of one run share.
struct RunState {
  const RunOptions* options = nullptr;
  ThreadPool* pool = nullptr;
  std::vector<StepTime>* profile = nullptr;
  std::chrono::steady_clock::time_point began;  // of the run, for the profile
  std::vector<StepTime::Worker> workers;        // of the last kernel, a trace's; empty without one
  Block scratch;
  Kept counted;  // of it
  KernelFailure failure = {};
  int64_t bytes = 0, iterations = 0;
  int64_t number = 0;  // of the context's runs

  int threads() const { return pool == nullptr ? 1 : pool->threads(); }
  double since_start() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); }
  Status add_bytes(int64_t more);
};

class CompositeCache;

class Frame {
 public:
  Frame(const Prepared& prepared, RunState& state);
  ~Frame();

  // `arrived`: inputs, then captures. `outer`: the numbers of symbols around a body; null for the outermost program.
  Result<std::vector<RuntimeValue>> run(std::span<const RuntimeValue> arrived, const SymbolTable* outer,
                                        std::span<Tensor> preallocated = {});
  // Drops all values, after a run that failed too.
  void clear();
  int64_t arena_bytes() const;
  std::vector<LiveBuffer> arena() const;

 private:
  // frame.cc
  Result<ShapePlan*> plan_for(std::span<const RuntimeValue> arrived, const SymbolTable* outer);
  Result<SymbolTable> bind_arrivals(std::span<const RuntimeValue> arrived, const SymbolTable* outer) const;
  std::string input_name(std::size_t i) const;
  Status prepare_memory(std::span<const RuntimeValue> arrived, std::span<Tensor> preallocated);
  Status run_steps();
  Status run_kernel(std::size_t i, const Step& step);
  std::unexpected<Error> outside(const Step& step);
  Status prepare_late(std::size_t i, const Step& step);
  void invoke(const KernelCall& call);
  void invoke(const KernelCall& call, const KernelArgs& args, int64_t first, int64_t last, int worker);
  void add_time(std::size_t i, const Step& step, double start);
  Status run_reference(std::size_t i, const Step& step);
  Status check_result(int slot);
  Result<std::vector<RuntimeValue>> collect_outputs(std::span<Tensor> preallocated);

  // values.cc
  // The value of a slot; `holder` keeps what has to be made for the call.
  Result<const RuntimeValue*> read(int slot, RuntimeValue& holder);
  Status write(int slot, RuntimeValue value);
  void drop(int slot);
  std::byte* buffer(int number) const;
  bool is_direct_output(std::size_t i) const;
  bool in_arena(const Tensor& tensor) const;
  // Lies in memory that others write or free before the value dies: the arena, what arrived, outputs of this run. References
  // may give back what they read.
  bool is_borrowed(const Tensor& tensor) const;
  Status own(RuntimeValue& value) const;  // copies borrowed tensors

  // control.cc
  Status run_branch(const Step& step);
  Status run_loop(const Step& step);
  Status run_scan(const Step& step);
  Frame& body(int number);
  Status append_captures(int body, std::vector<RuntimeValue>& arrived);
  Dims piece_dims(int slot) const;

  const Prepared& prepared_;
  const Program& program_;
  RunState& state_;
  std::vector<std::unique_ptr<ShapePlan>> plans_;  // most recently used first
  ShapePlan* plan_ = nullptr;
  bool outermost_ = true;
  Block arena_;
  Kept counted_;  // of it
  std::vector<int64_t> key_;
  std::vector<std::byte*> moving_;   // per buffer: start of inputs and outputs of this run
  std::vector<RuntimeValue> heap_;   // per slot
  std::vector<int64_t> heap_bytes_;  // per slot: what it counts for
  std::span<const RuntimeValue> arrived_;
  std::vector<Tensor> outputs_;  // per output that is written in place
  SymbolTable late_symbols_;
  SymbolTable* symbols_ = nullptr;
  std::vector<RuntimeValue> aligned_;  // copies of inputs whose data is not aligned
  std::vector<std::unique_ptr<Frame>> bodies_;
  std::vector<std::unique_ptr<CompositeCache>> composites_;  // per step
};

// Sum of the tensors' bytes.
int64_t byte_count(const RuntimeValue& value);
Result<Tensor> deep_copy(const Tensor& tensor);

}  // namespace burnish
