#pragma once
// Where the scale and the zero point of an element stand: one for all, one per position of an axis, or one per block
// along it.

#include "ops/support/core.h"

namespace burnish {

struct ScaleLayout {
  int64_t size = 1, inner = 1;  // of the axis, and of what lies inside it
  int64_t block = 0, blocks = 0;
  enum class Kind : uint8_t { tensor, axis, block } kind = Kind::tensor;

  int64_t of(int64_t n) const {
    if (kind == Kind::tensor) return 0;
    const int64_t k = n / inner % size;
    return kind == Kind::axis ? k : (n / (inner * size) * blocks + k / block) * inner + n % inner;
  }
};

// Checks of scale (operand 1) and zero point (operand 2) against x (operand 0).
Status check_scales(const InferContext& c);
// The same with numbers.
Result<ScaleLayout> scale_layout(const ReferenceContext& c);
// Loads of scale and zero point (-1 = absent) for the element at `axes`.
Result<std::pair<int, int>> load_scales(const LowerContext& c, Nest& nest, const Declared& declared,
                                        std::span<const int> axes);

}  // namespace burnish
