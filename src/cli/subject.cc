#include "cli/subject.h"

namespace burnish::cli {

Result<Subject> Subject::of(std::shared_ptr<const Program> program, int threads) {
  return with(TRY(Executor::create(std::move(program))), threads);
}

Subject Subject::with(std::shared_ptr<const Executor> executor, int threads) {
  Subject subject;
  subject.executor_ = std::move(executor);
  if (threads > 1) subject.pool_ = std::make_unique<ThreadPool>(threads);
  subject.context_ = std::make_unique<Context>(subject.executor_, subject.pool_.get());
  return subject;
}

Result<Subject> Subject::references(std::shared_ptr<const Graph> graph) {
  return of(TRY(reference_program(std::move(graph))), 1);
}

std::string isa_of(const Program& program) { return program.cpu.empty() ? "any" : program.cpu; }

StepCounts count_steps(const Program& program) {
  StepCounts counts;
  const std::vector<KernelCode>& code = program.kernels;
  for (const Step& step : program.steps) {
    ++counts.all;
    counts.kernels += step.kind == Step::Kind::kernel;
    counts.references += step.kind == Step::Kind::reference;
    counts.plain +=
        step.kind == Step::Kind::kernel && code[static_cast<std::size_t>(step.code)].name.starts_with(kPlainLoops);
  }
  for (const auto& body : program.bodies) {
    const StepCounts inner = count_steps(*body);
    counts.all += inner.all;
    counts.kernels += inner.kernels;
    counts.references += inner.references;
    counts.plain += inner.plain;
  }
  return counts;
}

}  // namespace burnish::cli
