// Nests as networks have them: bytes a second beside a copy of as many bytes.

#include <cstring>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bench/ops.h"

namespace burnish::ops_bench {
namespace {

struct Case {
  const char* name;
  const char* text;
  // Per operand: its dims' order in memory; empty: as written.
  std::vector<std::vector<int>> orders = {};
};

const Case kCases[] = {
    {"add relu 64x56x56", R"(nest(c: 64, h: 56, w: 56) outer(c, h, w) {
       in a: f32[64,56,56]
       in b: f32[64,56,56]
       out y: f32[64,56,56]
       %0: f32 = a[c, h, w] %1: f32 = b[c, h, w] %2: f32 = add(%0, %1) %3: f32 = 0 %4: f32 = max(%2, %3)
       y[c, h, w] = %4 })"},
    {"add relu 16M", R"(nest(i: 16777216) outer(i) {
       in a: f32[16777216]
       in b: f32[16777216]
       out y: f32[16777216]
       %0: f32 = a[i] %1: f32 = b[i] %2: f32 = add(%0, %1) %3: f32 = 0 %4: f32 = max(%2, %3) y[i] = %4 })"},
    {"scale per channel, NCHW", R"(nest(c: 256, h: 14, w: 14) outer(c, h, w) {
       in x: f32[256,14,14]
       in s: f32[256]
       in b: f32[256]
       out y: f32[256,14,14]
       %0: f32 = x[c, h, w] %1: f32 = s[c] %2: f32 = b[c] %3: f32 = mul(%0, %1) %4: f32 = add(%3, %2)
       y[c, h, w] = %4 })"},
    {"scale per channel, NHWC",
     R"(nest(c: 256, h: 14, w: 14) outer(c, h, w) {
       in x: f32[256,14,14]
       in s: f32[256]
       in b: f32[256]
       out y: f32[256,14,14]
       %0: f32 = x[c, h, w] %1: f32 = s[c] %2: f32 = b[c] %3: f32 = mul(%0, %1) %4: f32 = add(%3, %2)
       y[c, h, w] = %4 })",
     {{1, 2, 0}, {0}, {0}, {1, 2, 0}}},
    {"gelu 128x3072", R"(nest(i: 128, j: 3072) outer(i, j) {
       in x: f32[128,3072]
       in b: f32[3072]
       out y: f32[128,3072]
       %0: f32 = x[i, j] %1: f32 = b[j] %2: f32 = add(%0, %1) %3: f32 = 0.7071067811865476 %4: f32 = mul(%2, %3)
       %5: f32 = erf(%4) %6: f32 = 1 %7: f32 = add(%5, %6) %8: f32 = 0.5 %9: f32 = mul(%2, %8) %10: f32 = mul(%9, %7)
       y[i, j] = %10 })"},
    {"silu 200704", R"(nest(i: 200704) outer(i) {
       in x: f32[200704]
       out y: f32[200704]
       %0: f32 = x[i] %1: f32 = sigmoid(%0) %2: f32 = mul(%0, %1) y[i] = %2 })"},
    {"transpose 1024x1024", R"(nest(i: 1024, j: 1024) outer(i, j) {
       in x: f32[1024,1024]
       out y: f32[1024,1024]
       %0: f32 = x[j, i] y[i, j] = %0 })"},
    {"transpose 1000x900 u8", R"(nest(i: 1000, j: 900) outer(i, j) {
       in x: u8[900,1000]
       out y: u8[1000,900]
       %0: u8 = x[j, i] y[i, j] = %0 })"},
    {"NCHW to NHWC 64x56x56",
     R"(nest(c: 64, h: 56, w: 56) outer(c, h, w) {
       in x: f32[64,56,56]
       out y: f32[64,56,56]
       %0: f32 = x[c, h, w] y[c, h, w] = %0 })",
     {{0, 1, 2}, {1, 2, 0}}},
    {"NCHW to NHWC 3x224x224",
     R"(nest(c: 3, h: 224, w: 224) outer(c, h, w) {
       in x: f32[3,224,224]
       out y: f32[3,224,224]
       %0: f32 = x[c, h, w] y[c, h, w] = %0 })",
     {{0, 1, 2}, {1, 2, 0}}},
    {"heads 128x12x64", R"(nest(h: 12, t: 128, d: 64) outer(h, t, d) {
       in x: f32[128,12,64]
       out y: f32[12,128,64]
       %0: f32 = x[t, h, d] y[h, t, d] = %0 })"},
    {"softmax 1536x128", R"(nest(i: 1536, k: 128) outer(i) {
       in x: f32[1536,128]
       out y: f32[1536,128]
       %0: f32 = x[i, k] t0 = max[k] %0 %1: f32 = t0 %2: f32 = sub(%0, %1) %3: f32 = exp(%2) t1 = sum[k] %3
       %4: f32 = t1 %5: f32 = div(%3, %4) y[i, k] = %5 for k })"},
    {"softmax 1x1000", R"(nest(i: 1, k: 1000) outer(i) {
       in x: f32[1,1000]
       out y: f32[1,1000]
       %0: f32 = x[i, k] t0 = max[k] %0 %1: f32 = t0 %2: f32 = sub(%0, %1) %3: f32 = exp(%2) t1 = sum[k] %3
       %4: f32 = t1 %5: f32 = div(%3, %4) y[i, k] = %5 for k })"},
    {"softmax down 21x4096", R"(nest(i: 4096, k: 21) outer(i) {
       in x: f32[21,4096]
       out y: f32[21,4096]
       %0: f32 = x[k, i] t0 = max[k] %0 %1: f32 = t0 %2: f32 = sub(%0, %1) %3: f32 = exp(%2) t1 = sum[k] %3
       %4: f32 = t1 %5: f32 = div(%3, %4) y[k, i] = %5 for k })"},
    {"layer norm 128x768", R"(nest(i: 128, k: 768) outer(i) {
       in x: f32[128,768]
       in g: f32[768]
       in b: f32[768]
       out y: f32[128,768]
       %0: f32 = x[i, k] t0 = sum[k] %0 %1: f32 = t0 %2: f32 = 768 %3: f32 = div(%1, %2) %4: f32 = sub(%0, %3)
       %5: f32 = mul(%4, %4) t1 = sum[k] %5 %6: f32 = t1 %7: f32 = div(%6, %2) %8: f32 = 1e-05 %9: f32 = add(%7, %8)
       %10: f32 = rsqrt(%9) %11: f32 = mul(%4, %10) %12: f32 = g[k] %13: f32 = mul(%11, %12) %14: f32 = b[k]
       %15: f32 = add(%13, %14) y[i, k] = %15 for k })"},
    {"mean of 2048x7x7, NCHW", R"(nest(c: 2048, h: 7, w: 7) outer(c) {
       in x: f32[2048,7,7]
       out y: f32[2048]
       %0: f32 = x[c, h, w] t0 = sum[h, w] %0 %1: f32 = t0 %2: f32 = 49 %3: f32 = div(%1, %2) y[c] = %3 })"},
    {"mean of 2048x7x7, NHWC",
     R"(nest(c: 2048, h: 7, w: 7) outer(c) {
       in x: f32[2048,7,7]
       out y: f32[2048]
       %0: f32 = x[c, h, w] t0 = sum[h, w] %0 %1: f32 = t0 %2: f32 = 49 %3: f32 = div(%1, %2) y[c] = %3 })",
     {{1, 2, 0}, {0}}},
    {"sum of 1M", R"(nest(k: 1048576) {
       in x: f32[1048576]
       out y: f32[]
       %0: f32 = x[k] t0 = sum[k] %0 %1: f32 = t0 y[] = %1 })"},
    {"sum of columns 1024x1024", R"(nest(i: 1024, k: 1024) outer(i) {
       in x: f32[1024,1024]
       out y: f32[1024]
       %0: f32 = x[k, i] t0 = sum[k] %0 %1: f32 = t0 y[i] = %1 })"},
    {"rows of a table 128x768", R"(nest(i: 128, k: 768) outer(i, k) {
       in ids: i64[128]
       in t: f32[30522,768]
       out y: f32[128,768]
       %0: i64 = ids[i] %1: f32 = t[%0, k] y[i, k] = %1 })"},
    {"f32 to f16 1M", R"(nest(i: 1048576) outer(i) {
       in x: f32[1048576]
       out y: f16[1048576]
       %0: f32 = x[i] %1: f16 = cast(%0) y[i] = %1 })"},
    {"u8 to f32 1M", R"(nest(i: 1048576) outer(i) {
       in x: u8[1048576]
       out y: f32[1048576]
       %0: u8 = x[i] %1: f32 = cast(%0) y[i] = %1 })"},
    {"pad 64x56x56", R"(nest(c: 64, h: 58, w: 58) outer(c, h, w) {
       in x: f32[64,56,56]
       out y: f32[64,58,58]
       %0: f32 = x[c, h - 1, w - 1] else 0 y[c, h, w] = %0 })"},
    {"max pool 64x112x112", R"(nest(c: 64, h: 56, w: 56, p: 3, q: 3) outer(c, h, w) {
       in x: f32[64,112,112]
       out y: f32[64,56,56]
       %0: f32 = x[c, 2*h + p - 1, 2*w + q - 1] else -inf t0 = max[p, q] %0 %1: f32 = t0 y[c, h, w] = %1 })"},
    {"swap halves 128x64", R"(nest(i: 1536, k: 64) outer(i, k) {
       in x: f32[1536,64]
       out y: f32[1536,64]
       %0: f32 = x[i, -1*k + 63] y[i, k] = %0 })"},
};

void measure(benchmark::State& state, const CpuTarget& target, const Case& test) {
  auto nest = parse_nest(test.text);
  if (!nest) return state.SkipWithError(nest.error().message().c_str());
  const Kernel kernel{{}, *nest};
  std::vector<Format> formats;
  double total = 0;
  for (std::size_t i = 0; i < nest->operands.size(); ++i) {
    const Type& type = nest->operands[i].type;
    Format format = Format::plain(type.dtype, type.rank());
    if (!test.orders.empty()) format.order = test.orders[i];
    formats.push_back(std::move(format));
    // A table is not read as a whole.
    if (!std::strstr(test.name, "table") || i != 1)
      total += static_cast<double>(type.element_count().value() * byte_size(type.dtype));
  }
  std::string why;
  const auto tactics = target.tactics(kernel, &why);
  if (tactics.empty()) return state.SkipWithError(why.c_str());
  const auto runnable = Runnable::make(target, kernel, tactics[0], std::move(formats));
  if (!runnable) return state.SkipWithError(runnable.error().message().c_str());
  (*runnable)->run();
  for (auto _ : state) (*runnable)->run();
  const double rate = copy_rate(total);
  state.counters["of_copy"] = benchmark::Counter(total / rate, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["compile_ms"] = (*runnable)->compile_seconds() * 1e3;
}

}  // namespace

void register_nests(const CpuTarget& target) {
  for (const Case& test : kCases)
    benchmark::RegisterBenchmark(fmt::format("nest/{}", test.name).c_str(),
                                 [&target, &test](benchmark::State& state) { measure(state, target, test); })
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime()
        ->MinTime(0.1);
}

}  // namespace burnish::ops_bench
