#pragma once
// The options that say how a model is compiled, the same for every subcommand that does so.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/shapes.h"
#include "compile/build.h"

namespace burnish::cli {

struct BuildFlags {
  std::vector<std::string> shapes, disable, print_after, force;
  std::string cpu = "host", fallback = "warn", mode = "default", timing_cache;
  std::vector<std::string> require_keys;
  bool exact = false, no_code = false;
  double derived_limit = 1.0;
  std::vector<CLI::Option*> options;         // of models alone: wrong usage with an engine
  std::vector<CLI::Option*> engine_options;  // of engines alone
};

// Those that only change the graph; all that a build has.
void add_graph_flags(CLI::App& app, BuildFlags& flags);
void add_build_flags(CLI::App& app, BuildFlags& flags);
// Whose engines are taken.
void add_key_flags(CLI::App& app, BuildFlags& flags);
// Where engines are taken, too.
void add_engine_flags(CLI::App& app, BuildFlags& flags);

// Without `shapes`, which need the graph.
Result<BuildOptions> to_options(const BuildFlags& flags);
Result<Fallback> parse_fallback(const std::string& text);
// An engine is built already: an error names the first option that came with it.
Status refuse_build_flags(const BuildFlags& flags, const std::string& path);
// The same for models.
Status refuse_engine_flags(const BuildFlags& flags, const std::string& path);

// `integers`: one was given, so that it is for integers, too.
void add_tolerance(CLI::App& app, double& relative, double& absolute, bool& integers,
                   const char* of_absolute = "Absolute tolerance");
constexpr const char* kScaledTolerance = "Absolute tolerance, times an output's largest number where that is above 1";
// 0 stands for all processors.
void add_threads(CLI::App& app, int& threads);
int thread_count(int threads);

}  // namespace burnish::cli
