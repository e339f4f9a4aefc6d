#include "compile/pipeline.h"

#include <set>

#include <gtest/gtest.h>

namespace burnish {
namespace {

TEST(Pipeline, NamesArePairwiseDistinct) {
  std::set<std::string> names;
  for (const PassRow& pass : pass_table()) EXPECT_TRUE(names.insert(pass.full_name()).second) << pass.full_name();
}

TEST(Pipeline, RefusesUnknownAndRequiredPasses) {
  BuildOptions options;
  options.disabled = {"simplify.algebra"};
  EXPECT_TRUE(make_pass_runner(options).has_value());
  for (const char* name : {"simplify.alchemy", "decompose.composites"}) {
    options.disabled = {name};
    auto runner = make_pass_runner(options);
    ASSERT_FALSE(runner.has_value());
    EXPECT_EQ(runner.error().code, ErrorCode::usage);
    EXPECT_NE(runner.error().what.find(name), std::string::npos);
  }
}

}  // namespace
}  // namespace burnish
