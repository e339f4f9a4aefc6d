#include "tests/codegen/cuda/samples/bench.h"

#include <algorithm>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "codegen/cuda/nvrtc.h"
#include "codegen/cuda/prelude.h"

namespace burnish::test {
namespace {

constexpr int kRepeats = 15, kInGraph = 40;
constexpr std::size_t kRotated = std::size_t{1} << 30;  // so much lies between two uses of a buffer

struct Row {
  std::string name, text;
  int64_t index_below = 0;  // operand 1 holds indices of rows below this
};

std::vector<Row> rows() {
  const std::string softmax =
      "%0: f32 = x[i, j] t0 = max[j] %0 %1: f32 = t0 %2: f32 = sub(%0, %1) %3: f32 = exp(%2) t1 = sum[j] %3 "
      "%4: f32 = t1 %5: f32 = div(%3, %4) y[i, j] = %5 for j }";
  return {
      {"copy", "nest(i: 4096, j: 4096) outer(i, j) { in x: f32[4096,4096]\n out y: f32[4096,4096]\n"
               "%0: f32 = x[i, j] y[i, j] = %0 }"},
      {"pointwise chain", "nest(i: 4096, j: 4096) outer(i, j) { in x: f32[4096,4096]\n in z: f32[4096,4096]\n in b: f32[4096]\n"
                          "out y: f32[4096,4096]\n %0: f32 = x[i, j] %1: f32 = z[i, j] %2: f32 = b[j] %3: f32 = mul(%0, %1) "
                          "%4: f32 = add(%3, %2) %5: f32 = sigmoid(%4) %6: f32 = mul(%4, %5) y[i, j] = %6 }"},
      {"pointwise f16", "nest(i: 8192, j: 4096) outer(i, j) { in x: f16[8192,4096]\n in b: f16[4096]\n out y: f16[8192,4096]\n"
                        "%0: f16 = x[i, j] %1: f16 = b[j] %2: f16 = add(%0, %1) %3: f16 = tanh(%2) y[i, j] = %3 }"},
      {"pointwise, N by M", "nest(i: N, j: M) outer(i, j) { in x: f32[N,M]\n in b: f32[M]\n out y: f32[N,M]\n"
                            "%0: f32 = x[i, j] %1: f32 = b[j] %2: f32 = add(%0, %1) y[i, j] = %2 }"},
      {"row softmax", "nest(i: 4096, j: 4096) outer(i) { in x: f32[4096,4096]\n out y: f32[4096,4096]\n" + softmax},
      {"row softmax 64", "nest(i: 262144, j: 64) outer(i) { in x: f32[262144,64]\n out y: f32[262144,64]\n" + softmax},
      {"row softmax, N by M", "nest(i: N, j: M) outer(i) { in x: f32[N,M]\n out y: f32[N,M]\n" + softmax},
      {"layer norm", "nest(i: 4096, j: 4096) outer(i) { in x: f32[4096,4096]\n in w: f32[4096]\n in b: f32[4096]\n"
                     "out y: f32[4096,4096]\n %0: f32 = x[i, j] t0 = sum[j] %0 %1: f32 = t0 %2: f32 = 4096 "
                     "%3: f32 = div(%1, %2) %4: f32 = sub(%0, %3) %5: f32 = mul(%4, %4) t1 = sum[j] %5 %6: f32 = t1 "
                     "%7: f32 = div(%6, %2) %8: f32 = 0.00001 %9: f32 = add(%7, %8) %10: f32 = sqrt(%9) "
                     "%11: f32 = div(%4, %10) %12: f32 = w[j] %13: f32 = mul(%11, %12) %14: f32 = b[j] "
                     "%15: f32 = add(%13, %14) y[i, j] = %15 for j }"},
      {"row sum", "nest(i: 4096, j: 4096) outer(i) { in x: f32[4096,4096]\n out y: f32[4096]\n"
                  "%0: f32 = x[i, j] t0 = sum[j] %0 %1: f32 = t0 y[i] = %1 }"},
      {"column sum", "nest(i: 4096, j: 4096) outer(j) { in x: f32[4096,4096]\n out y: f32[4096]\n"
                     "%0: f32 = x[i, j] t0 = sum[i] %0 %1: f32 = t0 y[j] = %1 }"},
      {"transpose", "nest(i: 4096, j: 4096) outer(i, j) { in x: f32[4096,4096]\n out y: f32[4096,4096]\n"
                    "%0: f32 = x[j, i] y[i, j] = %0 }"},
      {"transpose f16", "nest(i: 4096, j: 8192) outer(i, j) { in x: f16[8192,4096]\n out y: f16[4096,8192]\n"
                        "%0: f16 = x[j, i] y[i, j] = %0 }"},
      {"gather of rows", "nest(i: 4096, j: 4096) outer(i, j) { in x: f32[4096,4096]\n in r: i64[4096]\n out y: f32[4096,4096]\n"
                         "%0: i64 = r[i] %1: f32 = x[%0, j] y[i, j] = %1 }",
       4096},
  };
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
    if (is_float(dtype)) Accessor<double>(dtype).store(bytes.data(), i, static_cast<double>(random() % 4096) / 2048 - 1);
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
  for (const Row& row : rows()) {
    if (row.name.find(filter) == std::string::npos) continue;
    Kernel kernel;
    auto nest = parse_nest(row.text);
    CHECK(nest.has_value(), nest.error().message());
    kernel.nest = *nest;
    std::vector<Storage> storages;
    for (const auto& o : kernel.nest.operands)
      storages.push_back(dense_storage(Format::plain(o.type.dtype, o.type.rank()), o.type.dims));
    auto printed = print_cuda(kernel, storages, "kernel");
    CHECK(printed.has_value(), printed.error().message());
    auto cubin = compile_cuda(std::string(cuda_prelude()) + printed->text, "sm_90");
    CHECK(cubin.has_value(), cubin.error().message());
    const DeviceModule module = device.load(*cubin);

    double bytes = 0;
    std::vector<std::vector<std::byte>> contents;
    for (const auto& o : kernel.nest.operands) {
      const int64_t elements = *evaluate(o.type.element_count(), symbols);
      contents.push_back(numbers(o.type.dtype, elements, std::max<int64_t>(row.index_below, 1)));
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
    Times found = times([&] {
      return device.seconds(kInGraph, [&](int i) {
        device.launch(module, *printed, operands[static_cast<std::size_t>(i % sets)], failure, symbols);
      });
    });
    for (double* t : {&found.median, &found.least, &found.most}) *t = bytes * kInGraph / *t;
    show(row.name, found,
         fmt::format("  {:.2f} and {:.2f} of the copies", found.median / small.median, found.median / large.median));
    for (auto& set : operands)
      for (DevicePointer p : set) device.free(p);
    device.free(failure);
  }
}

}  // namespace burnish::test
