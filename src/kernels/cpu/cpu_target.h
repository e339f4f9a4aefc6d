#pragma once
// The processor as a target: families for kernels with an anchor, emitted nests for the others.

#include <string_view>
#include <vector>

#include "target/cpu_features.h"
#include "target/target.h"

namespace burnish {

class CpuTarget : public Target {
 public:
  explicit CpuTarget(const CpuFeatures& cpu) : cpu_(cpu) {}
  std::string name() const override { return "cpu " + cpu_.text(); }
  const CpuFeatures& features() const { return cpu_; }
  // What kernels of this target are built around (Problem::family), sorted.
  static std::vector<std::string_view> problems();
  std::vector<Tactic> tactics(const Kernel& kernel, std::string* why_not) const override;
  Result<Emitted> emit(const Kernel& kernel, const Tactic& tactic, std::span<const Storage> storages) const override;
  Result<Tensor> derive(const Kernel& kernel, const Tactic& tactic, std::size_t operand,
                        const Tensor& constant) const override;

 private:
  CpuFeatures cpu_;
};

}  // namespace burnish
