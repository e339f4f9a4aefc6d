#pragma once
// A nest with where its operands lie and what they hold, for those who run it and compare with the evaluator.

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "loop/kernel.h"

namespace burnish {

struct NestCase {
  Kernel kernel;
  std::vector<Storage> storages = {};  // empty: dense and plain
  SymbolTable symbols = {};
  double tolerance = 2e-6;                       // relative to the sum of what is added up, roughly
  double low = -2, high = 2;                     // of the random inputs
  std::vector<std::vector<double>> values = {};  // given contents of an input instead (cycled), by operand
};

// Elements that a storage spans, its offset apart; strides are not negative here.
int64_t span_of(const Storage& storage, const Type& type, const SymbolTable& symbols);
// Numbers in low .. high, or `values` again and again.
void randomise(std::byte* data, int64_t elements, DType dtype, std::mt19937_64& random, double low, double high,
               const std::vector<double>& values);
// "1, not 2" where an element is too far off.
std::string element_difference(const NestCase& test, DType dtype, const std::byte* expected, const std::byte* found,
                               int64_t element);

// A nest nobody would write: random axes, operands, placements and expressions. The same seed gives the same one.
// `large`: axes of up to 9000, some 60000 positions.
NestCase random_nest(unsigned seed, bool large = false);

}  // namespace burnish
