#pragma once
// What the program says: results on standard output, or one JSON object there; everything else on standard error.

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace burnish::cli {

class Console {
 public:
  bool json = false, quiet = false, verbose = false;
  // What --json prints. Commands fill it in whether it is asked for or not.
  Json report = Json::object();

  // Results: not with --json.
  template <class... A>
  void print(fmt::format_string<A...> format, A&&... arguments) const {
    if (!json) write(fmt::format(format, std::forward<A>(arguments)...));
  }
  // Summaries that --quiet leaves out too.
  template <class... A>
  void say(fmt::format_string<A...> format, A&&... arguments) const {
    if (!json && !quiet) write(fmt::format(format, std::forward<A>(arguments)...));
  }
  // Text as it is, however long.
  void write(std::string_view text) const;

  // One line on standard error that is drawn again and again, when that is a terminal.
  void progress(std::string_view what, double fraction);
  void end_progress();

  void apply_log_level();
  // Prints the report, makes sure that all output has arrived.
  Status finish();
  // On standard error, and with --json as the object.
  void fail(const Error& error);

 private:
  bool drawn_ = false;
};

// Layer names come from files: control characters would reach the terminal.
std::string printable(std::string_view text);
std::string_view name(ErrorCode code);

// "12.3 MiB", "4.56 ms".
std::string bytes_text(int64_t bytes);
std::string seconds_text(double seconds);

}  // namespace burnish::cli
