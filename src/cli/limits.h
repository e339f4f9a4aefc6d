#pragma once
// What --limit said, for all that the program reads and runs.

#include "base/limits.h"
#include "runtime/executor.h"

namespace burnish::cli {

// Those of this process; set before a command begins.
Limits& limits();
RunOptions run_options();
// The table, as --help shows it.
std::string limits_help();

}  // namespace burnish::cli
