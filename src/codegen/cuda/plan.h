#pragma once
// How the loops of a form run on a GPU. An *item* is one position of the outer axes, or `vector` neighbours along one
// of them. A block has `threads` threads; `team` of them share each item and split the positions of its statements.
//
//   lanes  neighbouring threads take neighbouring items along `axis`; a team stands down a column of the block
//   rows   neighbouring threads are a team and take neighbouring positions of one row: part of a warp, or the block
//   tiles  a block takes a square of positions of two outer axes; what is contiguous along the wrong one goes through
//          shared memory

#include <span>
#include <vector>

#include "codegen/nest/groups.h"

namespace burnish {

// What must hold of a run's sizes for a function that presumed it: dim <= most, and dim is a multiple of `multiple`.
struct CudaCondition {
  Dim dim;
  int64_t most = Range::kMax;
  int64_t multiple = 1;
  bool operator==(const CudaCondition&) const = default;
};

// What a plan may presume of sizes that are not known; then it is one of several, chosen when sizes are.
struct CudaPresumption {
  bool narrow = false;   // that indices fit into 32 bits
  bool vectors = false;  // that rows begin at multiples of 16 bytes
  bool flat = false;     // that rows are no longer than planned for
};

struct CudaPlan {
  enum class Kind : uint8_t { lanes, rows, tiles };

  struct Group {
    std::vector<int> statements;
    std::vector<int> axes;  // outermost first; rows: threads lie along the last
    bool reduce = false;
    int vector = 1;      // rows: elements of the last axis that a thread takes at once
    Dim steps = 1;       // positions of the axes, in vectors
    int64_t rounds = 0;  // that a thread makes over the steps, where they are laid out flat; 0: a loop
  };

  Kind kind = Kind::lanes;
  std::vector<Group> groups;
  std::vector<int> items;  // outer axes, outermost first; lanes: with `axis` last. tiles: but `axis` and `tile_axis`
  int axis = -1;           // lanes, tiles: the outer axis that threads lie along
  int vector = 1;          // lanes: elements of `axis` that an item has
  int threads = 256;
  int team = 1;
  Dim item_count = 1;

  // Values that a reducing group computes and later ones over the same axes want again: in registers. Such groups are
  // laid out flat.
  struct Kept {
    int expression;
    std::size_t group;  // that computes it
  };
  std::vector<Kept> kept;

  // Above 1: the sums of few items are split over so many blocks each, and a second function puts the parts together.
  int parts = 1;
  bool second = false;

  int tile_axis = -1;
  int tile = 32;           // positions along both sides
  bool flat_tile = true;   // is a thread's part of what it computes laid out flat?
  std::vector<int> tiled;  // load expressions

  bool wide = false;  // indices need 64 bits
  CudaPresumption presumed;
  std::vector<CudaCondition> conditions;

  int lanes() const { return threads / team; }  // items of a block; not for tiles
};

// `offsets`: where each operand begins in its buffer, in elements. Buffers begin at multiples of 16 bytes.
CudaPlan plan_cuda(const LoopForm& form, std::span<const Dim> offsets, const CudaPresumption& presumed);

// The function that follows one of a plan with parts. Slots of 8 bytes hold them: by reduction, by item in the order of
// `items`, by part.
CudaPlan second_plan(const LoopForm& form, const CudaPlan& first);

// By expression: does its value change along the axis? Results of reductions do where an item has several positions.
std::vector<bool> varying(const LoopForm& form, int axis, bool temporaries);
// Can `vector` elements along the axis be read or written at once? With `presumed`, where sizes are such that they are
// multiples of it: they are appended.
bool is_vector(const LoopForm& form, const Access& access, int axis, int vector, const Dim& offset,
               const std::vector<bool>& varies, std::vector<Dim>* presumed);
// extent / vector, which leaves no rest.
Dim in_vectors(const Dim& extent, int vector);

}  // namespace burnish
