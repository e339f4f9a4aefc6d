#include "kernels/cpu/cpu_target.h"

#include <algorithm>

#include <fmt/format.h>

#include "kernels/cpu/expand.h"
#include "kernels/cpu/family.h"

namespace burnish {
namespace {

const Family* const kFamilies[] = {&kDepthwise,       &kSeparable, &kConvolution, &kWinograd,   &kMatmul,
                                   &kMatmulAny,       &kPooling,   &kAttention,   &kCumulative, &kNests,
                                   &kScatterElements, &kScatterNd, &kArgSort};

}  // namespace

std::vector<std::string_view> CpuTarget::problems() {
  std::vector<std::string_view> all;
  for (const Family* family : kFamilies)
    if (!family->problem.empty()) all.push_back(family->problem);  // nests have none
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

std::vector<Tactic> CpuTarget::tactics(const Kernel& kernel, std::string* why_not) const {
  std::vector<Tactic> all;
  std::string reasons;
  const std::string_view problem = kernel.anchor ? std::string_view(kernel.anchor->family) : std::string_view();
  for (const Family* family : kFamilies) {
    if (family->problem != problem) continue;
    std::vector<Tactic> found;
    std::string reason;
    family->tactics(cpu_, kernel, found, reason);
    for (Tactic& tactic : found) {
      tactic.parameters["family"] = std::string(family->name);
      all.push_back(std::move(tactic));
    }
    if (!reason.empty()) reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", family->name, reason);
  }
  std::stable_sort(all.begin(), all.end(), [](const Tactic& a, const Tactic& b) { return a.seconds < b.seconds; });
  // Loops only where no family runs the problem, not even alone: else what cannot be fused with it would be fused.
  const auto others = [&] {
    const Kernel bare = bare_kernel(*kernel.anchor);
    std::vector<Tactic> found;
    std::string reason;
    for (const Family* family : kFamilies)
      if (family->problem == problem) family->tactics(cpu_, bare, found, reason);
    return !found.empty();
  };
  if (all.empty() && kernel.anchor && !others()) {
    std::string reason;
    kSpelledOut.tactics(cpu_, kernel, all, reason);
    for (Tactic& tactic : all) {
      tactic.parameters["family"] = std::string(kSpelledOut.name);
      tactic.why = reasons;
    }
    if (!reason.empty()) reasons += fmt::format("; as loops: {}", reason);
  }
  if (reasons.empty()) reasons = fmt::format("no family of {} solves '{}'", name(), problem);
  if (all.empty() && why_not) *why_not = reasons;
  return all;
}

Result<Emitted> CpuTarget::emit(const Kernel& kernel, const Tactic& tactic, std::span<const Storage> storages) const {
  if (storages.size() != kernel.operand_count())
    return internal_error(fmt::format("{} storages for {} operands", storages.size(), kernel.operand_count()),
                          tactic.name);
  for (std::size_t i = 0; i < storages.size(); ++i)
    if (tactic.ports[i].derived_bytes == 0 && storages[i].strides.size() != kernel.operand_type(i).dims.size())
      return internal_error(fmt::format("operand {} has {} strides and {} dims", i, storages[i].strides.size(),
                                        kernel.operand_type(i).dims.size()),
                            tactic.name);
  const auto wanted = string(tactic.parameters, "family");
  if (wanted == kSpelledOut.name) return kSpelledOut.emit(cpu_, kernel, tactic, storages);
  for (const Family* family : kFamilies)
    if (family->name == wanted) return family->emit(cpu_, kernel, tactic, storages);
  return internal_error(fmt::format("tactic {} belongs to no family", tactic.name));
}

Result<Tensor> CpuTarget::derive(const Kernel& kernel, const Tactic& tactic, std::size_t operand,
                                 const Tensor& constant) const {
  const auto wanted = string(tactic.parameters, "family");
  for (const Family* family : kFamilies)
    if (family->name == wanted && family->derive != nullptr) return family->derive(kernel, tactic, operand, constant);
  return internal_error(fmt::format("tactic {} derives nothing", tactic.name));
}

}  // namespace burnish
