#pragma once
// safetensors: eight bytes of length, a JSON header, the data.

#include <map>
#include <memory>
#include <string>

#include "import/checkpoint/pickle.h"

namespace burnish::checkpoint {

// Whether the file begins as one does; not yet whether it is one.
bool is_safetensors(Bytes file);
Result<std::vector<NamedTensor>> read_safetensors(Bytes file, const std::shared_ptr<const void>& owner,
                                                  const Limits& limits, std::map<std::string, std::string>& metadata);

}  // namespace burnish::checkpoint
