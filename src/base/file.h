#pragma once
// Files: mapped for reading, written whole or not at all.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace burnish {

// A read-only private mapping of a regular file. Shared by the tensors that point into it.
class MappedFile {
 public:
  // Fails with ErrorCode::io when the path cannot be opened or is not a regular file.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  // Same, of an open descriptor, which stays the caller's.
  static Result<std::shared_ptr<const MappedFile>> map(int fd, const std::string& name);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& name() const { return name_; }

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::string name_;
};

// Collects output in a temporary file beside `path`, one without a name where the file system has such; `commit` syncs it
// and renames it into place. Without a commit nothing is left behind.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  ~AtomicFile();

  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text);
  // Zero bytes up to a multiple of `alignment`.
  Status pad_to(std::size_t alignment);
  std::size_t size() const { return size_; }
  Status commit();

 private:
  AtomicFile() = default;
  Status give_name();
  int fd_ = -1;
  bool nameless_ = false;  // `temporary_` is only a name to be
  std::size_t size_ = 0;
  std::string path_, temporary_;
};

Status write_file(const std::string& path, std::string_view contents);
Result<std::string> read_file(const std::string& path);

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace burnish
