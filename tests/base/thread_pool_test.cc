#include "base/thread_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace burnish {
namespace {

// Every task once, whatever the cut.
void expect_covered(ThreadPool& pool, int64_t tasks, int64_t grain) {
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(tasks));
  std::atomic<bool> bad{false};
  pool.parallel_for(tasks, grain, [&](int64_t first, int64_t last, int worker) {
    if (first >= last || worker < 0 || worker >= pool.threads()) bad = true;
    for (int64_t i = first; i < last; ++i) seen[static_cast<std::size_t>(i)]++;
  });
  EXPECT_FALSE(bad);
  for (const auto& s : seen) ASSERT_EQ(s, 1);
}

TEST(ThreadPool, CoversEveryTaskOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int64_t tasks : {0, 1, 2, 7, 64, 1000}) {
      for (int64_t grain : {-1, 1, 3, 64, 5000}) expect_covered(pool, tasks, grain);
    }
  }
}

TEST(ThreadPool, ZeroThreadsMeansTheCaller) {
  ThreadPool pool(0);
  EXPECT_EQ(pool.threads(), 1);
  expect_covered(pool, 10, 1);
}

TEST(ThreadPool, ManyShortRuns) {
  ThreadPool pool(4);
  pool.begin_session();
  int64_t sum = 0;
  for (int run = 0; run < 20000; ++run) {
    std::atomic<int64_t> part{0};
    pool.parallel_for(16, 1, [&](int64_t first, int64_t last, int) {
      for (int64_t i = first; i < last; ++i) part += i + run;
    });
    sum += part;
  }
  pool.end_session();
  EXPECT_EQ(sum, int64_t{20000} * 120 + int64_t{16} * 20000 * 19999 / 2);
}

TEST(ThreadPool, WritesOfTheBodiesAreSeenAfterTheRun) {
  ThreadPool pool(3);
  std::vector<int64_t> data(4096);
  for (int run = 0; run < 500; ++run) {
    pool.parallel_for(static_cast<int64_t>(data.size()), 16, [&](int64_t first, int64_t last, int) {
      for (int64_t i = first; i < last; ++i) data[static_cast<std::size_t>(i)] += i;
    });
    if (run % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // workers fall asleep
  }
  for (std::size_t i = 0; i < data.size(); ++i) ASSERT_EQ(data[i], static_cast<int64_t>(500 * i));
}

TEST(ThreadPool, SleepersWakeForWork) {
  ThreadPool pool(2);
  for (int run = 0; run < 20; ++run) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    // Each of the two tasks waits for the other: both threads must be at work.
    std::atomic<int> arrived{0};
    pool.parallel_for(2, 1, [&](int64_t, int64_t, int) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
    EXPECT_EQ(arrived, 2);
  }
}

TEST(ThreadPool, NestedCallsRunAlone) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum{0};
  pool.parallel_for(50, 1, [&](int64_t first, int64_t last, int) {
    for (int64_t i = first; i < last; ++i) {
      pool.parallel_for(10, 1, [&](int64_t a, int64_t b, int worker) {
        EXPECT_EQ(worker, 0);
        sum += (b - a) * i;
      });
    }
  });
  EXPECT_EQ(sum, 10 * 49 * 50 / 2);
}

// Whoever throws, the caller gets it when all are done, and the pool works on.
TEST(ThreadPool, ExceptionsReachTheCaller) {
  ThreadPool pool(4);
  for (const bool on_caller : {true, false}) {
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> done{0}, thrown{0};
      const auto body = [&](int64_t, int64_t, int worker) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));  // so that workers get some
        ++done;
        if ((worker == 0) != on_caller) return;
        ++thrown;
        throw std::bad_alloc();
      };
      bool caught = false;
      try {
        pool.parallel_for(32, 1, body);
      } catch (const std::bad_alloc&) {
        caught = true;
      }
      EXPECT_EQ(caught, thrown > 0);
      EXPECT_EQ(done, 32);
      EXPECT_TRUE(caught || !on_caller);
    }
    expect_covered(pool, 100, 3);
  }
}

TEST(ThreadPool, CallersFromManyThreads) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int run = 0; run < 500; ++run) {
        pool.begin_session();
        pool.parallel_for(100, 7, [&](int64_t first, int64_t last, int) { sum += last - first; });
        pool.end_session();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 500 * 100);
}

TEST(ThreadPool, MoreThreadsThanProcessors) {
  ThreadPool pool(available_processors() * 4 + 1);
  for (int run = 0; run < 200; ++run) expect_covered(pool, 100, 1);
}

TEST(ThreadPool, ABusyProcessorDoesNotHangIt) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> hogs;
  for (int i = 0; i < available_processors(); ++i) {
    hogs.emplace_back([&] {
      while (!stop) {
      }
    });
  }
  {
    ThreadPool pool(2);
    for (int run = 0; run < 100; ++run) expect_covered(pool, 64, 1);
  }
  stop = true;
  for (std::thread& hog : hogs) hog.join();
}

#if !defined(__SANITIZE_THREAD__)
TEST(ThreadPool, WorksAgainAfterFork) {
  ThreadPool pool(3);
  expect_covered(pool, 100, 1);
  const pid_t child = ::fork();
  if (child == 0) {
    std::atomic<int64_t> sum{0};
    for (int run = 0; run < 100; ++run) {
      pool.begin_session();
      pool.parallel_for(100, 1, [&](int64_t first, int64_t last, int) { sum += last - first; });
      pool.end_session();
    }
    {
      ThreadPool own(2);
      own.parallel_for(2, 1, [](int64_t, int64_t, int) {});
    }
    ::_exit(sum == 10000 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  expect_covered(pool, 100, 1);
}
#endif

TEST(Processors, AtLeastOne) { EXPECT_GE(available_processors(), 1); }

TEST(Processors, QuotasOfControlGroups) {
  namespace fs = std::filesystem;
  const fs::path root = fs::temp_directory_path() / ("burnish_cgroup_" + std::to_string(::getpid()));
  const auto put = [&](const std::string& path, std::string_view text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  };
  put("a/cpu.max", "max 100000\n");
  put("a/b/cpu.max", "250000 100000\n");
  put("cpu,cpuacct/c/cpu.cfs_quota_us", "100000\n");
  put("cpu,cpuacct/c/cpu.cfs_period_us", "100000\n");
  put("cpu,cpuacct/d/cpu.cfs_quota_us", "-1\n");
  put("cpu,cpuacct/d/cpu.cfs_period_us", "100000\n");
  put("e/cpu.max", "banana\n");
  EXPECT_EQ(cgroup_processors(root, "0::/a\n"), 0);
  EXPECT_EQ(cgroup_processors(root, "0::/a/b\n"), 3);
  EXPECT_EQ(cgroup_processors(root, "0::/a/b/below\n"), 3);
  EXPECT_EQ(cgroup_processors(root, "5:cpu,cpuacct:/c\n0::/a\n"), 1);
  EXPECT_EQ(cgroup_processors(root, "5:cpu,cpuacct:/d\n4:memory:/c\n"), 0);
  EXPECT_EQ(cgroup_processors(root, "0::/e\nnonsense\n"), 0);
  EXPECT_EQ(cgroup_processors(root, ""), 0);
  fs::remove_all(root);
}

}  // namespace
}  // namespace burnish
