#include "codegen/cpu/nest_emit.h"

#include <algorithm>

#include <fmt/format.h>

#include "codegen/cpu/nest_loops.h"

namespace burnish {
namespace {

// Instructions and bytes a second of one core, for estimates.
constexpr double kVectorsPerSecond = 4e9, kBytesPerSecond = 12e9;

double estimate(const Nest& nest, const CpuFeatures& cpu, std::string& why) {
  auto count = [](const Dims& dims) {
    double n = 1;
    for (const Dim& d : dims) n *= static_cast<double>(likely(d));
    return n;
  };
  double bytes = 0;
  for (const auto& o : nest.operands) bytes += count(o.type.dims) * static_cast<double>(byte_size(o.type.dtype));
  double outer = 1;
  for (int a : nest.outer) outer *= static_cast<double>(likely(nest.axes[static_cast<std::size_t>(a)].extent));
  double vectors = 0;
  for (const auto& s : nest.statements) {
    double positions = outer;
    for (int a : s.axes) positions *= static_cast<double>(likely(nest.axes[static_cast<std::size_t>(a)].extent));
    double cost = 1;
    std::vector<bool> seen(static_cast<std::size_t>(s.expression) + 1);
    seen.back() = true;
    for (std::size_t i = seen.size(); i-- > 0;) {
      if (!seen[i]) continue;
      const auto& e = nest.expressions[i];
      for (int a : e.arguments) seen[static_cast<std::size_t>(a)] = true;
      if (e.kind == ScalarExpression::Kind::apply) cost += static_cast<double>(info(e.function).cost);
      if (e.kind == ScalarExpression::Kind::load || e.kind == ScalarExpression::Kind::cast) cost += 1;
    }
    vectors += positions * cost / (cpu.vector_bytes() / 4.0);
  }
  const double compute = vectors / kVectorsPerSecond, memory = bytes / kBytesPerSecond;
  why = fmt::format("{:.3g} us of instructions, {:.3g} us of memory traffic", compute * 1e6, memory * 1e6);
  return std::max(compute, memory);
}

std::string reason_against(const Kernel& kernel) {
  if (kernel.anchor) return "a nest has no code for " + kernel.anchor->family;
  for (const auto& s : kernel.nest.statements)
    for (const Index& index : s.index)
      if (index.expression >= 0) return "stores to computed places run one after the other";
  for (const auto& o : kernel.nest.operands)
    if (!Expressions::supports(o.type.dtype)) return fmt::format("no code for {}", name(o.type.dtype));
  return Expressions::why_not(kernel.nest);
}

}  // namespace

std::vector<Tactic> nest_tactics(const Kernel& kernel, const CpuFeatures& cpu, std::string* why_not) {
  if (std::string reason = reason_against(kernel); !reason.empty()) {
    if (why_not) *why_not = reason;
    return {};
  }
  Tactic tactic;
  tactic.name = "nest";
  for (const auto& o : kernel.nest.operands) tactic.ports.push_back({Format::plain(o.type.dtype, o.type.rank()), true});
  tactic.seconds = estimate(kernel.nest, cpu, tactic.why);
  return {tactic};
}

Result<Emitted> emit_nest(const Kernel& kernel, const Tactic& tactic, std::span<const Storage> storages,
                          const CpuFeatures& cpu, const JitOptions& options) {
  if (std::string reason = reason_against(kernel); !reason.empty())
    return internal_error(reason, "tactic " + tactic.name);
  TRY(verify(kernel.nest));
  std::vector<LoopForm> forms;
  forms.push_back(TRY(loop_form(kernel.nest, storages)));
  for (std::size_t i = 0; i < kernel.nest.operands.size(); ++i) {
    if (!kernel.nest.operands[i].output) continue;
    for (LoopForm& form : fill_forms(kernel.nest.operands[i], static_cast<int>(i), storages[i]))
      forms.push_back(std::move(form));
  }

  KernelModule module(cpu);
  KernelFrame frame(module);
  Expressions expressions(frame);
  auto& b = frame.builder();
  Dim start = 0, grain = 1, scratch = 0;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const LoopPlan plan = plan_loops(forms[i], cpu);
    const Dim end = start + plan.task_count;
    llvm::Value* first = frame.first();
    llvm::Value* last = frame.last();
    if (forms.size() > 1) {
      // This form's share of the tasks, counted from its own first one.
      llvm::Value* from = frame.size(start);
      llvm::Value* to = frame.size(end);
      first = b.CreateSub(b.CreateSelect(b.CreateICmpSGT(first, from), first, from), from);
      last = b.CreateSub(b.CreateSelect(b.CreateICmpSLT(last, to), last, to), from);
    }
    NestLoops(frame, expressions, forms[i], plan, static_cast<int>(kernel.nest.operands.size())).run(first, last);
    start = end;
    if (i == 0) grain = plan.grain, scratch = plan.scratch_bytes;
  }
  Emitted emitted = TRY(frame.finish(options));
  emitted.tasks = start;
  emitted.grain = grain;
  emitted.scratch_bytes = scratch;
  return emitted;
}

}  // namespace burnish
