#pragma once
// Samples of the catalogue as cases of kernels: operands and the results that references give.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/operator.h"

namespace burnish::test {

// What kernels may be made of.
inline constexpr DType kKernelDTypes[] = {DType::f32, DType::f64, DType::f16,    DType::bf16, DType::i64,
                                          DType::i32, DType::i16, DType::i8,     DType::u64,  DType::u32,
                                          DType::u16, DType::u8,  DType::boolean};

// A sample with the reference's numbers.
struct SampleCase {
  std::unique_ptr<Graph> graph;
  const Node* node = nullptr;
  std::vector<Tensor> operands, results;  // of the kernel, in its order
  SymbolTable symbols;
};

// Nothing when the sample means nothing for its dtypes. With `bad` numbers for its input of integers that is i, references
// must refuse the node; the results are not filled then.
std::optional<SampleCase> sample_case(const Operator& definition, std::string_view text, uint64_t seed,
                                      std::span<const int64_t> bad = {});

// How the first element that is too far off differs; empty where none is.
std::string difference(const Tensor& got, const Tensor& want, const Tolerance& tolerance);

// The sample with every word `from` replaced.
std::string with_dtype(std::string_view text, DType from, DType to);

}  // namespace burnish::test
