#pragma once
// The tactic of every kernel and the format of every value, chosen together: tactics cost their estimate, edges what a
// conversion between the formats of both ends costs.

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "schedule/fuse.h"
#include "schedule/unit.h"

namespace burnish {

struct Selection {
  // Per unit, for kernels: the tactic, with the formats that it will see at its ports.
  std::vector<Tactic> tactics;
  // Of every value that lies in the arena, an input or an output; others are plain.
  std::unordered_map<const Value*, Format> formats;
  Format format_of(const Value& value) const;
};

struct SelectOptions {
  SymbolSet early;
  std::map<std::string, std::string, std::less<>> forced;  // family -> start of a tactic's name, where there is such
  bool exact = false;                                      // no tactic that is inexact
  double derived_limit = 1.0;                              // bytes derived from constants, per byte of constants
};
Result<Selection> select(const Graph& graph, const std::vector<Unit>& units, const SelectOptions& options,
                         std::vector<ScheduleNote>& notes);

// May the tactic be chosen at all? What is forced for a family binds the kernels that have such a tactic.
bool is_allowed(const Unit& unit, const Tactic& tactic, const SelectOptions& options);
// An error where a tactic is forced for a family that has kernels, none of which has it.
Status check_forced(const std::vector<Unit>& units, const SelectOptions& options);
bool is_constant(const Value& value);
// Bytes of a dense tensor, with a guess for unknown sizes.
double likely_bytes(const Type& type);

}  // namespace burnish
