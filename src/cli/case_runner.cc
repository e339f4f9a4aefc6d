#include "cli/case_runner.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "cli/model.h"
#include "cli/stages.h"
#include "cli/subject.h"
#include "ops/operator.h"
#include "runtime/plan.h"

namespace burnish::cli {
namespace {

constexpr int64_t kMaxBytes = int64_t{4} << 30;  // of one run

struct Moments {
  double mean = 0, deviation = 0;
  int64_t count = 0;
};

Moments moments(const Tensor& tensor) {
  Moments m;
  m.count = tensor.elements();
  for (int64_t i = 0; i < m.count; ++i) m.mean += tensor.real_at(i);
  if (m.count > 0) m.mean /= static_cast<double>(m.count);
  for (int64_t i = 0; i < m.count; ++i) m.deviation += std::pow(tensor.real_at(i) - m.mean, 2);
  if (m.count > 0) m.deviation = std::sqrt(m.deviation / static_cast<double>(m.count));
  return m;
}

// Two samples of one distribution: the means and the deviations differ by no more than six standard errors.
std::string random_difference(const RuntimeValue& expected, const RuntimeValue& actual) {
  if (!expected.is_tensor() || !actual.is_tensor() || expected.tensor().dtype() == DType::string)
    return difference(expected, actual);
  const Tensor &want = expected.tensor(), &have = actual.tensor();
  if (want.dtype() != have.dtype() || want.dims() != have.dims()) return difference(expected, actual);
  if (number_class(want.dtype()) == NumberClass::complex) return {};
  const Moments a = moments(want), b = moments(have);
  const double error = 6 * std::sqrt(2.0 / static_cast<double>(std::max<int64_t>(a.count, 1))) *
                       std::max({a.deviation, b.deviation, 1e-6});
  if (std::abs(a.mean - b.mean) > error) return fmt::format("has mean {:.4g}, expected {:.4g}", b.mean, a.mean);
  if (a.count > 1 && std::abs(a.deviation - b.deviation) > error)
    return fmt::format("has deviation {:.4g}, expected {:.4g}", b.deviation, a.deviation);
  return {};
}

// Tensors that are fed become constants; the inputs that stay are returned.
Result<std::vector<RuntimeValue>> fold_inputs(Graph& graph, const std::vector<RuntimeValue>& values) {
  std::vector<RuntimeValue> kept;
  Node* first = graph.nodes().empty() ? nullptr : graph.nodes().front().get();
  std::vector<Value*> inputs;
  for (const auto& input : graph.inputs()) inputs.push_back(input.get());
  // Sizes that the model leaves open are those of the values.
  InputTypes types;
  for (std::size_t i = 0; i < inputs.size() && i < values.size(); ++i)
    if (values[i].is_tensor() && inputs[i]->type().is_tensor())
      types.emplace(inputs[i]->name(), values[i].tensor().type());
  TRY(apply_shapes(graph, types));
  for (std::size_t i = 0; i < inputs.size() && i < values.size(); ++i) {
    if (!values[i].is_tensor() || !inputs[i]->type().is_tensor()) {
      kept.push_back(values[i]);
      continue;
    }
    Builder builder(graph, first, inputs[i]->name());
    Value* constant = builder.constant(values[i].tensor());
    TRY(builder.finish());
    graph.replace_uses(inputs[i], constant);
    graph.remove_input(static_cast<std::size_t>(inputs[i]->index()));
  }
  return kept;
}

// Every size of an input but 1 becomes a symbol of its own.
Status free_sizes(Graph& graph) {
  InputTypes types;
  for (const auto& input : graph.inputs()) {
    if (!input->type().is_ranked_tensor()) continue;
    Type type = input->type();
    for (Dim& d : type.dims)
      if (d.is_constant() && !(d == Dim(1))) d = graph.fresh_symbol("free");
    types.emplace(input->name(), std::move(type));
  }
  return apply_shapes(graph, types);
}

Result<std::shared_ptr<const Program>> through_file(const Program& program) {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("burnish-test-{}.plan", ::getpid())).string();
  const Program* const images[] = {&program};
  TRY(save_plan(images, {}, path));
  auto plan = Plan::open(path);
  ::unlink(path.c_str());
  return TRY(std::move(plan))->program();
}

void note_types(const Graph& graph, std::set<std::string>& types) {
  const auto see = [&](const Type& type) {
    const Type* inner = &type;
    while (!inner->is_tensor() && inner->element != nullptr) inner = inner->element.get();
    types.emplace(name(inner->dtype));
    if (inner != &type) types.emplace(type.text().substr(0, type.text().find('<')));
  };
  for (const auto& input : graph.inputs()) see(input->type());
  for (const Graph::Output& output : graph.outputs()) see(output.value->type());
}

Result<std::shared_ptr<const Program>> make_program(std::unique_ptr<Graph> graph, const CaseOptions& options,
                                                    CaseOutcome& outcome) {
  if (options.on_engine) {
    BuildOptions build_options;
    build_options.cpu = options.cpu;
    build_options.threads = options.threads;
    build_options.fallback = Fallback::allow;
    BuildResult built = TRY(build(std::move(graph), build_options));
    for (const Decision& d : built.decisions)
      if (d.id == "fallback.reference")
        outcome.reference_steps.insert(d.what.substr(0, d.what.find(' ')) + ": " + d.why);
    return built.program;
  }
  if (options.variant == Variant::folded) TRY(run_stages(*graph, {}, "simplify", [](const Graph&) {}));
  return std::shared_ptr<const Program>(TRY(reference_program(std::shared_ptr<const Graph>(std::move(graph)))));
}

// Empty when all outputs are as expected.
Result<std::string> run_data(const Graph& model, const CaseData& data, const CaseOptions& options,
                             CaseOutcome& outcome) {
  auto graph = model.clone();
  std::vector<RuntimeValue> inputs = data.inputs;
  if (options.variant == Variant::folded) inputs = TRY(fold_inputs(*graph, data.inputs));
  if (options.variant == Variant::dynamic) TRY(free_sizes(*graph));
  auto program = TRY(make_program(std::move(graph), options, outcome));
  if (options.variant == Variant::saved) program = TRY(through_file(*program));
  const StepCounts steps = count_steps(*program);
  outcome.steps += steps.all;
  outcome.references += steps.references;
  Subject subject = TRY(Subject::of(std::move(program), options.threads));
  RunOptions run = run_options();
  run.max_bytes = kMaxBytes;
  const auto results = TRY(subject.run(inputs, run));
  if (results.size() != data.outputs.size())
    return fmt::format("gives {} outputs, expected {}", results.size(), data.outputs.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string found = options.random ? random_difference(data.outputs[i], results[i])
                                             : difference(data.outputs[i], results[i], options.tolerance);
    if (!found.empty()) return fmt::format("output '{}' {}", subject.program().output_names[i], found);
  }
  return std::string();
}

Result<CaseOutcome> outcome_of(const std::string& folder, const CaseOptions& options) {
  CaseOutcome outcome;
  std::error_code code;
  if (!std::filesystem::exists(std::filesystem::path(folder) / "model.onnx", code))
    return CaseOutcome{.status = "skipped", .reason = "there is no model.onnx"};
  const Case c = TRY(read_case(folder));
  if (c.data.empty()) return CaseOutcome{.status = "skipped", .reason = "there is no test_data_set_0"};
  Opened opened = TRY(open_known(c.model));
  note_types(*opened.graph, outcome.types);
  for (const CaseData& data : c.data) {
    if (const std::string found = TRY(run_data(*opened.graph, data, options, outcome)); !found.empty()) {
      outcome.status = "failed";
      outcome.reason = (c.data.size() > 1 ? std::filesystem::path(data.folder).filename().string() + ": " : "") + found;
      break;
    }
  }
  return outcome;
}

}  // namespace

CaseOutcome run_case(const std::string& folder, const CaseOptions& options) {
  try {
    auto outcome = outcome_of(folder, options);
    if (outcome) return *outcome;
    // The name of the case says which file it is.
    std::string reason = outcome.error().message();
    if (const std::string model = (std::filesystem::path(folder) / "model.onnx").string() + ": ";
        reason.starts_with(model))
      reason.erase(0, model.size());
    return {.status = "failed", .reason = std::move(reason)};
  } catch (const std::bad_alloc&) {
    return {.status = "failed", .reason = "there is not enough memory"};
  }
}

}  // namespace burnish::cli
