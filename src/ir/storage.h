#pragma once
// How a value lies in memory. Chosen by select and place; the logical type never changes for a layout's sake.

#include <string>
#include <vector>

#include "ir/tensor.h"
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
  int buffer = -1;  // number in the program
  Format format;
  Dims strides;    // in elements, per logical dim (of the outer part where blocked)
  Dim offset = 0;  // in elements from the buffer's start to that of the border, where there is one
  bool operator==(const Storage&) const = default;
};

// Element i of logical dim d, whose index in memory is m = i + border(d), lies at
//   offset + sum over d of (m / block(d)) * strides[d] + (m % block(d)) * inner_stride(d)

// Dense strides of a format for dims, and the number of elements the buffer needs.
Dims dense_strides(const Format& format, const Dims& dims);
Dim storage_elements(const Format& format, const Dims& dims);
// The whole record of a value alone in a buffer.
Storage dense_storage(const Format& format, const Dims& dims, int buffer = -1);
// Distance of neighbours within a block: the product of the blocks of later dims.
int64_t inner_stride(const Format& format, std::size_t dim);
inline int64_t block_of(const Format& format, std::size_t dim) {
  return format.blocks.empty() ? 1 : format.blocks[dim];
}
inline int64_t border_of(const Format& format, std::size_t dim) {
  return format.border.empty() ? 0 : format.border[dim];
}
// Lists agree with the rank, order is a permutation, blocks and borders are sane and not on the same dim.
Status verify(const Format& format, int64_t rank);

// Repacks on the host. A tensor that is stored in a format is flat: its elements in memory order, padding included.
// `logical` is row-major with the value's dims; the result has dims {storage_elements} and the format's dtype. The
// dtypes must agree: a conversion of numbers is an operator's business.
Result<Tensor> pack(const Tensor& logical, const Format& format);
// Back again: the logical tensor of `dims`.
Result<Tensor> unpack(const Tensor& stored, const Format& format, std::vector<int64_t> dims);
// From one format to another.
Result<Tensor> convert(const Tensor& stored, const Format& from, const Format& to, std::vector<int64_t> dims);

}  // namespace burnish
