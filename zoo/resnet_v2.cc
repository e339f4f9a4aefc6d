// ResNet v2 (pre-activation) of 50 and 152 layers. Parameters: timm, resnetv2_50 and resnetv2_152.
// Source: arXiv 1603.05027; as in v1.5, the 3x3 convolution has the stride.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

Value bottleneck(Net& net, const Value& x, const std::string& name, int64_t out, int64_t stride, bool project) {
  const Value rectified = net.act(net.batch_norm(x, name + ".norm1"), Act::relu);
  const Value shortcut = project ? net.conv(rectified, name + ".downsample.conv", {.out = out, .stride = stride}) : x;
  Value y = net.conv_bn(rectified, name + ".conv1", name + ".norm2", {.out = out / 4}, Act::relu);
  const Conv middle = {.out = out / 4, .kernel = 3, .stride = stride};
  y = net.conv_bn(y, name + ".conv2", name + ".norm3", middle, Act::relu);
  return net.add(net.conv(y, name + ".conv3", {.out = out}), shortcut);
}

void resnet_v2(Net& net, std::initializer_list<int64_t> blocks) {
  Value x = net.conv(net.image(224), "stem.conv", {.out = 64, .kernel = 7, .stride = 2});
  x = net.max_pool(x, {.kernel = 3, .stride = 2, .pad = Pad::half});
  int stage = 0;
  for (int64_t count : blocks) {
    const std::string name = at("stages.", stage) + ".blocks.";
    for (int64_t i = 0; i < count; ++i)
      x = bottleneck(net, x, at(name, i), 256 << stage, stage > 0 && i == 0 ? 2 : 1, i == 0);
    ++stage;
  }
  x = net.act(net.batch_norm(x, "norm"), Act::relu);
  // The classifier is a 1x1 convolution of the means.
  x = net.conv(net.global_average(x, true), "head.fc", {.out = 1000, .bias = true});
  net.output(net.flatten(x), "logits");
}

}  // namespace

void resnet50_v2(Net& net) { resnet_v2(net, {3, 4, 6, 3}); }
void resnet152_v2(Net& net) { resnet_v2(net, {3, 8, 36, 3}); }

}  // namespace burnish::zoo
