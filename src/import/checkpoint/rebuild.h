#pragma once
// What the known names make of their arguments, and what persistent ids ask for.

#include "import/checkpoint/pickle.h"

namespace burnish::checkpoint {

inline constexpr std::size_t kMaxRank = 64;

// The value of `callee(*arguments)`: data only.
Result<Value> rebuild(Pickle& pickle, ValueId callee, ValueId arguments);
// ('storage', type, key, location, elements[, view]).
Result<Value> persistent(Pickle& pickle, ValueId id);

}  // namespace burnish::checkpoint
