#include "tests/compile/graph_checks.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "compile/build.h"
#include "compile/code_cache.h"
#include "compile/pipeline.h"
#include "runtime/executor.h"
#include "tests/support/graph_difference.h"

namespace burnish::test {
namespace {

const std::vector<std::string>& levels() {
  static const std::vector<std::string> list = [] {
    std::vector<std::string> found;
    for (const char* cpu : {"x86-64-v2", "x86-64-v3", "x86-64-v4"})
      if (host_cpu().supports(*parse_cpu(cpu))) found.emplace_back(cpu);
    return found;
  }();
  return list;
}

const std::vector<std::string>& switches() {
  static const std::vector<std::string> list = [] {
    std::vector<std::string> found = {"fuse.epilogues", "fuse.prologues", "place.in_place", "place.concats"};
    for (const PassRow& row : pass_table())
      if (!row.required) found.push_back(row.full_name());
    return found;
  }();
  return list;
}

// Inputs with one more of every symbol, or nothing when the graph has none.
std::vector<RuntimeValue> other_sizes(const RandomGraph& random) {
  SymbolTable sizes;
  for (std::size_t i = 0; i < random.inputs.size(); ++i)
    for (std::size_t d = 0; d < random.graph->input(i)->type().dims.size(); ++d)
      if (const auto name = random.graph->input(i)->type().dims[d].symbol_name())
        sizes[std::string(*name)] = random.inputs[i].tensor().dims()[d] + 1;
  std::vector<RuntimeValue> inputs;
  if (sizes.empty()) return inputs;
  for (std::size_t i = 0; i < random.inputs.size(); ++i) {
    const Tensor& from = random.inputs[i].tensor();
    const auto dims = evaluate(random.graph->input(i)->type().dims, sizes);
    if (!dims || from.elements() == 0) return {};
    if (*dims == from.dims()) {
      inputs.emplace_back(from);
      continue;
    }
    auto to = Tensor::allocate(from.dtype(), *dims);
    if (!to || from.dtype() == DType::string || byte_size(from.dtype()) == 0) return {};
    for (std::size_t have = static_cast<std::size_t>(from.byte_size()), at = 0,
                     want = static_cast<std::size_t>(to->byte_size());
         at < want; at += have)
      std::memcpy(to->mutable_data() + at, from.data(), std::min(have, want - at));
    inputs.emplace_back(*std::move(to));
  }
  return inputs;
}

struct Case {
  std::vector<RuntimeValue> inputs;
  std::vector<RuntimeValue> expected;
  bool refused = false;
};

// Empty, or what went wrong.
std::string run(const RandomGraph& random, const Variant& variant, std::span<const Case> cases,
                const std::shared_ptr<CodeCache>& code) {
  BuildOptions options;
  options.cpu = variant.cpu;
  options.threads = 1;
  options.code_cache = code;
  if (!variant.off.empty()) options.disabled = {variant.off};
  auto built = build(random.graph->clone(), options);
  if (!built) return "build: " + built.error().message();
  auto executor = Executor::create(built->program);
  if (!executor) return "executor: " + executor.error().message();
  ThreadPool pool(variant.threads);
  Context context(*executor, &pool);
  for (const Case& c : cases) {
    const auto results = context.run(c.inputs);
    if (c.refused) continue;  // the engine may have found that what is refused is not needed
    if (!results) return "run: " + results.error().message();
    if (auto d = first_difference(*results, c.expected, tolerance_of(*random.graph)); !d.empty()) return d;
  }
  return {};
}

}  // namespace

std::string Variant::text() const { return fmt::format("--cpu {} --disable '{}' with {} threads", cpu, off, threads); }

std::vector<Variant> variants_of(uint64_t seed) {
  return {{levels().back(), "", 2}, {levels()[seed % levels().size()], switches()[seed % switches().size()], 1}};
}

std::vector<Variant> all_variants() {
  std::vector<Variant> list;
  for (const std::string& level : levels()) {
    list.push_back({level, "", 2});
    for (const std::string& off : switches()) list.push_back({level, off, 1});
  }
  return list;
}

Outcome check(const RandomGraph& random, std::span<const Variant> variants) {
  auto expected = interpret(*random.graph, random.inputs);
  if (!expected) return {true, {}};
  std::vector<Case> cases = {{random.inputs, *expected}, {random.inputs, *std::move(expected)}};
  if (auto inputs = other_sizes(random); !inputs.empty()) {
    auto other = interpret(*random.graph, inputs);
    const bool refused = !other.has_value();
    cases.push_back({std::move(inputs), refused ? std::vector<RuntimeValue>() : *std::move(other), refused});
  }
  const auto code = std::make_shared<CodeCache>();  // most kernels are the same in most variants
  for (const Variant& variant : variants)
    if (const std::string what = run(random, variant, cases, code); !what.empty())
      return {false, what + "\n" + variant.text()};
  return {};
}

}  // namespace burnish::test
