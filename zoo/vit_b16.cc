// Vision transformer, base, of 16 x 16 patches. Parameters: timm's vit_base_patch16_224, or torchvision's vit_b_16.
// Source: arXiv 2010.11929.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

constexpr int64_t kWidth = 768, kHeads = 12, kLayers = 12, kPatches = 14 * 14;
constexpr double kEpsilon = 1e-6;

struct Names {
  std::string token, positions, patches, layer, norm1, qkv_weight, qkv_bias, proj, norm2, widen, narrow, norm, head;
};
const Names kTimm = {"cls_token", "pos_embed",        "patch_embed.proj", "blocks.",
                     ".norm1",    ".attn.qkv.weight", ".attn.qkv.bias",   ".attn.proj",
                     ".norm2",    ".mlp.fc1",         ".mlp.fc2",         "norm",
                     "head"};
const Names kTorchvision = {"class_token",
                            "encoder.pos_embedding",
                            "conv_proj",
                            "encoder.layers.encoder_layer_",
                            ".ln_1",
                            ".self_attention.in_proj_weight",
                            ".self_attention.in_proj_bias",
                            ".self_attention.out_proj",
                            ".ln_2",
                            ".mlp.0",
                            ".mlp.3",
                            "encoder.ln",
                            "heads.head"};

Value layer(Net& net, const Value& x, const std::string& name, const Names& names) {
  Value y = net.layer_norm(x, name + names.norm1, kEpsilon);
  y = net.linear(y, name + names.qkv_weight, name + names.qkv_bias, 3 * kWidth, false);
  const std::vector<Value> qkv = net.split(y, 2, {kWidth, kWidth, kWidth});
  y = net.attention(qkv[0], qkv[1], qkv[2], kHeads, {}, false);
  const Value z = net.add(x, net.linear(y, name + names.proj, kWidth));
  y = net.act(net.linear(net.layer_norm(z, name + names.norm2, kEpsilon), name + names.widen, 4 * kWidth), Act::gelu);
  return net.add(z, net.linear(y, name + names.narrow, kWidth));
}

}  // namespace

void vit_b16(Net& net) {
  const Names& names = net.weights.has(kTorchvision.patches + ".weight") ? kTorchvision : kTimm;
  const Value image = net.image(224);
  const Dim batch = image.value.dim(0);
  const Conv patches = {.out = kWidth, .kernel = 16, .stride = 16, .pad = Pad::none, .bias = true};
  Value x = net.conv(image, names.patches, patches);
  x = net.op("reshape", {x}, {{"shape", Dims{batch, kWidth, kPatches}}});
  x = net.op("transpose", {x}, {{"permutation", {0, 2, 1}}});
  const Value token = net.parameter(names.token, {1, 1, kWidth}, Spread::deviation(1));
  const Value tokens = net.op("broadcast", {token}, {{"shape", Dims{batch, 1, kWidth}}});
  const Value positions = net.parameter(names.positions, {1, kPatches + 1, kWidth}, Spread::deviation(0.5));
  x = net.add(net.concat({tokens, x}), positions);
  for (int64_t i = 0; i < kLayers; ++i) x = layer(net, x, at(names.layer, i), names);
  x = net.layer_norm(x, names.norm, kEpsilon);
  net.output(net.linear(net.first_token(x), names.head, 1000), "logits");
}

}  // namespace burnish::zoo
