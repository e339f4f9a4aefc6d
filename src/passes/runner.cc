#include "passes/runner.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "ops/operator.h"
#include "passes/symbols.h"

namespace burnish {

namespace {

// More rounds than any sensible graph needs; two passes that undo each other end here.
constexpr int kRounds = 12;
// Printing hashes every constant: above this the checks of debug builds would take longer than the passes.
constexpr int64_t kCheckedBytes = int64_t{32} << 20;

// A change of this pass is printed, parsed, and compared with what it was printed from.
Status check_text(const Graph& graph, const std::string& pass) {
  auto parsed = parse_graph(print(graph), large_constants(graph));
  if (!parsed) return internal_error("the printed graph does not parse: " + parsed.error().message(), pass);
  ops::bind_operators(**parsed);
  if (std::string d = difference(graph, **parsed, true); !d.empty())
    return internal_error("the printed graph parses to another: " + d, pass);
  return {};
}

bool names(const std::vector<std::string>& list, const PassRow& pass) {
  return std::ranges::any_of(
      list, [&](const std::string& n) { return n == "all" || n == pass.stage || n == pass.full_name(); });
}

}  // namespace

bool PassRunner::small_enough_to_check(const Graph& graph) const {
  return passes::constant_bytes(graph) <= kCheckedBytes;
}

Status PassRunner::chores(Graph& graph, const std::string& name) {
  auto in_pass = [&](Status status) -> Status {
    if (!status) return std::unexpected(std::move(status.error()).within("after " + name));
    return {};
  };
  TRY(in_pass(passes::infer_resolving(graph)));
  TRY(in_pass(ops::verify(graph)));
  return {};
}

Result<bool> PassRunner::run(Graph& graph, const PassRow& pass) {
  std::string name = pass.full_name();
  if (std::ranges::find(options_.disabled, name) != options_.disabled.end() && !pass.required) return false;
  if (!pass.required) {
    if (options_.stop_after >= 0 && optional_executions_ >= options_.stop_after) return false;
    ++optional_executions_;
  }
  if (options_.cancelled && options_.cancelled()) return usage_error("cancelled", name);
  bool check = options_.check && small_enough_to_check(graph);
  std::string before = check ? print(graph) : std::string();

  auto start = std::chrono::steady_clock::now();
  auto result = pass.run(graph, context_);
  if (!result) return std::unexpected(std::move(result.error()).within(name));
  bool changed = *result;
  graph.remove_dead_nodes();
  if (check && !changed && print(graph) != before)
    return internal_error(
        "the pass changed the graph and said that it did not:\n" + before + "\nbecame\n" + print(graph), name);
  if (changed) TRY(chores(graph, name));
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  timings_.push_back({name, seconds.count(), changed});

  if (check && changed) TRY(check_text(graph, name));
  if (names(options_.print_after, pass)) {
    if (options_.print) options_.print(name, graph);
    else std::fprintf(stderr, "// after %s\n%s\n", name.c_str(), print(graph).c_str());
  }
  return changed;
}

Status PassRunner::run_stage(Graph& graph, std::string_view stage, std::span<const PassRow> table) {
  graph.remove_dead_nodes();
  if (context_.constant_bytes < 0) context_.constant_bytes = passes::constant_bytes(graph);
  TRY(chores(graph, "the stage before " + std::string(stage)));
  for (int round = 0; round < kRounds; ++round) {
    bool changed = false;
    for (const PassRow& pass : table)
      if (pass.stage == stage && TRY(run(graph, pass))) changed = true;
    if (!changed) break;
  }
  return {};
}

Status check_pass_names(const PassRunnerOptions& options, std::span<const PassRow> table,
                        std::span<const std::string_view> steps) {
  std::string known;
  for (const PassRow& pass : table) known += (known.empty() ? "" : ", ") + pass.full_name();
  std::string known_steps;
  for (const std::string_view step : steps) known_steps.append(", ").append(step);
  for (const std::string& name : options.disabled) {
    if (std::ranges::find(steps, name) != steps.end()) continue;
    auto pass = std::ranges::find_if(table, [&](const PassRow& p) { return p.full_name() == name; });
    if (pass == table.end())
      return usage_error("there is no pass '" + name + "'", "--disable", "choose one of: " + known + known_steps);
    if (pass->required)
      return usage_error("'" + name + "' cannot be disabled: the stages after it rely on it", "--disable");
  }
  for (const std::string& name : options.print_after)
    if (std::ranges::none_of(table, [&](const PassRow& p) { return names({name}, p); }))
      return usage_error("there is no pass or stage '" + name + "'", "--print-after", "choose one of: all, " + known);
  return {};
}

}  // namespace burnish
