#pragma once
// What reports say of the layers of one image beyond what runs: the graph that was scheduled, and for each step its nodes,
// its work, its tactic and those that lost. JSON, kept in the plan and read by the program's reports alone.
//
//   {"nodes": [{"op", "value", "type", "layer", "from": [node, or -1 - input of the graph], "inside": node of the body}],
//    "programs": [[{"nodes": [..], "copy", "tactic", "why", "seconds", "timed", "macs", "multiplications", "bytes", "dtype",
//                   "losers": [{"tactic", "seconds", "timed"}]} ...] ...]}
//
// Programs: the root, then bodies, each before its own. A size is a number, or text with symbols where only a run can tell.

#include <string>
#include <unordered_map>
#include <vector>

#include "schedule/place.h"

namespace burnish {

class LayerRecords {
 public:
  // The graph as it is scheduled; must outlive this.
  explicit LayerRecords(const Graph& root);
  // Of the root or of a region, while its jobs are still there.
  void add(const std::vector<Unit>& units, const SelectOptions& selecting, const Placed& placed);
  std::string text(const Program& root) const;

 private:
  void describe_nodes(const Graph& graph);
  std::unordered_map<const Node*, int> numbers_;
  // Lists as text: of large graphs they would take much memory otherwise.
  std::string nodes_;
  std::unordered_map<const Program*, std::string> steps_;
};

}  // namespace burnish
