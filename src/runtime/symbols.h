#pragma once
// Symbols get their numbers from the dims (and contents) of values that are there.

#include <span>
#include <string>

#include "ir/dim.h"
#include "ir/tensor.h"
#include "runtime/program.h"

namespace burnish {

// Makes `dim` equal to `number`: checks it where its symbols are known, binds its symbol where one is not. False when
// that contradicts; a dim with several unknown symbols, or one that cannot be solved for, says nothing yet.
bool bind_dim(const Dim& dim, int64_t number, SymbolTable& symbols);

// Dims of a tensor against a declared type. Empty when they agree, else what is wrong ("dim 1 is 5, not 4").
std::string bind_dims(std::span<const Dim> declared, std::span<const int64_t> actual, SymbolTable& symbols);

// Whether a value can be of the type, dims aside: "" or what is wrong.
std::string kind_mismatch(const RuntimeValue& value, const Type& type);
std::string describe(const RuntimeValue& value);  // "f32[2,3]", "a sequence of 3", "nothing"

// All symbols of the dim have a number.
bool known(const Dim& dim, const SymbolTable& symbols);

}  // namespace burnish
