// Kernels without an anchor: emitted loops. And those with one that no family has code for, spelled out as loops.

#include "codegen/cpu/nest_emit.h"
#include "kernels/cpu/expand.h"
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

void spelled_tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  auto expanded = expand_anchor(kernel);
  if (!expanded) {
    why_not = expanded.error().what;
    return;
  }
  tactics(cpu, *expanded, found, why_not);
  for (Tactic& tactic : found) tactic.name = "spelled out";
}

Result<Emitted> emit_spelled(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                             std::span<const Storage> storages) {
  return emit_nest(TRY(expand_anchor(kernel)), tactic, storages, cpu);
}

}  // namespace

const Family kSpelledOut = {"spelled out", "", spelled_tactics, emit_spelled};

const Family kNests = {"nest", "", tactics, emit};

}  // namespace burnish
