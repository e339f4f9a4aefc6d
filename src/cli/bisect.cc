// burnish bisect: which pass makes an engine differ?

#include <algorithm>

#include "cli/command.h"
#include "cli/comparison.h"
#include "cli/engine.h"
#include "cli/inputs.h"
#include "cli/stages.h"
#include "cli/subject.h"
#include "compile/code_cache.h"
#include "compile/pipeline.h"

namespace burnish::cli {
namespace {

struct Options {
  std::string model, against;
  int threads = 0;
  Tolerance tolerance;
  InputFlags inputs;
  BuildFlags build;
};

// Builds the model in one way or another and compares each with the references.
class Bisection {
 public:
  Bisection(Console& console, const Options& options) : console_(console), options_(options) {}

  Status start() {
    model_ = TRY(shaped_graph(TRY(open_model(options_.model)), options_.build, &opt_));
    Subject references = TRY(Subject::references(model_));
    inputs_ = TRY(make_inputs(inputs_of(references.program()), options_.inputs, opt_));
    names_ = references.program().output_names;
    expected_ = TRY(references.run(inputs_.values));
    return {};
  }

  // With the first `count` executions of optional passes only (all when negative), and without the passes named.
  Result<bool> differs(int count, const std::vector<std::string>& disabled = {}) {
    BuildOptions options = TRY(to_options(options_.build));
    options.threads = options_.threads;
    options.stop_after_passes = count;
    options.print_after.clear();
    options.code_cache = code_;
    options.disabled.insert(options.disabled.end(), disabled.begin(), disabled.end());
    console_.progress(fmt::format("build {}", ++builds_), 0);
    const BuildResult result = TRY(build(model_->clone(), options));
    executed_.clear();
    for (const auto& t : result.timings)
      for (const PassRow& pass : pass_table())
        if (!pass.required && pass.full_name() == t.pass) executed_.push_back(t.pass);
    Subject subject = TRY(Subject::of(result.program, thread_count(options_.threads)));
    const auto actual = TRY(subject.run(inputs_.values));
    last_ = compare(names_, actual, expected_, options_.tolerance);
    return !last_.equal();
  }

  // Optional passes in the order in which the last build ran them.
  const std::vector<std::string>& executed() const { return executed_; }
  const Comparison& last() const { return last_; }
  int builds() const { return builds_; }

 private:
  Console& console_;
  const Options& options_;
  std::shared_ptr<const Graph> model_;
  SymbolTable opt_;
  Inputs inputs_;
  std::vector<std::string> names_;
  std::vector<RuntimeValue> expected_;
  std::vector<std::string> executed_;
  Comparison last_;
  std::shared_ptr<CodeCache> code_ = std::make_shared<CodeCache>();
  int builds_ = 0;
};

struct Culprit {
  std::string name;  // of the pass or step; empty: none that can be switched off
  int execution = 0;
};

Result<Culprit> search(Bisection& bisection, int executions) {
  if (TRY(bisection.differs(0))) {
    for (const std::string_view step : scheduling_steps())
      if (!TRY(bisection.differs(0, {std::string(step)}))) return Culprit{.name = std::string(step)};
    return Culprit{};
  }
  int good = 0, bad = executions;
  while (bad - good > 1) {
    const int middle = good + (bad - good) / 2;
    (TRY(bisection.differs(middle)) ? bad : good) = middle;
  }
  TRY(bisection.differs(bad));
  const auto& executed = bisection.executed();
  const auto index = static_cast<std::size_t>(bad) - 1;
  return Culprit{.name = index < executed.size() ? executed[index] : "", .execution = bad};
}

Result<int> bisect(Console& console, const Options& options) {
  if (options.against != "references")
    return usage_error("only references can be compared with here", "--against " + options.against);
  Bisection bisection(console, options);
  TRY(bisection.start());
  const bool differ = TRY(bisection.differs(-1));
  const int executions = static_cast<int>(bisection.executed().size());
  const Comparison all = bisection.last();
  console.report = {{"model", options.model},
                    {"against", options.against},
                    {"differ", differ},
                    {"executions", executions},
                    {"outputs", to_json(all)}};
  if (!differ) {
    console.end_progress();
    print(console, all);
    console.print("the engine gives what the references give\n");
    return 0;
  }
  const Culprit culprit = TRY(search(bisection, executions));
  console.end_progress();
  console.report["pass"] = culprit.name.empty() ? Json(nullptr) : Json(culprit.name);
  console.report["execution"] = culprit.execution;
  console.report["builds"] = bisection.builds();
  print(console, all);
  if (culprit.name.empty()) {
    console.print("no pass is to blame: the engine differs with all that can be switched off switched off\n");
  } else if (culprit.execution == 0) {
    console.print("{} makes the outputs differ (found in {} builds): --disable {} avoids it\n", culprit.name,
                  bisection.builds(), culprit.name);
  } else {
    console.print("{} makes the outputs differ, execution {} of {} of optional passes (found in {} builds)\n",
                  culprit.name, culprit.execution, executions, bisection.builds());
    console.say("see `burnish inspect {} --print-after {}`; --disable {} avoids it\n", options.model, culprit.name,
                culprit.name);
  }
  return static_cast<int>(ErrorCode::mismatch);
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("model", options->model, "Model")->required()->type_name("MODEL");
  app.add_option("--against", options->against, "What gives the right outputs: references")
      ->required()
      ->type_name("WHAT");
  add_input_flags(app, options->inputs);
  add_tolerance(app, options->tolerance.relative, options->tolerance.absolute, options->tolerance.integers,
                kScaledTolerance);
  add_threads(app, options->threads);
  add_build_flags(app, options->build);
  return [options](Console& console) { return bisect(console, *options); };
}

}  // namespace

constinit const Command kBisect = {
    "bisect", "Find the pass that makes an engine differ from references",
    R"(  burnish bisect model.onnx --against references                   exit code 1 and the pass when they differ
  burnish bisect model.onnx --against references --input x=bad.npy --rtol 1e-4)",
    setup};

}  // namespace burnish::cli
