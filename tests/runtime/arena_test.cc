#include <random>

#include <gtest/gtest.h>

#include "runtime/executor.h"

namespace burnish {
namespace {

void expect_disjoint(std::span<const LiveBuffer> buffers, int64_t total) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const LiveBuffer& a = buffers[i];
    if (a.bytes == 0) continue;
    EXPECT_EQ(a.offset % 64, 0);
    EXPECT_LE(a.offset + a.bytes, total);
    for (std::size_t j = 0; j < i; ++j) {
      const LiveBuffer& b = buffers[j];
      const bool together = a.first_step <= b.last_step && b.first_step <= a.last_step;
      const bool overlap = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      EXPECT_FALSE(together && overlap && b.bytes > 0) << i << " and " << j;
    }
  }
}

TEST(Arena, ChainsUseTwoBuffers) {
  std::vector<LiveBuffer> buffers;
  for (int i = 0; i < 10; ++i) buffers.push_back({1024, i, i + 1});
  const auto total = plan_arena(buffers);
  ASSERT_TRUE(total);
  EXPECT_EQ(*total, 2048);
  expect_disjoint(buffers, *total);
}

TEST(Arena, SmallOnesFillHoles) {
  std::vector<LiveBuffer> buffers = {{1000, 0, 1}, {5000, 0, 3}, {900, 2, 3}, {64, 2, 2}};
  const auto total = plan_arena(buffers);
  ASSERT_TRUE(total);
  EXPECT_EQ(*total, 5056 + 1024);
  expect_disjoint(buffers, *total);
}

TEST(Arena, RandomBuffersNeverOverlap) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<LiveBuffer> buffers;
    for (int i = 0; i < 60; ++i) {
      const int first = static_cast<int>(random() % 40);
      buffers.push_back({static_cast<int64_t>(random() % 5000), first, first + static_cast<int>(random() % 8)});
    }
    const auto total = plan_arena(buffers);
    ASSERT_TRUE(total);
    int64_t least = 0;  // what is live at once cannot be undercut
    for (int step = 0; step < 50; ++step) {
      int64_t live = 0;
      for (const LiveBuffer& b : buffers)
        if (b.first_step <= step && step <= b.last_step) live += b.bytes;
      least = std::max(least, live);
    }
    EXPECT_GE(*total, least);
    EXPECT_LE(*total, 2 * least + 64 * 60);
    expect_disjoint(buffers, *total);
  }
}

TEST(Arena, NothingAndNonsense) {
  EXPECT_EQ(plan_arena({}).value(), 0);
  std::vector<LiveBuffer> negative = {{-1, 0, 0}};
  EXPECT_FALSE(plan_arena(negative));
  std::vector<LiveBuffer> backwards = {{1, 3, 2}};
  EXPECT_FALSE(plan_arena(backwards));
  std::vector<LiveBuffer> huge = {{INT64_MAX - 10, 0, 1}, {INT64_MAX - 10, 0, 1}};
  EXPECT_FALSE(plan_arena(huge));
}

}  // namespace
}  // namespace burnish
