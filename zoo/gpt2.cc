// GPT-2 small with its head, without a cache. Parameters: transformers' GPT2Model or GPT2LMHeadModel, where the words'
// embedding is the head's weight too.
// Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

constexpr int64_t kWidth = 768, kHeads = 12, kLayers = 12, kWords = 50257, kPositions = 1024;
constexpr double kEpsilon = 1e-5;
constexpr bool kTransposed = true;  // the weights are [in,out]

Value layer(Net& net, const Value& x, const std::string& name) {
  Value y = net.linear(net.layer_norm(x, name + ".ln_1", kEpsilon), name + ".attn.c_attn", 3 * kWidth, kTransposed);
  const std::vector<Value> qkv = net.split(y, 2, {kWidth, kWidth, kWidth});
  y = net.attention(qkv[0], qkv[1], qkv[2], kHeads, {}, true);
  const Value z = net.add(net.linear(y, name + ".attn.c_proj", kWidth, kTransposed), x);
  y = net.linear(net.layer_norm(z, name + ".ln_2", kEpsilon), name + ".mlp.c_fc", 4 * kWidth, kTransposed);
  return net.add(z, net.linear(net.act(y, Act::gelu_tanh), name + ".mlp.c_proj", kWidth, kTransposed));
}

}  // namespace

void gpt2(Net& net) {
  net.weights.optional_prefix("transformer.");
  net.weights.ignore(".attn.bias");  // causal masks, once stored
  net.weights.ignore(".attn.masked_bias");
  const Value ids = net.tokens("input_ids", kPositions);
  const Spread spread = Spread::deviation(0.04);
  const Value words = net.parameter("wte.weight", {kWords, kWidth}, spread);
  const Value positions = net.parameter("wpe.weight", {kPositions, kWidth}, spread);
  const Dims length = {ids.value.dim(1), kWidth};
  Value x = net.op("slice", {positions}, {{"starts", Dims{0, 0}}, {"sizes", length}, {"steps", {1, 1}}});
  x = net.add(net.op("gather", {words, ids}), x);
  x.power = 2 * 0.04 * 0.04;
  for (int64_t i = 0; i < kLayers; ++i) x = layer(net, x, at("h.", i));
  x = net.layer_norm(x, "ln_f", kEpsilon);
  const Value head =
      net.weights.has("lm_head.weight") ? net.parameter("lm_head.weight", {kWords, kWidth}, spread) : words;
  net.output(net.op("matmul", {x, net.op("transpose", {head}, {{"permutation", {1, 0}}})}), "logits");
}

}  // namespace burnish::zoo
