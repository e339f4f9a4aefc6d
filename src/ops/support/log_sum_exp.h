#pragma once
// log(sum(exp(x))), for the composite and for reductions whose axes are data.

#include "ops/support/compose.h"

namespace burnish::ops {

// `reduce(kind, value, keep)` reduces along the axes in question. The largest element is taken off first, so that exp stays
// finite. Of an infinite one that would leave inf - inf: nothing is taken off then.
template <class Reduce>
Value* log_sum_exp(Compose& c, Value* x, bool keep, Reduce&& reduce) {
  const auto finite_or_zero = [&](Value* largest) {
    return c.select(c.unary(Scalar::is_inf, largest), c.number(largest, 0), largest);
  };
  Value* shifted = c.sub(x, finite_or_zero(reduce("max", x, true)));
  Value* total = reduce("sum", c.unary(Scalar::exp, shifted), keep);
  return c.add(c.unary(Scalar::log, total), finite_or_zero(reduce("max", x, keep)));
}

}  // namespace burnish::ops
