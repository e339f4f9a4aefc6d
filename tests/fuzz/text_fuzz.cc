// Any text becomes a graph or an error, and a graph that was read survives its own text.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ir/graph.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace burnish;
  auto graph = parse_graph(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!graph) return 0;
  const Status status = verify_structure(**graph);
  CHECK(status.has_value(), status.error().message());
  const std::string text = print(**graph);
  auto again = parse_graph(text, large_constants(**graph));
  CHECK(again.has_value(), again.error().message() + "\n" + text);
  const std::string found = difference(**graph, **again, true);
  CHECK(found.empty(), found + "\n" + text);
  CHECK(print(**again) == text, text);
  return 0;
}
