#pragma once
// Something is tried again and again in processes of its own, with another allocation failing each time: it must end with
// an error or go on without that memory, and leave nothing behind.

#include <burnish/burnish.h>

#include <functional>
#include <string>
#include <vector>

namespace burnish::test {

struct Scenario {
  // Tried while memory fails.
  std::function<burnish_status(burnish_error** error)> attempt;
  // Afterwards, with memory again: frees what was made. Says what is wrong; empty: nothing.
  std::function<std::string(burnish_status status)> clean_up;
};

struct Sweep {
  int64_t failures = 1;  // allocations that fail one after the other
  // Every n up to `all`, then in steps of n / `fraction`, until an attempt gets through without needing the n-th, or `last`.
  int64_t all = 2000, fraction = 50, last = INT64_MAX;
  // With what the first use in a process makes and keeps, each n in a process of its own, or after that.
  bool first_use = false;
  // A line that the process may say on standard error before it aborts; empty: it never may.
  std::string last_words = {};
};

struct SweepReport {
  int64_t attempts = 0, errors = 0, unnoticed = 0, ended = 0;  // ended: with the last words
  int64_t allocations = 0;                                     // of an attempt that got through; 0: there was none
  std::vector<std::string> problems;                           // at most a few
};

SweepReport sweep(const Scenario& scenario, const Sweep& options);

// Runs it, expects no problem, and that errors were told; prints the numbers.
SweepReport expect_clean(const char* name, const Scenario& scenario, const Sweep& options);

}  // namespace burnish::test
