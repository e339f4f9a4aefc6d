#include "target/peaks.h"

#include <gtest/gtest.h>

#include "target/cpu_features.h"

namespace burnish {
namespace {

TEST(Peaks, AreMeasured) {
  for (const int threads : {1, 2}) {
    const Peaks peaks = measure_peaks(threads, host_cpu().vector_bytes() * 8);
    EXPECT_EQ(peaks.threads, threads);
    EXPECT_GT(peaks.macs, 1e8);
    EXPECT_GT(peaks.seconds, 0);
    ASSERT_GE(peaks.reading.size(), 2u);
    int64_t last = 0;
    for (const Peaks::Rate& rate : peaks.reading) {
      EXPECT_GT(rate.per_second, 1e7);
      EXPECT_GT(rate.bytes, last);
      last = rate.bytes;
    }
  }
}

TEST(Peaks, VectorsOfEveryWidth) {
  for (int bits = 128; bits <= host_cpu().vector_bytes() * 8; bits *= 2) EXPECT_GT(fma_peak(1, bits, 0.001), 1e8);
}

TEST(Peaks, RatesLieBetweenThoseMeasured) {
  Peaks peaks;
  EXPECT_EQ(peaks.reading_rate(1e6), 0);
  peaks.reading = {{1000, 400.0}, {100000, 100.0}};
  EXPECT_EQ(peaks.reading_rate(0), 400);
  EXPECT_EQ(peaks.reading_rate(1000), 400);
  EXPECT_NEAR(peaks.reading_rate(10000), 200, 1e-9);
  EXPECT_NEAR(peaks.reading_rate(100000), 100, 1e-9);
  EXPECT_EQ(peaks.reading_rate(1e12), 100);
}

}  // namespace
}  // namespace burnish
