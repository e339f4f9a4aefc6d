#pragma once
// The middle of algorithms that multiply transformed pixels by transformed weights, point by point (Winograd, Strassen).

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/checked.h"
#include "codegen/cpu/frame.h"

namespace burnish {

// Cycles of `groups` groups of pixels, each of which multiplies for its share of `multiplies` and takes all weights. They come
// from memory in `memory` cycles, for every group unless they stay near; multiplies hide that, unless all wait for weights, the
// better the fewer weights there are for them.
inline double with_weights(double multiplies, double memory, double groups, bool stay, bool waits) {
  if (waits) return multiplies + memory * (stay ? 1 : groups);
  const double each = multiplies / groups, first = std::sqrt(each * each + memory * memory);
  return first + (groups - 1) * (stay ? each : first);
}
// Times that multiplies take longer in a tile of registers for its loads. A core that another process shares, as in clouds, has
// ports for half of them and of the instructions: between what a Xeon of model 207 does quiet (8x3 and 14x2 alike, 28x1 a tenth
// behind) and shared (6x4 1.05 before 8x3, 14x2 a tenth behind it). With few rows too many weights are asked for.
inline double beside_loads(int rows, int vectors) {
  const double few = std::max(0, 6 - rows);
  return 1 + 0.3 * (rows + vectors) / (rows * vectors) + 0.05 * few * few;
}
// What so many threads take for tasks of `group` of the tiles and `chunk` of the blocks, as a share of what even parts would
// take: 1, and more where tasks do not divide evenly among them.
inline double unevenly(int64_t threads, int64_t tiles, int64_t group, int64_t blocks, int64_t chunk) {
  const auto all = static_cast<double>(tiles * blocks), one = static_cast<double>(group * chunk);
  const int64_t tasks = ceil_div(tiles, group) * ceil_div(blocks, chunk);
  return std::min(static_cast<double>(round_up(tasks, threads)) * one, all + static_cast<double>(threads - 1) * one) /
         all;
}
// On a Xeon of model 207: bytes a cycle of them, and the share of the second cache that stays from task to task.
constexpr double kWeightRate = 5, kStays = 0.6;

// Weights that are too many for a cache (of points the nearest, else the second) are taken in slices of k, which at least so
// many tiles of registers share.
constexpr int64_t kSliceTiles = 3;
// Steps of k whose weights, of a block of channels, it holds beside what else goes through it; even slices of `sum` steps.
int64_t near_steps(const CpuFeatures& cpu, int64_t block);
int64_t even_slice(int64_t sum, int64_t fits, int64_t unroll);

//   products[q][i][n] = sum over k of panel[i][q][k] * weights[q][k][n]     for the tiles i of a task and a block of channels
struct PointProducts {
  int lanes = 8;
  int rows = 6, vectors = 2;  // of the register tile
  int64_t points = 1, sum = 1;
  int64_t group = 0;                      // tiles of a task, a multiple of rows
  int64_t panel_row = 0, panel_tile = 0;  // floats from a point to the next, from a tile to the next
  int64_t slice = 0;                      // steps of k that all tiles take before the next ones

  int64_t block() const { return static_cast<int64_t>(lanes) * vectors; }
  // All of them, or slices as above.
  static int64_t slice_of(const CpuFeatures& cpu, int64_t sum, int64_t block, int64_t tiles_of_registers);
  // `count` tiles of the task are there, of `tiles` in all. Where that is not known, the last tile of registers is a whole one:
  // panel and products must have room for it, and nobody reads what it gives for tiles that are not there.
  void multiply(KernelFrame& frame, llvm::Value* panel, llvm::Value* weights, llvm::Value* products, llvm::Value* count,
                std::optional<int64_t> tiles) const;
};

}  // namespace burnish
