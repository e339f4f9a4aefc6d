// burnish compare: do two ways of running a network give the same?

#include <algorithm>

#include "cli/command.h"
#include "cli/comparison.h"
#include "cli/engine.h"
#include "cli/inputs.h"
#include "cli/stages.h"
#include "cli/subject.h"

namespace burnish::cli {
namespace {

constexpr std::string_view kReferences = "references";

struct Options {
  std::string a, b;
  int threads = 0;
  Tolerance tolerance;
  InputFlags inputs;
  BuildFlags build;
};

struct Side {
  std::string name;
  std::optional<Subject> subject;
  std::vector<InputInfo> inputs;
  SymbolTable opt;
};

Status no_ort(const std::string& name) {
  if (name != "ort") return {};
  return usage_error("ONNX Runtime is not part of this program", name,
                     "run it on `burnish convert`'s output and compare the arrays, or compare with references");
}

Result<Side> engine_side(Console& console, const std::string& path, const Options& options, bool other_is_engine) {
  Opened opened = TRY(open(path, options.build.require_keys));
  // Options of the build are meant for the side that is a model.
  const bool skip = opened.engine() && !other_is_engine;
  BuildFlags flags = options.build;
  if (skip) flags.options.clear();
  if (!opened.engine() && other_is_engine) flags.engine_options.clear();
  Engine engine = TRY(load_engine(console, std::move(opened), flags, options.threads));
  Side side{.name = path, .subject = std::nullopt, .inputs = engine.inputs, .opt = engine.opt};
  side.subject = TRY(Subject::of(engine.program, thread_count(options.threads)));
  return side;
}

// References run what the other side was made from: the model as it was read, or the graph in the engine.
Result<Side> reference_side(const std::string& other, const Options& options) {
  Opened opened = TRY(open(other, options.build.require_keys));
  Side side{.name = std::string(kReferences), .subject = std::nullopt, .inputs = {}, .opt = {}};
  std::shared_ptr<const Graph> graph;
  if (opened.engine()) {
    graph = TRY(opened.plan->simplified());
    if (graph == nullptr) return refused("the engine was saved without its graph", other);
  } else {
    graph = TRY(shaped_graph(std::move(opened), options.build, &side.opt));
  }
  side.subject = TRY(Subject::references(graph));
  side.inputs = inputs_of(side.subject->program());
  return side;
}

// The values that `from` takes in its order, in the order of `to`: by name, else by place.
Result<std::vector<RuntimeValue>> reorder(const std::vector<RuntimeValue>& values, const Side& from, const Side& to) {
  if (from.inputs.size() != to.inputs.size())
    return usage_error(
        fmt::format("'{}' has {} inputs and '{}' has {}", from.name, from.inputs.size(), to.name, to.inputs.size()));
  std::vector<RuntimeValue> result = values;
  for (std::size_t i = 0; i < to.inputs.size(); ++i) {
    const auto it = std::ranges::find(from.inputs, to.inputs[i].name, &InputInfo::name);
    if (it == from.inputs.end()) return values;
    result[i] = values[static_cast<std::size_t>(it - from.inputs.begin())];
  }
  return result;
}

Result<int> compare_sides(Console& console, const Options& options) {
  for (const std::string* name : {&options.a, &options.b}) TRY(no_ort(*name));
  if (options.a == kReferences && options.b == kReferences)
    return usage_error("one of the two must be a model or an engine", "compare");
  const bool a_is = options.a == kReferences, b_is = options.b == kReferences;
  bool engines[2] = {};
  for (int i = 0; i < 2; ++i)
    if (const std::string& name = i == 0 ? options.a : options.b; name != kReferences)
      engines[i] = TRY(open(name, options.build.require_keys)).engine();
  Side a =
      TRY(a_is ? reference_side(options.b, options) : engine_side(console, options.a, options, engines[1] || b_is));
  Side b =
      TRY(b_is ? reference_side(options.a, options) : engine_side(console, options.b, options, engines[0] || a_is));
  const Side& first = a_is ? b : a;
  const Inputs inputs = TRY(make_inputs(first.inputs, options.inputs, first.opt));
  const auto from_a = TRY(a.subject->run(a_is ? TRY(reorder(inputs.values, b, a)) : inputs.values));
  const auto from_b = TRY(b.subject->run(a_is ? inputs.values : TRY(reorder(inputs.values, a, b))));

  const auto &names_a = a.subject->program().output_names, &names_b = b.subject->program().output_names;
  if (names_a.size() != names_b.size())
    return usage_error(
        fmt::format("'{}' has {} outputs and '{}' has {}", a.name, names_a.size(), b.name, names_b.size()));
  std::vector<RuntimeValue> ordered = from_b;
  const bool same_names = std::ranges::is_permutation(names_a, names_b);
  for (std::size_t i = 0; same_names && i < names_a.size(); ++i)
    ordered[i] = from_b[static_cast<std::size_t>(std::ranges::find(names_b, names_a[i]) - names_b.begin())];
  const Comparison comparison = compare(names_a, from_a, ordered, options.tolerance);
  console.report = {{"a", a.name},
                    {"b", b.name},
                    {"rtol", options.tolerance.relative},
                    {"atol", options.tolerance.absolute},
                    {"same", comparison.equal()},
                    {"outputs", to_json(comparison)}};
  print(console, comparison);
  return comparison.equal() ? 0 : static_cast<int>(ErrorCode::mismatch);
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("a", options->a, "Model, engine, or the word references")->required()->type_name("A");
  app.add_option("b", options->b, "What A is compared with")->required()->type_name("B");
  add_input_flags(app, options->inputs);
  add_tolerance(app, options->tolerance.relative, options->tolerance.absolute, options->tolerance.integers,
                kScaledTolerance);
  add_threads(app, options->threads);
  add_engine_flags(app, options->build);
  return [options](Console& console) { return compare_sides(console, *options); };
}

}  // namespace

constinit const Command kCompare = {
    "compare", "Compare the outputs of two models or engines, or of one with references",
    R"(  burnish compare resnet50.plan references                  with what the engine was made from
  burnish compare resnet50.onnx references --input x=photo.npy
  burnish compare old.plan new.plan --rtol 1e-4 --atol 1e-6  exit code 1 when they differ)",
    setup};

}  // namespace burnish::cli
