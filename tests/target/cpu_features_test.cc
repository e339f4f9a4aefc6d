#include "target/cpu_features.h"

#include <gtest/gtest.h>

namespace burnish {
namespace {

TEST(CpuFeatures, NamesAreReadBack) {
  for (const char* name :
       {"x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-v4+vnni", "x86-64-v4+vnni+bf16"}) {
    const auto cpu = parse_cpu(name);
    ASSERT_TRUE(cpu) << name;
    EXPECT_EQ(cpu->text(), name);
  }
  EXPECT_FALSE(parse_cpu("x86-64-v3+vnni"));
  EXPECT_FALSE(parse_cpu("x86-64-v5"));
  EXPECT_FALSE(parse_cpu(""));
}

TEST(CpuFeatures, AProcessorRunsCodeOfLowerLevels) {
  const auto v2 = *parse_cpu("x86-64-v2"), v4 = *parse_cpu("x86-64-v4"), vnni = *parse_cpu("x86-64-v4+vnni");
  EXPECT_TRUE(vnni.supports(v2));
  EXPECT_TRUE(vnni.supports(v4));
  EXPECT_FALSE(v4.supports(vnni));
  EXPECT_FALSE(v2.supports(v4));
  EXPECT_TRUE(host_cpu().supports(v2));
}

TEST(CpuFeatures, TheHostsLevelIsTheCompilers) {
  __builtin_cpu_init();
  EXPECT_EQ(host_cpu().level >= 3, __builtin_cpu_supports("x86-64-v3") != 0);
  EXPECT_EQ(host_cpu().level >= 4, __builtin_cpu_supports("x86-64-v4") != 0);
}

}  // namespace
}  // namespace burnish
