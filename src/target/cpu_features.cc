#include "target/cpu_features.h"

#include <algorithm>
#include <array>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace burnish {
namespace {

// What `--cpu` accepts besides "host"; text() gives these names back.
struct Named {
  std::string_view name;
  int level;
  bool vnni, bf16;
};
constexpr Named kNamed[] = {
    {"x86-64-v2", 2, false, false},     {"x86-64-v3", 3, false, false},         {"x86-64-v4", 4, false, false},
    {"x86-64-v4+vnni", 4, true, false}, {"x86-64-v4+vnni+bf16", 4, true, true},
};

#if defined(__x86_64__)

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

// Zeros for leaves that the processor does not have.
Registers cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  if (!__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d)) return {};
  return r;
}

// Which register sets the operating system saves; only to be asked where OSXSAVE is set.
uint64_t enabled_state() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

constexpr bool all(uint32_t value, std::initializer_list<int> bits) {
  for (int bit : bits) {
    if ((value >> bit & 1) == 0) return false;
  }
  return true;
}

void find_level(CpuFeatures& f) {
  const Registers one = cpuid(1), extended = cpuid(0x80000001), seven = cpuid(7);
  f.level = 1;
  // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF
  if (!all(one.c, {0, 9, 13, 19, 20, 23}) || !all(extended.c, {0})) return;
  f.level = 2;
  // FMA, MOVBE, OSXSAVE, AVX, F16C; LZCNT; BMI1, AVX2, BMI2; XMM and YMM saved
  if (!all(one.c, {12, 22, 27, 28, 29}) || !all(extended.c, {5}) || !all(seven.b, {3, 5, 8})) return;
  const uint64_t state = enabled_state();
  if ((state & 0x6) != 0x6) return;
  f.level = 3;
  // AVX-512 F, DQ, CD, BW, VL; mask registers and both halves of ZMM saved
  if (!all(seven.b, {16, 17, 28, 30, 31}) || (state & 0xe6) != 0xe6) return;
  f.level = 4;
  f.vnni = all(seven.c, {11});
  f.bf16 = f.vnni && seven.a >= 1 && all(cpuid(7, 1).a, {5});  // leaf 7's eax is its last subleaf
}

// Deterministic cache parameters: leaf 4 (Intel) and leaf 0x8000001d (AMD) have one layout.
void find_caches(CpuFeatures& f) {
  const bool amd_topology = all(cpuid(0x80000001).c, {22});
  bool found = false;
  for (uint32_t leaf : {amd_topology ? 0x8000001du : 4u, 4u}) {
    for (uint32_t subleaf = 0; subleaf < 16; ++subleaf) {
      const Registers r = cpuid(leaf, subleaf);
      const uint32_t type = r.a & 31, level = r.a >> 5 & 7;
      if (type == 0) break;
      if (type == 2) continue;  // instructions
      const int64_t bytes =
          (int64_t{r.b >> 22} + 1) * (int64_t{r.b >> 12 & 0x3ff} + 1) * (int64_t{r.b & 0xfff} + 1) * (int64_t{r.c} + 1);
      if (bytes < 4096 || bytes > int64_t{16} << 30) continue;
      found = true;
      if (level == 1) f.l1_bytes = bytes;
      if (level == 2) f.l2_bytes = bytes;
      if (level == 3) f.l3_bytes = bytes;
    }
    if (found) return;
  }
  // Older AMD processors: sizes in KiB, and in halves of a MiB for the last level. Else the defaults stay.
  const Registers l1 = cpuid(0x80000005), l23 = cpuid(0x80000006);
  if (l1.c >> 24 >= 4) f.l1_bytes = int64_t{l1.c >> 24} << 10;
  if (l23.c >> 16 >= 64) f.l2_bytes = int64_t{l23.c >> 16} << 10;
  if (l23.d >> 18 >= 1) f.l3_bytes = int64_t{l23.d >> 18} << 19;
}

#endif

#if defined(__x86_64__)

struct Model {
  std::string vendor;
  uint32_t family, model, stepping;
};

Model model_of_host() {
  uint32_t most = 0;
  std::array<uint32_t, 3> vendor{};
  if (!__get_cpuid(0, &most, &vendor[0], &vendor[2], &vendor[1])) return {};
  const uint32_t a = cpuid(1).a, family = a >> 8 & 15, model = a >> 4 & 15;
  return {std::string(reinterpret_cast<const char*>(vendor.data()), sizeof vendor),
          family == 15 ? family + (a >> 20 & 255) : family,
          family == 15 || family == 6 ? model | (a >> 16 & 15) << 4 : model, a & 15};
}

// Which processors with AVX-512 have a second multiplier of its full width.
bool is_wide(const Model& m) {
  if (m.vendor == "AuthenticAMD") return m.family >= 0x1a;
  // AVX512_FP16 or AMX-TILE: a server, whatever model a hypervisor makes of it.
  const uint32_t seven = cpuid(7).d;
  if (all(seven, {23}) || all(seven, {24})) return true;
  // Cannon, Ice, Tiger and Rocket Lake of clients have one.
  constexpr uint32_t kClients[] = {0x66, 0x7d, 0x7e, 0x8c, 0x8d, 0xa7};
  return m.vendor == "GenuineIntel" && std::ranges::find(kClients, m.model) == std::end(kClients);
}

#endif

CpuFeatures detect() {
  CpuFeatures f;
#if defined(__x86_64__)
  find_level(f);
  find_caches(f);
  f.wide = f.level >= 4 && is_wide(model_of_host());
#else
  f.level = 0;
#endif
  return f;
}

}  // namespace

std::string CpuFeatures::text() const {
  if (level <= 0) return "generic";
  std::string result = "x86-64-v" + std::to_string(level);
  if (vnni) result += "+vnni";
  if (bf16) result += "+bf16";
  return result;
}

bool CpuFeatures::supports(const CpuFeatures& needed) const {
  return level >= needed.level && (vnni || !needed.vnni) && (bf16 || !needed.bf16);
}

std::string CpuFeatures::missing(const CpuFeatures& needed) const {
  std::string result;
  const auto add = [&](std::string_view feature) {
    if (!result.empty()) result += ", ";
    result += feature;
  };
  if (level < 2 && needed.level >= 2) add("SSE4.2 (x86-64-v2)");
  if (level < 3 && needed.level >= 3) add("AVX2 and FMA (x86-64-v3)");
  if (level < 4 && needed.level >= 4) add("AVX-512 F, BW, CD, DQ, VL (x86-64-v4)");
  if (!vnni && needed.vnni) add("AVX-512 VNNI");
  if (!bf16 && needed.bf16) add("AVX-512 BF16");
  return result;
}

CpuFeatures host_cpu() {
  static const CpuFeatures host = detect();
  return host;
}

std::string host_model() {
#if defined(__x86_64__)
  const Model m = model_of_host();
  return m.vendor + " " + std::to_string(m.family) + "/" + std::to_string(m.model) + "/" + std::to_string(m.stepping);
#else
  return {};
#endif
}

Result<CpuFeatures> parse_cpu(std::string_view text) {
  if (text == "host") return host_cpu();
  std::string known = "host";
  for (const Named& named : kNamed) {
    if (named.name == text) {
      CpuFeatures f;
      f.level = named.level;
      f.vnni = named.vnni;
      f.bf16 = named.bf16;
      return f;
    }
    known += ", " + std::string(named.name);
  }
  return usage_error("unknown processor '" + std::string(text) + "'", "--cpu",
                     "use portable, or one or more of " + known);
}

}  // namespace burnish
