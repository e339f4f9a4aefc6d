#pragma once
// The benchmark of a checkout (bench/), which measures beside other engines and kernels alone. It is no part of the program.

#include <string>
#include <vector>

#include "base/error.h"

namespace burnish::cli {

// Runs `./dev bench WORDS...` in the place of this process. Comes back only with an error: above all, that this program
// does not lie in a checkout.
Error become_bench_tool(const std::vector<std::string>& words);

}  // namespace burnish::cli
