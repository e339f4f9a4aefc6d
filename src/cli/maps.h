#pragma once
// Maps from keys to numbers or texts, which classical models take and give: JSON objects, since no .npy file holds them.

#include <string>

#include "base/error.h"
#include "base/json.h"
#include "ir/tensor.h"
#include "ir/type.h"

namespace burnish::cli {

// {key: value}; integers as keys are given as their digits.
Result<RuntimeValue> read_map(const std::string& path, const Type& type);
Json map_json(const RuntimeMap& map);

}  // namespace burnish::cli
