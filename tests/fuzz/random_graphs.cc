// random_graphs FIRST LAST [--all] [--onnx FOLDER]: each seed's graph through references and the engine. A line of JSON
// per seed; what differs is made small first. With --onnx, the graph, its inputs and the expected results are left in
// FOLDER for other engines. tools/random_graphs.py runs this.

#include <charconv>
#include <cstdio>
#include <set>

#include <fmt/format.h>

#include "base/json.h"
#include "runtime/executor.h"
#include "tests/compile/graph_checks.h"
#include "tests/support/exported.h"
#include "tests/support/graph_difference.h"

namespace burnish::test {
namespace {

Json row(uint64_t seed, bool all, const std::string& folder) {
  const RandomGraph random = random_graph(seed);
  Json result = {{"seed", seed}, {"nodes", random.graph->node_count()}};
  std::set<std::string> operators, dtypes;
  walk(*random.graph, [&](const Node& node) {
    operators.insert(node.op());
    for (std::size_t i = 0; i < node.result_count(); ++i)
      if (node.result(i) != nullptr && node.result(i)->type().is_tensor())
        dtypes.insert(std::string(name(node.result(i)->type().dtype)));
  });
  result["operators"] = operators;
  result["dtypes"] = dtypes;
  const auto variants = all ? all_variants() : variants_of(seed);
  result["variants"] = variants.size();
  const Outcome outcome = check(random, variants);
  result["status"] = outcome.refused ? "refused" : outcome.different.empty() ? "agrees" : "differs";
  if (!outcome.different.empty()) {
    const auto small = minimise(random, [&](const RandomGraph& g) { return !check(g, variants).different.empty(); });
    result["what"] = outcome.different;
    result["minimised"] = check(small, variants).different;
    result["text"] = print(*small.graph);
  } else if (!outcome.refused && !folder.empty()) {
    const auto expected = interpret(*random.graph, random.inputs);
    const Status status = leave_exported(*random.graph, random.inputs, *expected, fmt::format("{}/{}", folder, seed));
    if (!status) result["export"] = status.error().message();
  }
  return result;
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

int main(std::span<char*> arguments) {
  std::vector<uint64_t> range;
  std::string folder;
  bool all = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view text = arguments[i];
    if (text == "--all") all = true;
    else if (text == "--onnx" && i + 1 < arguments.size()) folder = arguments[++i];
    else if (const auto value = number(text)) range.push_back(*value);
    else range.clear(), i = arguments.size();
  }
  if (range.size() != 2) {
    fmt::print(stderr, "usage: random_graphs FIRST LAST [--all] [--onnx FOLDER]\n");
    return 2;
  }
  for (uint64_t seed = range[0]; seed <= range[1]; ++seed) {
    fmt::print("{}\n", row(seed, all, folder).dump(-1, ' ', false, Json::error_handler_t::replace));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace burnish::test

int main(int count, char** arguments) {
  return burnish::test::main(std::span(arguments, static_cast<std::size_t>(count)));
}
