// Kernels without an anchor: emitted loops.

#include "codegen/cpu/nest_emit.h"
#include "kernels/cpu/family.h"

namespace burnish {
namespace {

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  for (Tactic& tactic : nest_tactics(kernel, cpu, &why_not)) found.push_back(std::move(tactic));
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  return emit_nest(kernel, tactic, storages, cpu);
}

}  // namespace

const Family kNests = {"nest", "", tactics, emit};

}  // namespace burnish
