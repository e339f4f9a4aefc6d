#pragma once
// The families of the processor: ways to run a problem, and their code. Each file of this folder defines some.

#include <span>
#include <string>
#include <vector>

#include "loop/kernel.h"
#include "target/cpu_features.h"
#include "target/target.h"

namespace burnish {

struct Family {
  std::string_view name;     // of the family of tactics
  std::string_view problem;  // Problem::family
  // Appends ways to run the kernel; where there are none, says why.
  void (*tactics)(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not);
  Result<Emitted> (*emit)(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                          std::span<const Storage> storages);
  // Of operands whose port has derived bytes (Target::derive); null where no tactic has such.
  Result<Tensor> (*derive)(const Kernel& kernel, const Tactic& tactic, std::size_t operand,
                           const Tensor& constant) = nullptr;
};

extern const Family kConvolution, kWinograd, kDepthwise, kSeparable, kMatmul, kMatmulAny, kPooling, kAttention,
    kCumulative, kNests;
extern const Family kScatterElements, kScatterNd, kArgSort;
// Any problem as plain loops, for those that no other family has code for.
extern const Family kSpelledOut;

int64_t integer(const AttributeMap& attributes, std::string_view name, int64_t otherwise);
double real(const AttributeMap& attributes, std::string_view name, double otherwise);
std::vector<int64_t> integers(const AttributeMap& attributes, std::string_view name);
std::string_view string(const AttributeMap& attributes, std::string_view name);

// Clocks become seconds: estimates are compared with each other only, so one frequency does for every processor.
inline double seconds_of(double cycles) { return cycles / 3.2e9; }

// The stride of an operand's dim in loops over the whole: 0 where it is 1 and repeats, which perhaps only a run can tell.
Dim broadcast_stride(const Dim& own, const Dim& whole, const Dim& stride);

// The geometry that convolution, depthwise and pool share.
struct Window {
  std::vector<int64_t> kernel, strides, dilations, begins, ends;
  std::size_t rank() const { return kernel.size(); }
  int64_t taps() const;
  bool padded(std::size_t d) const { return begins[d] != 0 || ends[d] != 0; }
};
Result<Window> window_of(const Problem& problem);

// Ports for the nest's operands of a kernel whose results are vectors along `axis` (the innermost in `like`): those of the
// result's rank lie like the result, others are plain.
std::vector<Tactic::Port> nest_ports(const Kernel& kernel, const Format& like);

}  // namespace burnish
