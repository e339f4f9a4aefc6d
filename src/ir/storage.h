#pragma once
// How a value lies in memory. Chosen by select and place; the logical type never changes for a layout's sake.

#include <string>
#include <vector>

#include "ir/type.h"

namespace burnish {

// A format: the part of Storage that tactics ask for. Dims are listed outermost first in `order`; `blocks[i] > 1` splits
// logical dim i into (outer, inner block), inner blocks lying innermost in order of dims. `border[i]` elements of `fill`
// surround spatial dim i on both sides. Plain row-major: order = identity, no blocks, no border.
struct Format {
  DType dtype = DType::f32;
  std::vector<int> order;
  std::vector<int64_t> blocks;  // per logical dim, 1 = none; empty = none at all
  std::vector<int64_t> border;  // per logical dim, empty = none
  double fill = 0;

  static Format plain(DType dtype, int64_t rank);
  // Dim 1 (channels) innermost: NCHW -> memory order N, H, W, C.
  static Format channels_last(DType dtype, int64_t rank);
  bool is_plain() const;
  std::string text() const;  // "plain", "order(0,2,3,1)", "order(0,2,3,1) border(0,0,1,1)=0"
  bool operator==(const Format&) const = default;
};

struct Storage {
  int buffer = -1;           // number in the program
  Format format;
  Dims strides;              // in elements, per logical dim (of the outer part where blocked)
  Dim offset = 0;            // in elements from the buffer's start
  bool operator==(const Storage&) const = default;
};

// Dense strides of a format for dims, and the number of elements the buffer needs.
Dims dense_strides(const Format& format, const Dims& dims);
Dim storage_elements(const Format& format, const Dims& dims);

}  // namespace burnish
