#include "schedule/timing_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"

namespace burnish {
namespace {

constexpr int kFormat = 1;

// Other processes that add their times to the file wait here; where a file system has no locks, the last one's stay.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    fd_ = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ >= 0) ::flock(fd_, LOCK_EX);
  }
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

}  // namespace

std::optional<double> TimingCache::find(const std::string& processor, const std::string& problem,
                                        const std::string& tactic) const {
  const auto of_processor = timings_.find(processor);
  if (of_processor == timings_.end()) return std::nullopt;
  const auto entry = of_processor->second.find(problem);
  if (entry == of_processor->second.end()) return std::nullopt;
  const auto seconds = entry->second.seconds.find(tactic);
  if (seconds == entry->second.seconds.end()) return std::nullopt;
  return seconds->second;
}

void TimingCache::add(const std::string& processor, const std::string& problem, const std::string& text,
                      const std::string& tactic, double seconds) {
  Entry& entry = timings_[processor][problem];
  if (entry.text.empty()) entry.text = text;
  seconds = std::max(seconds, 1e-9);  // a coarse clock's 0 is no time
  const auto [found, fresh] = entry.seconds.emplace(tactic, seconds);
  if (!fresh && found->second <= seconds) return;
  found->second = seconds;
  changed_ = true;
}

void TimingCache::merge(const TimingCache& other) {
  for (const auto& [processor, problems] : other.timings_)
    for (const auto& [problem, entry] : problems)
      for (const auto& [tactic, seconds] : entry.seconds) add(processor, problem, entry.text, tactic, seconds);
}

Result<TimingCache> TimingCache::load(const std::string& path) {
  TimingCache cache;
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 && errno == ENOENT) return cache;
  const std::string text = TRY(read_file(path));
  if (text.empty()) return cache;
  const auto damaged = [&](const char* what) {
    return refused(what, path, "name another file, or delete this one: it will be made again");
  };
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("burnish_timings")) return damaged("this is no timing cache");
  if (json["burnish_timings"] != kFormat) return damaged("this timing cache is of another version of Burnish");
  const auto timings = json.find("timings");
  if (timings == json.end() || !timings->is_object()) return damaged("this timing cache is damaged");
  for (const auto& [processor, problems] : timings->items()) {
    if (!problems.is_object()) return damaged("this timing cache is damaged");
    for (const auto& [problem, entry] : problems.items()) {
      const auto words = entry.is_object() ? entry.find("problem") : entry.end();
      const auto seconds = entry.is_object() ? entry.find("microseconds") : entry.end();
      if (words == entry.end() || !words->is_string() || seconds == entry.end() || !seconds->is_object())
        return damaged("this timing cache is damaged");
      for (const auto& [tactic, time] : seconds->items()) {
        if (!time.is_number() || !(time.get<double>() > 0) || !std::isfinite(time.get<double>()))
          return damaged("this timing cache is damaged");
        cache.add(processor, problem, words->get<std::string>(), tactic, time.get<double>() * 1e-6);
      }
    }
  }
  cache.changed_ = false;
  return cache;
}

Status TimingCache::writable(const std::string& path) {
  TRY(AtomicFile::create(path));
  return {};
}

Status TimingCache::save(const std::string& path) const {
  const FolderLock lock(path);
  TimingCache all = TRY(load(path));
  all.merge(*this);
  Json timings = Json::object();
  for (const auto& [processor, problems] : all.timings_)
    for (const auto& [problem, entry] : problems) {
      Json& place = timings[processor][problem];
      place["problem"] = entry.text;
      for (const auto& [tactic, seconds] : entry.seconds) place["microseconds"][tactic] = seconds * 1e6;
    }
  const Json json = {{"burnish_timings", kFormat}, {"timings", std::move(timings)}};
  return write_file(path, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace burnish
