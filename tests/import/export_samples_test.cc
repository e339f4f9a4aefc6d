// Every sample of every operator, exported, imported again and interpreted. With BURNISH_EXPORTED_SAMPLES=FOLDER the models
// and their data are left there for tests/conformance/export_test.py.

#include <algorithm>
#include <cctype>
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
#include "tests/support/sample_variants.h"

namespace burnish {
namespace {

// What ONNX has no form for, and why. NAME/NUMBER is one sample, counted from 0, NAME/NUMBER/CHANGE a variant of it, and
// NAME=DTYPE all variants of that dtype.
const std::map<std::string, std::string, std::less<>> kNotExpressible = {
    {"bind", "a side effect of the engine"},
    {"max_pool=i64", "windows of 64-bit integers, which no float holds"},
    {"max_pool=u64", "as i64"},
    {"max_pool_with_indices=i64", "as max_pool"},
    {"max_pool_with_indices=u64", "as max_pool"},
    {"max_unpool=i64", "as max_pool"},
    {"max_unpool=u64", "as max_pool"},
    {"pool=i64", "as max_pool"},
    {"pool=u64", "as max_pool"},
    {"non_max_suppression=f64", "boxes of f32 alone"},
    {"pow=u64", "Pow takes no u64, and no other dtype holds its numbers"},
    {"conv_transpose/3/auto_pad=\"SAME_LOWER\"", "with an output padding; its schema and its text differ"},
    {"conv_transpose/3/auto_pad=\"SAME_UPPER\"", "as SAME_LOWER"},
    {"quantize=f64", "QuantizeLinear takes no f64"},
    {"dequantize=f64", "DequantizeLinear gives no f64"},
    {"sequence_construct=bf16", "sequences and optional values hold no bf16"},
    {"sequence_at=bf16", "sequences and optional values hold no bf16"},
    {"sequence_erase=bf16", "sequences and optional values hold no bf16"},
    {"sequence_insert=bf16", "sequences and optional values hold no bf16"},
    {"sequence_length=bf16", "sequences and optional values hold no bf16"},
    {"concat_from_sequence=bf16", "sequences and optional values hold no bf16"},
    {"split_to_sequence=bf16", "sequences and optional values hold no bf16"},
    {"optional=bf16", "sequences and optional values hold no bf16"},
    {"optional_has_element=bf16", "sequences and optional values hold no bf16"},
    {"optional_get_element=bf16", "sequences and optional values hold no bf16"},
    {"label_encoder=bf16", "LabelEncoder knows i16, i32, i64, f32, f64 and text"},
    {"label_encoder=f16", "LabelEncoder knows i16, i32, i64, f32, f64 and text"},
    {"label_encoder=i8", "LabelEncoder knows i16, i32, i64, f32, f64 and text"},
    {"label_encoder=u8", "LabelEncoder knows i16, i32, i64, f32, f64 and text"},
    {"label_encoder=u16", "LabelEncoder knows i16, i32, i64, f32, f64 and text"},
    {"label_encoder=u32", "LabelEncoder knows i16, i32, i64, f32, f64 and text"},
    {"label_encoder=u64", "LabelEncoder knows i16, i32, i64, f32, f64 and text"},
    {"zip_map=bf16", "ZipMap takes f32"},
    {"zip_map=f16", "ZipMap takes f32"},
    {"zip_map=f64", "ZipMap takes f32"},
    {"zip_map=i8", "ZipMap takes f32"},
    {"zip_map=i16", "ZipMap takes f32"},
    {"zip_map=i32", "ZipMap takes f32"},
    {"zip_map=i64", "ZipMap takes f32"},
    {"zip_map=u8", "ZipMap takes f32"},
    {"zip_map=u16", "ZipMap takes f32"},
    {"zip_map=u32", "ZipMap takes f32"},
    {"zip_map=u64", "ZipMap takes f32"},
    {"zip_map=bool", "ZipMap takes f32"},
    {"resize/8/scales=[1.0]", "a size that the scale does not make"},
    {"resize_axis/1/axis=0", "a size that the scale does not make"},
    {"resize_axis/1/axis=-2", "a size that the scale does not make"},
    {"resize_axis/5/axis=1", "a size that the scale does not make"},
    {"resize_axis/5/axis=-1", "a size that the scale does not make"},
    {"resize_axis/6/axis=0", "a size that the scale does not make"},
    {"resize_axis/6/axis=-2", "a size that the scale does not make"},
    {"resize_axis/7/axis=0", "a size that the scale does not make"},
    {"resize_axis/7/axis=-2", "a size that the scale does not make"},
    {"resize_axis/8/axis=0", "a size that the scale does not make"},
    {"resize_axis/8/axis=-2", "a size that the scale does not make"},
};

// Attributes that the newest operator set has no form for, by what export says of them in any sample.
constexpr std::string_view kRefused[] = {"coordinates of kind 'tf_half_pixel_for_nn'",
                                         "nearest elements that depend on whether an axis shrinks"};
bool is_refused(std::string_view why) {
  return std::ranges::any_of(kRefused, [&](std::string_view what) { return why.ends_with(what); });
}

std::string listed(std::string_view op, std::string_view sample) {
  const auto found = kNotExpressible.find(fmt::format("{}/{}", op, sample));
  if (found != kNotExpressible.end()) return found->second;
  const auto dtype =
      kNotExpressible.find(fmt::format("{}{}", op, sample.substr(std::min(sample.rfind('='), sample.size()))));
  if (dtype != kNotExpressible.end()) return dtype->second;
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
    EXPECT_NE(ops::find(name.substr(0, name.find_first_of("/="))), nullptr) << name;
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
      const std::string why = failure(*op, **graph, *inputs, *expected), reason = listed(op->name, fmt::to_string(k));
      if (is_refused(why)) continue;
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

// An attribute that gets lost, or a dtype that ONNX does not have, shows in a sample that differs from the catalogue's in
// that alone.
TEST(ExportSamples, VariantsSurviveOnnx) {
  const char* folder = std::getenv("BURNISH_EXPORTED_SAMPLES");
  int exported = 0, all = 0;
  for (const Operator* op : ops::all()) {
    for (std::size_t k = 0; k < op->samples.size(); ++k) {
      for (const auto& variant : test::sample_variants(*op, op->samples[k])) {
        const Sample sample = {variant.text};
        const auto graph = ops::sample_graph(sample);
        if (!graph) continue;
        const auto inputs = ops::sample_inputs(sample, 1);
        if (!inputs) continue;
        const auto expected = interpret(**graph, *inputs);
        if (!expected) continue;
        ++all;
        const std::string why = failure(*op, **graph, *inputs, *expected);
        if (is_refused(why)) continue;
        const std::string reason = listed(op->name, fmt::format("{}/{}", k, variant.name));
        if (why.empty()) ++exported;
        EXPECT_EQ(why.empty(), reason.empty()) << fmt::format("{}/{}/{}: {}", op->name, k, variant.name, why);
        if (folder == nullptr || !why.empty()) continue;
        std::string plain = variant.name;  // fit for a file
        std::erase_if(plain,
                      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '=' && c != '-'; });
        const Status status =
            test::leave_exported(**graph, *inputs, op->random ? std::vector<RuntimeValue>() : *expected,
                                 fmt::format("{}/{}-{}-{}", folder, op->name, k, plain));
        EXPECT_TRUE(status) << status.error().message();
      }
    }
  }
  fmt::print("{} of {} variants survive\n", exported, all);
  EXPECT_GT(exported, 0);
}

}  // namespace
}  // namespace burnish
