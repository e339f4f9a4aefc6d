#include "target/cpu_features.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace burnish {
namespace {

TEST(CpuFeatures, NamesReadBack) {
  for (const char* name : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-v4+vnni", "x86-64-v4+vnni+bf16"}) {
    const auto parsed = parse_cpu(name);
    ASSERT_TRUE(parsed.has_value()) << name;
    EXPECT_EQ(parsed->text(), name);
  }
  EXPECT_EQ(parse_cpu("host")->text(), host_cpu().text());
}

TEST(CpuFeatures, UnknownNamesAreWrongUsage) {
  for (const char* name : {"", "x86-64-v5", "x86-64-v4+bf16", "Host", "v4", "x86-64-v3+vnni"}) {
    const auto parsed = parse_cpu(name);
    ASSERT_FALSE(parsed.has_value()) << name;
    EXPECT_EQ(parsed.error().code, ErrorCode::usage);
    EXPECT_NE(parsed.error().remedy.find("x86-64-v4+vnni"), std::string::npos);
  }
}

TEST(CpuFeatures, Supports) {
  const CpuFeatures v2 = *parse_cpu("x86-64-v2"), v3 = *parse_cpu("x86-64-v3"), v4 = *parse_cpu("x86-64-v4"),
                    vnni = *parse_cpu("x86-64-v4+vnni"), bf16 = *parse_cpu("x86-64-v4+vnni+bf16");
  EXPECT_TRUE(v3.supports(v2));
  EXPECT_TRUE(v3.supports(v3));
  EXPECT_FALSE(v3.supports(v4));
  EXPECT_FALSE(v4.supports(vnni));
  EXPECT_FALSE(vnni.supports(bf16));
  EXPECT_TRUE(bf16.supports(vnni));
  EXPECT_EQ(bf16.missing(v4), "");
  EXPECT_EQ(vnni.missing(bf16), "AVX-512 BF16");
  EXPECT_NE(v2.missing(vnni).find("AVX2"), std::string::npos);
  EXPECT_NE(v2.missing(vnni).find("VNNI"), std::string::npos);
  EXPECT_EQ(v2.vector_bytes(), 16);
  EXPECT_EQ(v3.vector_bytes(), 32);
  EXPECT_EQ(v4.vector_bytes(), 64);
}

TEST(CpuFeatures, TheHostsLevelIsTheCompilers) {
  __builtin_cpu_init();
  EXPECT_EQ(host_cpu().level >= 3, __builtin_cpu_supports("x86-64-v3") != 0);
  EXPECT_EQ(host_cpu().level >= 4, __builtin_cpu_supports("x86-64-v4") != 0);
}

TEST(CpuFeatures, CachesArePlausible) {
  const CpuFeatures host = host_cpu();
  EXPECT_GE(host.l1_bytes, 8 << 10);
  EXPECT_LE(host.l1_bytes, 1 << 20);
  EXPECT_GE(host.l2_bytes, host.l1_bytes);
  EXPECT_GE(host.l3_bytes, 1 << 20);
}

// The kernel reads the same registers: its list of flags is the oracle.
TEST(CpuFeatures, AgreesWithTheKernel) {
  std::ifstream file("/proc/cpuinfo");
  std::string flags;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("flags")) {
      flags = line.substr(line.find(':') + 1) + " ";
      break;
    }
  }
  if (flags.empty()) GTEST_SKIP() << "no flags in /proc/cpuinfo";
  const auto has = [&](const char* flag) { return flags.find(std::string(" ") + flag + " ") != std::string::npos; };
  const CpuFeatures host = host_cpu();
  const bool v3 = has("avx2") && has("fma") && has("bmi2") && has("f16c") && has("movbe");
  const bool v4 = v3 && has("avx512f") && has("avx512bw") && has("avx512cd") && has("avx512dq") && has("avx512vl");
  EXPECT_EQ(host.level >= 3, v3);
  EXPECT_EQ(host.level >= 4, v4);
  EXPECT_EQ(host.vnni, v4 && has("avx512_vnni"));
  EXPECT_EQ(host.bf16, v4 && has("avx512_vnni") && has("avx512_bf16"));
}

}  // namespace
}  // namespace burnish
