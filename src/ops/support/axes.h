#pragma once

#include "ops/operator.h"

namespace burnish {

// An axis of a value of `rank`, negative ones counted from the end; an error where there is none such.
Result<int64_t> checked_axis(const NodeView& c, int64_t axis, int64_t rank);

}  // namespace burnish
