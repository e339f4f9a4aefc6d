#pragma once
// Where every value lies: views and concat slices of one buffer, results in the place of what dies, packed constants, copies
// where a format has to change; and the steps, but for their code.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "runtime/program.h"
#include "schedule/select.h"

namespace burnish {

// A kernel step whose code is still to be made.
struct KernelJob {
  Kernel kernel;
  Tactic tactic;
  std::vector<Storage> storages;  // one per operand; buffers and offsets are the program's business
  Program* program = nullptr;
  std::size_t step = 0;
  std::map<std::string, Dim, std::less<>> sizes;  // the kernel's own symbols, where it has some, in the program's
};

struct PlaceOptions {
  SymbolSet early;
  const Target* target = nullptr;
  // Makes the program of a region; `symbols` are those with numbers when it starts.
  std::function<Result<std::unique_ptr<Program>>(const Graph& region, const SymbolSet& symbols)> body;
  // The number of a node in the graph that reference steps refer to.
  std::function<int(const Node&)> reference_number;
  bool in_place = true, join_concats = true;  // switched off by name
};

struct Placed {
  std::unique_ptr<Program> program;
  std::vector<std::size_t> units;  // per step: which it belongs to, copies too
  std::vector<KernelJob> jobs;
  int64_t weight_bytes = 0, derived_bytes = 0;  // constants once, and what goes beyond one copy of each
};
Result<Placed> place(const Graph& graph, const std::vector<Unit>& units, const Selection& selection,
                     const PlaceOptions& options, std::vector<ScheduleNote>& notes);

}  // namespace burnish
