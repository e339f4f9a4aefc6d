#include "tests/codegen/cuda/samples/bench.h"

#include <algorithm>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "codegen/cuda/nvrtc.h"
#include "codegen/cuda/prelude.h"
#include "ops/operator.h"

namespace burnish::test {
namespace {

constexpr int kRepeats = 15, kInGraph = 40;
constexpr std::size_t kRotated = std::size_t{1} << 30;  // so much lies between two uses of a buffer

// A nest's text, or a sample of an operator. N and M are 4096 in the run, and were planned for.
struct Row {
  std::string_view name, text;
  int64_t below = 1;  // operands of integers hold rows of this many
};

constexpr Row kRows[] = {
    {"copy", "x: f32[4096,4096], a: f32[]; y = mul(x, a)"},
    {"pointwise chain",
     "nest(i: 4096, j: 4096) outer(i, j) { in x: f32[4096,4096]\n in z: f32[4096,4096]\n in b: f32[4096]\n"
     "out y: f32[4096,4096]\n %0: f32 = x[i, j] %1: f32 = z[i, j] %2: f32 = b[j] %3: f32 = mul(%0, %1) "
     "%4: f32 = add(%3, %2) %5: f32 = sigmoid(%4) %6: f32 = mul(%4, %5) y[i, j] = %6 }"},
    {"pointwise f16",
     "nest(i: 8192, j: 4096) outer(i, j) { in x: f16[8192,4096]\n in b: f16[4096]\n out y: f16[8192,4096]\n"
     "%0: f16 = x[i, j] %1: f16 = b[j] %2: f16 = add(%0, %1) %3: f16 = tanh(%2) y[i, j] = %3 }"},
    {"pointwise N by M", "x: f32[N,M], b: f32[M]; y = add(x, b)"},
    {"concat", "a: f32[4096,1024], b: f32[4096,3072]; y = concat(a, b) {axis = 1}"},
    {"row softmax", "x: f32[4096,4096]; y = softmax(x)"},
    {"row softmax 64", "x: f32[262144,64]; y = softmax(x)"},
    {"row softmax f16", "x: f16[8192,4096]; y = softmax(x)"},
    {"row softmax N by M", "x: f32[N,M]; y = softmax(x)"},
    {"column softmax", "x: f32[4096,4096]; y = softmax(x) {axis = 0}"},
    {"layer norm", "x: f32[4096,4096], w: f32[4096], b: f32[4096]; y = layer_norm(x, w, b)"},
    {"row sum", "x: f32[4096,4096]; y = reduce(x) {axes = [1], keep = 0, kind = \"sum\"}"},
    {"column sum", "x: f32[4096,4096]; y = reduce(x) {axes = [0], keep = 0, kind = \"sum\"}"},
    {"sum of all", "x: f32[4096,4096]; y = reduce(x) {axes = [0,1], keep = 0, kind = \"sum\"}"},
    {"transpose", "x: f32[4096,4096]; y = transpose(x) {permutation = [1,0]}"},
    {"transpose f16", "x: f16[8192,4096]; y = transpose(x) {permutation = [1,0]}"},
    {"to channels last", "x: f32[32,256,56,56]; y = transpose(x) {permutation = [0,2,3,1]}"},
    {"gather of rows", "x: f32[4096,4096], i: i64[4096]; y = gather(x, i)", 4096},
};

Kernel kernel_of(std::string_view text) {
  Kernel kernel;
  if (text.starts_with("nest")) {
    auto nest = parse_nest(text);
    CHECK(nest.has_value(), nest.error().message());
    kernel.nest = std::move(*nest);
  } else {
    auto graph = ops::sample_graph({text});
    CHECK(graph.has_value(), graph.error().message());
    const Node& node = *(*graph)->nodes().front();
    LowerContext context(node);
    auto lowered = ops::find(node.op())->lower(context);
    CHECK(lowered.has_value(), lowered.error().message());
    kernel = std::move(*lowered);
  }
  std::map<std::string, Dim, std::less<>> usual;
  for (const char* name : {"N", "M"}) usual[name] = Dim::symbol(name, {0, Range::kMax, 4096});
  for (auto& a : kernel.nest.axes) a.extent = a.extent.substitute(usual);
  for (auto& o : kernel.nest.operands)
    for (Dim& d : o.type.dims) d = d.substitute(usual);
  return kernel;
}

CudaKernel printed_kernel(const Kernel& kernel) {
  std::vector<Storage> storages;
  for (const auto& o : kernel.nest.operands)
    storages.push_back(dense_storage(Format::plain(o.type.dtype, o.type.rank()), o.type.dims));
  auto printed = print_cuda(kernel, storages, "kernel");
  CHECK(printed.has_value(), printed.error().message());
  return std::move(*printed);
}

struct Times {
  double median = 0, least = 0, most = 0;
};
Times times(const std::function<double()>& once) {
  std::vector<double> list;
  for (int i = 0; i < kRepeats; ++i) list.push_back(once());
  std::sort(list.begin(), list.end());
  return {list[list.size() / 2], list.front(), list.back()};
}

// Random numbers below 1, or whole ones below a limit.
std::vector<std::byte> numbers(DType dtype, int64_t elements, int64_t below) {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(static_cast<std::size_t>(elements) * byte_size(dtype));
  for (int64_t i = 0; i < elements; ++i) {
    if (is_float(dtype))
      Accessor<double>(dtype).store(bytes.data(), i, static_cast<double>(random() % 4096) / 2048 - 1);
    else Accessor<int64_t>(dtype).store(bytes.data(), i, static_cast<int64_t>(random() % static_cast<uint64_t>(below)));
  }
  return bytes;
}

// Bytes a second of copies between parts of two large buffers, in turn.
Times copies(Device& device, std::size_t bytes) {
  const std::size_t sets = std::max<std::size_t>(2, kRotated / bytes);
  const DevicePointer from = device.allocate(bytes * sets), to = device.allocate(bytes * sets);
  device.fill(from, 0x3c, bytes * sets);
  const int count = bytes > (std::size_t{1} << 28) ? 4 : kInGraph;
  Times found = times([&] {
    return device.seconds(count, [&](int i) {
      const std::size_t at = static_cast<std::size_t>(i) % sets * bytes;
      device.copy(to + at, from + at, bytes);
    });
  });
  device.free(from), device.free(to);
  for (double* t : {&found.median, &found.least, &found.most}) *t = 2.0 * static_cast<double>(bytes) * count / *t;
  return found;
}

}  // namespace

void bench_text(const std::string& filter) {
  for (const Row& row : kRows)
    if (row.name.find(filter) != std::string_view::npos)
      fmt::print("// {}\n{}\n", row.name, printed_kernel(kernel_of(row.text)).text);
}

void bench(Device& device, const std::string& filter) {
  const SymbolTable symbols = {{"N", 4096}, {"M", 4096}};
  const Times small = copies(device, std::size_t{64} << 20), large = copies(device, std::size_t{1} << 30);
  fmt::print("{}\n{:<22}{:>10}{:>10}{:>10}\n", device.name(), "", "TB/s", "slowest", "fastest");
  auto show = [](const std::string& name, const Times& t, const std::string& rest) {
    fmt::print("{:<22}{:>10.3f}{:>10.3f}{:>10.3f}{}\n", name, t.median / 1e12, std::min(t.least, t.most) / 1e12,
               std::max(t.least, t.most) / 1e12, rest);
  };
  show("copy of 64 MiB", small, "");
  show("copy of 1 GiB", large, "");
  for (const Row& row : kRows) {
    if (row.name.find(filter) == std::string_view::npos) continue;
    const Kernel kernel = kernel_of(row.text);
    const CudaKernel printed = printed_kernel(kernel);
    auto cubin = compile_cuda(std::string(cuda_prelude()) + printed.text, "sm_90");
    CHECK(cubin.has_value(), cubin.error().message());
    const DeviceModule module = device.load(*cubin);

    double bytes = 0;
    std::vector<std::vector<std::byte>> contents;
    for (const auto& o : kernel.nest.operands) {
      const int64_t elements = *evaluate(o.type.element_count(), symbols);
      contents.push_back(numbers(o.type.dtype, elements, row.below));
      bytes += static_cast<double>(contents.back().size());
    }
    const int sets = std::max(2, static_cast<int>(static_cast<double>(kRotated) / bytes));
    std::vector<std::vector<DevicePointer>> operands(static_cast<std::size_t>(sets));
    for (auto& set : operands)
      for (const auto& c : contents) {
        set.push_back(device.allocate(c.size()));
        device.write(set.back(), c);
      }
    const DevicePointer failure = device.allocate(sizeof(int64_t) * 5);
    device.fill(failure, 0, sizeof(int64_t) * 5);
    // Memory cannot be taken while work is recorded.
    device.launch(module, printed, operands[0], failure, symbols);
    Times found = times([&] {
      return device.seconds(kInGraph, [&](int i) {
        device.launch(module, printed, operands[static_cast<std::size_t>(i % sets)], failure, symbols);
      });
    });
    for (double* t : {&found.median, &found.least, &found.most}) *t = bytes * kInGraph / *t;
    show(std::string(row.name), found,
         fmt::format("  {:.2f} and {:.2f} of the copies", found.median / small.median, found.median / large.median));
    for (auto& set : operands)
      for (DevicePointer p : set) device.free(p);
    device.free(failure);
  }
}

}  // namespace burnish::test
