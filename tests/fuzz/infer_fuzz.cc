// A graph in text is inferred, simplified, decomposed and run, before and after: it stays well formed, inferring again
// changes nothing, types hold what runs give, and results stay what they were, whatever the text says.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "ops/operator.h"
#include "passes/runner.h"
#include "runtime/executor.h"
#include "tests/support/graph_difference.h"
#include "tests/support/mutate.h"

extern "C" std::size_t LLVMFuzzerMutate(uint8_t* data, std::size_t size, std::size_t max_size);

namespace burnish {
namespace {

constexpr int64_t kMostBytes = 1 << 14;
constexpr std::size_t kMostNodes = 40;

constexpr PassRow kSimplify[] = {
    {"simplify", "remove_noops", false, passes::remove_noops},
    {"simplify", "fold_shapes", false, passes::fold_shapes},
    {"simplify", "fold_constants", false, passes::fold_constants},
    {"simplify", "cse", false, passes::common_subexpressions},
    {"simplify", "algebra", false, passes::algebra},
    {"simplify", "recognise", false, passes::recognise},
    {"simplify", "fold_batch_norm", false, passes::fold_batch_norm},
    {"simplify", "move_transposes", false, passes::move_transposes},
    {"decompose", "composites", true, passes::decompose},
    {"decompose", "transposed_convolutions", false, passes::transposed_convolutions},
    {"decompose", "fold_shapes", false, passes::fold_shapes},
    {"decompose", "fold_constants", false, passes::fold_constants},
    {"decompose", "algebra", false, passes::algebra},
};

void expect_no_bug(const Error& error, const Graph& graph) {
  CHECK(error.code != ErrorCode::internal, error.message() + "\n" + print(graph));
}

// -- runs

// Where the rank is not declared: one that depends on the input's name.
std::vector<int64_t> any_dims(std::string_view name) {
  static const std::vector<int64_t> kDims[] = {{2, 2}, {2}, {}, {1, 2, 2}, {0}, {2, 0, 2}, {2, 2, 2, 2}};
  std::size_t sum = 0;
  for (const char c : name) sum += static_cast<unsigned char>(c);
  return kDims[sum % std::size(kDims)];
}

// Values of the inputs' types, every symbol 2 or what its range allows; nothing where they would be large.
std::optional<std::vector<RuntimeValue>> inputs_of(const Graph& graph) {
  std::vector<RuntimeValue> inputs;
  for (const auto& input : graph.inputs()) {
    const Type& type = input->type();
    if (!type.is_tensor()) return std::nullopt;
    std::vector<int64_t> dims;
    if (!type.ranked) dims = any_dims(input->name());
    auto bytes = static_cast<int64_t>(byte_size(type.dtype));
    for (const Dim& d : type.dims) {
      const auto size = d.evaluate([&](std::string_view name) -> std::optional<int64_t> {
        const auto range = graph.symbol_ranges().find(name);
        if (range == graph.symbol_ranges().end()) return 2;
        return std::clamp<int64_t>(2, range->second.low, std::max(range->second.low, range->second.high));
      });
      if (!size || *size < 0 || *size > kMostBytes || (bytes *= std::max<int64_t>(*size, 1)) > kMostBytes)
        return std::nullopt;
      dims.push_back(*size);
    }
    auto tensor = Tensor::allocate(type.dtype, dims);
    if (!tensor) return std::nullopt;
    visit_number_class(type.dtype, [&](auto zero) {
      using N = decltype(zero);
      if constexpr (!std::is_same_v<N, std::string>)
        for (int64_t i = 0; i < tensor->elements(); ++i)
          Accessor<N>(type.dtype).store(tensor->mutable_data(), i, static_cast<N>((i * 7 + 3) % 5));
    });
    inputs.emplace_back(*std::move(tensor));
  }
  return inputs;
}

std::optional<std::vector<RuntimeValue>> run(const Graph& graph, std::span<const RuntimeValue> inputs) {
  RunOptions options;
  options.max_bytes = kMostBytes;
  options.max_loop_iterations = 30;
  auto results = interpret(graph, inputs, options);
  if (results) return *std::move(results);
  expect_no_bug(results.error(), graph);
  return std::nullopt;
}

// Few steps and tame numbers: roundings cannot have added up.
bool is_comparable(const Graph& graph, std::span<const RuntimeValue> results) {
  int steps = 0;
  bool random = false;
  walk(graph, [&](Node& node) {
    steps += node.op() != "constant";
    random = random || (node.definition() != nullptr && node.definition()->random);
  });
  for (const RuntimeValue& value : results) {
    if (!value.is_tensor() || number_class(value.tensor().dtype()) != NumberClass::real) continue;
    for (int64_t i = 0; i < value.tensor().elements(); ++i)
      if (!(std::abs(value.tensor().real_at(i)) < 1e5)) return false;
  }
  return steps <= 3 && !random;
}

// Does a run know all sizes that the inputs' types speak of? A symbol within an expression alone may stay unknown.
bool binds_all_symbols(const Graph& graph) {
  std::set<std::string, std::less<>> alone, all;
  for (const auto& input : graph.inputs()) {
    for (const Dim& d : input->type().dims) {
      if (const auto name = d.symbol_name()) alone.emplace(*name);
      for (std::string& name : d.symbols()) all.insert(std::move(name));
    }
  }
  return alone == all;
}

// Dims and dtypes are what the graph says; what its sizes depend on is not asked for.
void check_types(const Graph& graph, std::span<const RuntimeValue> results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Type& type = graph.outputs()[i].value->type();
    if (!results[i].is_tensor() || !type.is_ranked_tensor()) continue;
    const Tensor& tensor = results[i].tensor();
    bool right = tensor.dtype() == type.dtype && tensor.rank() == type.rank();
    for (std::size_t d = 0; right && d < type.dims.size(); ++d)
      right = type.dims[d].constant().value_or(tensor.dims()[d]) == tensor.dims()[d];
    CHECK(right, "output " + std::to_string(i) + " is " + tensor.type().text() + "\n" + print(graph));
  }
}

// -- one graph

Status prepare(Graph& graph) {
  ops::bind_operators(graph);
  TRY(ops::verify(graph));
  TRY(ops::infer(graph));
  return ops::verify(graph);
}

void check(std::string_view text) {
  auto parsed = parse_graph(text);
  if (!parsed) return;
  Graph& graph = **parsed;
  std::size_t nodes = 0;
  walk(graph, [&](Node&) { ++nodes; });
  if (nodes > kMostNodes) return;
  if (const Status status = prepare(graph); !status) return expect_no_bug(status.error(), graph);
  const std::string once = print(graph);
  const Status again = ops::infer(graph);
  CHECK(again.has_value(), again.error().message() + "\n" + once);
  CHECK(print(graph) == once, once + "\nbecame, inferred again,\n" + print(graph));

  const auto inputs = inputs_of(graph);
  const auto before = inputs ? run(graph, *inputs) : std::nullopt;
  if (before) check_types(graph, *before);
  const bool comparable = before && is_comparable(graph, *before);
  const double tolerance = comparable ? 10 * test::tolerance_of(graph) : 0;

  PassRunnerOptions options;
  options.check = true;
  PassRunner runner(options, {.fold_bytes = kMostBytes, .exact = true});
  for (const std::string_view stage : {"simplify", "decompose"}) {
    if (const Status status = runner.run_stage(graph, stage, kSimplify); !status) {
      // Sizes that turn out to contradict each other were an error of a run, too.
      CHECK(!before, status.error().message() + "\n" + once);
      return expect_no_bug(status.error(), graph);
    }
    if (const Status status = ops::verify(graph); !status) CHECK(false, status.error().message() + "\n" + once);
    if (!before || !binds_all_symbols(graph)) continue;
    RunOptions unlimited;  // decompositions may need more than what they stand for
    unlimited.max_bytes = kMostBytes * 64;
    const auto after = interpret(graph, *inputs, unlimited);
    CHECK(after.has_value(), after.error().message() + "\n" + once + "\nbecame\n" + print(graph));
    check_types(graph, *after);
    if (!comparable) continue;
    const std::string found = test::first_difference(*after, *before, tolerance);
    CHECK(found.empty(), found + "\n" + once + "\nbecame\n" + print(graph));
  }
}

// -- seeds: the samples of the catalogue, and the same with inputs of unknown rank

std::string unranked(std::string_view text) {
  std::string result;
  bool head = true, inside = false;
  for (const char c : text) {
    head = head && c != '{';
    if (head && c == '[') result += "[*", inside = true;
    if (c == ']') inside = false;
    if (!inside) result += c;
  }
  return result;
}

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> texts;
    for (const Operator* op : ops::all())
      for (const Sample& sample : op->samples)
        if (auto graph = ops::sample_graph(sample)) {
          texts.push_back(print(**graph));
          texts.push_back(unranked(texts.back()));
        }
    return texts;
  }();
  return all;
}

}  // namespace
}  // namespace burnish

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  burnish::check({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  using namespace burnish;
  testing::Mutator mutator(seed);
  if (mutator.one_in(16)) return LLVMFuzzerMutate(data, size, max_size);
  const std::string& donor = seeds()[mutator.below(seeds().size())];
  std::string text(reinterpret_cast<const char*>(data), size);
  if (size < 8 || mutator.one_in(64)) {
    text = donor;
  } else {
    for (std::size_t n = mutator.below(3) + 1; n > 0; --n) text = mutator.text(text, donor);
  }
  if (text.size() > max_size) return size;
  std::memcpy(data, text.data(), text.size());
  return text.size();
}
