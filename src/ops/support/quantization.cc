#include "ops/support/quantization.h"

#include "ops/support/axes.h"

namespace burnish {

Status check_scales(const InferContext& c) {
  const Type &x = c.type(0), &scale = c.type(1);
  const int64_t block = c.integer("block");
  if (block < 0) return c.error("block is negative");
  if (c.has(2) && scale.ranked && c.type(2).ranked) {
    const Dims& zero = c.type(2).dims;
    bool same = zero.size() == scale.dims.size();
    for (std::size_t d = 0; same && d < zero.size(); ++d) same = equal(zero[d], scale.dims[d]) != Truth::no;
    if (!same) return c.error("scale and zero point differ in shape");
    for (std::size_t d = 0; d < zero.size(); ++d)
      c.require(Requirement::Kind::equal, zero[d], scale.dims[d], "sizes of the zero point and of the scale");
  }
  if (!x.ranked || !scale.ranked || scale.rank() == 0) return {};
  if (scale.rank() == 1 && scale.dims[0].constant() == 1 && block == 0) return {};
  const int64_t axis = TRY(c.axis(c.integer("axis"), x.rank()));
  if (block == 0) {
    if (scale.rank() != 1 || equal(scale.dims[0], x.dims[idx(axis)]) == Truth::no)
      return c.error("the scale needs one element, or one per position of axis " + std::to_string(axis));
    c.require(Requirement::Kind::extends, scale.dims[0], x.dims[idx(axis)], "scales and positions of the axis");
    return {};
  }
  if (scale.rank() != x.rank()) return c.error("a blocked scale needs the rank of x");
  for (std::size_t d = 0; d < x.dims.size(); ++d) {
    const Dim wanted = d == idx(axis) ? ceildiv(x.dims[d], Dim(block)) : x.dims[d];
    c.require(Requirement::Kind::equal, scale.dims[d], wanted, "a size of the scale and what x wants");
    if (equal(scale.dims[d], wanted) == Truth::no)
      return c.error("dim " + std::to_string(d) + " of the scale must be " + wanted.text());
  }
  return {};
}

Result<ScaleLayout> scale_layout(const ReferenceContext& c) {
  const Tensor &x = c.in(0), &scale = c.in(1);
  if (c.has(2) && c.in(2).dims() != scale.dims()) return c.error("scale and zero point differ in shape");
  ScaleLayout layout;
  layout.block = c.integer("block");
  if (scale.elements() == 1 && layout.block == 0) return layout;
  const int64_t axis = TRY(checked_axis(c, c.integer("axis"), x.rank()));
  layout.size = std::max<int64_t>(x.dims()[idx(axis)], 1);
  layout.inner = std::max<int64_t>(element_count(std::span(x.dims()).subspan(idx(axis) + 1)), 1);
  layout.kind = layout.block == 0 ? ScaleLayout::Kind::axis : ScaleLayout::Kind::block;
  if (layout.block == 0) {
    if (scale.rank() != 1 || scale.elements() != x.dims()[idx(axis)]) return c.error("the scale does not fit the axis");
    return layout;
  }
  layout.blocks = ceil_div(x.dims()[idx(axis)], layout.block);
  Sizes wanted = x.dims();
  wanted[idx(axis)] = layout.blocks;
  if (scale.dims() != wanted) return c.error("the scale must be [" + text(wanted) + "]");
  return layout;
}

Result<std::pair<int, int>> load_scales(const LowerContext& c, Nest& nest, const Declared& declared,
                                        std::span<const int> axes) {
  std::vector<Index> where;
  const auto axis = [&] { return checked_axis(c, c.integer("axis"), static_cast<int64_t>(axes.size())); };
  if (const int64_t block = c.integer("block"); block != 0) {
    if (c.type(1).dims.size() != axes.size()) return c.error("a blocked scale needs the rank of x");
    where = plain_index(axes);
    const std::size_t along = idx(TRY(axis()));
    const int place = axis_value(nest, axes[along], DType::i64);
    const int length = nest.constant(static_cast<double>(block), DType::i64);
    where[along] = Index{{}, Dim(0), nest.apply(Scalar::div, {place, length})};
  } else if (c.type(1).rank() == 1) {
    where.push_back(c.type(1).dims[0].constant() == 1 ? Index{} : at(axes[idx(TRY(axis()))]));
  }
  // A scale that may not fit the axis reads nothing outside.
  const auto load = [&](int operand) { return guarded_load(nest, operand, where, 1); };
  return std::pair(load(declared.operands[1]), c.has(2) ? load(declared.operands[2]) : -1);
}

}  // namespace burnish
