#pragma once
// Processor levels that code is made for. Chosen by CPUID at run time; `--cpu` forces a lower one.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace burnish {

struct CpuFeatures {
  int level = 2;  // 0: not x86-64; 1: below x86-64-v2;
                  // x86-64-v2, v3 (AVX2, FMA), v4 (AVX-512 F BW CD DQ VL)
  bool vnni = false;
  bool bf16 = false;
  // For the cost model only; never part of results.
  int64_t l1_bytes = 32 << 10, l2_bytes = 512 << 10, l3_bytes = 8 << 20;
  bool wide =
      false;  // two multiply-adds of 64 bytes a cycle: Intel's servers, Zen 5. Zen 4 has one, clients of Intel, too
  std::string text() const;  // "x86-64-v4+vnni+bf16"
  int vector_bytes() const { return level >= 4 ? 64 : level == 3 ? 32 : 16; }
  // Code made for `needed` runs here.
  bool supports(const CpuFeatures& needed) const;
  // What `needed` has and this lacks, in words: "AVX2 and FMA (x86-64-v3), ..."; empty when it supports all of it.
  std::string missing(const CpuFeatures& needed) const;
  bool operator==(const CpuFeatures&) const = default;
};

CpuFeatures host_cpu();
// The model of this processor, "GenuineIntel 6/143/8": vendor, family, model, stepping. Empty where it cannot be told.
std::string host_model();
// "host", "x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-v4+vnni", "x86-64-v4+vnni+bf16"; usage error otherwise.
Result<CpuFeatures> parse_cpu(std::string_view text);

}  // namespace burnish
