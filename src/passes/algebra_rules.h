#pragma once
// The algebra pass as data: what is rewritten to what, and when. The pass and a test that checks every rule against the
// references walk the same table.

#include <span>
#include <string_view>

#include "passes/match.h"

namespace burnish::passes {

struct AlgebraRule {
  enum class Numbers : uint8_t { floats, signed_ints, numbers, booleans, any };
  std::string_view name;
  std::string_view pattern;  // variables p and q are booleans; the others have a dtype of `numbers`
  std::string_view replacement;
  Numbers numbers = Numbers::any;
  bool exact = true;  // the same bits, the sign of zero included, for all there is; others are skipped under --exact
  // Applies only if all inner values die with the match; for rules that would otherwise add work.
  bool needs_closed = false;
  bool (*condition)(const Match&) = nullptr;
};

std::span<const AlgebraRule> algebra_rules();
bool dtype_allowed(AlgebraRule::Numbers numbers, DType dtype);

}  // namespace burnish::passes
