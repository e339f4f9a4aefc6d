#include "import/onnx/external.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace burnish::onnx {
namespace {

namespace fs = std::filesystem;

struct Descriptor {
  int fd = -1;
  explicit Descriptor(int fd) : fd(fd) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

// Walks down from `folder` one name at a time and never through a symbolic link, so that nothing can be swapped underneath.
// O_NONBLOCK: a named pipe must not hold us up (it is refused as not a regular file).
Result<std::shared_ptr<const MappedFile>> open_beneath(const fs::path& folder, const fs::path& relative, int* error) {
  int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (auto part = relative.begin(); fd >= 0 && part != relative.end(); ++part) {
    const Descriptor parent(fd);
    const bool last = std::next(part) == relative.end();
    fd = ::openat(parent.fd, part->c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
  }
  if (fd < 0) {
    *error = errno;
    return io_error(std::string("cannot open external data: ") + std::strerror(*error), (folder / relative).string(),
                    "put the data file beside the model");
  }
  *error = 0;
  const Descriptor file(fd);
  return MappedFile::map(file.fd, (folder / relative).string());
}

// `path` relative to `folder` when it lies inside; both canonical.
std::optional<fs::path> inside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  if (relative.empty() || relative == "." || *relative.begin() == "..") return std::nullopt;
  return relative;
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> ExternalFiles::open(std::string_view location) {
  if (const auto it = open_.find(location); it != open_.end()) return it->second;
  const std::string name(location);
  if (model_path_.empty()) {
    return refused("external data '" + name + "' of a model that has no folder", {}, "load the model from its file");
  }
  fs::path relative;
  bool plain =
      !location.empty() && location.size() < 4096 && location.find('\0') == location.npos && location[0] != '/';
  for (const fs::path& part : fs::path(name)) {
    if (part == ".." || part.empty()) plain = false;
    if (part != ".") relative /= part;
  }
  if (!plain || relative.empty()) {
    return refused("external data location '" + name + "' is not a plain path inside the model's folder", {},
                   "a location is relative to the model file and has no '..'");
  }
  const fs::path folder = fs::path(model_path_).parent_path();
  int error = 0;
  auto file = open_beneath(folder, relative, &error);
  if (!file && (error == ELOOP || error == ENOTDIR || error == ENOENT)) {
    std::error_code code;
    const fs::path model_home = fs::canonical(model_path_, code).parent_path();
    const fs::path home = fs::canonical(folder.empty() ? fs::path(".") : folder, code);
    fs::path target = fs::canonical(folder / relative, code);
    if (code) target = fs::canonical(model_home / relative, code);  // the model is a link and its data is not
    if (!code) {
      std::optional<fs::path> below;
      if ((below = inside(target, home))) file = open_beneath(home, *below, &error);
      else if ((below = inside(target, model_home))) file = open_beneath(model_home, *below, &error);
      else
        return refused("external data '" + name + "' leads outside the model's folder", target.string(),
                       "put the data file itself beside the model");
    }
  }
  if (file && std::cmp_greater((*file)->bytes().size(), limits_.file_bytes))
    return over_limit(limits_, &Limits::file_bytes,
                      "the file has " + std::to_string((*file)->bytes().size()) + " bytes", name);
  if (file) open_.emplace(name, *file);
  return file;
}

}  // namespace burnish::onnx
