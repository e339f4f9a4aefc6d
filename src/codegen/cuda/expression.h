#pragma once
// Scalar expressions as CUDA C++ text, with the semantics of loop/scalar.h. In registers f16 and bf16 are float and
// bool is bool; in memory f16 and bf16 are their bits and bool takes a byte. Functions named here are in the prelude.

#include <span>
#include <string>
#include <string_view>

#include "loop/nest.h"

namespace burnish {

// Why a nest's expressions have no text; empty when they have.
std::string cuda_why_not(const Nest& nest);
bool cuda_supports(DType dtype);

std::string_view register_type(DType dtype);
std::string_view memory_type(DType dtype);
// Of a value between memory and registers.
std::string from_memory(std::string value, DType dtype);
std::string to_memory(std::string value, DType dtype);

std::string constant_text(double value, DType dtype);
std::string convert_text(std::string value, DType from, DType to);
// `dtype` is that of the last argument.
std::string apply_text(Scalar function, DType dtype, std::span<const std::string> arguments);
// An apply expression of the nest, which may be a power with a constant exponent.
std::string apply_text(const Nest& nest, const ScalarExpression& apply, std::span<const std::string> arguments);

std::string identity_text(Reduction reduction, DType dtype);
// The type of the prelude that combines two values.
std::string_view combiner(Reduction reduction);

}  // namespace burnish
