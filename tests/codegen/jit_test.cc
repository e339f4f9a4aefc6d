#include <thread>

#include <gtest/gtest.h>
#include <llvm/IR/Constants.h>

#include "codegen/cpu/frame.h"
#include "tests/support/mapped_code.h"

namespace burnish {
namespace {

// out[i] = in[i] * 2.5 + table[i % 4] for tasks; the table needs a constant section beside the code.
Result<Emitted> scaled(int level, const Dim& count) {
  CpuFeatures cpu;
  cpu.level = level;
  KernelModule module(cpu);
  KernelFrame frame(module);
  auto& b = frame.builder();
  auto* table = llvm::ConstantDataArray::get(frame.context(), llvm::ArrayRef<float>({1, 2, 3, 4}));
  auto* global =
      new llvm::GlobalVariable(module.module(), table->getType(), true, llvm::GlobalValue::PrivateLinkage, table);
  llvm::Value* scale = llvm::ConstantFP::get(frame.f32(), 2.5);
  frame.loop("i", frame.first(), frame.last(), 1, [&](llvm::Value* i) {
    frame.branch(
        b.CreateICmpSLT(i, frame.size(count)),
        [&]() -> KernelFrame::Values {
          llvm::Value* x = b.CreateLoad(frame.f32(), frame.advance(frame.pointer(0), i));
          llvm::Value* entry = b.CreateAnd(i, frame.number(3));
          llvm::Value* t = b.CreateLoad(frame.f32(), b.CreateInBoundsGEP(frame.f32(), global, entry));
          b.CreateStore(frame.multiply_add(x, scale, t), frame.advance(frame.pointer(1), i));
          return {};
        },
        [&]() -> KernelFrame::Values { return {}; });
  });
  return frame.finish();
}

void expect_scaled(const Emitted& emitted) {
  MappedCode code(emitted);
  std::vector<float> in(100, 2.0f), out(100, -1.0f);
  void* pointers[] = {in.data(), out.data()};
  const int64_t integers[] = {90};
  const KernelArgs args{pointers, integers, nullptr, nullptr};
  code.function()(&args, 10, 100);
  EXPECT_EQ(out[9], -1.0f);
  for (int i = 10; i < 90; ++i) EXPECT_EQ(out[static_cast<std::size_t>(i)], 6.0f + static_cast<float>(i % 4));
  EXPECT_EQ(out[90], -1.0f);
}

TEST(Jit, CodeWithConstantsRunsAtEveryLevel) {
  for (int level = 2; level <= host_cpu().level; ++level) {
    auto emitted = scaled(level, Dim::symbol("N"));
    ASSERT_TRUE(emitted) << emitted.error().message();
    ASSERT_EQ(emitted->integers.size(), 1u);
    expect_scaled(*emitted);
  }
}

TEST(Jit, ManyThreadsCompileAtOnce) {
  std::vector<std::thread> threads;
  std::vector<Result<Emitted>> results(8, internal_error("not run"));
  for (std::size_t i = 0; i < results.size(); ++i)
    threads.emplace_back([&, i] { results[i] = scaled(2, Dim::symbol("N")); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) {
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->code, results[0]->code);
    expect_scaled(*result);
  }
}

TEST(Jit, CallsOutsideAreAnError) {
  KernelModule module(CpuFeatures{});
  KernelFrame frame(module);
  auto* type = llvm::FunctionType::get(frame.f32(), {frame.f32()}, false);
  llvm::FunctionCallee callee = module.module().getOrInsertFunction("expf", type);
  llvm::Value* x = frame.builder().CreateLoad(frame.f32(), frame.pointer(0));
  frame.builder().CreateStore(frame.builder().CreateCall(callee, {x}), frame.pointer(1));
  const auto emitted = frame.finish();
  ASSERT_FALSE(emitted);
  EXPECT_NE(emitted.error().message().find("expf"), std::string::npos) << emitted.error().message();
}

TEST(Jit, LoopsOverZerosBecomeNoMemset) {
  KernelModule module(CpuFeatures{});
  KernelFrame frame(module);
  frame.loop("i", frame.first(), frame.last(), 1, [&](llvm::Value* i) {
    frame.builder().CreateStore(llvm::ConstantFP::get(frame.f32(), 0), frame.advance(frame.pointer(0), i));
  });
  const auto emitted = frame.finish();
  ASSERT_TRUE(emitted) << emitted.error().message();
}

}  // namespace
}  // namespace burnish
