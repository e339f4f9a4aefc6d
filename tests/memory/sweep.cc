#include "tests/memory/sweep.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <gtest/gtest.h>

#include "tests/memory/allocations.h"

// Of the leak sanitizer, where there is one: not 0 when it finds a leak.
extern "C" int __lsan_do_recoverable_leak_check() __attribute__((weak));

namespace burnish::test {
namespace {

constexpr int kProblems = 5, kProblemBytes = 600;
constexpr unsigned kSeconds = 300;     // of a process: longer is a deadlock
constexpr int64_t kBatch = 200;        // attempts of one process
constexpr int64_t kUsableEvery = 100;  // how often a process that failed once is asked to do it right

// What processes tell each other; in memory that all of them have mapped.
struct Shared {
  SweepReport numbers;  // without its problems
  int64_t n = 1;        // that is being tried, or is next
  bool done = false;
  int problems = 0;
  char text[kProblems][kProblemBytes];

  void problem(const std::string& what) {
    if (problems < kProblems)
      std::snprintf(text[problems], kProblemBytes, "allocation %lld: %s", static_cast<long long>(n), what.c_str());
    ++problems;
  }
};

const burnish_table& table() { return *burnish_api(BURNISH_API_VERSION); }

std::string free_error(burnish_error* error) {
  std::string text = table().error_text(error, BURNISH_ERROR_MESSAGE);
  table().error_free(error);
  return text;
}

void require_usable(const Scenario& scenario, Shared& shared, const char* when) {
  burnish_error* error = nullptr;
  const burnish_status status = scenario.attempt(&error);
  const std::string text = free_error(error);
  if (status != BURNISH_OK) shared.problem(std::string(when) + ": " + text);
  if (std::string wrong = scenario.clean_up(status); !wrong.empty()) shared.problem(std::string(when) + ": " + wrong);
}

void try_once(const Scenario& scenario, const Sweep& options, Shared& shared) {
  const int64_t before = living_blocks();
  burnish_error* error = nullptr;
  fail_allocations(shared.n, options.failures);
  const burnish_status status = scenario.attempt(&error);
  const int64_t made = stop_failing();
  ++shared.numbers.attempts;
  {
    const std::string text = free_error(error);
    if (made < shared.n) {
      shared.done = true;
      shared.numbers.allocations = made;
      if (status != BURNISH_OK) shared.problem("none failed, but: " + text);
    } else if (status == BURNISH_OK) {
      ++shared.numbers.unnoticed;
    } else {
      ++shared.numbers.errors;
      if (status != BURNISH_MEMORY || text.find("memory") == std::string::npos)
        shared.problem("status " + std::to_string(status) + ": '" + text + "'");
    }
    if (std::string wrong = scenario.clean_up(status); !wrong.empty()) shared.problem(wrong);
  }
  const int64_t left = living_blocks() - before;
  if (!options.first_use && left != 0) shared.problem(std::to_string(left) + " blocks are left");
}

int64_t next(int64_t n, const Sweep& options) { return n + 1 + (n < options.all ? 0 : n / options.fraction); }

[[noreturn]] void work(const Scenario& scenario, const Sweep& options, Shared& shared) {
  ::alarm(kSeconds);
  for (int64_t i = 0; i < (options.first_use ? 1 : kBatch) && !shared.done && shared.n <= options.last; ++i) {
    try_once(scenario, options, shared);
    if (shared.n % kUsableEvery == 0) require_usable(scenario, shared, "once more with memory");
    if (shared.problems > 0) break;
    if (!shared.done) shared.n = next(shared.n, options);
  }
  if (__lsan_do_recoverable_leak_check != nullptr && __lsan_do_recoverable_leak_check() != 0)
    shared.problem("or one of the 200 before it leaks");
  ::_exit(0);
}

std::string read_all(int descriptor) {
  std::string text(static_cast<std::size_t>(::lseek(descriptor, 0, SEEK_END)), '\0');
  const ssize_t n = ::pread(descriptor, text.data(), text.size(), 0);
  text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return text;
}

// Starts process after process; it has one thread only, or they would inherit locks that nobody opens.
[[noreturn]] void serve(const Scenario& scenario, const Sweep& options, Shared& shared) {
  // Twice as many handles as wait to be used again: from here on there are enough of them.
  for (int i = 0; i < 512; ++i) {
    burnish_error* error = nullptr;
    table().engine_load(nullptr, nullptr, nullptr, &error);
    table().error_free(error);
  }
  if (!options.first_use)
    for (int round = 0; round < 2; ++round) require_usable(scenario, shared, "with memory");
  while (!shared.done && shared.problems == 0 && shared.n <= options.last) {
    const int words = ::memfd_create("words", MFD_CLOEXEC);
    const pid_t process = ::fork();
    if (process == 0) {
      ::dup2(words, STDERR_FILENO);
      work(scenario, options, shared);
    }
    int status = 0;
    if (process < 0 || ::waitpid(process, &status, 0) != process) {
      shared.problem(std::strerror(errno));
      break;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      const std::string text = read_all(words);
      if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !options.last_words.empty() &&
          text.ends_with(options.last_words)) {
        ++shared.numbers.attempts;
        ++shared.numbers.ended;
        shared.n = next(shared.n, options);
      } else {
        shared.problem((WIFSIGNALED(status) ? ::strsignal(WTERMSIG(status)) : "the process ends") + (": " + text));
      }
    }
    ::close(words);
  }
  ::_exit(0);
}

}  // namespace

SweepReport sweep(const Scenario& scenario, const Sweep& options) {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SweepReport report;
  if (memory == MAP_FAILED) {
    report.problems.emplace_back(std::strerror(errno));
    return report;
  }
  auto* shared = new (memory) Shared;
  const pid_t process = ::fork();
  if (process == 0) serve(scenario, options, *shared);
  int status = 0;
  if (process < 0 || ::waitpid(process, &status, 0) != process || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    shared->problem("the process that starts the others ended early");
  report = shared->numbers;
  for (int i = 0; i < std::min(shared->problems, kProblems); ++i) report.problems.emplace_back(shared->text[i]);
  shared->~Shared();
  ::munmap(memory, sizeof(Shared));
  return report;
}

SweepReport expect_clean(const char* name, const Scenario& scenario, const Sweep& options) {
  SweepReport report = sweep(scenario, options);
  for (const std::string& problem : report.problems) ADD_FAILURE() << name << ": " << problem;
  EXPECT_GT(report.errors, 0) << name;
  EXPECT_TRUE(options.last < INT64_MAX || !report.problems.empty() || report.allocations > 0) << name;
  std::printf("%-44s %6lld attempts: %6lld errors, %5lld unnoticed, %6lld ended; %lld allocations\n", name,
              static_cast<long long>(report.attempts), static_cast<long long>(report.errors),
              static_cast<long long>(report.unnoticed), static_cast<long long>(report.ended),
              static_cast<long long>(report.allocations));
  return report;
}

}  // namespace burnish::test
