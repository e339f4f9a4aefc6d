#pragma once
// What becomes of the process when memory runs out inside LLVM. LLVM is built without exceptions: one that went through
// it would leave its objects half made and its locks closed. So there the process ends, with one line that says why;
// everywhere else a failed allocation is an error like others.

#include <string_view>

namespace burnish {

// The line on standard error, before abort().
inline constexpr std::string_view kOutOfMemoryWords =
    "burnish: memory ran out inside LLVM, which cannot go on without; use a smaller model, fewer threads or a machine "
    "with more memory\n";

// What is called instead: it must not return, and may not allocate. Null for the line and abort().
void set_out_of_memory_end(void (*end)());

// While one lives in a thread, allocations that fail there end the process. KernelModule has one, and whatever else calls
// LLVM for more than a look.
class InsideLlvm {
 public:
  InsideLlvm();
  ~InsideLlvm();
  InsideLlvm(const InsideLlvm&) = delete;
  InsideLlvm& operator=(const InsideLlvm&) = delete;
};

}  // namespace burnish
