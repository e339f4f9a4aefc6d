// Random nests against the evaluator.

#include <gtest/gtest.h>

#include "tests/codegen/nest_harness.h"

namespace burnish {
namespace {

TEST(Nest, RandomOnesMatchTheEvaluator) {
  for (unsigned seed = 0; seed < 120; ++seed) {
    const NestCase test = random_nest(seed);
    auto fine = verify(test.kernel.nest);
    ASSERT_TRUE(fine) << fine.error().message() << print(test.kernel.nest);
    expect_matches_evaluator(test, seed);
    if (HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
}

}  // namespace
}  // namespace burnish
