// burnish bench: how fast, with the statistics that users of other engines know.

#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "cli/bench_tool.h"
#include "cli/command.h"
#include "cli/engine.h"
#include "cli/inputs.h"
#include "cli/profile.h"
#include "cli/report.h"
#include "cli/statistics.h"

namespace burnish::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLeastRuns = 10;
constexpr double kUnstable = 0.05;  // deviation over mean from which the numbers deserve a warning
constexpr double kShortRun = 1e-4;  // seconds

struct Options {
  std::string file, vs, batch, html;
  int threads = 0, streams = 1;
  double duration = 3, warmup_ms = 200;
  bool profile = false, ops = false;
  InputFlags inputs;
  BuildFlags build;
};

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Measured {
  std::vector<double> seconds;  // of every run
  double wall = 0;
};

// Each stream runs on its own context; all start together and stop after the duration.
Result<Measured> measure(std::vector<Subject>& streams, const Inputs& inputs, const Options& options) {
  for (Subject& s : streams) {
    const auto start = Clock::now();
    while (since(start) * 1e3 < options.warmup_ms / static_cast<double>(streams.size())) TRY(s.run(inputs.values));
  }
  Measured measured;
  std::mutex mutex;
  std::optional<Error> error;
  std::exception_ptr exception;
  std::atomic<bool> stop = false;
  const std::size_t least = (kLeastRuns + streams.size() - 1) / streams.size();
  const auto start = Clock::now();
  const auto run_on = [&](Subject& subject) {
    std::vector<double> seconds;
    while (!stop && (seconds.size() < least || since(start) < options.duration)) {
      const auto run_start = Clock::now();
      auto result = subject.run(inputs.values);
      seconds.push_back(since(run_start));
      if (result) continue;
      std::lock_guard lock(mutex);
      error = std::move(result).error();
      stop = true;
    }
    std::lock_guard lock(mutex);
    measured.seconds.insert(measured.seconds.end(), seconds.begin(), seconds.end());
  };
  // What one thread throws (memory may run out) ends the others, too.
  const auto work = [&](Subject& subject) {
    try {
      run_on(subject);
    } catch (...) {
      std::lock_guard lock(mutex);
      exception = std::current_exception();
      stop = true;
    }
  };
  {
    std::vector<std::jthread> threads;  // joined here, however this ends
    try {
      for (std::size_t i = 1; i < streams.size(); ++i) threads.emplace_back(work, std::ref(streams[i]));
    } catch (...) {
      stop = true;
      throw;
    }
    work(streams[0]);
  }
  if (exception) std::rethrow_exception(exception);
  measured.wall = since(start);
  if (error) return std::unexpected(*std::move(error));
  return measured;
}

Result<int> bench(Console& console, const Options& options) {
  const int threads = thread_count(options.threads);
  const bool profiled = options.profile || !options.html.empty();
  std::optional<AtomicFile> page;  // refused before minutes are spent
  if (!options.html.empty()) {
    TRY(require_other_file(options.file, options.html));
    page.emplace(TRY(AtomicFile::create(options.html)));
  }
  const auto load_start = Clock::now();
  const Engine engine =
      TRY(load_engine(console, TRY(open(options.file, options.build.require_keys)), options.build, threads));
  std::vector<Subject> streams;
  streams.push_back(TRY(Subject::of(engine.program, threads)));
  const double load = since(load_start) - engine.build_seconds;
  const Inputs inputs = TRY(make_inputs(engine.inputs, options.inputs, engine.opt));
  const auto first_start = Clock::now();
  TRY(streams[0].run(inputs.values));
  const double first = since(first_start);
  for (int i = 1; i < options.streams; ++i) streams.push_back(Subject::with(streams[0].executor(), threads));

  const Measured measured = TRY(measure(streams, inputs, options));
  const Latency latency = latency_of(measured.seconds);
  const int64_t batch = batch_of(inputs.values);
  const double throughput = static_cast<double>(measured.seconds.size()) * static_cast<double>(batch) / measured.wall;
  const StepCounts steps = count_steps(*engine.program);
  const int64_t arena = streams[0].context().arena_bytes() * options.streams;

  // The share of references is always told; a short profile is enough for that.
  std::optional<Profile> times;
  if (profiled) times = TRY(profile(streams[0], inputs.values, options.duration));
  else if (steps.references > 0) times = TRY(profile(streams[0], inputs.values, 0));
  const double node_share = steps.all > 0 ? static_cast<double>(steps.references) / static_cast<double>(steps.all) : 0;
  const double time_share = times ? times->reference_share() : 0;

  console.report = {{"model", std::filesystem::path(options.file).filename().string()},
                    {"file", options.file},
                    {"isa", isa_of(*engine.program)},
                    {"threads", threads},
                    {"streams", options.streams},
                    {"batch", batch},
                    {"symbols", inputs.symbols},
                    {"build_ms", engine.from_plan ? Json(nullptr) : Json(engine.build_seconds * 1e3)},
                    {"load_ms", load * 1e3},
                    {"first_ms", first * 1e3},
                    {"runs", measured.seconds.size()},
                    {"latency_ms", to_json(latency)},
                    {"throughput", throughput},
                    {"arena_bytes", arena},
                    {"weight_bytes", engine.weight_bytes},
                    {"derived_bytes", engine.derived_bytes},
                    {"steps", steps.all},
                    {"reference_steps", steps.references},
                    {"reference_share", {{"steps", node_share}, {"time", time_share}}}};
  if (profiled) {
    const Layers layers = TRY(layers_of(engine, inputs.symbols));
    const Peaks peaks = measure_peaks(*engine.program, threads);
    console.report["machine"] = to_json(peaks);
    console.report["profile"] = to_json(*times, layers, peaks);
    if (options.profile) print(console, *times, layers, peaks);
    if (page) {
      const Trace one = TRY(trace(streams[0], inputs.values));
      console.report["graph"] = graph_json(engine, layers);
      console.report["timeline"] = timeline_json(one, layers, threads);
      console.report["memory"] = memory_json(streams[0].context(), *engine.program);
      console.report["decisions"] = engine.decisions;
      TRY(page->write(page_of(console.report)));
      TRY(page->commit());
    }
  }
  const auto ms = [](double s) { return s * 1e3; };
  console.print("Model:      {}, batch {}\n", options.file, batch);
  console.print("Runs on:    {}, {} thread{}, {} stream{}\n", isa_of(*engine.program), threads, threads == 1 ? "" : "s",
                options.streams, options.streams == 1 ? "" : "s");
  if (!engine.from_plan) console.print("Built in:   {:.1f} ms\n", ms(engine.build_seconds));
  console.print("Loaded in:  {:.1f} ms, first run {:.2f} ms\n", ms(load), ms(first));
  console.print("Memory:     {} of weights, {} derived from them, {} of arena\n", bytes_text(engine.weight_bytes),
                bytes_text(engine.derived_bytes), bytes_text(arena));
  if (steps.references > 0)
    console.print("References: {} of {} steps, {:.1f} % of the time\n", steps.references, steps.all, time_share * 100);
  console.print("Throughput: {:.2f} /s ({} runs in {:.2f} s)\n", throughput, measured.seconds.size(), measured.wall);
  // Three digits, of short runs, too.
  const auto text = [&](double s) {
    return s >= 1e-4 ? fmt::format("{:.3f} ms", s * 1e3) : fmt::format("{:.3g} us", s * 1e6);
  };
  console.print("Latency:    min = {}, max = {}, mean = {}, median = {}\n", text(latency.min), text(latency.max),
                text(latency.mean), text(latency.median));
  console.print("            percentile(90%) = {}, percentile(95%) = {}, percentile(99%) = {}\n", text(latency.p90),
                text(latency.p95), text(latency.p99));
  // A tick of the system's clock is many times a run this short.
  if (latency.median > kShortRun && latency.deviation / latency.mean > kUnstable)
    log(LogLevel::warning,
        fmt::format("the runs differ by {:.0f} % from their mean, as they do when something else uses the processor",
                    latency.deviation / latency.mean * 100));
  return 0;
}

// --vs and --ops: what the benchmark of the checkout is asked. Options that only this program knows are refused there.
Result<std::vector<std::string>> words_for_tool(const Console& console, const CLI::App& app, const Options& options) {
  const std::string mode = options.ops ? "--ops" : "--vs";
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    const bool shared = name == mode || name == "--cpu" || name == "--json" || name == "--quiet" ||
                        name == "--verbose" ||
                        (!options.ops && (name == "file" || name == "--threads" || name == "--batch"));
    if (option->count() > 0 && !shared)
      return usage_error(fmt::format("{} has no meaning beside {}", name, mode), name, "see burnish bench --help");
  }
  std::vector<std::string> words = {mode};
  if (!options.ops) words.push_back(options.vs);
  if (app.get_option("--cpu")->count() > 0) words.insert(words.end(), {"--cpu", options.build.cpu});
  if (console.json && options.ops) words.push_back("--benchmark_format=json");
  if (options.ops) return words;
  words.insert(words.end(), {"--threads", std::to_string(thread_count(options.threads))});
  if (!options.batch.empty()) words.insert(words.end(), {"--batch", options.batch});
  if (console.json) words.insert(words.end(), {"--json", "-"});
  const std::filesystem::path file = options.file;
  if (file.extension() == ".plan")
    return usage_error("other engines do not take a plan", options.file, "give the model, as .onnx");
  std::error_code ignored;
  if (!options.file.empty())
    words.insert(words.end(),
                 {"--", std::filesystem::exists(file, ignored) ? std::filesystem::absolute(file, ignored).string()
                                                               : options.file});
  return words;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "Model or engine; with --vs an .onnx file or the name of a network")
      ->type_name("MODEL|ENGINE");
  add_input_flags(app, options->inputs);
  add_threads(app, options->threads);
  app.add_option("--streams", options->streams, "Runs at the same time, each with its own threads")
      ->check(CLI::Range(1, 256))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--duration", options->duration, "Seconds to measure for, and at least ten runs")
      ->check(CLI::Range(0.0, 1e6))
      ->type_name("S")
      ->capture_default_str();
  app.add_option("--warmup", options->warmup_ms, "Milliseconds before that")
      ->check(CLI::Range(0.0, 1e6))
      ->type_name("MS")
      ->capture_default_str();
  app.add_flag("--profile", options->profile,
               "The time of every layer, its work, and how near it comes to the processor's peaks");
  app.add_option("--html", options->html,
                 "All of that as one page to look at: graph, timeline of a run, memory, what would gain most")
      ->type_name("FILE");
  CLI::Option* vs = app.add_option("--vs", options->vs,
                                   "Beside other engines, installed into build/: ort, openvino, inductor, mnn, ncnn, "
                                   "tensorflow, or all. Needs a checkout")
                        ->type_name("ENGINE,...");
  app.add_option("--batch", options->batch, "With --vs: sizes of the batch")->type_name("N,...")->needs(vs);
  app.add_flag("--ops", options->ops,
               "Each family of kernels over a list of shapes, in fractions of peak. Needs a checkout")
      ->excludes(vs);
  add_engine_flags(app, options->build);
  return [options, &app](Console& console) -> Result<int> {
    if (!options->ops && options->vs.empty()) {
      if (options->file.empty()) return usage_error("file is required", "bench", "see burnish bench --help");
      return bench(console, *options);
    }
    return std::unexpected(become_bench_tool(TRY(words_for_tool(console, app, *options))));
  };
}

}  // namespace

constinit const Command kBench = {"bench", "Measure latency, throughput and memory",
                                  R"(  burnish bench resnet50.plan
  burnish bench resnet50.plan --threads 1 --duration 10 --profile
  burnish bench resnet50.plan --html resnet50.html            where the time goes, as a page
  burnish bench resnet50.onnx --shapes "x=f32[8,3,224,224]"   a batch of 8, built for it
  burnish bench resnet50.plan --streams 2 --threads 1         two runs at a time
  burnish bench resnet50.onnx --vs ort,openvino               beside other engines, by turns
  burnish bench --vs all --batch 1,8                          all networks of the benchmark
  burnish bench --ops                                         kernels, in fractions of peak)",
                                  setup};

}  // namespace burnish::cli
