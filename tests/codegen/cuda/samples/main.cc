// Runs what the CUDA printer makes on the first GPU of this machine, and compares it with the references.
//
//   cuda_samples [--dtypes] [--random N] [--threads N] [--filter TEXT]     samples of the catalogue, random nests
//   cuda_samples --bench [--filter TEXT]                                   speed beside that of a copy
//   cuda_samples [--bench] --text [--filter TEXT]                          what is printed; needs no GPU
//
// Exit code 1 where a result is wrong.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "codegen/cuda/nvrtc.h"
#include "codegen/cuda/prelude.h"
#include "tests/codegen/cuda/cases.h"
#include "tests/codegen/cuda/samples/bench.h"

namespace burnish::test {
namespace {

constexpr std::size_t kInUnit = 40;

struct Options {
  bool bench = false, text = false, dtypes = false;
  unsigned random = 0;
  int threads = 1;
  std::string filter;
};

// The kernels of some cases, printed and compiled together.
struct Unit {
  std::size_t first = 0, last = 0;
  std::vector<CudaKernel> kernels;
  std::vector<std::byte> cubin;
};

void compile(Unit& unit, std::span<const CudaCase> cases) {
  std::string text(cuda_prelude());
  for (std::size_t i = unit.first; i < unit.last; ++i) {
    auto kernel = print_cuda(cases[i].kernel, cases[i].storages, fmt::format("k{}", i));
    CHECK(kernel.has_value(), cases[i].name + ": " + kernel.error().message());
    text += kernel->text;
    unit.kernels.push_back(std::move(*kernel));
  }
  auto cubin = compile_cuda(text, "sm_90");
  CHECK(cubin.has_value(), cubin.error().message());
  unit.cubin = std::move(*cubin);
}

// Runs the case by its functions that are `skip` from the first, twice: the same bits come out.
std::string run(Device& device, DeviceModule module, const CudaKernel& kernel, const CudaCase& c, std::size_t skip) {
  std::vector<std::vector<std::byte>> first;
  for (int turn = 0; turn < 2; ++turn) {
    std::vector<DevicePointer> bases, operands;
    for (std::size_t i = 0; i < c.memory.size(); ++i) {
      if (!c.shares.empty() && c.shares[i] >= 0) {
        operands.push_back(operands[static_cast<std::size_t>(c.shares[i])]);
        continue;
      }
      const Storage& storage = c.storages[i];
      const std::size_t offset = static_cast<std::size_t>(storage.offset.value()) * byte_size(storage.format.dtype);
      bases.push_back(device.allocate(c.memory[i].size() + offset));
      operands.push_back(bases.back() + offset);
      device.write(operands.back(), c.memory[i]);
    }
    KernelFailure failure = {};
    const DevicePointer record = device.allocate(sizeof failure);
    device.write(record, std::as_bytes(std::span(&failure, 1)));
    device.launch(module, kernel, operands, record, c.symbols, skip);
    const std::string broken = device.finish();
    if (!broken.empty()) {
      // Nothing works on the device from here on.
      std::fprintf(stderr, "%s: %s\n%s\n%s", c.name.c_str(), broken.c_str(), print(c.kernel.nest).c_str(),
                   kernel.text.c_str());
      std::exit(1);
    }
    std::vector<std::vector<std::byte>> memory = c.memory;
    for (std::size_t i = 0; i < memory.size(); ++i) device.read(memory[i], operands[i]);
    device.read(std::as_writable_bytes(std::span(&failure, 1)), record);
    for (DevicePointer p : bases) device.free(p);
    device.free(record);
    const auto numbers = [](const KernelFailure& f) { return std::tuple(f.failed, f.index, f.low, f.high, f.operand); };
    if (numbers(failure) != numbers(c.failure))
      return fmt::format("fails with {}: {} of {} .. {}, operand {}", failure.failed, failure.index, failure.low,
                         failure.high, failure.operand);
    if (c.failure.failed != 0) continue;
    if (turn == 1 && memory != first) return "two runs differ";
    if (std::string wrong = c.wrong(memory); !wrong.empty()) return wrong;
    first = std::move(memory);
  }
  return {};
}

int samples(const Options& options) {
  std::vector<std::string> refused;
  std::vector<CudaCase> cases = sample_cases({options.dtypes, true}, refused);
  for (CudaCase& c : failing_cases()) cases.push_back(std::move(c));
  for (unsigned seed = 0; seed < options.random; ++seed) cases.push_back(random_case(seed));
  for (unsigned seed = 0; seed < options.random / 2; ++seed) cases.push_back(random_case(seed, true));
  std::erase_if(cases, [&](const CudaCase& c) { return c.name.find(options.filter) == std::string::npos; });
  if (options.text) {
    for (const CudaCase& c : cases)
      fmt::print("// {}\n{}\n", c.name, print_cuda(c.kernel, c.storages, "kernel").value().text);
    return 0;
  }
  std::vector<Unit> units;
  for (std::size_t i = 0; i < cases.size(); i += kInUnit)
    units.push_back({i, std::min(cases.size(), i + kInUnit), {}, {}});
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < options.threads; ++t)
    threads.emplace_back([&] {
      for (std::size_t u = next++; u < units.size(); u = next++) compile(units[u], cases);
    });
  for (std::thread& t : threads) t.join();
  Device device;
  std::size_t failed = 0, ran = 0;
  for (const Unit& unit : units) {
    const DeviceModule module = device.load(unit.cubin);
    for (std::size_t i = unit.first; i < unit.last; ++i) {
      const CudaKernel& kernel = unit.kernels[i - unit.first];
      std::size_t choices = 1;
      for (const CudaLaunch& launch : kernel.launches) choices = std::max(choices, launch.choices.size());
      std::string wrong;
      std::size_t skip = 0;
      for (; skip < choices && wrong.empty(); ++skip) ++ran, wrong = run(device, module, kernel, cases[i], skip);
      if (wrong.empty()) continue;
      ++failed;
      fmt::print("{}, choice {}: {}\n", cases[i].name, skip - 1, wrong);
      if (failed <= 5) fmt::print("{}\n{}\n", print(cases[i].kernel.nest), kernel.text);
    }
  }
  std::map<std::string, int> reasons;
  for (const std::string& r : refused) ++reasons[r.substr(0, r.find(" ["))];
  for (const auto& [reason, count] : reasons) fmt::print("refused {:>4}  {}\n", count, reason);
  fmt::print("{}: {} kernels by {} choices of functions, {} wrong\n", device.name(), cases.size(), ran, failed);
  return failed > 0 ? 1 : 0;
}

int main(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const bool has_value = i + 1 < count;
    if (word == "--bench") options.bench = true;
    else if (word == "--text") options.text = true;
    else if (word == "--dtypes") options.dtypes = true;
    else if (word == "--random" && has_value) options.random = static_cast<unsigned>(std::atoi(words[++i]));
    else if (word == "--threads" && has_value) options.threads = std::max(1, std::atoi(words[++i]));
    else if (word == "--filter" && has_value) options.filter = words[++i];
    else {
      std::fprintf(stderr, "cuda_samples: what is %s?\n", word.c_str());
      return 2;
    }
  }
  if (!options.bench) return samples(options);
  if (options.text) return bench_text(options.filter), 0;
  Device device;
  bench(device, options.filter);
  return 0;
}

}  // namespace
}  // namespace burnish::test

int main(int count, char** words) { return burnish::test::main(count, words); }
