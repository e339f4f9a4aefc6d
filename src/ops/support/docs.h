#pragma once
// docs/operators.md, written from the catalogue.

#include <string>

#include "base/error.h"

namespace burnish::ops {

Result<std::string> operators_markdown();

}  // namespace burnish::ops
