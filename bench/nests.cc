// Nests as networks have them, on one core: microseconds, bytes a second beside a copy of as many bytes, milliseconds to
// compile. usage: bench_nests [level [name part]]

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "kernels/cpu/cpu_target.h"
#include "tests/support/mapped_code.h"

namespace burnish {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

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

int run(int argc, char** argv) {
  CpuFeatures cpu = host_cpu();
  if (argc > 1) cpu.level = std::clamp(std::atoi(argv[1]), 2, cpu.level);
  const char* only = argc > 2 ? argv[2] : "";
  const CpuTarget target(cpu);
  fmt::print("{}\n", target.name());
  for (const Case& test : kCases) {
    if (!std::strstr(test.name, only)) continue;
    auto nest = parse_nest(test.text);
    if (!nest || !verify(*nest)) {
      fmt::print("{}: {}\n", test.name, nest ? verify(*nest).error().message() : nest.error().message());
      return 1;
    }
    const Kernel kernel{{}, *nest};
    std::vector<Storage> storages;
    std::vector<std::unique_ptr<void, decltype(&std::free)>> memory;
    std::vector<void*> pointers;
    std::size_t total = 0;
    for (std::size_t i = 0; i < nest->operands.size(); ++i) {
      const Type& type = nest->operands[i].type;
      Format format = Format::plain(type.dtype, type.rank());
      if (!test.orders.empty()) format.order = test.orders[i];
      storages.push_back(dense_storage(format, type.dims));
      const auto bytes = static_cast<std::size_t>(type.element_count().value()) * byte_size(type.dtype);
      // A table is not read as a whole.
      total += std::strstr(test.name, "table") && i == 1 ? 0 : bytes;
      memory.emplace_back(std::aligned_alloc(64, (bytes + 127) / 64 * 64), &std::free);
      std::memset(memory.back().get(), 0, bytes);
      if (type.dtype == DType::f32)
        for (std::size_t e = 0; e < bytes / 4; ++e)
          static_cast<float*>(memory.back().get())[e] = static_cast<float>(e % 97) / 16.0f - 3.0f;
      pointers.push_back(memory.back().get());
    }
    std::string why;
    const auto tactics = target.tactics(kernel, &why);
    if (tactics.empty()) {
      fmt::print("{}: {}\n", test.name, why);
      return 1;
    }
    double compile = 1e9, seconds = 1e9, copy = 1e9;
    Result<Emitted> emitted = internal_error("not emitted");
    for (int i = 0; i < 5; ++i) {
      const double start = now();
      emitted = target.emit(kernel, tactics[0], storages);
      compile = std::min(compile, now() - start);
      if (!emitted) break;
    }
    if (!emitted) {
      fmt::print("{}: {}\n", test.name, emitted.error().message());
      return 1;
    }
    const std::unique_ptr<void, decltype(&std::free)> scratch(
        std::aligned_alloc(64, static_cast<std::size_t>(emitted->scratch_bytes.value() + 127) / 64 * 64), &std::free);
    const MappedCode code(*emitted);
    const KernelArgs args{pointers.data(), nullptr, scratch.get()};
    const int64_t tasks = emitted->tasks.value(), grain = emitted->grain.value();
    const std::vector<char> from(total / 2, 1);
    std::vector<char> to(total / 2);
    // Interleaved, so that both meet the same neighbours.
    for (double end = now() + 0.3; now() < end;) {
      double start = now();
      for (int64_t task = 0; task < tasks; task += grain) code.function()(&args, task, std::min(tasks, task + grain));
      seconds = std::min(seconds, now() - start);
      start = now();
      std::memcpy(to.data(), from.data(), from.size());
      copy = std::min(copy, now() - start);
    }
    fmt::print("{:26} {:9.1f} us {:7.2f} GB/s, a copy {:7.2f}; {:5} tasks of {:4}; {:5.1f} ms, {:6} bytes of code\n",
               test.name, seconds * 1e6, static_cast<double>(total) / seconds / 1e9,
               static_cast<double>(total) / copy / 1e9, tasks, grain, compile * 1e3, emitted->code.size());
  }
  return 0;
}

}  // namespace
}  // namespace burnish

int main(int argc, char** argv) { return burnish::run(argc, argv); }
