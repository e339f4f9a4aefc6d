#pragma once
// How the loops of a form run: which axis lies across vectors, what a task is, which statements share a loop.

#include <vector>

#include "codegen/nest/form.h"
#include "target/cpu_features.h"

namespace burnish {

struct LoopPlan {
  // Statements that share one pass over the same axes, none of which needs another's result.
  struct Group {
    std::vector<int> statements;
    std::vector<int> axes;  // outermost first; with a vector axis of its own, that one last
    bool reduce = false;
    int axis = -1;   // vector axis within the rows, -1: none
    int unroll = 1;  // vectors in flight
  };
  std::vector<Group> groups;

  // The vector axis: one of the outer axes (every lane is a row of its own), or -1 when each group has its own.
  int axis = -1;
  int lanes = 1;
  int unroll = 1;
  bool masks = false;      // the last, incomplete vector is masked; else its elements go one by one
  int64_t chunk = 0;       // positions of the vector axis in a task; 0: all
  std::vector<int> tasks;  // the other outer axes, outermost first

  // Tiles of lanes x lanes: loads that are contiguous along `tile_axis` are transposed in registers.
  int tile_axis = -1;
  int64_t tile_chunk = 0;
  std::vector<int> transposed;  // load expressions

  // Costly values that a reduction and later statements of the row share: kept in scratch, one row each.
  std::vector<int> kept;

  Dim task_count = 1, grain = 1;
  Dim scratch_bytes = 0;
};

LoopPlan plan_loops(const LoopForm& form, const CpuFeatures& cpu);

}  // namespace burnish
