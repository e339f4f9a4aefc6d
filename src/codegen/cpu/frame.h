#pragma once
// What every emitted kernel begins with: its arguments, the operands' pointers, sizes as values, and loops.

#include <functional>
#include <string>
#include <vector>

#include "codegen/cpu/jit.h"

namespace burnish {

class KernelFrame {
 public:
  explicit KernelFrame(KernelModule& module);

  llvm::IRBuilder<>& builder() { return builder_; }
  llvm::LLVMContext& context() { return module_.context(); }
  const CpuFeatures& cpu() const { return module_.cpu(); }
  KernelModule& module() { return module_; }
  llvm::Function* function() { return function_; }
  llvm::Value* first() { return function_->getArg(1); }
  llvm::Value* last() { return function_->getArg(2); }

  // Loaded once in the entry block: KernelArgs::pointers[operand], scratch.
  llvm::Value* pointer(int operand);
  // While it lives, operand i lies at operands[i]: what is emitted meanwhile is a kernel within this one.
  class Within {
   public:
    Within(KernelFrame& frame, std::vector<llvm::Value*> operands) : frame_(frame), operands_(std::move(operands)) {
      std::swap(frame_.within_, operands_);
    }
    ~Within() { std::swap(frame_.within_, operands_); }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;

   private:
    KernelFrame& frame_;
    std::vector<llvm::Value*> operands_;  // those of the one around it
  };
  llvm::Value* scratch();
  // A size as an i64: an immediate, or an entry of KernelArgs::integers.
  llvm::Value* size(const Dim& dim);
  llvm::Value* number(int64_t value) { return builder_.getInt64(static_cast<uint64_t>(value)); }

  llvm::Type* f32() { return builder_.getFloatTy(); }
  llvm::Type* vector_type(int lanes) { return llvm::FixedVectorType::get(f32(), static_cast<unsigned>(lanes)); }
  // base + elements * bytes
  llvm::Value* advance(llvm::Value* base, llvm::Value* elements, int64_t bytes = 4);
  // a * b + c in one rounding where the processor has it (v3 and up).
  llvm::Value* multiply_add(llvm::Value* a, llvm::Value* b, llvm::Value* c);
  // Marks a load of something that no store of this kernel changes.
  llvm::LoadInst* constant_load(llvm::LoadInst* load);

  // for (i = begin; i < end; i += step) body(i). `at_least_once` leaves the first test out. `carried` values go round:
  // the body gets their current values and replaces them in place; afterwards they hold the final ones.
  using Values = std::vector<llvm::Value*>;
  void loop(const std::string& name, llvm::Value* begin, llvm::Value* end, int64_t step, Values& carried,
            const std::function<void(llvm::Value* i, Values& carried)>& body, bool at_least_once = false);
  void loop(const std::string& name, llvm::Value* begin, llvm::Value* end, int64_t step,
            const std::function<void(llvm::Value* i)>& body, bool at_least_once = false);
  // if (condition) then() else otherwise(); both leave their values in a vector that is merged.
  Values branch(llvm::Value* condition, const std::function<Values()>& then, const std::function<Values()>& otherwise);

  // The kernel ends here unless `fine`. `what` is emitted in a place of its own and gives KernelFailure's numbers: index,
  // low, high, operand.
  void check(llvm::Value* fine, const std::function<Values()>& what);

  // Ends the function, compiles, and fills code, entry and integers of the result.
  Result<Emitted> finish(const JitOptions& options = {});

 private:
  llvm::IRBuilder<>::InsertPoint entry_point();
  void finish_failure();
  KernelModule& module_;
  llvm::Function* function_;
  llvm::IRBuilder<> builder_;
  llvm::BasicBlock* entry_;
  std::vector<llvm::Value*> pointers_, within_;
  std::vector<Dim> dims_;
  std::vector<llvm::Value*> sizes_;
  llvm::Value* scratch_ = nullptr;
  llvm::BasicBlock* failure_ = nullptr;  // where all checks that fail go
  std::vector<llvm::PHINode*> failure_numbers_;
};

}  // namespace burnish
