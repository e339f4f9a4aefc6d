#pragma once

#include "ops/operator.h"

namespace burnish {

// Sizes whose expressions have grown too long become symbols that the run binds: what two unknown sizes broadcast to is
// longer than both of them, and so on with every step.
void shorten(InferContext& c, Dims& dims);

}  // namespace burnish
