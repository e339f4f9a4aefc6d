#include <gtest/gtest.h>

#include "ir/dim.h"

namespace burnish {
namespace {

// Depthwise counts sizes one by one, the contractions their product: the guesses must agree.
TEST(Likely, CountsASymbolTheSameAloneAndInAProduct) {
  const Dim open = Dim::symbol("N", {.low = 1}), batch = Dim::symbol("B", {.low = 1, .high = 8});
  const Dim long_text = Dim::symbol("T", {.low = 100});
  EXPECT_EQ(likely(batch), 8);
  EXPECT_EQ(likely(long_text), 100);
  EXPECT_EQ(likely(Dim::symbol("S", {.low = 1, .high = 64, .usual = 2}) * Dim(3)), 6);
  for (const Dim& d : {open, batch, long_text}) {
    EXPECT_EQ(likely(d * Dim(112 * 112)), likely(d) * 112 * 112) << d.text();
    EXPECT_EQ(likely(d * open), likely(d) * likely(open)) << d.text();
  }
  EXPECT_EQ(likely(Dim(7)), 7);
  EXPECT_EQ(likely(batch - Dim(20)), 1);  // nothing is ever estimated to be free
}

}  // namespace
}  // namespace burnish
