#include "codegen/cuda/print.h"

#include <fmt/format.h>

#include "codegen/cuda/expression.h"
#include "codegen/cuda/loops.h"

namespace burnish {
namespace {

class KernelPrinter {
 public:
  KernelPrinter(const Nest& nest, std::span<const Storage> storages) : nest_(nest) {
    for (const Storage& s : storages) offsets_.push_back(s.offset);
  }

  // The form's functions, from what presumes most to what presumes nothing.
  void add(const LoopForm& form, const std::string& name) {
    constexpr CudaPresumption kLevels[] = {{true, true, true}, {true, true, false}, {true, false, false}, {}};
    CudaLaunch parts, whole;
    auto& choices = whole.choices;
    for (const CudaPresumption& presumed : kLevels) {
      const CudaPlan plan = plan_cuda(form, offsets_, presumed);
      // The same text again, or one for sizes that the last one takes, too.
      if (!choices.empty() && choices.back().conditions == plan.conditions) continue;
      const std::string suffix = choices.empty() ? "" : fmt::format("_{}", choices.size());
      if (plan.parts > 1) {
        parts.choices.push_back(function(form, plan, name + "_parts" + suffix));
        choices.push_back(function(form, second_plan(form, plan), name + suffix));
        Dim items = plan.parts;
        for (int a : plan.items) items *= form.axes[static_cast<std::size_t>(a)].extent;
        scratch_bytes_ = items * Dim(8 * static_cast<int64_t>(plan.groups[0].statements.size()));
      } else {
        choices.push_back(function(form, plan, name + suffix));
      }
      if (plan.conditions.empty()) break;
    }
    if (!parts.choices.empty()) launches_.push_back(std::move(parts));
    launches_.push_back(std::move(whole));
  }

  // Parameters are known once all is printed.
  CudaKernel finish() {
    std::string parameters;
    for (std::size_t i = 0; i < nest_.operands.size(); ++i) {
      const auto& operand = nest_.operands[i];
      parameters +=
          fmt::format("{}{}* __restrict__ p{}, ", operand.output ? "" : "const ", memory_type(operand.type.dtype), i);
    }
    parameters += "Failure* failure, unsigned char* scratch";
    for (std::size_t i = 0; i < text_.sizes().size(); ++i) parameters += fmt::format(", long long n{}", i);
    CudaKernel kernel;
    for (const Function& f : functions_) {
      kernel.text +=
          fmt::format("extern \"C\" __global__ void __launch_bounds__({}) {}({}) {{\n", f.threads, f.name, parameters);
      for (int n : f.narrow) kernel.text += fmt::format("  const int m{} = (int)n{};\n", n, n);
      if (f.place_bytes > 0)
        kernel.text += fmt::format("  __shared__ alignas(16) unsigned char place[{}];\n", f.place_bytes);
      kernel.text += f.body + "}\n";
    }
    kernel.launches = std::move(launches_);
    kernel.integers = text_.sizes();
    kernel.scratch_bytes = scratch_bytes_;
    return kernel;
  }

 private:
  CudaFunction function(const LoopForm& form, const CudaPlan& plan, const std::string& name) {
    text_.begin(plan.wide);
    CudaLoops loops(form, plan, offsets_, text_);
    loops.run();
    functions_.push_back({name, plan.threads, loops.place_bytes(), text_.narrow(), text_.take()});
    return {name, loops.blocks(), plan.threads, plan.conditions};
  }

  struct Function {
    std::string name;
    int threads;
    int place_bytes;
    std::vector<int> narrow;
    std::string body;
  };
  const Nest& nest_;
  std::vector<Dim> offsets_;
  CudaText text_;
  std::vector<Function> functions_;
  std::vector<CudaLaunch> launches_;
  Dim scratch_bytes_ = 0;
};

}  // namespace

std::string cuda_why_not(const Kernel& kernel) {
  if (kernel.anchor) return "a nest has no code for " + kernel.anchor->family;
  for (const auto& s : kernel.nest.statements)
    for (const Index& index : s.index)
      if (index.expression >= 0) return "stores to computed places run one after the other";
  for (const auto& o : kernel.nest.operands)
    if (!cuda_supports(o.type.dtype)) return fmt::format("no code for {}", burnish::name(o.type.dtype));
  return cuda_why_not(kernel.nest);
}

Result<CudaKernel> print_cuda(const Kernel& kernel, std::span<const Storage> storages, const std::string& name) {
  if (std::string reason = cuda_why_not(kernel); !reason.empty()) return refused(reason, "CUDA");
  TRY(verify(kernel.nest));
  KernelPrinter printer(kernel.nest, storages);
  printer.add(TRY(loop_form(kernel.nest, storages)), name);
  int fills = 0;
  for (std::size_t i = 0; i < kernel.nest.operands.size(); ++i) {
    if (!kernel.nest.operands[i].output) continue;
    for (const LoopForm& form : fill_forms(kernel.nest.operands[i], static_cast<int>(i), storages[i]))
      printer.add(form, fmt::format("{}_fill{}", name, fills++));
  }
  return printer.finish();
}

Result<const CudaFunction*> choose(const CudaLaunch& launch, const SymbolTable& symbols) {
  for (const CudaFunction& function : launch.choices) {
    bool fine = true;
    for (const CudaCondition& c : function.conditions) {
      const int64_t size = TRY(evaluate(c.dim, symbols));
      fine = fine && size <= c.most && size % c.multiple == 0;
    }
    if (fine) return &function;
  }
  return internal_error("no function of a kernel takes these sizes", "CUDA");
}

}  // namespace burnish
