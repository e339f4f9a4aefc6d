// Any bytes become tensors, each of whose bytes can be read, or an error.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/hash.h"
#include "import/checkpoint/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  burnish::Limits limits;
  limits.pickle_objects = 20'000;
  limits.copied_bytes = 1 << 20;
  const auto checkpoint =
      burnish::parse_checkpoint(std::span(reinterpret_cast<const std::byte*>(data), size), nullptr, limits);
  if (!checkpoint) return 0;
  uint64_t sum = 0;
  for (const burnish::NamedTensor& t : checkpoint->tensors()) sum ^= burnish::hash64(t.tensor.bytes());
  volatile uint64_t read = sum;
  (void)read;
  return 0;
}
