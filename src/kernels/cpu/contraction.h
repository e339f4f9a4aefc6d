#pragma once
// Convolution and matmul are one computation: for every outer index o (a batch or a group), pixel p and channel n,
//
//   result[o, p, n] = sum over k of a[o, p, k] * w[o, k, n]
//
// where the address of a[o, p, k] is linear in the digits of p and k, with zeros outside the image. A register tile holds
// `rows` pixels x `vectors` vectors of channels; a pixel's value is broadcast, weights are vectors.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codegen/cpu/frame.h"
#include "loop/kernel.h"
#include "target/cpu_features.h"
#include "target/target.h"

namespace burnish {

struct Contraction {
  struct Outer {
    Dim extent;
    int axis = -1;  // of the result; -1 for groups, which step along the channel axis
    Dim a_stride, w_stride;
  };
  struct Pixel {  // outermost first; together they count the pixels
    Dim extent;
    int axis = -1;
    Dim a_stride;
    int spatial = -1;  // index into `spatials`
  };
  struct Spatial {  // one image dim: input index = pixel * stride + tap * dilation - pad, zero outside [0, size)
    int64_t stride = 1, dilation = 1, pad = 0;
    bool bounded = false;  // may leave the image
    Dim size;
    Dim a_stride;  // elements per input index
  };
  struct Sum {  // outermost first; the weights' k counts them in this order
    int64_t extent = 1;
    Dim a_stride;
    int spatial = -1;
  };
  std::vector<Outer> outers;
  std::vector<Pixel> pixels;
  std::vector<Spatial> spatials;
  std::vector<Sum> sums;
  int a_operand = 0, w_operand = 1;
  int64_t channels = 1;   // per group
  int channel_axis = -1;  // of the result
  // w[k, n] of one block of tile.vectors * tile.lanes channels: block * w_block + k * w_sum + n * w_channel.
  int64_t w_block = 0, w_sum = 0, w_channel = 1;
  bool w_padded = false;  // a block's storage is whole even where channels end: no masked loads

  int64_t sum_count() const;
  Dim pixel_count() const;
  Dim outer_count() const;
};

// How it is cut. All numbers follow from the shape and the processor level.
struct ContractionTile {
  int lanes = 8;              // of a vector
  int rows = 6, vectors = 2;  // register tile
  int unroll = 4;             // steps of k in the inner loop
  int64_t group_rows = 0;     // pixels of a task
  int64_t chunk_blocks = 1;   // blocks of channels of a task
  int64_t slice = 0;          // steps of k that all pixels of a task take before the next ones; 0: all of them
  bool gather = true;         // copy a task's pixels into a dense panel first
  bool planes = false;        // whose rows are those of k, not of pixels (planes.h)
  int64_t block() const { return static_cast<int64_t>(lanes) * vectors; }
};

struct TileEstimate {
  ContractionTile tile;
  double seconds = 0;
  std::string why;
};
// Tiles for the sizes, best estimate first: the best of each width that is not far behind. `lanes` and `block_divides` (0: no
// condition) restrict them. `copies`: cycles to copy all pixels to panels once (copy_cycles).
std::vector<TileEstimate> choose_tiles(const CpuFeatures& cpu, const Contraction& contraction, int lanes,
                                       int64_t block_divides, double copies);
// Pixels lie evenly in memory with contiguous sums; and not all on the same few cache sets, either: no copy is needed.
bool lie_evenly(const Contraction& contraction);
bool reads_in_place(const Contraction& contraction);
// Cycles to copy all pixels to panels once, which every chunk of blocks does; 0 where they are read in place. So many elements
// lie together (`run`), or each step of k is a plane's.
double copy_cycles(const CpuFeatures& cpu, const Contraction& contraction, int64_t run, bool planes);
// The tile as a tactic's parameters, and back.
AttributeMap parameters_of(const ContractionTile& tile);
Result<ContractionTile> tile_of(const Tactic& tactic);
// The rest of a tile whose register block is given: task sizes.
void choose_tasks(const CpuFeatures& cpu, const Contraction& contraction, ContractionTile& tile);

// Computes the pixels [first, first + count) into a panel, `row_elements` apart: instead of a copy of what lies in memory.
using PanelFiller =
    std::function<void(llvm::Value* first, llvm::Value* count, llvm::Value* panel, int64_t row_elements)>;
// Weights [O, C, taps...] in blocks of O, with k counting (taps..., C) or (C, taps...) within each.
Format packed_weights(std::size_t rank, int64_t block, bool taps_first);

Result<Emitted> emit_contraction(const CpuFeatures& cpu, const Contraction& contraction, const ContractionTile& tile,
                                 const Kernel& kernel, std::span<const Storage> storages,
                                 std::string* assembly = nullptr);
// In a kernel that has begun, with pixels from a filler; `taken` bytes of its scratch belong to others. `each`: all tasks
// have so many pixels.
Result<Emitted> emit_contraction(KernelFrame& frame, int64_t taken, const Contraction& contraction,
                                 const ContractionTile& tile, const Kernel& kernel, std::span<const Storage> storages,
                                 const PanelFiller& filler, std::optional<int64_t> each);

}  // namespace burnish
