#include "cli/limits.h"

#include <fmt/format.h>

namespace burnish::cli {

Limits& limits() {
  static Limits limits;
  return limits;
}

RunOptions run_options() {
  RunOptions options;
  options.max_bytes = run_bytes(limits());
  options.max_loop_iterations = limits().loop_iterations;
  return options;
}

std::string limits_help() {
  std::string text = "Limits (--limit NAME=VALUE; K, M, G, T stand for KiB, MiB ...):\n";
  for (const LimitSpec& s : limit_table()) text += fmt::format("  {:<16} {:>13}  {}\n", s.name, s.value, s.doc);
  return text;
}

}  // namespace burnish::cli
