// The multiply-add peak of this machine as one JSON object. usage: bench_fma_peak [threads [bits]]

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "target/peaks.h"

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::clamp(std::atoi(argv[1]), 1, 1024) : 1;
  int bits = __builtin_cpu_supports("avx512f") ? 512 : __builtin_cpu_supports("fma") ? 256 : 0;
  if (argc > 2) bits = std::min(bits, std::atoi(argv[2]) >= 512 ? 512 : 256);
  if (bits == 0) {
    fmt::print(stderr, "this processor has no fused multiply-add\n");
    return 1;
  }
  fmt::print("{{\"threads\": {}, \"bits\": {}, \"macs_per_second\": {:.0f}}}\n", threads, bits,
             burnish::fma_peak(threads, bits, 0.5));
  return 0;
}
