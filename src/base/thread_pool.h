#pragma once
// Fork-join over task numbers. Work is cut by shape alone, so results do not depend on the number of threads.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

namespace burnish {

class ThreadPool {
 public:
  // `threads` counts the caller, which always works too; 1 means no workers at all.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Runs body(first, last, worker) over disjoint ranges that cover [0, tasks); returns when all are done. Ranges are
  // handed out in pieces of `grain`. worker is in [0, threads()). Each worker starts on its own share and steals from
  // the other shares' far ends. A call made while another thread uses the pool, or from inside a body, runs alone.
  using Body = void (*)(void* context, int64_t first, int64_t last, int worker);
  void run(int64_t tasks, int64_t grain, Body body, void* context);

  template <class F>
  void parallel_for(int64_t tasks, int64_t grain, F&& f) {
    run(
        tasks, grain,
        [](void* c, int64_t a, int64_t b, int w) { (*static_cast<std::remove_reference_t<F>*>(c))(a, b, w); },
        const_cast<void*>(static_cast<const void*>(&f)));
  }

  // Workers spin between run() calls while a session is open (one inference), and 50 us after; then they sleep.
  void begin_session();
  void end_session();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The number of processors this process may use (affinity and cgroup quota counted), at least 1.
int available_processors();
// The part of it that control groups allow, 0 for no limit. `mount` is usually /sys/fs/cgroup, `membership` the text of
// /proc/self/cgroup.
int cgroup_processors(const std::string& mount, const std::string& membership);

}  // namespace burnish
