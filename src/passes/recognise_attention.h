#pragma once

#include "passes/match.h"

namespace burnish::passes {

// softmax(scale q k^T + bias) v, in the spellings of exporters, becomes one attention node where the node is the product
// with v. What a later look shows needless at an attention node (a causal bias, a guard against NaN) is dropped.
Result<bool> recognise_attention(Node* node);

}  // namespace burnish::passes
