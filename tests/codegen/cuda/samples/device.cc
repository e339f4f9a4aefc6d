#include "tests/codegen/cuda/samples/device.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace burnish::test {
namespace {

// The driver's functions that are used here; all return 0 or an error's number.
struct Driver {
  int (*init)(unsigned);
  int (*device)(int*, int);
  int (*device_name)(char*, int, int);
  int (*retain)(void**, int);
  int (*current)(void*);
  int (*allocate)(DevicePointer*, std::size_t);
  int (*free)(DevicePointer);
  int (*to_device)(DevicePointer, const void*, std::size_t);
  int (*to_host)(void*, DevicePointer, std::size_t);
  int (*fill)(DevicePointer, unsigned char, std::size_t);
  int (*copy)(DevicePointer, DevicePointer, std::size_t, void* stream);
  int (*load)(void**, const void*);
  int (*function)(void**, void*, const char*);
  int (*launch)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
  int (*stream)(void**, unsigned);
  int (*wait)(void*);
  int (*error)(int, const char**);
  int (*event)(void**, unsigned);
  int (*record)(void*, void*);
  int (*elapsed)(float*, void*, void*);
  int (*capture)(void*, int);
  int (*captured)(void*, void**);
  int (*instantiate)(void**, void*, unsigned long long);
  int (*replay)(void*, void*);
  int (*free_graph)(void*);
  int (*free_executable)(void*);
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "cuda_samples: %s\n", what.c_str());
  std::exit(4);
}

const Driver& driver() {
  static const Driver loaded = [] {
    Driver d{};
    void* library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == nullptr) die("no libcuda.so.1: this needs a machine with an NVIDIA GPU");
    auto find = [&](const char* name, auto& function) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      if (function == nullptr) die(std::string("libcuda has no ") + name);
    };
    find("cuInit", d.init);
    find("cuDeviceGet", d.device);
    find("cuDeviceGetName", d.device_name);
    find("cuDevicePrimaryCtxRetain", d.retain);
    find("cuCtxSetCurrent", d.current);
    find("cuMemAlloc_v2", d.allocate);
    find("cuMemFree_v2", d.free);
    find("cuMemcpyHtoD_v2", d.to_device);
    find("cuMemcpyDtoH_v2", d.to_host);
    find("cuMemsetD8_v2", d.fill);
    find("cuMemcpyDtoDAsync_v2", d.copy);
    find("cuModuleLoadData", d.load);
    find("cuModuleGetFunction", d.function);
    find("cuLaunchKernel", d.launch);
    find("cuStreamCreate", d.stream);
    find("cuStreamSynchronize", d.wait);
    find("cuGetErrorString", d.error);
    find("cuEventCreate", d.event);
    find("cuEventRecord", d.record);
    find("cuEventElapsedTime", d.elapsed);
    find("cuStreamBeginCapture_v2", d.capture);
    find("cuStreamEndCapture", d.captured);
    find("cuGraphInstantiateWithFlags", d.instantiate);
    find("cuGraphLaunch", d.replay);
    find("cuGraphDestroy", d.free_graph);
    find("cuGraphExecDestroy", d.free_executable);
    return d;
  }();
  return loaded;
}

std::string text_of(int error) {
  const char* text = nullptr;
  driver().error(error, &text);
  return text != nullptr ? text : "error " + std::to_string(error);
}

void must(int error, const char* what) {
  if (error != 0) die(std::string(what) + ": " + text_of(error));
}

}  // namespace

Device::Device() {
  const Driver& d = driver();
  must(d.init(0), "cuInit");
  int device = 0;
  void* context = nullptr;
  must(d.device(&device, 0), "cuDeviceGet");
  must(d.retain(&context, device), "cuDevicePrimaryCtxRetain");
  must(d.current(context), "cuCtxSetCurrent");
  must(d.stream(&stream_, 1), "cuStreamCreate");
}

std::string Device::name() const {
  char text[256] = {};
  must(driver().device_name(text, sizeof text, 0), "cuDeviceGetName");
  return text;
}

DevicePointer Device::allocate(std::size_t bytes) {
  DevicePointer at = 0;
  must(driver().allocate(&at, bytes == 0 ? 1 : bytes), "cuMemAlloc");
  return at;
}
void Device::free(DevicePointer at) { must(driver().free(at), "cuMemFree"); }

void Device::write(DevicePointer at, std::span<const std::byte> bytes) {
  if (!bytes.empty()) must(driver().to_device(at, bytes.data(), bytes.size()), "cuMemcpyHtoD");
}
void Device::read(std::span<std::byte> bytes, DevicePointer at) {
  if (!bytes.empty()) must(driver().to_host(bytes.data(), at, bytes.size()), "cuMemcpyDtoH");
}
void Device::fill(DevicePointer at, unsigned char value, std::size_t bytes) {
  if (bytes > 0) must(driver().fill(at, value, bytes), "cuMemsetD8");
}
void Device::copy(DevicePointer to, DevicePointer from, std::size_t bytes) {
  must(driver().copy(to, from, bytes, stream_), "cuMemcpyDtoDAsync");
}

DevicePointer Device::scratch(int64_t bytes) {
  if (static_cast<std::size_t>(bytes) > scratch_bytes_) {
    scratch_bytes_ = static_cast<std::size_t>(bytes);
    scratch_ = allocate(scratch_bytes_);
  }
  return scratch_;
}

DeviceModule Device::load(std::span<const std::byte> cubin) {
  DeviceModule module;
  must(driver().load(&module.handle, cubin.data()), "cuModuleLoadData");
  return module;
}

void Device::launch(DeviceModule module, const CudaKernel& kernel, std::span<const DevicePointer> operands,
                    DevicePointer failure, const SymbolTable& symbols, std::size_t skip) {
  std::vector<DevicePointer> pointers(operands.begin(), operands.end());
  pointers.push_back(failure);
  pointers.push_back(scratch(*evaluate(kernel.scratch_bytes, symbols)));
  std::vector<int64_t> integers;
  for (const Dim& dim : kernel.integers) integers.push_back(*evaluate(dim, symbols));
  std::vector<void*> arguments;
  for (auto& p : pointers) arguments.push_back(&p);
  for (auto& n : integers) arguments.push_back(&n);
  for (const CudaLaunch& launch : kernel.launches) {
    CudaLaunch rest = launch;
    const CudaFunction* chosen = nullptr;
    for (std::size_t n = 0; n <= skip && !rest.choices.empty(); ++n) {
      auto found = choose(rest, symbols);
      if (!found) die(found.error().message());
      chosen = &launch.choices[launch.choices.size() - rest.choices.size()] + (*found - rest.choices.data());
      rest.choices.erase(rest.choices.begin(), rest.choices.begin() + (*found - rest.choices.data()) + 1);
    }
    const CudaFunction& f = *chosen;
    const int64_t blocks = *evaluate(f.blocks, symbols);
    if (blocks == 0) continue;
    void* function = nullptr;
    must(driver().function(&function, module.handle, f.name.c_str()), f.name.c_str());
    must(driver().launch(function, static_cast<unsigned>(blocks), 1, 1, static_cast<unsigned>(f.threads), 1, 1, 0,
                         stream_, arguments.data(), nullptr),
         f.name.c_str());
  }
}

std::string Device::finish() {
  const int error = driver().wait(stream_);
  return error == 0 ? "" : text_of(error);
}

double Device::seconds(int count, const std::function<void(int)>& work) {
  const Driver& d = driver();
  void *graph = nullptr, *executable = nullptr, *begin = nullptr, *end = nullptr;
  must(d.capture(stream_, 1), "cuStreamBeginCapture");
  for (int i = 0; i < count; ++i) work(i);
  must(d.captured(stream_, &graph), "cuStreamEndCapture");
  must(d.instantiate(&executable, graph, 0), "cuGraphInstantiate");
  must(d.event(&begin, 0), "cuEventCreate");
  must(d.event(&end, 0), "cuEventCreate");
  must(d.replay(executable, stream_), "cuGraphLaunch");
  must(d.record(begin, stream_), "cuEventRecord");
  must(d.replay(executable, stream_), "cuGraphLaunch");
  must(d.record(end, stream_), "cuEventRecord");
  must(d.wait(stream_), "cuStreamSynchronize");
  float milliseconds = 0;
  must(d.elapsed(&milliseconds, begin, end), "cuEventElapsedTime");
  must(d.free_executable(executable), "cuGraphExecDestroy");
  must(d.free_graph(graph), "cuGraphDestroy");
  return static_cast<double>(milliseconds) / 1e3;
}

}  // namespace burnish::test
