#pragma once
// Runs kernels of the processor's families on random operands that end, and in a second run begin, at pages that may not be
// touched, and compares with sums in f64.

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/cpu_target.h"

namespace burnish::test {

// Floats whose last (or first) one touches a page without access.
class Guarded {
 public:
  Guarded(std::size_t bytes, bool at_end);
  Guarded(const Guarded&) = delete;
  ~Guarded();
  float* data() const { return data_; }

 private:
  void* map_;
  std::size_t map_bytes_;
  float* data_;
};

// A dense row-major array of doubles: the oracle's operands.
struct Array {
  std::vector<int64_t> dims;
  std::vector<double> values;
  explicit Array(std::vector<int64_t> d);
  double& at(const std::vector<int64_t>& index);
};
// Calls with every index of a box.
void each(const std::vector<int64_t>& dims, const std::function<void(const std::vector<int64_t>&)>& f);

// What follows the anchor.
enum class Ending { plain, bias_relu, residual_two_outputs };
inline constexpr Ending kEndings[] = {Ending::plain, Ending::bias_relu, Ending::residual_two_outputs};

// A problem with an ending whose bias runs along `channel_axis` of the result.
Kernel make_kernel(Problem problem, Ending ending, int channel_axis);

// The levels that this processor has, and one whose nearest cache is so small that weights are cut into slices.
std::vector<CpuFeatures> processors();

struct Check {
  CpuFeatures cpu;
  SymbolTable symbols;      // numbers for the problem's symbols
  bool strided = false;     // give ports that accept any strides something else than dense rows
  double tolerance = 1e-5;  // relative to the largest result
  bool alike = false;       // of a matmul: equal rows of a and equal columns of b give results of the same bits
  bool unlike = false;  // of a matmul: rows of a are large, small, infinite or no numbers, and each answers for itself
};
// The anchor in f64 from the operands' values.
using Oracle = std::function<Array(std::vector<Array>& operands)>;
// How many random problems a test takes: as usual, or BURNISH_PROBLEMS times as many, beginning with the same.
int problems(int usual);

// Runs every tactic; returns how many there were.
int check_kernel(const Kernel& kernel, Ending ending, int channel_axis, const Oracle& oracle, std::mt19937& random,
                 const Check& check, const std::string& label);

}  // namespace burnish::test
