#include "cli/shapes.h"

#include <vector>

#include <fmt/format.h>

namespace burnish::cli {

Result<Shapes> read_shapes(std::span<const std::string> texts, const Graph& graph) {
  std::vector<InputShape> shapes;
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos)
      return usage_error(fmt::format("'{}' is not NAME=DTYPE[SIZES]", text), "--shapes",
                         "write for example --shapes \"x=f32[1..8..64,3,224,224]\"");
    shapes.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return burnish::read_shapes(shapes, graph);
}

}  // namespace burnish::cli
