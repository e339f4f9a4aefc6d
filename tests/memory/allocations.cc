#include "tests/memory/allocations.h"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

// A sanitizer must see every block to know of leaks and overflows, so its malloc stays in place: there only calls from
// files that are linked here are caught (ld --wrap). Elsewhere these functions replace the C library's for the whole
// process, its own calls and the C++ library's included.
#if defined(__clang__) && defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WITH_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_SANITIZER
#endif
#ifdef WITH_SANITIZER
#define REAL(name) __real_##name
#define REPLACED(name) __wrap_##name
extern "C" {
void* __real_malloc(std::size_t bytes);
void* __real_calloc(std::size_t count, std::size_t bytes);
void* __real_realloc(void* block, std::size_t bytes);
void* __real_memalign(std::size_t alignment, std::size_t bytes);
void __real_free(void* block);
}
#else
#define REAL(name) __libc_##name
#define REPLACED(name) name
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* block, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void* block);
}
#endif

namespace {

std::atomic<bool> armed{false};
std::atomic<int64_t> made{0}, first_failure{0}, failures{0}, living{0};

bool fails() {
  if (!armed.load(std::memory_order_relaxed)) return false;
  const int64_t number = made.fetch_add(1, std::memory_order_relaxed) + 1 - first_failure.load();
  return number >= 0 && number < failures.load();
}

void* kept(void* block) {
  if (block == nullptr) errno = ENOMEM;
  else living.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void* aligned(std::size_t bytes, std::size_t alignment) {
  if (fails()) return errno = ENOMEM, nullptr;
  return kept(alignment <= alignof(std::max_align_t) ? REAL(malloc)(bytes) : REAL(memalign)(alignment, bytes));
}

// As the standard has it: a handler may free something, throw, or end the process.
void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  for (;;) {
    if (void* block = aligned(bytes == 0 ? 1 : bytes, alignment); block != nullptr) return block;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
  try {
    return allocate_or_throw(bytes, alignment);
  } catch (...) {
    return nullptr;
  }
}

void give_back(void* block) {
  if (block != nullptr) living.fetch_sub(1, std::memory_order_relaxed);
  REAL(free)(block);
}

}  // namespace

namespace burnish::test {

void fail_allocations(int64_t first, int64_t count) {
  made = 0;
  first_failure = first;
  failures = count;
  armed = true;
}

int64_t stop_failing() {
  armed = false;
  return made.load();
}

int64_t living_blocks() { return living.load(); }

}  // namespace burnish::test

// Not hidden, as all else is: the C library and the C++ library must find them.
#pragma GCC visibility push(default)
extern "C" {

void* REPLACED(malloc)(std::size_t bytes) { return aligned(bytes, 1); }
void* REPLACED(calloc)(std::size_t count, std::size_t bytes) {
  if (fails()) return errno = ENOMEM, nullptr;
  return kept(REAL(calloc)(count, bytes));
}
void* REPLACED(realloc)(void* block, std::size_t bytes) {
  if (fails()) return errno = ENOMEM, nullptr;
  void* moved = REAL(realloc)(block, bytes);
  if (block == nullptr) return kept(moved);
  if (moved == nullptr && bytes == 0) living.fetch_sub(1, std::memory_order_relaxed);
  return moved;
}
void* REPLACED(memalign)(std::size_t alignment, std::size_t bytes) { return aligned(bytes, alignment); }
void* REPLACED(aligned_alloc)(std::size_t alignment, std::size_t bytes) { return aligned(bytes, alignment); }
int REPLACED(posix_memalign)(void** block, std::size_t alignment, std::size_t bytes) {
  void* made_here = aligned(bytes, alignment);
  if (made_here == nullptr) return ENOMEM;
  *block = made_here;
  return 0;
}
void REPLACED(free)(void* block) { give_back(block); }

}  // extern "C"

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t a) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(a));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new[](std::size_t bytes, std::align_val_t a) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new[](std::size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(a));
}
void operator delete(void* block) noexcept { give_back(block); }
void operator delete(void* block, std::size_t) noexcept { give_back(block); }
void operator delete(void* block, std::align_val_t) noexcept { give_back(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { give_back(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { give_back(block); }
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept { give_back(block); }
void operator delete[](void* block) noexcept { give_back(block); }
void operator delete[](void* block, std::size_t) noexcept { give_back(block); }
void operator delete[](void* block, std::align_val_t) noexcept { give_back(block); }
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { give_back(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { give_back(block); }
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept { give_back(block); }
#pragma GCC visibility pop
