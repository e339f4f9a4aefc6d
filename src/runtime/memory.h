#pragma once
// Memory of contexts, and code that is mapped to run.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/error.h"

namespace burnish {

// Aligned to 64 bytes, in huge pages where large; contents are lost when it grows.
class Block {
 public:
  Block() = default;
  ~Block() { release(); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  Status reserve(int64_t bytes);
  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  void release();
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  void* mapping_ = nullptr;
  std::size_t mapped_ = 0;
};

// A private copy of code, written first and then mapped readable and executable: never writable and executable at once.
class ExecutableCode {
 public:
  static Result<ExecutableCode> copy(std::span<const std::byte> code);
  ExecutableCode() = default;
  ExecutableCode(ExecutableCode&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), mapped_(std::exchange(other.mapped_, 0)) {}
  ExecutableCode& operator=(ExecutableCode&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(mapped_, other.mapped_);
    return *this;
  }
  ~ExecutableCode();
  const std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t mapped_ = 0;
};

}  // namespace burnish
