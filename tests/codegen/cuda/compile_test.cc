// Everything that has CUDA text is text that NVRTC takes. No GPU is needed for it.

#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "codegen/cuda/nvrtc.h"
#include "codegen/cuda/prelude.h"
#include "tests/codegen/cuda/cases.h"

namespace burnish::test {
namespace {

// The kernels of cases in one translation unit.
std::string unit(std::span<const CudaCase> cases) {
  std::string text(cuda_prelude());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    auto kernel = print_cuda(cases[i].kernel, cases[i].storages, fmt::format("k{}", i));
    EXPECT_TRUE(kernel) << cases[i].name << ": " << kernel.error().message();
    if (kernel) text += fmt::format("// {}\n{}", cases[i].name, kernel->text);
  }
  return text;
}

void compile(std::span<const CudaCase> cases) {
  const std::string text = unit(cases);
  if (!nvrtc_why_not().empty()) GTEST_SKIP() << nvrtc_why_not();
  const auto cubin = compile_cuda(text, "sm_90");
  ASSERT_TRUE(cubin) << cubin.error().message() << "\n" << text;
  EXPECT_GT(cubin->size(), 1000u);
}

TEST(CudaCompile, EverySampleWithANest) {
  std::vector<std::string> refused;
  compile(sample_cases({}, refused));
  // What has no nest, or none of a dtype that kernels compute in.
  const std::set<std::string> reasons(refused.begin(), refused.end());
  for (const std::string& reason : reasons) {
    bool expected = false;
    for (const char* known : {"a nest has no code for ", "no kernel for ", "no code for string", "no code for f8"})
      expected = expected || reason.find(known) != std::string::npos;
    EXPECT_TRUE(expected) << reason;
  }
}

TEST(CudaCompile, RandomNests) {
  std::vector<CudaCase> cases;
  for (unsigned seed = 0; seed < 60; ++seed) cases.push_back(random_case(seed));
  compile(cases);
}

TEST(CudaCompile, ErrorsHoldTheCompilersLog) {
  if (!nvrtc_why_not().empty()) GTEST_SKIP() << nvrtc_why_not();
  const auto cubin = compile_cuda("extern \"C\" __global__ void k() { nonsense; }", "sm_90");
  ASSERT_FALSE(cubin);
  EXPECT_NE(cubin.error().what.find("nonsense"), std::string::npos) << cubin.error().message();
}

}  // namespace
}  // namespace burnish::test
