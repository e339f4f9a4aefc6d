#include "tests/support/unranked.h"

#include <gtest/gtest.h>

#include "ops/support/samples.h"
#include "ops/support/strided.h"
#include "runtime/executor.h"
#include "tests/support/graph_difference.h"

namespace burnish::test {
namespace {

constexpr int64_t kMostBytes = 1 << 26, kMostElements = 1 << 12;

// All operands as inputs, constants too.
std::unique_ptr<Graph> graph_of(const ops::ParsedSample& sample, std::span<const Type> types) {
  auto graph = std::make_unique<Graph>();
  std::map<std::string, Value*> values = {{"_", nullptr}};
  for (std::size_t i = 0; i < types.size(); ++i)
    values[sample.inputs[i].name] = graph->add_input(sample.inputs[i].name, types[i]);
  std::vector<Value*> operands;
  for (const std::string& name : sample.operands) operands.push_back(values.at(name));
  std::vector<ResultSpec> results;
  for (const std::string& name : sample.results)
    results.push_back({Type::unranked(DType::f32), name == "_" ? "" : name, name == "_"});
  Node* node = graph->add_node(sample.op, operands, sample.attributes, std::move(results));
  ops::bind_operator(*node);
  if (!ops::infer_new(*node)) return nullptr;
  for (std::size_t i = 0; i < node->result_count(); ++i)
    if (node->result(i) != nullptr) graph->add_output(node->result(i), node->result(i)->name());
  return graph;
}

// Other dims in the place of those that the sample has.
std::vector<std::vector<int64_t>> other_dims(const std::vector<int64_t>& dims) {
  std::vector<std::vector<int64_t>> all = {{}, {0}, {1}, {2, 0}, {1, 1, 1, 1, 1, 1}};
  if (!dims.empty()) {
    all.emplace_back(dims.begin() + 1, dims.end());
    all.emplace_back(dims.begin(), dims.end() - 1);
  }
  all.push_back(dims);
  all.back().push_back(2);
  all.push_back(dims);
  all.back().insert(all.back().begin(), 1);
  for (std::size_t d = 0; d < dims.size(); ++d)
    for (const int64_t size : {int64_t{0}, int64_t{1}, dims[d] + 1}) {
      all.push_back(dims);
      all.back()[d] = size;
    }
  return all;
}

// The elements over and over.
std::optional<Tensor> resized(const Tensor& tensor, std::vector<int64_t> dims) {
  auto result = Tensor::allocate(tensor.dtype(), std::move(dims));
  if (!result || result->elements() > kMostElements) return std::nullopt;
  for (int64_t i = 0; i < result->elements() && tensor.elements() > 0; ++i)
    copy_elements(tensor, i % tensor.elements(), *result, i, 1);
  return *std::move(result);
}

std::string described(std::span<const Tensor> tensors) {
  std::string text;
  for (const Tensor& tensor : tensors) text += (text.empty() ? "" : ", ") + tensor.type().text();
  return text;
}

// The tensors of the sample's operands, as many as there are types; none where it cannot be.
std::vector<Tensor> tensors_of(const Sample& sample, const ops::ParsedSample& parsed) {
  std::vector<Tensor> tensors;
  auto inputs = ops::sample_inputs(sample, 5);
  if (!inputs) return {};
  std::size_t next = 0;
  for (const ops::SampleInput& input : parsed.inputs) {
    if (input.constant) tensors.push_back(*input.constant);
    else if ((*inputs)[next].is_tensor()) tensors.push_back((*inputs)[next++].tensor());
    else return {};
  }
  return tensors;
}

}  // namespace

int check_unranked(const Sample& sample, const Runner& runner) {
  if (sample.text.starts_with("graph")) return 0;
  SCOPED_TRACE(sample.text);
  const auto parsed = ops::parse_sample(sample.text);
  if (!parsed) {
    ADD_FAILURE() << parsed.error().message();
    return 0;
  }
  const std::vector<Tensor> tensors = tensors_of(sample, *parsed);
  std::vector<Type> types;
  for (const Tensor& tensor : tensors) types.push_back(Type::unranked(tensor.dtype()));
  if (tensors.size() != parsed->inputs.size() || tensors.empty()) return 0;
  const auto graph = graph_of(*parsed, types);
  if (graph == nullptr) return 0;
  const bool random = graph->nodes().back()->definition()->random;
  const RunGraph run = runner(*graph);
  if (run == nullptr) return 0;
  RunOptions options;
  options.max_bytes = kMostBytes;
  int answers = 0;
  const auto check = [&](std::span<const Tensor> fed) {
    const std::vector<RuntimeValue> values(fed.begin(), fed.end());
    const auto found = run(values);
    if (!found) {
      EXPECT_NE(found.error().code, ErrorCode::internal) << described(fed) << ": " << found.error().message();
      return;
    }
    ++answers;
    std::vector<Type> declared;
    for (const Tensor& tensor : fed) declared.push_back(tensor.type());
    const auto same = graph_of(*parsed, declared);
    EXPECT_NE(same, nullptr) << described(fed) << " is refused where it is declared";
    if (same == nullptr || random) return;
    const auto wanted = interpret(*same, values, options);
    ASSERT_TRUE(wanted.has_value()) << described(fed) << ": " << wanted.error().message();
    EXPECT_EQ(first_difference(*found, *wanted, 1e-4), "") << described(fed);
  };
  check(tensors);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    for (const auto& dims : other_dims(tensors[i].dims())) {
      std::vector<Tensor> fed = tensors;
      auto other = resized(tensors[i], dims);
      if (!other) continue;
      fed[i] = *std::move(other);
      check(fed);
    }
  for (const std::vector<int64_t>& dims : {std::vector<int64_t>{}, {0}, {1}, {3}, {0, 3}, {2, 2}, {1, 1, 1}}) {
    std::vector<Tensor> fed;
    for (const Tensor& tensor : tensors)
      if (auto other = resized(tensor, dims)) fed.push_back(*std::move(other));
    check(fed);
  }
  return answers;
}

}  // namespace burnish::test
