#include "codegen/cpu/jit.h"

#include <mutex>

#include <fmt/format.h>
#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/PassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/IPO/AlwaysInliner.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/ADCE.h>
#include <llvm/Transforms/Scalar/DeadStoreElimination.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/Cloning.h>

namespace burnish {
namespace {

constexpr const char* kTriple = "x86_64-unknown-linux-gnu";
constexpr const char* kEntry = "kernel";

const char* processor(const CpuFeatures& cpu) {
  return cpu.level >= 4 ? "x86-64-v4" : cpu.level == 3 ? "x86-64-v3" : "x86-64-v2";
}

std::string features(const CpuFeatures& cpu) {
  std::string text = "+sse4.2";
  if (cpu.level >= 4 && cpu.vnni) text += ",+avx512vnni";
  if (cpu.level >= 4 && cpu.bf16) text += ",+avx512bf16";
  return text;
}

Result<std::unique_ptr<llvm::TargetMachine>> target_machine(const CpuFeatures& cpu) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    // Strength reduction takes most of a tile's compile time and finds nothing in loops that step pointers themselves.
    auto& known = llvm::cl::getRegisteredOptions();
    if (const auto found = known.find("disable-lsr"); found != known.end())
      static_cast<llvm::cl::opt<bool>*>(found->second)->setValue(true);
  });
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(kTriple, error);
  if (!target) return internal_error("LLVM has no x86-64 target: " + error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;  // only where llvm.fma or `contract` says so
  options.FunctionSections = false;
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(kTriple, processor(cpu), features(cpu), options, llvm::Reloc::PIC_,
                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
  if (!machine) return internal_error("LLVM made no target machine");
  return machine;
}

void optimise(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  // There is no library at run time: no loop may become memset, no call may be assumed to exist.
  llvm::TargetLibraryInfoImpl library(machine.getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  // Emitted code is in SSA form, placed and unrolled as it shall be: what is left to do is to clean up and to move what
  // loops repeat. The default pipeline takes ten times as long and gives the same code.
  llvm::ModulePassManager passes;
  passes.addPass(llvm::AlwaysInlinerPass(false));
  llvm::FunctionPassManager clean;
  clean.addPass(llvm::EarlyCSEPass(false));
  clean.addPass(llvm::InstCombinePass(llvm::InstCombineOptions().setMaxIterations(1)));
  clean.addPass(llvm::SimplifyCFGPass());
  llvm::LoopPassManager loop;
  loop.addPass(llvm::LICMPass(llvm::LICMOptions()));
  clean.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(loop), true, false));
  clean.addPass(llvm::EarlyCSEPass(true));
  clean.addPass(llvm::DSEPass());
  clean.addPass(llvm::ADCEPass());
  clean.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(clean)));
  passes.run(module, modules);
}

Result<std::string> generate(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type)) return internal_error("LLVM cannot write an object");
  passes.run(module);
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace

KernelModule::KernelModule(const CpuFeatures& cpu)
    : cpu_(cpu), module_(std::make_unique<llvm::Module>("kernel", context_)) {
  module_->setTargetTriple(kTriple);
  module_->setPICLevel(llvm::PICLevel::BigPIC);
  // The layout that the x86-64 target machine states; emitters may want type sizes before one exists.
  module_->setDataLayout("e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128");
}

void KernelModule::set_attributes(llvm::Function& function) const {
  function.addFnAttr("target-cpu", processor(cpu_));
  function.addFnAttr("target-features", features(cpu_));
  const std::string width = std::to_string(cpu_.vector_bytes() * 8);
  function.addFnAttr("prefer-vector-width", width);
  function.addFnAttr("min-legal-vector-width", width);
  function.addFnAttr("no-builtins");
  function.addFnAttr(llvm::Attribute::NoImplicitFloat);  // why: VectorMath::abs
  function.addFnAttr(llvm::Attribute::NoUnwind);
  function.addFnAttr(llvm::Attribute::WillReturn);
  function.setDSOLocal(true);
}

llvm::Function* KernelModule::create_kernel() {
  auto* pointer = llvm::PointerType::get(context_, 0);
  auto* integer = llvm::Type::getInt64Ty(context_);
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context_), {pointer, integer, integer}, false);
  auto* function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, kEntry, *module_);
  set_attributes(*function);
  function->setAlignment(llvm::Align(64));
  function->getArg(0)->addAttr(llvm::Attribute::NoAlias);
  return function;
}

llvm::Function* KernelModule::create_helper(const std::string& name, llvm::FunctionType* type, bool inlined) {
  auto* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, *module_);
  set_attributes(*function);
  function->addFnAttr(inlined ? llvm::Attribute::AlwaysInline : llvm::Attribute::NoInline);
  return function;
}

Result<MachineCode> KernelModule::compile(const JitOptions& options) {
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  if (llvm::verifyModule(*module_, &stream)) {
    module_->print(stream, nullptr);
    return internal_error("emitted IR is not well formed: " + problem);
  }
  auto machine = TRY(target_machine(cpu_));
  module_->setDataLayout(machine->createDataLayout());
  optimise(*module_, *machine);
  if (options.ir) {
    llvm::raw_string_ostream text(*options.ir);
    module_->print(text, nullptr);
  }
  if (options.assembly) {
    auto copy = llvm::CloneModule(*module_);
    *options.assembly = TRY(generate(*copy, *machine, llvm::CodeGenFileType::AssemblyFile));
  }
  return flatten(TRY(generate(*module_, *machine, llvm::CodeGenFileType::ObjectFile)), kEntry);
}

}  // namespace burnish
