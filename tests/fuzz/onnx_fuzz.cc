// Any bytes become a graph or an error.

#include <cstddef>
#include <cstdint>
#include <span>

#include "import/onnx/import.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  burnish::ImportOptions options;
  options.limits.messages = 20'000;
  options.max_nodes = 2'000;
  options.max_dense_bytes = 1 << 20;
  (void)burnish::import_onnx(std::span(reinterpret_cast<const std::byte*>(data), size), options);
  return 0;
}
