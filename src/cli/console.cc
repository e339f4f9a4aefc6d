#include "cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/log.h"

namespace burnish::cli {
namespace {

constexpr int kBarWidth = 30;

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

void Console::write(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), stdout); }

void Console::progress(std::string_view what, double fraction) {
  static const bool terminal = ::isatty(STDERR_FILENO) == 1;
  if (!terminal || quiet) return;
  const int full = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kBarWidth);
  fmt::print(stderr, "\r\033[K[{}{}] {:3.0f} % {}", std::string(static_cast<std::size_t>(full), '='),
             std::string(static_cast<std::size_t>(kBarWidth - full), ' '), std::clamp(fraction, 0.0, 1.0) * 100,
             printable(what));
  std::fflush(stderr);
  drawn_ = true;
}

void Console::end_progress() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

void Console::apply_log_level() {
  set_log_level(verbose ? LogLevel::verbose : quiet ? LogLevel::error : LogLevel::warning);
  set_log_callback([this](LogLevel level, std::string_view text) {
    end_progress();
    const char* prefix = level == LogLevel::error ? "error: " : level == LogLevel::warning ? "warning: " : "";
    fmt::print(stderr, "burnish: {}{}\n", prefix, printable(text));
  });
}

Status Console::finish() {
  end_progress();
  if (json) write(dump(report));
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return io_error(fmt::format("cannot write: {}", std::strerror(errno)), "standard output");
  return {};
}

void Console::fail(const Error& error) {
  end_progress();
  fmt::print(stderr, "burnish: {}\n", printable(error.message()));
  if (!json) return;
  report["error"] = {{"code", exit_code(error.code)},
                     {"kind", name(error.code)},
                     {"what", error.what},
                     {"where", error.where},
                     {"remedy", error.remedy}};
  write(dump(report));
  std::fflush(stdout);
}

std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\n' && c != '\t') || u == 0x7F) c = '?';
  }
  return result;
}

std::string_view name(ErrorCode code) {
  switch (code) {
    case ErrorCode::mismatch: return "mismatch";
    case ErrorCode::usage: return "usage";
    case ErrorCode::refused: return "refused";
    case ErrorCode::io: return "io";
    case ErrorCode::internal: return "internal";
    case ErrorCode::memory: return "memory";
  }
  return "internal";
}

std::string bytes_text(int64_t bytes) {
  const auto b = static_cast<double>(bytes);
  if (bytes < (1 << 10)) return fmt::format("{} B", bytes);
  if (bytes < (1 << 20)) return fmt::format("{:.1f} KiB", b / (1 << 10));
  if (bytes < (1 << 30)) return fmt::format("{:.1f} MiB", b / (1 << 20));
  return fmt::format("{:.2f} GiB", b / (1 << 30));
}

std::string seconds_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.1f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

}  // namespace burnish::cli
