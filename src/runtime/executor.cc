#include "runtime/executor.h"

#include <chrono>
#include <exception>
#include <mutex>
#include <new>
#include <stdexcept>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/remedy.h"
#include "ir/tensor_limit.h"
#include "runtime/frame.h"

namespace burnish {
namespace {

#if defined(__x86_64__)
// Rounding to nearest, subnormal numbers kept, no traps: whatever the host thread has set, the bits are the same.
class DefaultArithmetic {
 public:
  DefaultArithmetic() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~DefaultArithmetic() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
};
#else
struct DefaultArithmetic {};
#endif

}  // namespace

struct Executor::Parts {
  ExecutableCode code;
  std::unique_ptr<Prepared> prepared;
  std::once_flag checked;
  Status check;
};

Result<std::shared_ptr<const Executor>> Executor::create(std::shared_ptr<const Program> program,
                                                         std::shared_ptr<const void> mapped) {
  TRY(verify(*program));
  std::shared_ptr<Executor> executor(new Executor);
  executor->parts_ = std::make_unique<Parts>();
  if (program->mapped_code.empty()) {
    executor->parts_->code = TRY(ExecutableCode::copy(program->code));
    executor->code_ = executor->parts_->code.data();
  } else {
    executor->code_ = program->mapped_code.data();
  }
  executor->parts_->prepared = std::make_unique<Prepared>(*program, executor->code_);
  executor->program_ = std::move(program);
  executor->mapped_ = std::move(mapped);
  return std::shared_ptr<const Executor>(std::move(executor));
}

Executor::~Executor() = default;

const Prepared& Executor::prepared() const { return *parts_->prepared; }

Status Executor::check_constants(ThreadPool* pool) const {
  if (!program_->check_constants) return {};
  std::call_once(parts_->checked, [&] { parts_->check = program_->check_constants(pool); });
  return parts_->check;
}

struct Context::State {
  State(std::shared_ptr<const Executor> of, ThreadPool* pool)
      : executor(std::move(of)), frame(executor->prepared(), run) {
    run.pool = pool != nullptr && pool->threads() > 1 ? pool : nullptr;
  }
  std::shared_ptr<const Executor> executor;
  RunState run;
  Frame frame;
  bool constants_checked = false;
};

// What a run sets up, and takes back however it ends: by an error, by an exception, or by one that is thrown while an
// error is put into words.
class Context::Run {
 public:
  Run(State& state, const RunOptions& options) : state_(state) {
    if (state.run.pool != nullptr && state.executor->prepared().kernels) {
      state.run.pool->begin_session();
      session_ = true;
    }
    state.run.options = &options;
    state.run.bytes = 0;
    state.run.iterations = 0;
    state.run.failure = {};
    if (state.run.profile != nullptr) state.run.began = std::chrono::steady_clock::now();
    ++state.run.number;
  }
  ~Run() {
    if (failed_) state_.frame.clear();
    state_.run.options = nullptr;
    if (session_) state_.run.pool->end_session();
  }
  Run(const Run&) = delete;
  void succeeded() { failed_ = false; }

 private:
  State& state_;
  bool session_ = false, failed_ = true;
};

Context::Context(std::shared_ptr<const Executor> executor, ThreadPool* pool)
    : state_(std::make_unique<State>(std::move(executor), pool)) {}
Context::~Context() = default;

Result<std::vector<RuntimeValue>> Context::run(std::span<const RuntimeValue> inputs, const RunOptions& options,
                                               std::span<Tensor> preallocated) {
  State& s = *state_;
  if (!s.constants_checked) {
    TRY(s.executor->check_constants(s.run.pool));
    s.constants_checked = true;
  }
  const DefaultArithmetic arithmetic;
  (void)arithmetic;
  Result<std::vector<RuntimeValue>> result;
  try {
    Run run(s, options);
    const TensorLimit limit(options.max_bytes);  // one that cannot be counted afterwards is not made
    result = s.frame.run(inputs, nullptr, preallocated);
    if (result) run.succeeded();
  } catch (const std::bad_alloc&) {
    result = memory_error("the run needs more memory than there is");
  } catch (const std::length_error&) {  // a container that nobody could fill
    result = memory_error("the run needs more memory than there is");
  } catch (const std::exception& exception) {  // whatever a step threw, the context stays usable
    result = internal_error(std::string("a step of the run failed: ") + exception.what());
  } catch (...) {
    result = internal_error("a step of the run failed");
  }
  if (!result) {
    // Inconsistent numbers in a program that was just built are a bug of ours; here the file holds them.
    const std::string& file = s.executor->program().file;
    if (Error& error = result.error(); error.code == ErrorCode::internal && !file.empty())
      result = refused(std::move(error.what), error.where.empty() ? file : file + ": " + error.where,
                       "build the plan again");
    result = advise(std::move(result), "check the inputs' values and sizes", "the run");
  }
  return result;
}

void Context::set_profile(std::vector<StepTime>* profile, bool trace) {
  state_->run.profile = profile;
  state_->run.workers.resize(trace && profile != nullptr ? static_cast<std::size_t>(state_->run.threads()) : 0);
}
int64_t Context::arena_bytes() const { return state_->frame.arena_bytes(); }
std::vector<LiveBuffer> Context::arena() const { return state_->frame.arena(); }

}  // namespace burnish
