#include "cli/engine.h"

#include <chrono>

#include <fmt/format.h>

#include "base/log.h"
#include "cli/limits.h"
#include "cli/stages.h"
#include "cli/subject.h"
#include "compile/record.h"

namespace burnish::cli {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void use(Engine& engine, const BuildResult& result) {
  engine.program = result.program;
  engine.simplified = result.simplified;
  engine.decisions = decisions_json(result.decisions);
  engine.layers = result.layers.front();
  engine.weight_bytes = result.weight_bytes;
  engine.derived_bytes = result.derived_bytes;
  engine.timings = result.timings;
}

BuildOptions with_progress(Console& console, BuildOptions options) {
  options.limits = limits();
  options.progress = [&console](std::string_view stage, double fraction) { console.progress(stage, fraction); };
  return options;
}

// A line each; the decisions tell the rest.
void warn_of_slowness(const BuildResult& result, Fallback fallback) {
  if (fallback != Fallback::warn) return;
  if (result.reference_nodes > 0)
    log(LogLevel::warning,
        fmt::format("{} of {} nodes have no kernel and run on references: `burnish explain` lists them",
                    result.reference_nodes, result.nodes));
  const StepCounts steps = count_steps(*result.images.front());
  if (steps.plain > 0)
    log(LogLevel::warning, fmt::format("{} of {} kernels {} {}, which are slow: `burnish check` lists them",
                                       steps.plain, steps.kernels, steps.plain == 1 ? "is" : "are", kPlainLoops));
}

Result<Engine> load_plan(Console& console, const Opened& opened, const BuildFlags& flags, int threads) {
  TRY(refuse_build_flags(flags, opened.path));
  Engine engine;
  engine.path = opened.path;
  engine.from_plan = true;
  const auto start = Clock::now();
  const CpuFeatures host = host_cpu();
  const CpuFeatures cpu = flags.cpu == "host" ? host : TRY(parse_cpu(flags.cpu));
  if (!host.supports(cpu))
    return usage_error(fmt::format("this processor lacks {}", host.missing(cpu)), "--cpu", "choose a lower level");
  auto record = read_record(opened.plan->record());
  if (!record) return std::unexpected(std::move(record).error().within(opened.path));
  engine.weight_bytes = opened.plan->record().empty() ? opened.plan->constant_bytes() : record->weight_bytes;
  engine.derived_bytes = record->derived_bytes;
  engine.opt = record->choices.opt;
  bool fits = opened.plan->images().empty();
  for (const std::string& image : opened.plan->images()) {
    const auto needed = image.empty() ? Result<CpuFeatures>(CpuFeatures()) : parse_cpu(image);
    fits = fits || image.empty() || (needed && cpu.supports(*needed));
  }
  if (fits && !flags.no_code) {
    engine.program = TRY(opened.plan->program(cpu));
    engine.decisions = Json::parse(opened.plan->decisions(), nullptr, false);
    if (!engine.decisions.is_array()) engine.decisions = Json::array();
    engine.layers = opened.plan->layers(cpu);
  } else {
    auto graph = TRY(opened.plan->simplified());
    if (graph == nullptr)
      return refused(fits ? "was saved without its graph"
                          : fmt::format("has no image for {} and no graph to make one from", cpu.text()),
                     opened.path);
    if (!fits)
      log(LogLevel::warning,
          fmt::format("{}: has no image for {}: compiled again for this run", opened.path, cpu.text()));
    BuildOptions options = with_progress(console, {});
    static_cast<BuildChoices&>(options) = std::move(record->choices);
    options.cpu = flags.cpu;
    options.fallback = TRY(parse_fallback(flags.fallback));
    options.threads = threads;
    const BuildResult result = TRY(build(std::move(graph), options));
    console.end_progress();
    warn_of_slowness(result, options.fallback);
    use(engine, result);
  }
  engine.inputs = inputs_of(*engine.program);
  engine.load_seconds = since(start);
  return engine;
}

}  // namespace

std::vector<InputInfo> inputs_of(const Program& program) {
  std::vector<InputInfo> inputs;
  for (std::size_t i = 0; i < program.inputs.size(); ++i)
    inputs.push_back({program.input_names[i], program.slots[static_cast<std::size_t>(program.inputs[i])].type});
  return inputs;
}

Result<Built> build_model(Console& console, Opened opened, const BuildFlags& flags, int threads) {
  const auto start = Clock::now();
  Built built;
  BuildOptions options = with_progress(console, TRY(to_options(flags)));
  options.threads = threads;
  auto graph = TRY(shaped_graph(std::move(opened), flags, &options.opt));
  built.result = TRY(build(std::move(graph), options));
  console.end_progress();
  warn_of_slowness(built.result, options.fallback);
  built.seconds = since(start);
  return built;
}

Status save_engine(const Built& built, const std::string& path, const SecretKey* key) {
  std::vector<const Program*> programs;
  for (const auto& image : built.result.images) programs.push_back(image.get());
  PlanMetadata metadata = plan_metadata(built.result);
  metadata.key = key;
  return save_plan(programs, metadata, path);
}

Result<Engine> load_engine(Console& console, Opened opened, const BuildFlags& flags, int threads) {
  if (opened.engine()) return load_plan(console, opened, flags, threads);
  TRY(refuse_engine_flags(flags, opened.path));
  Engine engine;
  engine.path = opened.path;
  if (flags.cpu == "portable" || flags.cpu.find(',') != std::string::npos)
    return usage_error(fmt::format("'{}' names several processors, and this one runs the model", flags.cpu), "--cpu");
  const CpuFeatures host = host_cpu();
  if (const CpuFeatures cpu = TRY(parse_cpu(flags.cpu)); !host.supports(cpu))
    return usage_error(fmt::format("this processor lacks {}", host.missing(cpu)), "--cpu",
                       "code for it can be built, but not run here");
  const Built built = TRY(build_model(console, std::move(opened), flags, threads));
  use(engine, built.result);
  engine.opt = built.result.choices.opt;
  engine.build_seconds = built.seconds;
  engine.inputs = inputs_of(*engine.program);
  return engine;
}

}  // namespace burnish::cli
