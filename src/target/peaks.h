#pragma once
// What a processor can do at best, measured: what fractions are of.

#include <cstdint>
#include <vector>

namespace burnish {

// Multiply-adds of f32 a second that all threads reach together, in registers, with vectors of 128 (a product, then a sum),
// 256 or 512 bits: the best of short stretches of so many seconds. The processor must have them.
double fma_peak(int threads, int bits, double seconds);

struct Peaks {
  int threads = 1, bits = 0;
  double macs = 0;  // a second; 0 where there is no code to measure it
  // Bytes a second that all threads read together, by the size of what they read again and again: caches, then memory.
  struct Rate {
    int64_t bytes;
    double per_second;
  };
  std::vector<Rate> reading;
  double seconds = 0;  // that measuring took

  // Of a working set of so many bytes, between the sizes that were measured.
  double reading_rate(double bytes) const;
};

// Takes about a tenth of a second.
Peaks measure_peaks(int threads, int bits);

}  // namespace burnish
