// How many processors this process may use: affinity, then the quota of every control group around it.

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <thread>

#include "base/checked.h"
#include "base/thread_pool.h"

namespace burnish {
namespace {

std::optional<std::string> slurp(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::optional<int64_t> processors(std::optional<int64_t> quota, std::optional<int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return std::max<int64_t>(1, ceil_div(*quota, *period));
}

// "200000 100000" or "max 100000"
std::optional<int64_t> unified_quota(const std::string& folder) {
  const auto text = slurp(folder + "/cpu.max");
  if (!text) return std::nullopt;
  const std::size_t space = text->find(' ');
  if (space == std::string::npos) return std::nullopt;
  return processors(number(text->substr(0, space)), number(text->substr(space + 1)));
}

std::optional<int64_t> legacy_quota(const std::string& folder) {
  const auto quota = slurp(folder + "/cpu.cfs_quota_us"), period = slurp(folder + "/cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  return processors(number(*quota), number(*period));
}

}  // namespace

int cgroup_processors(const std::string& mount, const std::string& membership) {
  std::optional<int64_t> least;
  const auto take = [&](std::optional<int64_t> n) {
    if (n && (!least || *n < *least)) least = n;
  };
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {  // "4:cpu,cpuacct:/docker/x" or "0::/user.slice"
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
    // A container often sees its own group as the mount's root, so every folder from the group up to the root counts.
    for (std::string path = line.substr(second + 1);;) {
      while (!path.empty() && path.back() == '/') path.pop_back();
      if (unified) {
        take(unified_quota(mount + path));
        take(unified_quota(mount + "/unified" + path));
      } else {
        take(legacy_quota(mount + "/" + controllers + path));
        take(legacy_quota(mount + "/cpu" + path));
      }
      if (path.empty()) break;
      path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return least ? static_cast<int>(std::min<int64_t>(*least, 1 << 20)) : 0;
}

int available_processors() {
  int count = static_cast<int>(std::thread::hardware_concurrency());
  // The mask must be as large as the kernel's, which may be larger than cpu_set_t.
  for (int size = 1024; size <= 1 << 20; size *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(size));
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(size));
    const bool known = ::sched_getaffinity(0, bytes, set) == 0;
    if (known) count = CPU_COUNT_S(bytes, set);
    CPU_FREE(set);
    if (known) break;
  }
  const int quota = cgroup_processors("/sys/fs/cgroup", slurp("/proc/self/cgroup").value_or(""));
  if (quota > 0) count = std::min(count, quota);
  return std::max(count, 1);
}

}  // namespace burnish
