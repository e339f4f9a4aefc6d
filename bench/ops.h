#pragma once
// ./dev bench --ops: kernels alone, on one core, each beside the limit that it could reach.

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/cpu_target.h"
#include "tests/support/mapped_code.h"

namespace burnish::ops_bench {

// A kernel with its code and operands, ready to run.
class Runnable {
 public:
  // `formats` of the operands; empty: those of the tactic's ports.
  static Result<std::unique_ptr<Runnable>> make(const CpuTarget& target, const Kernel& kernel, const Tactic& tactic,
                                                std::vector<Format> formats = {});
  void run() const;
  double bytes() const { return bytes_; }  // of all operands
  double compile_seconds() const { return compile_seconds_; }
  std::size_t code_bytes() const { return code_bytes_; }

 private:
  using Memory = std::unique_ptr<void, decltype(&std::free)>;
  std::vector<Memory> memory_;
  std::vector<void*> pointers_;
  std::unique_ptr<MappedCode> code_;
  int64_t tasks_ = 0, grain_ = 1;
  double bytes_ = 0, compile_seconds_ = 0;
  std::size_t code_bytes_ = 0;
};

// Bytes a second of a copy that reads half of so many and writes the other half.
double copy_rate(double bytes);

// Register their cases with Google Benchmark, named FAMILY/CASE/TACTIC. `all`: every tactic, not the first alone.
// `peak`: multiply-adds a second of one core.
void register_problems(const CpuTarget& target, double peak, bool all);
void register_nests(const CpuTarget& target);

}  // namespace burnish::ops_bench
