#pragma once
// The multiply-add peak, which fractions are of.

namespace burnish {

// Multiply-adds a second that all threads reach together, in registers, with vectors of 256 or 512 bits: the best of
// short stretches of so many seconds. The processor must have them.
double fma_peak(int threads, int bits, double seconds);

}  // namespace burnish
