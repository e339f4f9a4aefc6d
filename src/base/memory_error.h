#pragma once
// Errors of memory that cannot be had. For callers of the libraries they are a status of their own; the program counts them
// among what it refuses.

#include "base/error.h"

namespace burnish {

inline constexpr auto kMemory = static_cast<ErrorCode>(7);

// Without a remedy: smaller inputs or more memory.
inline std::unexpected<Error> memory_error(std::string what, std::string where = {}, std::string remedy = {}) {
  if (remedy.empty()) remedy = "use smaller inputs or a machine with more memory";
  return std::unexpected(Error{kMemory, std::move(what), std::move(where), std::move(remedy)});
}

// Of the program.
constexpr int exit_code(ErrorCode code) { return static_cast<int>(code == kMemory ? ErrorCode::refused : code); }

}  // namespace burnish
