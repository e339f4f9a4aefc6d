// MobileNet v2, width 1.0. Parameters: torchvision, mobilenet_v2.
// Source: arXiv 1801.04381, table 2.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

// Widen, filter each channel, narrow without an activation; the shortcut joins narrow ends.
Value inverted_residual(Net& net, const Value& x, const std::string& name, int64_t in, int64_t out, int64_t expansion,
                        int64_t stride) {
  const int64_t wide = in * expansion;
  Value y = x;
  int layer = 0;
  if (expansion > 1) {
    y = net.conv_bn(y, name + ".0.0", name + ".0.1", {.out = wide}, Act::relu6);
    ++layer;
  }
  const std::string filter = at(name + ".", layer);
  const Conv depthwise = {.out = wide, .kernel = 3, .stride = stride, .groups = wide};
  y = net.conv_bn(y, filter + ".0", filter + ".1", depthwise, Act::relu6);
  y = net.conv_bn(y, at(name + ".", layer + 1), at(name + ".", layer + 2), {.out = out}, Act::none);
  return stride == 1 && in == out ? net.add(x, y) : y;
}

}  // namespace

void mobilenet_v2(Net& net) {
  struct Stage {
    int64_t expansion, out, blocks, stride;
  };
  constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  const Conv stem = {.out = 32, .kernel = 3, .stride = 2};
  Value x = net.conv_bn(net.image(224), "features.0.0", "features.0.1", stem, Act::relu6);
  int64_t channels = 32, block = 1;
  for (const Stage& stage : kStages)
    for (int64_t i = 0; i < stage.blocks; ++i) {
      const std::string name = at("features.", block++) + ".conv";
      x = inverted_residual(net, x, name, channels, stage.out, stage.expansion, i == 0 ? stage.stride : 1);
      channels = stage.out;
    }
  x = net.conv_bn(x, "features.18.0", "features.18.1", {.out = 1280}, Act::relu6);
  net.output(net.linear(net.global_average(x), "classifier.1", 1000), "logits");
}

}  // namespace burnish::zoo
