// The structure of the zoo's networks. What they compute is compared with their origins by tests/slow/zoo_*_test.py.

#include "zoo/zoo.h"

#include <map>
#include <memory>

#include <gtest/gtest.h>

namespace burnish::zoo {
namespace {

Network must_build(std::string_view name, const Options& options = {}) {
  const Entry* entry = find(name);
  if (entry == nullptr) throw std::runtime_error("no such network");
  return or_throw(build(*entry, options));
}

int64_t count(const Network& network, bool trained) {
  int64_t total = 0;
  for (const Network::Parameter& parameter : network.parameters) {
    int64_t elements = 1;
    for (const int64_t size : parameter.shape) elements *= size;
    if (parameter.trained == trained) total += elements;
  }
  return total;
}

std::string interface(Network& network) {
  std::string text;
  for (const Value& value : network.graph.inputs()) text += value.name() + ": " + value.type() + " ";
  text += "->";
  for (const Value& value : network.graph.outputs()) text += " " + value.type();
  return text;
}

struct Expected {
  const char* name;
  int64_t parameters;  // as published, without running statistics
  const char* interface;
};

// Counts: torchvision's and transformers' documentation, timm's model pages; nasnet_mobile: Keras' summary.
constexpr Expected kExpected[] = {
    {"bert_base", 109482240,
     "input_ids: i64[N,T] attention_mask: i64[N,T] token_type_ids: i64[N,T] -> f32[N,T,768] f32[N,768]"},
    {"effnet_lite0", 4652008, "x: f32[N,3,224,224] -> f32[N,1000]"},
    {"effnet_lite1", 5416680, "x: f32[N,3,240,240] -> f32[N,1000]"},
    {"gpt2", 124439808, "input_ids: i64[N,T] -> f32[N,T,50257]"},
    {"inception_v3", 23834568, "x: f32[N,3,299,299] -> f32[N,1000]"},
    {"inception_v4", 42679816, "x: f32[N,3,299,299] -> f32[N,1000]"},
    {"mobilenet_v1", 4231976, "x: f32[N,3,224,224] -> f32[N,1000]"},
    {"mobilenet_v2", 3504872, "x: f32[N,3,224,224] -> f32[N,1000]"},
    {"nasnet_large", 88753150, "x: f32[N,3,331,331] -> f32[N,1000]"},
    {"nasnet_mobile", 5289978, "x: f32[N,3,224,224] -> f32[N,1000]"},
    {"resnet50", 25557032, "x: f32[N,3,224,224] -> f32[N,1000]"},
    {"resnet50_v2", 25549352, "x: f32[N,3,224,224] -> f32[N,1000]"},
    {"resnet152_v2", 60185128, "x: f32[N,3,224,224] -> f32[N,1000]"},
    {"vgg16", 138357544, "x: f32[N,3,224,224] -> f32[N,1000]"},
    {"vgg19", 143667240, "x: f32[N,3,224,224] -> f32[N,1000]"},
    {"vit_b16", 86567656, "x: f32[N,3,224,224] -> f32[N,1000]"},
};

TEST(Zoo, HasTheNetworksItPromises) {
  ASSERT_EQ(entries().size(), std::size(kExpected));
  for (const Expected& expected : kExpected) {
    SCOPED_TRACE(expected.name);
    Network network = must_build(expected.name);
    EXPECT_EQ(count(network, true), expected.parameters);
    EXPECT_EQ(interface(network), expected.interface);
    std::map<std::string, int> names;
    for (const Network::Parameter& parameter : network.parameters)
      EXPECT_EQ(++names[parameter.name], 1) << parameter.name;
  }
  EXPECT_EQ(find("resnet51"), nullptr);
}

TEST(Zoo, SeedsDecideTheWeights) {
  // The text names large constants by a hash of their bytes.
  const std::string first = or_throw(must_build("mobilenet_v2", {.seed = 7}).graph.text());
  EXPECT_EQ(first, or_throw(must_build("mobilenet_v2", {.seed = 7}).graph.text()));
  EXPECT_NE(first, or_throw(must_build("mobilenet_v2", {.seed = 8}).graph.text()));
}

// A checkpoint in memory that has what a network needs, for tests to spoil.
struct Checkpoint {
  std::map<std::string, Tensor> tensors;

  explicit Checkpoint(std::string_view name) {
    for (const Network::Parameter& p : must_build(name).parameters)
      tensors[p.name] = or_throw(Tensor::zeros(DType::f32, p.shape));
  }
  Result<Network> build(std::string_view name) const {
    Parameters parameters;
    for (const auto& [key, tensor] : tensors) parameters.names.push_back(key);
    parameters.read = [this](const std::string& key) { return tensors.at(key); };
    return zoo::build(*find(name), {.parameters = &parameters});
  }
};

TEST(Zoo, CheckpointsMustFit) {
  const Checkpoint whole("mobilenet_v1");
  EXPECT_TRUE(whole.build("mobilenet_v1").has_value());

  Checkpoint lacks = whole;
  lacks.tensors.erase("blocks.3.2.bn1.running_var");
  const auto missing = lacks.build("mobilenet_v1");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::refused);
  EXPECT_NE(missing.error().what.find("'blocks.3.2.bn1.running_var' [512]"), std::string::npos) << missing.error().what;

  Checkpoint shaped = whole;
  shaped.tensors["classifier.weight"] = or_throw(Tensor::zeros(DType::f32, {10, 1024}));
  const auto wrong = shaped.build("mobilenet_v1");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_NE(wrong.error().message().find("[1000,1024] but the checkpoint has [10,1024]"), std::string::npos)
      << wrong.error().message();

  Checkpoint more = whole;
  more.tensors["bn1.num_batches_tracked"] = or_throw(Tensor::zeros(DType::i64, {}));
  EXPECT_TRUE(more.build("mobilenet_v1").has_value());
  more.tensors["head.weight"] = or_throw(Tensor::zeros(DType::f32, {4}));
  const auto left = more.build("mobilenet_v1");
  ASSERT_FALSE(left.has_value());
  EXPECT_NE(left.error().what.find("head.weight"), std::string::npos) << left.error().what;

  Checkpoint integers = whole;
  integers.tensors["bn1.weight"] = or_throw(Tensor::zeros(DType::i32, {32}));
  EXPECT_FALSE(integers.build("mobilenet_v1").has_value());
}

TEST(Zoo, CheckpointsOfOtherFloatsAreWidened) {
  Checkpoint wide("mobilenet_v1");
  wide.tensors["bn1.bias"] = or_throw(Tensor::from(std::vector<float>(32, -1.5f), {32}));
  const std::string expected = or_throw(or_throw(wide.build("mobilenet_v1")).graph.text());

  const auto replaced = [&](Result<Tensor> tensor) {
    Checkpoint other = wide;
    other.tensors["bn1.bias"] = or_throw(std::move(tensor));
    return or_throw(or_throw(other.build("mobilenet_v1")).graph.text());
  };
  const std::vector<uint16_t> half(32, 0xbe00), brain(32, 0xbfc0);
  EXPECT_EQ(replaced(Tensor::from_bytes(DType::f16, {32}, std::as_bytes(std::span(half)))), expected);
  EXPECT_EQ(replaced(Tensor::from_bytes(DType::bf16, {32}, std::as_bytes(std::span(brain)))), expected);
  EXPECT_EQ(replaced(Tensor::from(std::vector<double>(32, -1.5), {32})), expected);
}

}  // namespace
}  // namespace burnish::zoo
