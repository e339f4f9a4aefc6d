#pragma once
// Emitted code made callable for tests.

#include <sys/mman.h>

#include <cstring>

#include "target/target.h"

namespace burnish {

class MappedCode {
 public:
  explicit MappedCode(const Emitted& emitted) : bytes_(emitted.code.size()), entry_(emitted.entry) {
    start_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(start_ != MAP_FAILED);
    std::memcpy(start_, emitted.code.data(), bytes_);
    CHECK(mprotect(start_, bytes_, PROT_READ | PROT_EXEC) == 0);
  }
  MappedCode(const MappedCode&) = delete;
  ~MappedCode() { munmap(start_, bytes_); }
  KernelFunction function() const { return reinterpret_cast<KernelFunction>(static_cast<char*>(start_) + entry_); }

 private:
  void* start_;
  std::size_t bytes_, entry_;
};

}  // namespace burnish
