#pragma once
// PyTorch's two containers around a pickle.

#include <memory>

#include "import/checkpoint/pickle.h"

namespace burnish::checkpoint {

bool is_zip(Bytes file);
bool is_torch_stream(Bytes file);
Result<std::vector<NamedTensor>> read_torch_zip(Bytes file, const std::shared_ptr<const void>& owner,
                                                const Limits& limits);
Result<std::vector<NamedTensor>> read_torch_stream(Bytes file, const std::shared_ptr<const void>& owner,
                                                   const Limits& limits);

}  // namespace burnish::checkpoint
