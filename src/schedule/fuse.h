#pragma once
// Nodes become units: kernels with all that rides along, views, references, control flow.

#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "schedule/unit.h"

namespace burnish {

// Why something was done, or not.
struct ScheduleNote {
  std::string id, node, what, why, remedy;
};

// Symbols that have numbers before the first step of a graph runs.
using SymbolSet = std::set<std::string, std::less<>>;
SymbolSet early_symbols(const Graph& graph, const SymbolSet& outer);
// All dims are numbers or known early.
bool known_early(const Type& type, const SymbolSet& early);
// A value that cannot lie in the arena: no dense tensor of a rank and size that are known when the run starts.
bool needs_heap(const Value& value, const SymbolSet& early);
// Does the value tell numbers of symbols when it is there?
bool binds_symbols(const Value& value, const SymbolSet& early);

struct FuseOptions {
  const Target* target = nullptr;
  SymbolSet early;
  bool epilogues = true, prologues = true;  // switched off by name, as optional passes are
};
Result<std::vector<Unit>> fuse(const Graph& graph, const FuseOptions& options, std::vector<ScheduleNote>& notes);

}  // namespace burnish
