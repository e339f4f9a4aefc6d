// Runs ONNX's backend test cases on references. BURNISH_ONNX_CASES names their folder (onnx/backend/test/data/node);
// BURNISH_ONNX_FILTER keeps the cases whose name contains it; BURNISH_ONNX_VERBOSE lists every failure.

#include <algorithm>
#include <cstdlib>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "import/onnx/cases.h"
#include "import/onnx/import.h"
#include "ops/operator.h"
#include "runtime/executor.h"

namespace burnish {
namespace {

struct Outcome {
  std::string reason;  // empty: passed
  std::string detail;
};

std::string first_words(std::string_view text, std::size_t limit = 60) {
  std::string words(text.substr(0, limit));
  for (char& c : words) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) c = '#';
  }
  return words;
}

Outcome run_case(const std::string& folder) {
  auto test = read_case(folder);
  if (!test) return {"cannot read the case", test.error().message()};
  std::vector<UnknownOperator> unknown;
  ImportOptions options;
  options.unknown = &unknown;
  RunOptions run;
  run.max_bytes = int64_t{1} << 32;
  auto graph = import_onnx(test->model, options);
  if (!unknown.empty()) return {"unknown operator " + unknown[0].op_type, unknown[0].node};
  if (!graph) return {"import: " + first_words(graph.error().what), graph.error().message()};
  if (auto status = ops::verify(**graph); !status)
    return {"verify: " + first_words(status.error().what), status.error().message()};
  if (test->data.empty()) return {"no data", ""};
  for (const CaseData& data : test->data) {
    auto results = interpret(**graph, data.inputs, run);
    if (!results) return {"run: " + first_words(results.error().what), results.error().message()};
    if (results->size() != data.outputs.size()) return {"another number of outputs", ""};
    for (std::size_t i = 0; i < results->size(); ++i) {
      const std::string found = difference(data.outputs[i], (*results)[i]);
      if (!found.empty()) return {"differs", fmt::format("output {}: {}", i, found)};
    }
  }
  return {};
}

TEST(OnnxCases, RunOnReferences) {
  const char* root = std::getenv("BURNISH_ONNX_CASES");
  if (root == nullptr) GTEST_SKIP() << "BURNISH_ONNX_CASES is not set";
  const char* filter = std::getenv("BURNISH_ONNX_FILTER");
  const bool verbose = std::getenv("BURNISH_ONNX_VERBOSE") != nullptr;
  const auto cases = find_cases(root);
  ASSERT_TRUE(cases) << cases.error().message();
  std::map<std::string, int> reasons;
  int passed = 0, total = 0;
  for (const std::string& folder : *cases) {
    const std::string name = folder.substr(folder.rfind('/') + 1);
    if (filter != nullptr && name.find(filter) == std::string::npos) continue;
    ++total;
    const Outcome outcome = run_case(folder);
    if (outcome.reason.empty()) {
      ++passed;
      continue;
    }
    ++reasons[outcome.reason];
    if (verbose) fmt::print("{}\t{}\t{}\n", name, outcome.reason, outcome.detail);
  }
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [reason, count] : reasons) sorted.emplace_back(count, reason);
  std::ranges::sort(sorted, std::greater<>());
  for (const auto& [count, reason] : sorted) fmt::print("{:5} {}\n", count, reason);
  fmt::print("{} of {} passed\n", passed, total);
  ASSERT_GT(total, 0);
  if (filter == nullptr) {
    EXPECT_GE(passed * 10, total * 6);
  }
}

}  // namespace
}  // namespace burnish
