#pragma once
// Runs passes and does the chores after each: dead code, inference, verification, printing, timing, and in debug builds
// two checks, that "unchanged" means unchanged and that the text form holds all of the graph.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "passes/passes.h"

namespace burnish {

struct PassRow {
  std::string_view stage, name;
  bool required;  // the stages after it rely on it
  PassFunction run;
  std::string full_name() const { return std::string(stage) + "." + std::string(name); }
};

struct PassRunnerOptions {
  std::vector<std::string> disabled;     // "stage.pass"
  std::vector<std::string> print_after;  // "stage.pass", "stage" or "all"
  int stop_after = -1;                   // run only the first n executions of optional passes
#ifdef NDEBUG
  bool check = false;
#else
  bool check = true;
#endif
  std::function<void(std::string_view pass, const Graph&)> print;  // standard error when empty
  std::function<bool()> cancelled;
};

class PassRunner {
 public:
  struct Timing {
    std::string pass;
    double seconds = 0;
    bool changed = false;
  };

  PassRunner(PassRunnerOptions options, PassContext context) : options_(std::move(options)), context_(context) {}

  // One pass and its chores.
  Result<bool> run(Graph& graph, const PassRow& pass);
  // The rows of one stage, in turn, again until none changes the graph.
  Status run_stage(Graph& graph, std::string_view stage, std::span<const PassRow> table);

  const std::vector<Timing>& timings() const { return timings_; }
  // Executions of optional passes so far: the range that a bisection searches.
  int optional_executions() const { return optional_executions_; }

 private:
  Status chores(Graph& graph, const std::string& name);
  bool small_enough_to_check(const Graph& graph) const;

  PassRunnerOptions options_;
  PassContext context_;
  std::vector<Timing> timings_;
  int optional_executions_ = 0;
};

// Errors name flags that no row has, and required passes that were to be disabled.
// `steps`: what else may be disabled.
Status check_pass_names(const PassRunnerOptions& options, std::span<const PassRow> table,
                        std::span<const std::string_view> steps = {});

}  // namespace burnish
