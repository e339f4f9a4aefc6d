#include "target/cpu_features.h"

#include <cpuid.h>
#include <unistd.h>

#include <cstdint>

namespace burnish {
namespace {

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
  return r;
}

// What the operating system saves on a context switch.
uint64_t saved_state() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

bool bit(unsigned word, unsigned index) { return word >> index & 1; }

int detect_level(const Registers& one, const Registers& seven) {
  const unsigned extended = cpuid(0x80000001).c;
  const bool avx_saved = bit(one.c, 27) && (saved_state() & 0x6) == 0x6;
  const bool v3 = avx_saved && bit(one.c, 28) && bit(one.c, 12) && bit(one.c, 29) && bit(one.c, 22) && bit(seven.b, 5) &&
                  bit(seven.b, 3) && bit(seven.b, 8) && bit(extended, 5);
  if (!v3) return 2;
  const bool v4 = (saved_state() & 0xe6) == 0xe6 && bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 28) &&
                  bit(seven.b, 30) && bit(seven.b, 31);
  return v4 ? 4 : 3;
}

CpuFeatures detect() {
  const Registers one = cpuid(1), seven = cpuid(7);
  CpuFeatures f;
  f.level = detect_level(one, seven);
  f.vnni = f.level >= 4 && bit(seven.c, 11);
  f.bf16 = f.level >= 4 && bit(cpuid(7, 1).a, 5);
  if (const long bytes = sysconf(_SC_LEVEL1_DCACHE_SIZE); bytes > 0) f.l1_bytes = bytes;
  if (const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0) f.l2_bytes = bytes;
  if (const long bytes = sysconf(_SC_LEVEL3_CACHE_SIZE); bytes > 0) f.l3_bytes = bytes;
  return f;
}

}  // namespace

CpuFeatures host_cpu() {
  static const CpuFeatures features = detect();
  return features;
}

std::string CpuFeatures::text() const {
  return "x86-64-v" + std::to_string(level) + (vnni ? "+vnni" : "") + (bf16 ? "+bf16" : "");
}

bool CpuFeatures::supports(const CpuFeatures& needed) const {
  return level >= needed.level && (vnni || !needed.vnni) && (bf16 || !needed.bf16);
}

Result<CpuFeatures> parse_cpu(std::string_view text) {
  if (text == "host") return host_cpu();
  for (int level = 2; level <= 4; ++level)
    for (int extras = 0; extras <= (level == 4 ? 2 : 0); ++extras) {
      CpuFeatures f;
      f.level = level;
      f.vnni = extras >= 1;
      f.bf16 = extras >= 2;
      if (f.text() == text) return f;
    }
  return usage_error("no processor is called '" + std::string(text) + "'", "--cpu",
                     "give host, x86-64-v2, x86-64-v3, x86-64-v4, x86-64-v4+vnni or x86-64-v4+vnni+bf16");
}

}  // namespace burnish
