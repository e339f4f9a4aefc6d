#pragma once

#include "ops/operator.h"

namespace burnish {

// Sizes whose expressions have grown too long become symbols that the run binds: what two unknown sizes broadcast to is
// longer than both of them, and so on with every step.
void shorten(InferContext& c, Dims& dims);

// `own` is repeated to fit `dims`, never the other way round; an error, or a requirement of the run.
Status check_extends(const InferContext& c, std::span<const Dim> own, std::span<const Dim> dims, std::string_view what);

}  // namespace burnish
