// ResNet-50 v1.5: bottlenecks whose 3x3 convolution has the stride. Parameters: torchvision, resnet50.
// Source: arXiv 1512.03385.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

Value bottleneck(Net& net, const Value& x, const std::string& name, int64_t width, int64_t stride, bool project) {
  Value y = net.conv_bn(x, name + ".conv1", name + ".bn1", {.out = width}, Act::relu);
  y = net.conv_bn(y, name + ".conv2", name + ".bn2", {.out = width, .kernel = 3, .stride = stride}, Act::relu);
  y = net.conv_bn(y, name + ".conv3", name + ".bn3", {.out = 4 * width}, Act::none);
  const Conv projection = {.out = 4 * width, .stride = stride};
  const Value shortcut =
      project ? net.conv_bn(x, name + ".downsample.0", name + ".downsample.1", projection, Act::none) : x;
  return net.act(net.add(y, shortcut), Act::relu);
}

}  // namespace

void resnet50(Net& net) {
  constexpr int64_t kBlocks[] = {3, 4, 6, 3};
  Value x = net.conv_bn(net.image(224), "conv1", "bn1", {.out = 64, .kernel = 7, .stride = 2}, Act::relu);
  x = net.max_pool(x, {.kernel = 3, .stride = 2, .pad = Pad::half});
  for (int stage = 0; stage < 4; ++stage)
    for (int64_t i = 0; i < kBlocks[stage]; ++i)
      x = bottleneck(net, x, at("layer", stage + 1) + at(".", i), 64 << stage, stage > 0 && i == 0 ? 2 : 1, i == 0);
  net.output(net.linear(net.global_average(x), "fc", 1000), "logits");
}

}  // namespace burnish::zoo
