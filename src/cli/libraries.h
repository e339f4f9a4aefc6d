#pragma once
// Libraries of users' operators, named on the command line.

#include <string>

#include "base/error.h"

namespace burnish::cli {

// Loads the library for the life of the process and lets it register its operators.
Status load_operators(const std::string& path);

}  // namespace burnish::cli
