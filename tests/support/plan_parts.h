#pragma once
// A plan file taken apart, and put together again with hashes that are right: what no hash can notice must be noticed
// behind them.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/plan_format.h"

namespace burnish::testing {

struct PlanPart {
  uint32_t kind = 0, image = 0;
  std::string bytes;
  bool is(plan::Kind k) const { return kind == static_cast<uint32_t>(k); }
};

// The sections in the order of the file's table; nothing where the bytes are no plan.
std::optional<std::vector<PlanPart>> split_plan(std::string_view bytes);
// A plan of these sections, smaller than save_plan's: code is not aligned to pages.
std::string join_plan(std::span<const PlanPart> parts);
// Makes the header's own hash right again, after a change to the header or to the tables.
void rehash_head(std::string& plan);
// All that an attacker without a key can make right again after changes anywhere: the hash of every block of every
// section, that of the header and that of the signature. Nothing where the tables lead outside of the file.
void rehash(std::string& file);
// What follows the plan in a signed file; empty where nothing does.
std::string signature_of(std::string_view file);
// The same, made to fit a plan of another length as far as that goes without the key.
std::string fitted_signature(std::string signature, std::string_view plan);

}  // namespace burnish::testing
