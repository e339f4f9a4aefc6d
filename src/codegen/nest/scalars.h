#pragma once
// What both printers know of the scalar functions.

#include "loop/scalar.h"

namespace burnish {

// Functions that make sense of truth values, too.
bool takes_booleans(Scalar function);

}  // namespace burnish
