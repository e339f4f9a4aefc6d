#pragma once
// The list of graph passes, stage by stage, and how a build runs them.

#include <span>

#include "compile/build.h"
#include "passes/runner.h"

namespace burnish {

// All graph passes in the order of their execution. What comes after them (fuse, select, place, emit) works on schedules.
std::span<const PassRow> pass_table();

// What can be left out of scheduling, like a pass: "fuse.epilogues", "place.in_place" ...
std::span<const std::string_view> scheduling_steps();

// A runner with the build's options; an error names an unknown pass. `keep`: see PassContext.
Result<PassRunner> make_pass_runner(const BuildOptions& options, bool (*keep)(const Node&) = nullptr);

// Does the processor have a kernel for the composite as a whole? Its level does not matter for that.
bool keep_whole(const Node& node);

// Cleans, folds and rewrites; composites stay. The graph must be bound to the catalogue.
Status simplify(Graph& graph, PassRunner& runner);
// Composites become core operators, except those that the target keeps.
Status decompose(Graph& graph, PassRunner& runner);
// Sizes that only a run can tell become symbols that the run binds.
Status bind_late(Graph& graph, PassRunner& runner);

}  // namespace burnish
