#pragma once

#include "passes/match.h"

namespace burnish::passes {

// softmax(scale q k^T + bias) v, in the spellings of exporters, becomes one attention node. `product` is the matmul with v.
Result<bool> recognise_attention(Node* product);

}  // namespace burnish::passes
