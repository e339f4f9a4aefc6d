#include "cli/crash.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "cli/version.h"
#include "codegen/cpu/memory_end.h"
#include "target/cpu_features.h"

namespace burnish::cli {
namespace {

// Handlers may not allocate: everything they write is made here before.
struct Report {
  std::string text, cut, llvm, object, cut_object, memory_object;
};
Report* report = nullptr;

void put(int descriptor, const std::string& text) {
  [[maybe_unused]] const auto written = ::write(descriptor, text.data(), text.size());
}

// Several threads may come to an end at once: one of them tells of it, and the others wait for the process's end.
std::atomic<pid_t> speaker = 0;
void speak_alone() {
  const pid_t self = ::gettid();
  pid_t nobody = 0;
  if (!speaker.compare_exchange_strong(nobody, self) && nobody != self)
    for (;;) ::pause();
}

extern "C" void on_signal(int signal) {
  speak_alone();
  const bool cut = signal == SIGBUS;
  put(STDERR_FILENO, cut ? report->cut : report->text);
  put(STDOUT_FILENO, cut ? report->cut_object : report->object);
  ::_exit(cut ? 4 : 5);
}

// From LLVM, which cannot go on (codegen/cpu/memory_end.h).
void on_out_of_memory() {
  speak_alone();
  put(STDERR_FILENO, report->llvm);
  put(STDOUT_FILENO, report->memory_object);
  ::_exit(exit_code(ErrorCode::memory));
}

// Under a limit of the address space the stack cannot grow once the rest is taken, which would look like a bug of ours: it
// grows here, while there is room.
void grow_stack() {
  constexpr std::size_t kBytes = std::size_t{1} << 20, kPage = 4096;
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  void* room = ::mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return;
  ::munmap(room, kBytes);
  auto* stack = static_cast<volatile char*>(__builtin_alloca(kBytes));
  for (std::size_t at = kBytes; at >= kPage; at -= kPage) stack[at - kPage] = 0;  // from the top: it grows down
}

std::string error_object(int code, const char* kind, const char* what) {
  return fmt::format(
      "{{\"error\": {{\"code\": {}, \"kind\": \"{}\", \"what\": \"{}\", \"where\": \"\", \"remedy\": \"\"}}}}\n", code,
      kind, what);
}

}  // namespace

void install_crash_report(int argc, char** argv, bool json) {
  static Report storage;
  std::string command;
  for (int i = 0; i < argc; ++i) command += (i > 0 ? " " : "") + std::string(argv[i]);
  storage.text = fmt::format(
      "burnish: this is a bug in Burnish. Please report it with these lines and the model:\n  burnish {}, {}\n  {}\n",
      kVersion, host_cpu().text(), command);
  storage.cut = "burnish: a file could no longer be read: it was cut short, or its disk failed\n";
  storage.llvm = std::string(kOutOfMemoryWords);
  if (json) {
    storage.memory_object = error_object(exit_code(ErrorCode::memory), "memory", "there is not enough memory");
    storage.object = error_object(5, "internal", "this is a bug in Burnish; please report it");
    storage.cut_object = error_object(4, "io", "a file could no longer be read: it was cut short, or its disk failed");
  }
  report = &storage;
  set_out_of_memory_end(on_out_of_memory);

  // A stack of its own, so that an overflow of the other can be reported.
  static char stack[1 << 16];
  stack_t alternate = {};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  ::sigaltstack(&alternate, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::sigaction(signal, &action, nullptr);
  grow_stack();
}

int give_up_without_memory() noexcept {
  speak_alone();
  static constexpr char kText[] =
      "burnish: there is not enough memory; use smaller inputs or a machine with more memory\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  if (report != nullptr) put(STDOUT_FILENO, report->memory_object);
  return exit_code(ErrorCode::memory);
}

}  // namespace burnish::cli
