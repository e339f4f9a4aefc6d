#include "compile/pipeline.h"

namespace burnish {

namespace {

constexpr bool kRequired = true, kOptional = false;

// A stage's rows are run in this order, again and again until none changes the graph.
constexpr PassRow kPasses[] = {
    {"simplify", "remove_noops", kOptional, passes::remove_noops},
    {"simplify", "fold_shapes", kOptional, passes::fold_shapes},
    {"simplify", "fold_constants", kOptional, passes::fold_constants},
    {"simplify", "cse", kOptional, passes::common_subexpressions},
    {"simplify", "algebra", kOptional, passes::algebra},
    {"simplify", "recognise", kOptional, passes::recognise},
    {"simplify", "fold_batch_norm", kOptional, passes::fold_batch_norm},
    {"simplify", "move_transposes", kOptional, passes::move_transposes},

    {"decompose", "composites", kRequired, passes::decompose},
    {"decompose", "remove_noops", kOptional, passes::remove_noops},
    {"decompose", "fold_shapes", kOptional, passes::fold_shapes},
    {"decompose", "fold_constants", kOptional, passes::fold_constants},
    {"decompose", "cse", kOptional, passes::common_subexpressions},
    {"decompose", "algebra", kOptional, passes::algebra},
    {"decompose", "fold_batch_norm", kOptional, passes::fold_batch_norm},
    {"decompose", "transposed_convolutions", kOptional, passes::transposed_convolutions},
    {"decompose", "move_transposes", kOptional, passes::move_transposes},

    {"late", "sizes", kOptional, passes::late_sizes},
    {"late", "composites", kRequired, passes::decompose},
    {"late", "transposed_convolutions", kOptional, passes::transposed_convolutions},
    {"late", "fold_shapes", kOptional, passes::fold_shapes},
    {"late", "fold_constants", kOptional, passes::fold_constants},
    {"late", "remove_noops", kOptional, passes::remove_noops},
    {"late", "cse", kOptional, passes::common_subexpressions},
};

constexpr std::string_view kSchedulingSteps[] = {"fuse.epilogues", "fuse.prologues", "place.in_place", "place.concats"};

}  // namespace

std::span<const std::string_view> scheduling_steps() { return kSchedulingSteps; }
std::span<const PassRow> pass_table() { return kPasses; }

Result<PassRunner> make_pass_runner(const BuildOptions& options, bool (*keep)(const Node&)) {
  PassRunnerOptions o;
  o.disabled = options.disabled;
  o.print_after = options.print_after;
  o.stop_after = options.stop_after_passes;
  o.cancelled = options.cancelled;
  TRY(check_pass_names(o, kPasses, kSchedulingSteps));
  return PassRunner(std::move(o),
                    PassContext{.fold_bytes = options.limits.fold_bytes, .exact = options.exact, .keep = keep});
}

Status simplify(Graph& graph, PassRunner& runner) { return runner.run_stage(graph, "simplify", kPasses); }
Status decompose(Graph& graph, PassRunner& runner) { return runner.run_stage(graph, "decompose", kPasses); }
Status bind_late(Graph& graph, PassRunner& runner) { return runner.run_stage(graph, "late", kPasses); }

}  // namespace burnish
