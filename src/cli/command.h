#pragma once
// A subcommand of `burnish`: one file, one of these.

#include <functional>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/console.h"

namespace burnish::cli {

using Action = std::function<Result<int>(Console&)>;  // the exit code

struct Command {
  const char* name;
  const char* summary;
  const char* examples;
  // Adds the options; the action is run when the command was chosen and its options were read.
  Action (*setup)(CLI::App& app);
};

extern const Command kBisect, kBuild, kBench, kCheck, kCompare, kConvert, kExplain, kInspect, kKey, kRun, kSign, kTest,
    kZoo;

}  // namespace burnish::cli
