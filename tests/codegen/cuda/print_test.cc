// tests/codegen/cuda/golden/NAME.txt: a nest, a line "// ----", and the CUDA C++ it is printed as. BURNISH_BLESS=1 rewrites
// the second part; read the difference before committing it.

#include "codegen/cuda/print.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace burnish::test {
namespace {

namespace fs = std::filesystem;
const fs::path kFolder = "tests/codegen/cuda/golden";
const std::string kSeparator = "// ----\n";

Kernel kernel_of(const std::string& text) {
  Kernel kernel;
  auto nest = parse_nest(text);
  EXPECT_TRUE(nest) << nest.error().message();
  if (nest) kernel.nest = std::move(*nest);
  return kernel;
}

// Plain, but what an operand called `framed` names lies within a border of ones, and `blocked` in blocks of four.
std::vector<Storage> storages_of(const Nest& nest) {
  std::vector<Storage> storages;
  for (const auto& o : nest.operands) {
    Format format = Format::plain(o.type.dtype, o.type.rank());
    if (o.name == "framed") format.border.assign(format.order.size(), 1), format.fill = 1;
    if (o.name == "blocked") format.blocks.assign(format.order.size(), 1), format.blocks[0] = 4;
    storages.push_back(dense_storage(format, o.type.dims));
  }
  return storages;
}

// The functions, after a line for each that says how it is launched.
std::string text_of(const CudaKernel& kernel) {
  std::string text;
  for (const CudaLaunch& launch : kernel.launches)
    for (const CudaFunction& f : launch.choices) {
      text += fmt::format("// {}: {} blocks of {} threads", f.name, f.blocks.text(), f.threads);
      for (const CudaCondition& c : f.conditions) {
        if (c.multiple > 1) text += fmt::format("; {} is a multiple of {}", c.dim.text(), c.multiple);
        if (c.most < Range::kMax) text += fmt::format("; {} <= {}", c.dim.text(), c.most);
      }
      text += '\n';
    }
  for (std::size_t i = 0; i < kernel.integers.size(); ++i)
    text += fmt::format("// n{} = {}\n", i, kernel.integers[i].text());
  return text + kernel.text;
}

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& entry : fs::directory_iterator(kFolder)) list.push_back(entry.path().stem().string());
  std::sort(list.begin(), list.end());
  return list;
}

TEST(CudaPrint, Golden) {
  for (const std::string& name : names()) {
    const fs::path path = kFolder / (name + ".txt");
    std::stringstream stream;
    stream << std::ifstream(path).rdbuf();
    const std::string text = stream.str();
    const std::size_t at = text.find(kSeparator);
    const std::string input = text.substr(0, at);
    const Kernel kernel = kernel_of(input);
    const auto printed = print_cuda(kernel, storages_of(kernel.nest), name);
    ASSERT_TRUE(printed) << name << ": " << printed.error().message();
    if (std::getenv("BURNISH_BLESS") != nullptr) std::ofstream(path) << input << kSeparator << text_of(*printed);
    else EXPECT_EQ(text_of(*printed), at == std::string::npos ? "" : text.substr(at + kSeparator.size())) << name;
  }
}

TEST(CudaPrint, ChoosesByTheSizesOfTheRun) {
  const Kernel kernel = kernel_of(
      "nest(i: N, j: M) outer(i, j) { in x: f32[N,M]\n in b: f32[M]\n out y: f32[N,M]\n"
      "%0: f32 = x[i, j] %1: f32 = b[j] %2: f32 = add(%0, %1) y[i, j] = %2 }");
  const auto printed = print_cuda(kernel, storages_of(kernel.nest), "k");
  ASSERT_TRUE(printed) << printed.error().message();
  ASSERT_EQ(printed->launches.size(), 1u);
  const auto chosen = [&](int64_t n, int64_t m) {
    return choose(printed->launches[0], {{"N", n}, {"M", m}}).value()->name;
  };
  EXPECT_EQ(chosen(5, 64), "k");
  EXPECT_EQ(chosen(5, 63), "k_1");
  EXPECT_EQ(chosen(int64_t{1} << 20, int64_t{1} << 20), "k_2");
  EXPECT_FALSE(choose(printed->launches[0], {{"N", 1}}));
}

TEST(CudaPrint, SaysWhyNot) {
  Kernel kernel = kernel_of("nest(i: 8) outer(i) { in x: f32[8]\n out y: f32[8]\n %0: f32 = x[i] y[i] = %0 }");
  EXPECT_EQ(cuda_why_not(kernel), "");
  kernel.anchor = Problem{"matmul", {}, {}, {}, {}};
  EXPECT_EQ(cuda_why_not(kernel), "a nest has no code for matmul");
  const auto printed = print_cuda(kernel, storages_of(kernel.nest), "k");
  ASSERT_FALSE(printed);
  EXPECT_EQ(printed.error().code, ErrorCode::refused);
}

// An offset that is no multiple of 16 bytes leaves single elements.
TEST(CudaPrint, VectorsOnlyWhereRowsAreAligned) {
  const Kernel kernel = kernel_of("nest(i: 64) outer(i) { in x: f32[64]\n out y: f32[64]\n %0: f32 = x[i] y[i] = %0 }");
  std::vector<Storage> storages = storages_of(kernel.nest);
  EXPECT_NE(print_cuda(kernel, storages, "k")->text.find("store_vector"), std::string::npos);
  storages[0].offset = 1;
  EXPECT_EQ(print_cuda(kernel, storages, "k")->text.find("store_vector"), std::string::npos);
}

}  // namespace
}  // namespace burnish::test
