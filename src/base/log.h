#pragma once
// Log lines go to standard error, or to the callback that the host set.

#include <functional>
#include <string>
#include <string_view>

namespace burnish {

enum class LogLevel { quiet, error, warning, info, verbose };

using LogCallback = std::function<void(LogLevel, std::string_view)>;
void set_log_callback(LogCallback callback);
void set_log_level(LogLevel level);
LogLevel log_level();
void log(LogLevel level, std::string_view text);

}  // namespace burnish
