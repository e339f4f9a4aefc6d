// Every sample of every operator, exported, imported again and interpreted. With BURNISH_EXPORTED_SAMPLES=FOLDER the models
// and their data are left there for tests/conformance/export_test.py.

#include <cstdlib>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "import/onnx/cases.h"
#include "import/onnx/export.h"
#include "import/onnx/import.h"
#include "ops/operator.h"
#include "runtime/executor.h"
#include "tests/support/exported.h"
#include "tests/support/graph_difference.h"

namespace burnish {
namespace {

// What ONNX has no form for, and why. NAME/NUMBER is one sample, counted from 0.
const std::map<std::string, std::string, std::less<>> kNotExpressible = {
    {"bind", "a side effect of the engine"},
};

std::string listed(std::string_view op, std::size_t sample) {
  const auto found = kNotExpressible.find(fmt::format("{}/{}", op, sample));
  if (found != kNotExpressible.end()) return found->second;
  const auto all = kNotExpressible.find(op);
  return all == kNotExpressible.end() ? std::string() : all->second;
}

// Empty when the sample survives; else why not.
std::string failure(const Operator& op, const Graph& graph, std::span<const RuntimeValue> inputs,
                    std::span<const RuntimeValue> expected) {
  const auto model = export_onnx(graph);
  if (!model) return "not exported: " + model.error().message();
  std::vector<UnknownOperator> unknown;
  ImportOptions options;
  options.unknown = &unknown;
  const auto again = import_onnx(std::as_bytes(std::span(*model)), options);
  if (!again) return "not imported: " + again.error().message();
  if (!unknown.empty()) return "imported as an unknown " + unknown[0].op_type;
  for (std::size_t i = 0; i < graph.inputs().size(); ++i)
    if ((*again)->input(i)->type() != graph.input(i)->type()) return "another type of input " + std::to_string(i);
  const auto got = interpret(**again, inputs);
  if (!got) return "does not run: " + got.error().message();
  if (got->size() != expected.size()) return "another number of outputs";
  for (std::size_t i = 0; i < expected.size() && !op.random; ++i) {
    const double slack = test::tolerance_of(graph);  // what is put together of several operators rounds between them
    const std::string what = difference(expected[i], (*got)[i], {.relative = slack, .absolute = slack});
    if (!what.empty()) return fmt::format("result {}: {}", i, what);
  }
  return {};
}

TEST(ExportSamples, ListNamesOperators) {
  for (const auto& [name, reason] : kNotExpressible) {
    EXPECT_NE(ops::find(name.substr(0, name.find('/'))), nullptr) << name;
    EXPECT_FALSE(reason.empty()) << name;
  }
}

TEST(ExportSamples, SurviveOnnx) {
  const char* folder = std::getenv("BURNISH_EXPORTED_SAMPLES");
  int exported = 0, all = 0;
  for (const Operator* op : ops::all()) {
    for (std::size_t k = 0; k < op->samples.size(); ++k) {
      const auto graph = ops::sample_graph(op->samples[k]);
      ASSERT_TRUE(graph) << op->samples[k].text;
      const auto inputs = ops::sample_inputs(op->samples[k], 1);
      if (!inputs) continue;
      const auto expected = interpret(**graph, *inputs);
      if (!expected) continue;
      ++all;
      const std::string why = failure(*op, **graph, *inputs, *expected), reason = listed(op->name, k);
      if (why.empty()) ++exported;
      EXPECT_EQ(why.empty(), reason.empty()) << fmt::format("{}/{}: {}", op->name, k, why.empty() ? "works" : why);
      if (folder == nullptr || !why.empty()) continue;
      const Status status = test::leave_exported(**graph, *inputs, op->random ? std::vector<RuntimeValue>() : *expected,
                                                 fmt::format("{}/{}-{}", folder, op->name, k));
      EXPECT_TRUE(status) << status.error().message();
    }
  }
  fmt::print("{} of {} samples survive\n", exported, all);
  EXPECT_GT(exported, 0);
}

}  // namespace
}  // namespace burnish
