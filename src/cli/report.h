#pragma once
// The page of `bench --html`: everything that is known of an engine and of one of its runs, in one file.

#include <string>

#include "base/json.h"
#include "cli/profile.h"

namespace burnish::cli {

// The parts that only the page needs: {"graph", "timeline", "memory", "decisions"}.
// graph: inputs, nodes before fusion, steps after it; a layer's `id` is its place among the steps.
Json graph_json(const Engine& engine, const Layers& layers);
Json timeline_json(const Trace& trace, const Layers& layers, int threads);
// The outermost program's arena for the sizes that ran last.
Json memory_json(const Context& context, const Program& program);

// The whole page around one object; texts in it cannot end the element that holds them.
std::string page_of(const Json& report);

}  // namespace burnish::cli
