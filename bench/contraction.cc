// Convolutions of ResNet-50, MobileNet v2 and a few matrix products on one core: microseconds and the share of the
// multiply-add peak. usage: bench_contraction [level [name part [tactic number]]]

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "base/checked.h"
#include "kernels/cpu/cpu_target.h"
#include "tests/support/mapped_code.h"

namespace burnish {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Cycles per second, from a loop of one-cycle iterations.
double clock_rate() {
  constexpr long kCount = 20'000'000;
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    long n = kCount;
    const double start = now();
    asm volatile("1: dec %0; jnz 1b" : "+r"(n));
    best = std::min(best, now() - start);
  }
  return kCount / best;
}

struct Layer {
  const char* name;
  int64_t channels, size, outputs, kernel, stride, groups, repeats;
};
constexpr Layer kLayers[] = {
    {"resnet stem 7x7/2", 3, 224, 64, 7, 2, 1, 1},      {"resnet 64-64 1x1", 64, 56, 64, 1, 1, 1, 1},
    {"resnet 64 3x3", 64, 56, 64, 3, 1, 1, 3},          {"resnet 64-256 1x1", 64, 56, 256, 1, 1, 1, 4},
    {"resnet 256-64 1x1", 256, 56, 64, 1, 1, 1, 2},     {"resnet 256-128 1x1", 256, 56, 128, 1, 1, 1, 1},
    {"resnet 128 3x3/2", 128, 56, 128, 3, 2, 1, 1},     {"resnet 256-512 1x1/2", 256, 56, 512, 1, 2, 1, 1},
    {"resnet 128-512 1x1", 128, 28, 512, 1, 1, 1, 4},   {"resnet 512-128 1x1", 512, 28, 128, 1, 1, 1, 3},
    {"resnet 128 3x3", 128, 28, 128, 3, 1, 1, 3},       {"resnet 512-256 1x1", 512, 28, 256, 1, 1, 1, 1},
    {"resnet 256 3x3/2", 256, 28, 256, 3, 2, 1, 1},     {"resnet 512-1024 1x1/2", 512, 28, 1024, 1, 2, 1, 1},
    {"resnet 256-1024 1x1", 256, 14, 1024, 1, 1, 1, 6}, {"resnet 1024-256 1x1", 1024, 14, 256, 1, 1, 1, 5},
    {"resnet 256 3x3", 256, 14, 256, 3, 1, 1, 5},       {"resnet 1024-512 1x1", 1024, 14, 512, 1, 1, 1, 1},
    {"resnet 512 3x3/2", 512, 14, 512, 3, 2, 1, 1},     {"resnet 1024-2048 1x1/2", 1024, 14, 2048, 1, 2, 1, 1},
    {"resnet 512-2048 1x1", 512, 7, 2048, 1, 1, 1, 3},  {"resnet 2048-512 1x1", 2048, 7, 512, 1, 1, 1, 2},
    {"resnet 512 3x3", 512, 7, 512, 3, 1, 1, 2},        {"resnet fc", 2048, 1, 1000, 1, 1, 1, 1},
    {"mobilenet 32 dw", 32, 112, 32, 3, 1, 32, 1},      {"mobilenet 96 dw/2", 96, 112, 96, 3, 2, 96, 1},
    {"mobilenet 144 dw", 144, 56, 144, 3, 1, 144, 1},   {"mobilenet 192 dw", 192, 28, 192, 3, 1, 192, 1},
    {"mobilenet 384 dw", 384, 14, 384, 3, 1, 384, 1},   {"mobilenet 960 dw", 960, 7, 960, 3, 1, 960, 1},
    {"mobilenet 16-96 1x1", 16, 112, 96, 1, 1, 1, 1},   {"mobilenet 144-24 1x1", 144, 56, 24, 1, 1, 1, 1},
    {"mobilenet 160-960 1x1", 160, 7, 960, 1, 1, 1, 1}, {"resnext 32x4 3x3", 128, 56, 128, 3, 1, 32, 1},
};

Kernel kernel_of(const Layer& l) {
  const int64_t pad = l.kernel / 2, out = (l.size + 2 * pad - l.kernel) / l.stride + 1;
  Problem p;
  p.family = "convolution";
  p.operands = {Type::tensor(DType::f32, {1, l.channels, l.size, l.size}),
                Type::tensor(DType::f32, {l.outputs, l.channels / l.groups, l.kernel, l.kernel})};
  p.result = Type::tensor(DType::f32, {1, l.outputs, out, out});
  p.attributes = {{"strides", Ints{l.stride, l.stride}},
                  {"dilations", Ints{1, 1}},
                  {"pads", Ints{pad, pad, pad, pad}},
                  {"groups", l.groups}};
  Kernel kernel;
  Nest& nest = kernel.nest;
  std::vector<Index> here;
  for (int i = 0; i < 4; ++i) {
    nest.outer.push_back(nest.add_axis(fmt::format("i{}", i), p.result.dims[static_cast<std::size_t>(i)]));
    here.push_back(at(i));
  }
  const int bias = nest.add_operand("bias", Type::tensor(DType::f32, {l.outputs}));
  const int y = nest.add_operand("y", p.result, true);
  const int sum = nest.apply(Scalar::add, {nest.anchor(DType::f32), nest.load(bias, {at(1)})});
  nest.store(y, here, nest.apply(Scalar::max, {sum, nest.constant(0, DType::f32)}));
  kernel.anchor = std::move(p);
  return kernel;
}

struct Measured {
  double seconds = 1e9, compile_seconds = 0;
  std::size_t code_bytes = 0;
  int64_t tasks = 0;
};

Result<Measured> measure(const CpuTarget& target, const Kernel& kernel, const Tactic& tactic) {
  std::vector<Storage> storages;
  std::vector<std::vector<float>> memory;
  std::vector<void*> pointers;
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (std::size_t i = 0; i < kernel.operand_count(); ++i) {
    Storage s;
    s.format = tactic.ports[i].format;
    s.strides = dense_strides(s.format, kernel.operand_type(i).dims);
    const int64_t elements = tactic.ports[i].derived_bytes > 0
                                 ? tactic.ports[i].derived_bytes / 4
                                 : storage_elements(s.format, kernel.operand_type(i).dims).value();
    memory.emplace_back(static_cast<std::size_t>(elements));
    for (float& x : memory.back()) x = uniform(random);
    pointers.push_back(memory.back().data());
    storages.push_back(std::move(s));
  }
  Measured m;
  const double start = now();
  const Emitted emitted = TRY(target.emit(kernel, tactic, storages));
  m.compile_seconds = now() - start;
  m.code_bytes = emitted.code.size();
  m.tasks = emitted.tasks.value();
  const std::unique_ptr<void, decltype(&std::free)> scratch(
      std::aligned_alloc(64, static_cast<std::size_t>(emitted.scratch_bytes.value() + 64)), &std::free);
  const MappedCode code(emitted);
  const KernelArgs args{pointers.data(), nullptr, scratch.get()};
  for (double end = now() + 0.1; now() < end;) {
    const double run = now();
    for (int64_t task = 0; task < m.tasks; ++task) code.function()(&args, task, task + 1);
    m.seconds = std::min(m.seconds, now() - run);
  }
  return m;
}

int run(int argc, char** argv) {
  CpuFeatures cpu = host_cpu();
  if (argc > 1) cpu.level = std::clamp(std::atoi(argv[1]), 2, cpu.level);
  const char* only = argc > 2 ? argv[2] : "";
  const auto number = static_cast<std::size_t>(argc > 3 ? std::atoi(argv[3]) : 0);
  const CpuTarget target(cpu);
  const double rate = clock_rate();
  const double peak = rate * (cpu.level >= 3 ? 16 : 8);  // two 256-bit multiply-adds a cycle
  fmt::print("{}, {:.2f} GHz\n", target.name(), rate / 1e9);
  double total = 0, ideal = 0;
  for (const Layer& layer : kLayers) {
    if (!std::strstr(layer.name, only)) continue;
    const Kernel kernel = kernel_of(layer);
    std::string why;
    const auto tactics = target.tactics(kernel, &why);
    if (number >= tactics.size()) continue;
    const auto m = measure(target, kernel, tactics[number]);
    if (!m) {
      fmt::print("{}: {}\n", layer.name, m.error().message());
      return 1;
    }
    const int64_t out = kernel.anchor->result.dims[2].value();
    const double sums =
        static_cast<double>(out * out * layer.outputs * layer.channels / layer.groups * layer.kernel * layer.kernel);
    fmt::print(
        "{:24} {:24} {:9.1f} us  {:.2f} of peak  estimate {:8.1f} us  {:4} tasks  {:5.1f} ms to compile {:6} bytes\n",
        layer.name, tactics[number].name, m->seconds * 1e6, sums / m->seconds / peak, tactics[number].seconds * 1e6,
        m->tasks, m->compile_seconds * 1e3, m->code_bytes);
    total += m->seconds * static_cast<double>(layer.repeats);
    ideal += sums / peak * static_cast<double>(layer.repeats);
  }
  fmt::print("with repeats: {:.2f} ms, {:.2f} of peak\n", total * 1e3, ideal / total);
  return 0;
}

}  // namespace
}  // namespace burnish

int main(int argc, char** argv) { return burnish::run(argc, argv); }
