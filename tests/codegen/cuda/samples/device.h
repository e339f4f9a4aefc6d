#pragma once
// A GPU through the driver's documented C interface, found at run time. Whatever fails ends the program with a line.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "codegen/cuda/print.h"

namespace burnish::test {

using DevicePointer = unsigned long long;

// Compiled text. It stays loaded for the life of the process.
struct DeviceModule {
  void* handle = nullptr;
};

class Device {
 public:
  Device();  // the first one
  std::string name() const;

  DevicePointer allocate(std::size_t bytes);
  void free(DevicePointer at);
  void write(DevicePointer at, std::span<const std::byte> bytes);
  void read(std::span<std::byte> bytes, DevicePointer at);
  void fill(DevicePointer at, unsigned char value, std::size_t bytes);

  DeviceModule load(std::span<const std::byte> cubin);
  // One function of each launch, in their order, with the sizes that `symbols` give: of those whose conditions hold the
  // one that is `skip` from the first, or the last.
  void launch(DeviceModule module, const CudaKernel& kernel, std::span<const DevicePointer> operands,
              DevicePointer failure, const SymbolTable& symbols, std::size_t skip = 0);
  void copy(DevicePointer to, DevicePointer from, std::size_t bytes);
  // Waits; "" or what went wrong on the device since.
  std::string finish();

  // Seconds of the device's work in `work`, launched `count` times in a row as one graph.
  double seconds(int count, const std::function<void(int)>& work);

 private:
  DevicePointer scratch(int64_t bytes);
  void* stream_ = nullptr;
  DevicePointer scratch_ = 0;  // the largest that was wanted; smaller ones stay until the end
  std::size_t scratch_bytes_ = 0;
};

}  // namespace burnish::test
