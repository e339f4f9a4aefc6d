#include "compile/build.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.h"
#include "base/remedy.h"
#include "compile/emit.h"
#include "compile/layers.h"
#include "compile/pipeline.h"
#include "compile/reference_graph.h"
#include "compile/shapes.h"
#include "kernels/cpu/cpu_target.h"
#include "ops/operator.h"
#include "schedule/fuse.h"
#include "schedule/place.h"
#include "schedule/select.h"
#include "schedule/timing_cache.h"
#include "schedule/tune.h"

namespace burnish {
namespace {

constexpr int kMaxBodies = 60;

Result<std::vector<CpuFeatures>> parse_cpus(std::string_view list) {
  std::vector<CpuFeatures> cpus;
  const auto add = [&](const CpuFeatures& cpu) {
    if (std::ranges::none_of(cpus, [&](const CpuFeatures& c) { return c.text() == cpu.text(); })) cpus.push_back(cpu);
  };
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    if (name == "portable")
      for (const char* level : {"x86-64-v3", "x86-64-v4"}) add(TRY(parse_cpu(level)));
    else add(TRY(parse_cpu(name)));
    if (comma == std::string_view::npos) return cpus;
    list.remove_prefix(comma + 1);
  }
}

// A name that is no family would force nothing.
Status check_forced(const BuildChoices& choices) {
  const std::vector<std::string_view> known = CpuTarget::problems();
  for (const auto& [family, tactic] : choices.forced)
    if (!std::ranges::binary_search(known, family))
      return usage_error(fmt::format("there is no family '{}'", family), "--force",
                         fmt::format("choose one of: {}", fmt::join(known, ", ")));
  return {};
}

class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(start_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// One program, for one processor level.
class ImageBuilder {
 public:
  ImageBuilder(const Graph& graph, const CpuFeatures& cpu, const BuildOptions& options, ThreadPool& pool,
               TimingCache& times)
      : graph_(graph),
        target_(cpu),
        options_(options),
        pool_(pool),
        times_(times),
        references_(graph),
        layers_(graph) {}

  Result<std::shared_ptr<const Program>> run(BuildResult& result) {
    std::unique_ptr<Program> root = TRY(schedule(graph_, {}, 0));
    result.timings.push_back({"schedule", watch_.lap() - tuning_seconds_, true});
    if (options_.mode == BuildMode::max_autotune) result.timings.push_back({"tune", tuning_seconds_, timed_ > 0});
    if (options_.fallback == Fallback::error && !references_missing_.empty())
      return refused("some layers have no kernel: " + references_missing_, {},
                     "allow reference steps with the fallback 'warn' or 'allow'");
    EmitOptions emission;
    emission.target = &target_;
    emission.pool = &pool_;
    emission.cache = options_.code_cache.get();
    emission.cancelled = options_.cancelled;
    if (options_.progress) emission.progress = [&](double done) { options_.progress("emit", done); };
    TRY(emit(jobs_, *root, emission));
    result.timings.push_back({"emit", watch_.lap(), true});
    if (!root->code.empty()) root->cpu = target_.features().text();
    const std::shared_ptr<const Graph> references = references_.take();
    give_graph(*root, references);
    TRY(verify(*root));
    result.layers.push_back(layers_.text(*root));
    if (result.images.empty()) {
      result.weight_bytes = weight_bytes_;
      result.derived_bytes = derived_bytes_;
      result.nodes = nodes_;
      result.kernels = static_cast<int64_t>(jobs_.size());
      result.reference_nodes = reference_nodes_;
      for (ScheduleNote& n : notes_) result.decisions.push_back({n.id, n.node, n.what, n.why, n.remedy});
    }
    return std::shared_ptr<const Program>(std::move(root));
  }

 private:
  bool enabled(std::string_view name) const {
    return std::ranges::find(options_.disabled, name) == options_.disabled.end();
  }

  Result<std::unique_ptr<Program>> schedule(const Graph& graph, const SymbolSet& outer, int depth) {
    if (depth > kMaxBodies) return refused(fmt::format("control flow nests more than {} deep", kMaxBodies));
    FuseOptions fusing;
    fusing.target = &target_;
    fusing.early = early_symbols(graph, outer);
    fusing.epilogues = enabled("fuse.epilogues");
    fusing.prologues = enabled("fuse.prologues");
    std::vector<Unit> units = TRY(fuse(graph, fusing, notes_));
    for (const Unit& unit : units) {
      nodes_ += static_cast<int64_t>(unit.nodes.size());
      if (unit.kind != Unit::Kind::reference) continue;
      ++reference_nodes_;
      if (reference_nodes_ <= 5) references_missing_ += (references_missing_.empty() ? "" : ", ") + unit.name;
    }
    const SelectOptions selecting{fusing.early, options_.forced, options_.exact, options_.derived_limit};
    if (depth == 0) TRY(check_forced(units, selecting));
    TRY(measure(units, selecting));
    const Selection selection = TRY(select(graph, units, selecting, notes_));
    PlaceOptions placing;
    placing.early = fusing.early;
    placing.target = &target_;
    placing.in_place = enabled("place.in_place");
    placing.join_concats = enabled("place.concats");
    placing.body = [&](const Graph& region, const SymbolSet& symbols) { return schedule(region, symbols, depth + 1); };
    placing.reference_number = [&](const Node& node) { return references_.add(node); };
    Placed placed = TRY(place(graph, units, selection, placing, notes_));
    layers_.add(units, selecting, placed);
    for (KernelJob& job : placed.jobs) jobs_.push_back(std::move(job));
    weight_bytes_ += placed.weight_bytes;
    derived_bytes_ += placed.derived_bytes;
    return std::move(placed.program);
  }

  Status measure(std::vector<Unit>& units, const SelectOptions& selecting) {
    if (options_.mode != BuildMode::max_autotune) return {};
    if (!host_cpu().supports(target_.features())) {
      notes_.push_back({"select.untimed", "", "tactics for " + target_.features().text() + " were chosen by estimate",
                        "this processor cannot run them", "build on such a machine"});
      return {};
    }
    TuneOptions tuning;
    tuning.target = &target_;
    tuning.pool = &pool_;
    tuning.processor =
        fmt::format("{}, code for {}, {} threads", host_model(), target_.features().text(), pool_.threads());
    tuning.cache = &times_;
    tuning.cancelled = options_.cancelled;
    if (options_.progress) tuning.progress = [&](double done) { options_.progress("tune", done); };
    Stopwatch watch;
    const int runs = TRY(tune(units, selecting, tuning));
    timed_ += runs;
    tuning_seconds_ += watch.lap();
    return {};
  }

  static void give_graph(Program& program, const std::shared_ptr<const Graph>& graph) {
    program.graph = graph;
    for (const auto& body : program.bodies) give_graph(*body, graph);
  }

  const Graph& graph_;
  CpuTarget target_;
  const BuildOptions& options_;
  ThreadPool& pool_;
  TimingCache& times_;
  ReferenceGraph references_;
  LayerRecords layers_;
  std::vector<KernelJob> jobs_;
  std::vector<ScheduleNote> notes_;
  std::string references_missing_;
  int64_t nodes_ = 0, reference_nodes_ = 0, weight_bytes_ = 0, derived_bytes_ = 0;
  int timed_ = 0;
  double tuning_seconds_ = 0;
  Stopwatch watch_;
};

}  // namespace

bool keep_whole(const Node& node) {
  const Operator* definition = node.definition();
  if (definition == nullptr || definition->lower == nullptr) return false;
  for (const Value* operand : node.operands())
    if (operand != nullptr && !operand->type().is_ranked_tensor()) return false;
  LowerContext context(node);
  const auto kernel = definition->lower(context);
  static const CpuTarget target{CpuFeatures{}};
  return kernel.has_value() && !target.tactics(*kernel, nullptr).empty();
}

namespace {

Result<BuildResult> build_graph(std::unique_ptr<Graph> graph, const BuildOptions& options) {
  const std::vector<CpuFeatures> cpus = TRY(parse_cpus(options.cpu));
  PassRunner runner = TRY(make_pass_runner(options, keep_whole));
  TRY(check_forced(options));
  const auto report = [&](std::string_view stage, double done) {
    if (options.progress) options.progress(stage, done);
  };
  BuildResult result;
  result.choices = options;
  report("simplify", 0);
  ops::bind_operators(*graph);
  TRY(ops::verify(*graph));
  TRY(apply_shapes(*graph, options.shapes));
  TRY(simplify(*graph, runner));
  result.simplified = graph->clone();
  report("decompose", 0);
  TRY(decompose(*graph, runner));
  TRY(bind_late(*graph, runner));
  expect_sizes(*graph, options.opt);
  for (const PassRunner::Timing& t : runner.timings()) result.timings.push_back({t.pass, t.seconds, t.changed});

  report("emit", 0);
  ThreadPool pool(options.threads > 0 ? options.threads : available_processors());
  TimingCache times;
  if (!options.timing_cache.empty()) {
    times = TRY(TimingCache::load(options.timing_cache));
    TRY(TimingCache::writable(options.timing_cache));
  }
  for (const CpuFeatures& cpu : cpus)
    result.images.push_back(TRY(ImageBuilder(*graph, cpu, options, pool, times).run(result)));
  if (times.changed() && !options.timing_cache.empty()) {
    // The engine is there: it is not thrown away because its times cannot be kept.
    if (const Status saved = times.save(options.timing_cache); !saved)
      log(LogLevel::warning, "the timing cache was not written: " + saved.error().message());
  }
  result.program = result.images.front();
  report("emit", 1);
  return result;
}

}  // namespace

Result<BuildResult> build(std::unique_ptr<Graph> graph, const BuildOptions& options) {
  return advise(build_graph(std::move(graph), options), "the model cannot be compiled as it is: correct it there",
                "the model");
}

}  // namespace burnish
