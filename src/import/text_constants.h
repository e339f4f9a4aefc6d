#pragma once
// Models in the text form: FILE, and FILE.safetensors beside it with the large constants, each named by its hash.

#include <string>

#include "base/limits.h"
#include "ir/graph.h"

namespace burnish {

// Those beside the text at `path`; none when there is no such file. Their hashes are checked.
Result<ConstantStore> read_text_constants(const std::string& path, const Limits& limits);
// Text and constants; open_model reads them again.
Status write_text_model(const Graph& graph, const std::string& path);

}  // namespace burnish
