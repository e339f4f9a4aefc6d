#pragma once
// One alias solver for views, concat slices and in-place results: which buffer each value lies in, and how.

#include <unordered_map>
#include <vector>

#include "runtime/program.h"
#include "schedule/select.h"

namespace burnish {

struct AliasOptions {
  SymbolSet early;
  bool in_place = true, join_concats = true;
};

struct Aliases {
  // Heap values have buffer -1. Constants are not in here.
  std::unordered_map<const Value*, Storage> storages;
  std::vector<Buffer> buffers;
  // View units whose result could not lie in their operand's memory.
  std::vector<bool> copied;  // per unit

  const Storage& of(const Value* value) const { return storages.at(value); }
};

Aliases solve_aliases(const Graph& graph, const std::vector<Unit>& units, const Selection& selection,
                      std::span<Value* const> captured, const AliasOptions& options, std::vector<ScheduleNote>& notes);

}  // namespace burnish
