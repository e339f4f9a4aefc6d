#pragma once
// One kernel in the making: an LLVM module for one processor level, and its way to position-independent bytes that need no
// loader (Emitted::code). Every KernelModule has its own LLVMContext, so many may be compiled at once on several threads.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include "base/error.h"
#include "codegen/cpu/memory_end.h"
#include "target/cpu_features.h"
#include "target/target.h"

namespace burnish {

struct JitOptions {
  std::string* ir = nullptr;        // receives the optimised IR as text
  std::string* assembly = nullptr;  // receives the assembly
};

struct MachineCode {
  std::vector<std::byte> bytes;
  std::size_t entry = 0;
};

class KernelModule {
 public:
  explicit KernelModule(const CpuFeatures& cpu);
  KernelModule(const KernelModule&) = delete;

  const CpuFeatures& cpu() const { return cpu_; }
  llvm::LLVMContext& context() { return context_; }
  llvm::Module& module() { return *module_; }

  // `void kernel(const KernelArgs*, int64 first, int64 last)`, the only symbol others see. Call once.
  llvm::Function* create_kernel();
  // A function of this module only, with the same processor attributes; always or never inlined.
  llvm::Function* create_helper(const std::string& name, llvm::FunctionType* type, bool inlined);

  // Verifies, optimises, compiles and flattens. The module is used up.
  Result<MachineCode> compile(const JitOptions& options = {});

 private:
  void set_attributes(llvm::Function& function) const;
  CpuFeatures cpu_;
  InsideLlvm inside_;  // before anything of LLVM's is made, until all of it is gone
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::Module> module_;
};

// Lays out the code and constants of a relocatable x86-64 ELF object one behind the other and resolves what refers from one
// to another. An error where anything outside is needed: symbols, absolute addresses, writable data.
Result<MachineCode> flatten(std::string_view object, std::string_view entry);

}  // namespace burnish
