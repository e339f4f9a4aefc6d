#include "cli/stages.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/remedy.h"
#include "cli/limits.h"
#include "compile/pipeline.h"

namespace burnish::cli {
namespace {

std::string stage_names() {
  std::string names = "import";
  std::set<std::string_view> stages;
  for (const PassRow& pass : pass_table())
    if (stages.insert(pass.stage).second) names += ", " + std::string(pass.stage);
  for (const PassRow& pass : pass_table()) names += ", " + pass.full_name();
  return names;
}

}  // namespace

Result<std::unique_ptr<Graph>> shaped_graph(Opened opened, const BuildFlags& flags, SymbolTable* opt) {
  TRY(require_known(opened));
  if (!flags.shapes.empty()) {
    const Shapes shapes = TRY(read_shapes(flags.shapes, *opened.graph));
    TRY(apply_shapes(*opened.graph, shapes.types));
    if (opt != nullptr) *opt = shapes.opt;
  }
  return std::move(opened.graph);
}

namespace {

Status run_each(Graph& graph, const BuildFlags& flags, const std::string& stage,
                const std::function<void(const Graph&)>& seen) {
  if (stage == "import") {
    seen(graph);
    return {};
  }
  const auto table = pass_table();
  const auto row = std::ranges::find_if(table, [&](const PassRow& p) { return p.full_name() == stage; });
  const bool whole =
      row == table.end() && std::ranges::any_of(table, [&](const PassRow& p) { return p.stage == stage; });
  if (row == table.end() && !whole)
    return usage_error(fmt::format("there is no stage or pass '{}'", stage), "--stage",
                       "choose one of: " + stage_names());
  const std::string_view last = whole ? std::string_view(stage) : row->stage;

  PassRunnerOptions options;
  options.disabled = flags.disable;
  options.print_after = flags.print_after;
  TRY(check_pass_names(options, table, scheduling_steps()));
  const auto asked = [names = flags.print_after](std::string_view pass) {
    return std::ranges::any_of(
        names, [&](const std::string& n) { return n == "all" || n == pass || n == pass.substr(0, pass.find('.')); });
  };
  options.print_after = {"all"};
  options.print = [&](std::string_view pass, const Graph& g) {
    if (asked(pass)) fmt::print(stderr, "// after {}\n{}\n", pass, print(g));
    if (pass == stage) seen(g);
  };
  PassRunner runner(options, PassContext{.fold_bytes = limits().fold_bytes, .exact = flags.exact, .keep = keep_whole});
  TRY(simplify(graph, runner));
  if (last != "simplify") TRY(decompose(graph, runner));
  if (last == "late") TRY(bind_late(graph, runner));
  if (whole) seen(graph);
  return {};
}

}  // namespace

Status run_stages(Graph& graph, const BuildFlags& flags, const std::string& stage,
                  const std::function<void(const Graph&)>& seen) {
  return advise(run_each(graph, flags, stage, seen), "the model cannot be compiled as it is: correct it there",
                "the model");
}

}  // namespace burnish::cli
