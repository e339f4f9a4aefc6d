// ./dev bench --ops [--cpu LEVEL] [--tactics] [Google Benchmark's flags]: each family of kernels over a fixed list of
// shapes on one core. of_peak counts the multiply-adds of the direct form against those of a loop in registers, of_copy
// bytes against a copy of as many: a kernel that has become slower is seen by its own number.

#include "bench/ops.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/checked.h"
#include "target/peaks.h"

namespace burnish::ops_bench {
namespace {

constexpr std::size_t kAlignment = 64;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::size_t padded(std::size_t bytes) { return (bytes + 2 * kAlignment - 1) / kAlignment * kAlignment; }

// 2 to 4, of "x86-64-v3"; 0 for another word.
int level_of(std::string_view name) {
  return name.starts_with("x86-64-v") && name.size() == 9 ? std::clamp(name.back() - '0', 0, 9) : 0;
}

}  // namespace

Result<std::unique_ptr<Runnable>> Runnable::make(const CpuTarget& target, const Kernel& kernel, const Tactic& tactic,
                                                 std::vector<Format> formats) {
  auto made = std::make_unique<Runnable>();
  std::vector<Storage> storages;
  for (std::size_t i = 0; i < kernel.operand_count(); ++i) {
    const Type& type = kernel.operand_type(i);
    const Tactic::Port& port = tactic.ports[i];
    Storage s;
    s.format = formats.empty() ? port.format : formats[i];
    s.strides = dense_strides(s.format, type.dims);
    const auto bytes = static_cast<std::size_t>(port.derived_bytes > 0 ? port.derived_bytes
                                                                       : storage_elements(s.format, type.dims).value() *
                                                                             byte_size(type.dtype));
    made->bytes_ += static_cast<double>(bytes);
    made->memory_.emplace_back(std::aligned_alloc(kAlignment, padded(bytes)), &std::free);
    void* const start = made->memory_.back().get();
    std::memset(start, 0, padded(bytes));
    if (type.dtype == DType::f32)
      for (std::size_t e = 0; e < bytes / sizeof(float); ++e)
        static_cast<float*>(start)[e] = static_cast<float>(e * 7 % 97) / 48.0f - 1.0f;
    made->pointers_.push_back(start);
    storages.push_back(std::move(s));
  }
  const double begin = now();
  const Emitted emitted = TRY(target.emit(kernel, tactic, storages));
  made->compile_seconds_ = now() - begin;
  made->code_bytes_ = emitted.code.size();
  made->memory_.emplace_back(
      std::aligned_alloc(kAlignment, padded(static_cast<std::size_t>(emitted.scratch_bytes.value()))), &std::free);
  made->tasks_ = emitted.tasks.value();
  made->grain_ = emitted.grain.value();
  made->code_ = std::make_unique<MappedCode>(emitted);
  return made;
}

double copy_rate(double total) {
  const std::vector<char> from(static_cast<std::size_t>(total / 2), 1);
  std::vector<char> to(from.size());
  double best = 0;
  for (int i = 0; i < 7; ++i) {
    const double start = now();
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    best = std::max(best, total / (now() - start));
  }
  return best;
}

void Runnable::run() const {
  const KernelArgs args{pointers_.data(), nullptr, memory_.back().get(), nullptr};
  for (int64_t task = 0; task < tasks_; task += grain_) code_->function()(&args, task, std::min(tasks_, task + grain_));
}

int main(int argc, char** argv) {
  CpuFeatures cpu = host_cpu();
  bool all = false;
  std::vector<char*> rest = {argv[0]};
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--tactics") {
      all = true;
    } else if (word == "--cpu" && i + 1 < argc) {
      const int level = level_of(argv[++i]);
      if (level < 2 || level > cpu.level) {
        fmt::print(stderr, "--cpu {}: this processor has x86-64-v2 to x86-64-v{}\n", argv[i], cpu.level);
        return 2;
      }
      cpu.level = level;
    } else {
      rest.push_back(argv[i]);
    }
  }
  int count = static_cast<int>(rest.size());
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 2;
  const int bits = cpu.level >= 4 ? 512 : 256;
  const double peak = fma_peak(1, bits, 0.3);
  const CpuTarget target(cpu);
  benchmark::AddCustomContext("kernels for", target.name());
  benchmark::AddCustomContext("peak of one core",
                              fmt::format("{:.1f} thousand million multiply-adds a second, {} bits", peak / 1e9, bits));
  register_problems(target, peak, all);
  register_nests(target);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace burnish::ops_bench

int main(int argc, char** argv) { return burnish::ops_bench::main(argc, argv); }
