#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace burnish {
namespace {

std::unexpected<Error> system_error(const std::string& action, const std::string& path) {
  const int number = errno;
  if (number == ENOMEM) return memory_error(action + ": " + std::strerror(number), path);
  std::string remedy;
  if (number == ENOSPC || number == EDQUOT) remedy = "free some space or choose another folder";
  else if (number == EACCES || number == EPERM || number == EROFS) remedy = "check the permissions";
  else if (number == EINTR || number == EIO) remedy = "try again, and check the disk";
  else remedy = "check the path";
  return io_error(action + ": " + std::strerror(number), path, remedy);
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  // A named pipe must not hold us up until somebody writes: it is no regular file.
  struct Descriptor {
    int fd;
    ~Descriptor() {
      if (fd >= 0) ::close(fd);
    }
  } file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return system_error("cannot open", path);
  return map(file.fd, path);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::map(int fd, const std::string& name) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return system_error("cannot read", name);
  if (!S_ISREG(info.st_mode)) return io_error("is not a regular file", name, "give the name of a file");
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->name_ = name;
  file->size_ = static_cast<std::size_t>(info.st_size);
  if (file->size_ > 0) {
    void* data = ::mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      file->size_ = 0;
      return system_error("cannot map", name);
    }
    file->data_ = static_cast<const std::byte*>(data);
  }
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

namespace {
constexpr int kAttempts = 1000;
std::string temporary_name(const std::string& path, int attempt) {
  return path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(attempt);
}
// What a link leads to is replaced, not the link.
std::string end_of_links(std::filesystem::path path) {
  std::error_code ignored;
  for (int links = 0; links < 40 && std::filesystem::is_symlink(path, ignored); ++links)
    path = path.parent_path() / std::filesystem::read_symlink(path, ignored);
  return path.string();
}
}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  AtomicFile file;
  std::error_code ignored;
  file.path_ = end_of_links(path);
  if (std::filesystem::is_directory(path, ignored))
    return io_error("is a folder, not a file", path, "choose a name for the file in it");
  // A device or pipe (/dev/stdout, /dev/null) cannot be renamed over: write to it directly.
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    file.fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    // A file without a name leaves nothing behind however the process ends; not every file system has them.
    const std::string folder = std::filesystem::path(file.path_).parent_path().string();
    if (::access("/proc/self/fd", X_OK) == 0)  // through which it gets its name
      file.fd_ = ::open(folder.empty() ? "." : folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    file.nameless_ = file.fd_ >= 0;
    for (int attempt = 0; file.fd_ < 0 && attempt < kAttempts; ++attempt) {
      file.temporary_ = temporary_name(file.path_, attempt);
      file.fd_ = ::open(file.temporary_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
      if (file.fd_ < 0 && errno != EEXIST) break;
    }
    if (file.nameless_) file.temporary_ = temporary_name(file.path_, 0);
  }
  if (file.fd_ < 0) {
    file.temporary_.clear();
    return system_error("cannot create", path);
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      nameless_(std::exchange(other.nameless_, false)),
      size_(other.size_),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty() && !nameless_) ::unlink(temporary_.c_str());
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return system_error("cannot write", path_);
    }
    size_ += static_cast<std::size_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status AtomicFile::write(std::string_view text) { return write(as_bytes(text)); }

Status AtomicFile::pad_to(std::size_t alignment) {
  static constexpr std::byte zeros[4096] = {};
  std::size_t missing = (alignment - size_ % alignment) % alignment;
  while (missing > 0) {
    const std::size_t part = std::min(missing, sizeof zeros);
    TRY(write(std::span(zeros, part)));
    missing -= part;
  }
  return {};
}

// A nameless file cannot take the place of another: it gets a name of its own first.
Status AtomicFile::give_name() {
  if (!nameless_) return {};
  const std::string self = "/proc/self/fd/" + std::to_string(fd_);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    temporary_ = temporary_name(path_, attempt);
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      nameless_ = false;
      return {};
    }
    if (errno != EEXIST) break;
  }
  return system_error("cannot create", path_);
}

Status AtomicFile::commit() {
  if (temporary_.empty()) {
    if (::close(std::exchange(fd_, -1)) != 0) return system_error("cannot write", path_);
    return {};
  }
  if (::fsync(fd_) != 0) return system_error("cannot write", path_);
  const std::string folder = std::filesystem::path(path_).parent_path().string();  // once renamed, nothing may throw
  TRY(give_name());
  if (::close(std::exchange(fd_, -1)) != 0) return system_error("cannot write", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error("cannot rename into place", path_);
  temporary_.clear();
  // The rename itself must survive a power cut, so the folder is synced too; some file systems cannot, which is no error.
  const int dir = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    ::fsync(dir);
    ::close(dir);
  }
  return {};
}

Status write_file(const std::string& path, std::string_view contents) {
  AtomicFile file = TRY(AtomicFile::create(path));
  TRY(file.write(contents));
  return file.commit();
}

Result<std::string> read_file(const std::string& path) {
  auto file = TRY(MappedFile::open(path));
  const auto bytes = file->bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace burnish
