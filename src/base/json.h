#pragma once
// JSON by nlohmann; keys keep their order so that output is stable and reads top to bottom.

#include <nlohmann/json.hpp>

namespace burnish {
using Json = nlohmann::ordered_json;
}
