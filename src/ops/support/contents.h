#pragma once
// Arithmetic on known contents: the elements of small integer and bool tensors as numbers or dims.

#include <optional>
#include <span>

#include "ops/operator.h"

namespace burnish {

inline constexpr std::size_t kMaxContents = 64;

inline bool holds_contents(DType dtype) { return is_integer(dtype) || dtype == DType::boolean; }
// A number that the dtype holds exactly.
bool fits(DType dtype, int64_t value);
// One element; nullopt when nothing can be said.
std::optional<Dim> fold_scalar(Scalar function, std::span<const Dim> arguments, DType argument_dtype);
// Contents of a tensor of small integers or bools; nullopt for other dtypes and large ones.
std::optional<Dims> contents_of(const Tensor& tensor);

// All operands that are there have known contents, and the result would be small enough.
bool all_known(const InferContext& c);
// Numbers of an operand whose contents are all numbers.
std::optional<std::vector<int64_t>> known_numbers(const InferContext& c, std::size_t operand);

}  // namespace burnish
