#pragma once
// Graphs from the text of strangers: parse_graph of ir/graph.h, with limits.

#include "base/limits.h"
#include "ir/graph.h"

namespace burnish {

Result<std::unique_ptr<Graph>> parse_graph(std::string_view text, const ConstantStore& constants, const Limits& limits);

}  // namespace burnish
