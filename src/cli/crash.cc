#include "cli/crash.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include <fmt/format.h>

#include "cli/version.h"
#include "target/cpu_features.h"

namespace burnish::cli {
namespace {

// Handlers may not allocate: everything they write is made here before.
struct Report {
  std::string text, cut, object, cut_object;
};
Report* report = nullptr;

void put(int descriptor, const std::string& text) {
  [[maybe_unused]] const auto written = ::write(descriptor, text.data(), text.size());
}

extern "C" void on_signal(int signal) {
  const bool cut = signal == SIGBUS;
  put(STDERR_FILENO, cut ? report->cut : report->text);
  put(STDOUT_FILENO, cut ? report->cut_object : report->object);
  ::_exit(cut ? 4 : 5);
}

std::string error_object(int code, const char* kind, const char* what) {
  return fmt::format(
      "{{\"error\": {{\"code\": {}, \"kind\": \"{}\", \"what\": \"{}\", \"where\": \"\", \"remedy\": \"\"}}}}\n", code,
      kind, what);
}

}  // namespace

void install_crash_report(int argc, char** argv, bool json) {
  static Report storage;
  std::string command;
  for (int i = 0; i < argc; ++i) command += (i > 0 ? " " : "") + std::string(argv[i]);
  storage.text = fmt::format(
      "burnish: this is a bug in Burnish. Please report it with these lines and the model:\n  burnish {}, {}\n  {}\n",
      kVersion, host_cpu().text(), command);
  storage.cut = "burnish: a file could no longer be read: it was cut short, or its disk failed\n";
  if (json) {
    storage.object = error_object(5, "internal", "this is a bug in Burnish; please report it");
    storage.cut_object = error_object(4, "io", "a file could no longer be read: it was cut short, or its disk failed");
  }
  report = &storage;

  // A stack of its own, so that an overflow of the other can be reported.
  static char stack[1 << 16];
  stack_t alternate = {};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  ::sigaltstack(&alternate, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::sigaction(signal, &action, nullptr);
}

}  // namespace burnish::cli
