#include "base/log.h"

#include <cstdio>
#include <mutex>

namespace burnish {
namespace {
std::mutex mutex;
LogCallback callback_;
LogLevel level_ = LogLevel::warning;
thread_local bool inside_callback = false;  // which may call functions that log
}  // namespace

void set_log_callback(LogCallback callback) {
  std::lock_guard lock(mutex);
  callback_ = std::move(callback);
}
void set_log_level(LogLevel level) {
  std::lock_guard lock(mutex);
  level_ = level;
}
LogLevel log_level() {
  std::lock_guard lock(mutex);
  return level_;
}

void log(LogLevel level, std::string_view text) {
  if (inside_callback) return;
  std::lock_guard lock(mutex);
  if (level > level_) return;
  if (callback_) {
    inside_callback = true;
    try {
      callback_(level, text);
    } catch (...) {  // a line is not worth a crash
    }
    inside_callback = false;
    return;
  }
  const char* prefix = level == LogLevel::error ? "error: " : level == LogLevel::warning ? "warning: " : "";
  std::fprintf(stderr, "burnish: %s%.*s\n", prefix, static_cast<int>(text.size()), text.data());
}

}  // namespace burnish
