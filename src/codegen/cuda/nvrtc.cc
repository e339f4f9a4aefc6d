#include "codegen/cuda/nvrtc.h"

#include <dlfcn.h>

#include <array>

#include <fmt/format.h>

namespace burnish {
namespace {

using Program = struct _nvrtcProgram*;  // NVRTC's own name for it; 0 is its success

// The functions of NVRTC's documented C interface that are used here.
struct Library {
  int (*create)(Program*, const char* text, const char* name, int headers, const char* const*, const char* const*);
  int (*destroy)(Program*);
  int (*compile)(Program, int options, const char* const*);
  int (*log_size)(Program, std::size_t*);
  int (*log)(Program, char*);
  int (*cubin_size)(Program, std::size_t*);
  int (*cubin)(Program, char*);
  const char* (*error_text)(int);
  std::string why_not;
};

template <class F>
void find(void* library, const char* name, F*& function, std::string& missing) {
  function = reinterpret_cast<F*>(dlsym(library, name));
  if (function == nullptr) missing = fmt::format("libnvrtc has no {}", name);
}

Library load() {
  Library l{};
  void* library = nullptr;
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12"})
    if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    l.why_not = "neither libnvrtc.so.13 nor libnvrtc.so.12 can be loaded";
    return l;
  }
  find(library, "nvrtcCreateProgram", l.create, l.why_not);
  find(library, "nvrtcDestroyProgram", l.destroy, l.why_not);
  find(library, "nvrtcCompileProgram", l.compile, l.why_not);
  find(library, "nvrtcGetProgramLogSize", l.log_size, l.why_not);
  find(library, "nvrtcGetProgramLog", l.log, l.why_not);
  find(library, "nvrtcGetCUBINSize", l.cubin_size, l.why_not);
  find(library, "nvrtcGetCUBIN", l.cubin, l.why_not);
  find(library, "nvrtcGetErrorString", l.error_text, l.why_not);
  return l;
}

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

struct Deleter {
  Program program = nullptr;
  ~Deleter() {
    if (program != nullptr) library().destroy(&program);
  }
};

}  // namespace

std::string nvrtc_why_not() { return library().why_not; }

Result<std::vector<std::byte>> compile_cuda(std::string_view text, std::string_view architecture) {
  const Library& l = library();
  if (!l.why_not.empty()) return refused(l.why_not, "NVRTC", "install NVIDIA's run-time compiler, CUDA 12 or 13");
  auto failed = [&](int error) { return internal_error(l.error_text(error), "NVRTC"); };
  Deleter made;
  if (int error = l.create(&made.program, std::string(text).c_str(), "kernels.cu", 0, nullptr, nullptr))
    return failed(error);
  const std::string target = fmt::format("--gpu-architecture={}", architecture);
  const std::array options = {target.c_str(), "--std=c++17", "--fmad=false"};
  if (int error = l.compile(made.program, static_cast<int>(options.size()), options.data())) {
    std::size_t size = 0;
    std::string log;
    if (l.log_size(made.program, &size) == 0 && size > 1) {
      log.resize(size);
      if (l.log(made.program, log.data()) != 0) log.clear();
      while (!log.empty() && (log.back() == '\0' || log.back() == '\n')) log.pop_back();
    }
    return internal_error(fmt::format("{}\n{}", l.error_text(error), log), "NVRTC");
  }
  std::size_t size = 0;
  if (int error = l.cubin_size(made.program, &size)) return failed(error);
  std::vector<std::byte> cubin(size);
  if (int error = l.cubin(made.program, reinterpret_cast<char*>(cubin.data()))) return failed(error);
  return cubin;
}

}  // namespace burnish
