#pragma once
// What a plan keeps of its build beside the programs. One writer, so that every way to save gives the same bytes.

#include <span>
#include <string_view>

#include "base/json.h"
#include "compile/build.h"
#include "runtime/plan.h"

namespace burnish {

// What those who run a plan, or compile its graph again, need to know.
struct BuildRecord {
  BuildChoices choices;
  int64_t weight_bytes = 0, derived_bytes = 0;
};

// A list of {id, node, what, why, remedy}.
Json decisions_json(std::span<const Decision> decisions);

// Points to the build's graph.
PlanMetadata plan_metadata(const BuildResult& built);

// Of a plan, which may come from anywhere; empty text is a plan without a record.
Result<BuildRecord> read_record(std::string_view text);

}  // namespace burnish
