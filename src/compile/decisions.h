#pragma once
// The record of a build in JSON, as a plan file keeps it: a list of {id, node, what, why, remedy}.

#include <span>
#include <string>
#include <vector>

#include "compile/build.h"

namespace burnish {

std::string decisions_text(std::span<const Decision> decisions);
Result<std::vector<Decision>> parse_decisions(std::string_view text);

// A finished build as a plan file.
Status save_build(const BuildResult& built, const std::string& path);

}  // namespace burnish
