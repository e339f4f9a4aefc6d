#pragma once
// Memory that faults at the first byte before or after it.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "base/checked.h"
#include "base/error.h"

namespace burnish {

class GuardedMemory {
 public:
  // Its end (or, with `at_start`, its start) touches the forbidden page. `alignment` bounds the gap at the end.
  explicit GuardedMemory(std::size_t bytes, bool at_start = false) : bytes_(bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t inner =
        static_cast<std::size_t>(round_up(static_cast<int64_t>(bytes), static_cast<int64_t>(page)));
    mapped_ = inner + 2 * page;
    base_ = static_cast<std::byte*>(mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(base_ != MAP_FAILED);
    if (inner > 0) CHECK(mprotect(base_ + page, inner, PROT_READ | PROT_WRITE) == 0);
    data_ = at_start ? base_ + page : base_ + page + inner - bytes;
  }
  GuardedMemory(const GuardedMemory&) = delete;
  ~GuardedMemory() { munmap(base_, mapped_); }
  std::byte* data() { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_, mapped_;
  std::byte* base_;
  std::byte* data_;
};

}  // namespace burnish
