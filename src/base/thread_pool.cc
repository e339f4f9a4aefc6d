#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/checked.h"

namespace burnish {
namespace {

using Clock = std::chrono::steady_clock;
// Waking a sleeper costs about 150 us, so a worker first waits this long for more work ...
constexpr auto kSpinAfterSession = std::chrono::microseconds(50);
// ... and longer between the kernels of one run. Past it a step is so long that a wake no longer matters.
constexpr auto kSpinInSession = std::chrono::milliseconds(2);
constexpr int kPausesPerLook = 32;     // between looks at the clock
constexpr int kPausesPerYield = 1024;  // so that a spinner cannot starve the thread that it waits for
constexpr int64_t kMaxPieces = int64_t{1} << 31;

inline void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

// Threads do not survive a fork: a pool that sees this number changed starts new ones.
std::atomic<uint32_t> fork_count{0};
uint32_t current_fork() {
  static const bool registered =
      ::pthread_atfork(nullptr, nullptr, [] { fork_count.fetch_add(1, std::memory_order_relaxed); }) == 0;
  (void)registered;
  return fork_count.load(std::memory_order_relaxed);
}

// The pieces [begin, end) that are left of one worker's share, in one word: the owner takes from the front, others from
// the end.
struct alignas(64) Share {
  std::atomic<uint64_t> range{0};

  static constexpr uint64_t pack(uint64_t begin, uint64_t end) { return begin << 32 | end; }
  int64_t take_front() {
    uint64_t r = range.load(std::memory_order_relaxed);
    while (r >> 32 < (r & 0xffffffff)) {
      if (range.compare_exchange_weak(r, r + (uint64_t{1} << 32), std::memory_order_relaxed)) {
        return static_cast<int64_t>(r >> 32);
      }
    }
    return -1;
  }
  int64_t take_back() {
    uint64_t r = range.load(std::memory_order_relaxed);
    while (r >> 32 < (r & 0xffffffff)) {
      if (range.compare_exchange_weak(r, r - 1, std::memory_order_relaxed)) {
        return static_cast<int64_t>(r & 0xffffffff) - 1;
      }
    }
    return -1;
  }
};

struct Job {
  ThreadPool::Body body = nullptr;
  void* context = nullptr;
  int64_t tasks = 0, grain = 1;
};

// The gate is one word: generation of the job (upper half), whether it takes workers, and how many are inside. A worker
// that comes late finds the gate closed, so the caller never waits for one that is asleep.
constexpr uint64_t kOpen = uint64_t{1} << 31;
constexpr uint64_t kInside = kOpen - 1;

class Team {
 public:
  Team(int threads, uint32_t fork) : fork_(fork), shares_(static_cast<std::size_t>(threads)) {
    spins_ = threads <= available_processors();
    // The host's signal handlers are not meant for these threads.
    sigset_t all, old;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 1; i < threads; ++i) {
      try {
        workers_.emplace_back([this, i] { work(i); });
      } catch (...) {  // std::system_error, or no memory for a thread or for the error
        break;         // No more threads to be had: those that exist take the others' shares.
      }
    }
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }

  ~Team() {
    stop_.store(true);
    wake();
    for (std::thread& worker : workers_) worker.join();
  }

  uint32_t fork() const { return fork_; }

  // False when another caller is inside.
  bool run(const Job& job) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    job_ = job;
    const int64_t pieces = ceil_div(job.tasks, job.grain);
    const auto count = static_cast<int64_t>(shares_.size());
    for (int64_t i = 0; i < count; ++i) {
      const int64_t begin = pieces * i / count, end = pieces * (i + 1) / count;
      shares_[static_cast<std::size_t>(i)].range.store(
          Share::pack(static_cast<uint64_t>(begin), static_cast<uint64_t>(end)), std::memory_order_relaxed);
    }
    ++generation_;
    gate_.store(uint64_t{generation_} << 32 | kOpen);
    if (sleepers_.load() > 0) wake();
    take_pieces(0);
    gate_.fetch_and(~kOpen);
    for (int pauses = 1; (gate_.load(std::memory_order_acquire) & kInside) != 0; ++pauses) {
      pause();
      if (pauses % kPausesPerYield == 0) ::sched_yield();
    }
    std::exception_ptr exception;
    if (failed_.load(std::memory_order_relaxed)) {
      exception = std::exchange(exception_, nullptr);
      failed_.store(false, std::memory_order_relaxed);
    }
    busy_.store(false, std::memory_order_release);
    if (exception) std::rethrow_exception(exception);
    return true;
  }

  void begin_session() {
    sessions_.fetch_add(1);
    if (spins_ && sleepers_.load() > 0) wake();
  }
  void end_session() { sessions_.fetch_sub(1); }

 private:
  void take_pieces(int self) {
    const Job job = job_;
    const auto count = static_cast<int>(shares_.size());
    const auto run_piece = [&](int64_t piece) {
      const int64_t first = piece * job.grain;
      // Nobody may leave while others work for the caller's stack: the first exception waits for the end.
      try {
        job.body(job.context, first, std::min(first + job.grain, job.tasks), self);
      } catch (...) {
        if (!failed_.exchange(true)) exception_ = std::current_exception();
      }
    };
    for (int64_t piece; (piece = shares_[static_cast<std::size_t>(self)].take_front()) >= 0;) run_piece(piece);
    for (int i = 1; i < count; ++i) {
      Share& other = shares_[static_cast<std::size_t>((self + i) % count)];
      for (int64_t piece; (piece = other.take_back()) >= 0;) run_piece(piece);
    }
  }

  // Enters the gate unless it is closed or this job was already worked on.
  bool enter(uint32_t* seen) {
    uint64_t gate = gate_.load(std::memory_order_acquire);
    while ((gate & kOpen) != 0 && static_cast<uint32_t>(gate >> 32) != *seen) {
      if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        *seen = static_cast<uint32_t>(gate >> 32);
        return true;
      }
    }
    return false;
  }

  void work(int self) {
    std::fesetenv(FE_DFL_ENV);  // The caller's rounding mode must not leak into some of the tasks only.
    uint32_t seen = 0;
    Clock::time_point last_work = Clock::now(), last_session = last_work;
    for (uint32_t pauses = 1; !stop_.load(std::memory_order_relaxed); ++pauses) {
      if (enter(&seen)) {
        take_pieces(self);
        gate_.fetch_sub(1, std::memory_order_release);
        last_work = last_session = Clock::now();
        continue;
      }
      pause();
      if (pauses % kPausesPerYield == 0) ::sched_yield();
      if (spins_ && pauses % kPausesPerLook != 0) continue;
      const Clock::time_point now = Clock::now();
      if (sessions_.load(std::memory_order_relaxed) > 0) last_session = now;
      if (spins_ && now - last_work < kSpinInSession && now - last_session < kSpinAfterSession) continue;
      sleep(seen);
      last_work = last_session = Clock::now();
    }
  }

  // Sleeps until there is a job not seen yet, a session begins, or the end. The count of sleepers goes up before the
  // conditions are read, and the other side sets them before it reads the count: one of the two sees the other.
  void sleep(uint32_t seen) {
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    const uint64_t wakes = wakes_;
    const uint64_t gate = gate_.load();
    const bool job = (gate & kOpen) != 0 && static_cast<uint32_t>(gate >> 32) != seen;
    if (!job && !stop_.load()) condition_.wait(lock, [&] { return wakes_ != wakes; });
    sleepers_.fetch_sub(1);
  }

  void wake() {
    {
      std::lock_guard lock(mutex_);
      ++wakes_;
    }
    condition_.notify_all();
  }

  const uint32_t fork_;
  bool spins_ = true;  // more threads than processors: a spinner would only take time from the others
  std::vector<Share> shares_;
  Job job_;
  uint32_t generation_ = 0;
  alignas(64) std::atomic<uint64_t> gate_{0};
  alignas(64) std::atomic<int> sleepers_{0};
  std::atomic<int> sessions_{0};
  std::atomic<bool> busy_{false}, stop_{false}, failed_{false};
  std::exception_ptr exception_;  // the first of this job
  std::mutex mutex_;
  std::condition_variable condition_;
  uint64_t wakes_ = 0;
  std::vector<std::thread> workers_;
};

}  // namespace

struct ThreadPool::State {
  int threads = 1;
  std::atomic<Team*> team{nullptr};  // made at the first use

  Team& current() {
    const uint32_t fork = current_fork();
    Team* old = team.load(std::memory_order_acquire);
    if (old != nullptr && old->fork() == fork) return *old;
    // A team from before a fork has no threads and perhaps a locked mutex: it is left behind, never destroyed.
    Team* made = new Team(threads, fork);
    if (team.compare_exchange_strong(old, made, std::memory_order_acq_rel)) return *made;
    delete made;
    return *old;
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) { state_->threads = std::max(threads, 1); }

ThreadPool::~ThreadPool() {
  Team* team = state_->team.load();
  if (team != nullptr && team->fork() == current_fork()) delete team;
}

int ThreadPool::threads() const { return state_->threads; }

void ThreadPool::run(int64_t tasks, int64_t grain, Body body, void* context) {
  if (tasks <= 0) return;
  grain = std::max({grain, int64_t{1}, ceil_div(tasks, kMaxPieces)});
  if (state_->threads > 1 && tasks > grain && state_->current().run({body, context, tasks, grain})) return;
  body(context, 0, tasks, 0);
}

void ThreadPool::begin_session() {
  if (state_->threads > 1) state_->current().begin_session();
}

void ThreadPool::end_session() {
  if (state_->threads > 1) state_->current().end_session();
}

}  // namespace burnish
