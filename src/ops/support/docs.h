#pragma once
// docs/operators.md, written from the catalogue.

#include <string>

namespace burnish::ops {

std::string operators_markdown();

}  // namespace burnish::ops
