// BERT base: the encoder and its pooler. Parameters: transformers' BertModel, or a model around it ("bert." in front).
// Source: arXiv 1810.04805.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

constexpr int64_t kWidth = 768, kHeads = 12, kLayers = 12, kWords = 30522, kPositions = 512;
constexpr double kEpsilon = 1e-12;

Value layer(Net& net, const Value& x, const std::string& name, const burnish::Value& bias) {
  const std::string self = name + ".attention.self.", output = name + ".attention.output.";
  const Value q = net.linear(x, self + "query", kWidth);
  const Value k = net.linear(x, self + "key", kWidth);
  const Value v = net.linear(x, self + "value", kWidth);
  Value y = net.linear(net.attention(q, k, v, kHeads, bias, false), output + "dense", kWidth);
  const Value z = net.layer_norm(net.add(y, x), output + "LayerNorm", kEpsilon);
  y = net.act(net.linear(z, name + ".intermediate.dense", 4 * kWidth), Act::gelu);
  y = net.linear(y, name + ".output.dense", kWidth);
  return net.layer_norm(net.add(y, z), name + ".output.LayerNorm", kEpsilon);
}

// 0 where the mask is 1, and so little that softmax gives 0 where it is 0.
burnish::Value attention_bias(Net& net, const Value& mask) {
  const Value zero = {net.graph.constant(Tensor::scalar(int64_t{0}))};
  const Value seen = {net.graph.constant(Tensor::scalar(0.0f))};
  const Value hidden = {net.graph.constant(Tensor::scalar(std::numeric_limits<float>::lowest()))};
  const Value bias = net.op("select", {net.op("ne", {mask, zero}), seen, hidden});
  return net.op("reshape", {bias}, {{"shape", Dims{mask.value.dim(0), 1, 1, mask.value.dim(1)}}}).value;
}

}  // namespace

void bert_base(Net& net) {
  net.weights.optional_prefix("bert.");
  net.weights.spelling(".LayerNorm.gamma", ".LayerNorm.weight");
  net.weights.spelling(".LayerNorm.beta", ".LayerNorm.bias");
  net.weights.ignore("position_ids");
  net.weights.ignore("cls.");  // heads of the models around it
  const Value ids = net.tokens("input_ids", kPositions);
  const Value mask = net.tokens("attention_mask", kPositions);
  const Value kinds = net.tokens("token_type_ids", kPositions);

  const Spread spread = Spread::deviation(0.5);
  const Value words = net.parameter("embeddings.word_embeddings.weight", {kWords, kWidth}, spread);
  const Value positions = net.parameter("embeddings.position_embeddings.weight", {kPositions, kWidth}, spread);
  const Value kind = net.parameter("embeddings.token_type_embeddings.weight", {2, kWidth}, spread);
  Value x = net.add(net.op("gather", {words, ids}), net.op("gather", {kind, kinds}));
  const Dims length = {ids.value.dim(1), kWidth};
  x = net.add(x, net.op("slice", {positions}, {{"starts", Dims{0, 0}}, {"sizes", length}, {"steps", {1, 1}}}));
  x = net.layer_norm(x, "embeddings.LayerNorm", kEpsilon);

  const burnish::Value bias = attention_bias(net, mask);
  for (int64_t i = 0; i < kLayers; ++i) x = layer(net, x, at("encoder.layer.", i), bias);
  net.output(x, "last_hidden_state");
  net.output(net.act(net.linear(net.first_token(x), "pooler.dense", kWidth), Act::tanh), "pooler_output");
}

}  // namespace burnish::zoo
