#include "codegen/cpu/memory_end.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>

#include <llvm/Support/ErrorHandling.h>

namespace burnish {
namespace {

std::atomic<void (*)()> chosen_end{nullptr};
thread_local int depth = 0;

// Of operator new, for the whole process and so in place only while somebody is inside LLVM.
std::mutex mutex;
int inside = 0;
std::new_handler others = nullptr;

[[noreturn]] void end() {
  if (void (*chosen)() = chosen_end.load(); chosen != nullptr) chosen();
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kOutOfMemoryWords.data(), kOutOfMemoryWords.size());
  std::abort();
}

void on_failed_new() {
  if (depth > 0) end();
  // Another thread's affair, and as it would be without us.
  std::new_handler handler = nullptr;
  {
    const std::lock_guard lock(mutex);
    handler = others;
  }
  if (handler == nullptr) throw std::bad_alloc();
  handler();
}

void on_failed_malloc(void*, const char*, bool) { end(); }

void on_fatal_error(void*, const char* reason, bool) {
  std::fprintf(stderr, "burnish: LLVM cannot go on: %s\n", reason);
  std::abort();
}

}  // namespace

void set_out_of_memory_end(void (*end)()) { chosen_end = end; }

InsideLlvm::InsideLlvm() {
  // Kept to the end of the process: LLVM is linked statically, so nobody else's handlers are replaced.
  static const bool installed = [] {
    llvm::install_bad_alloc_error_handler(on_failed_malloc);
    llvm::install_fatal_error_handler(on_fatal_error);
    return true;
  }();
  (void)installed;
  const std::lock_guard lock(mutex);
  if (inside++ == 0)
    if (const std::new_handler old = std::set_new_handler(on_failed_new); old != on_failed_new) others = old;
  ++depth;
}

InsideLlvm::~InsideLlvm() {
  const std::lock_guard lock(mutex);
  --depth;
  // Not if somebody set another one meanwhile.
  if (--inside == 0 && std::get_new_handler() == on_failed_new) std::set_new_handler(others);
}

}  // namespace burnish
