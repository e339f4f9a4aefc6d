// MobileNet v1, width 1.0. Parameters: timm, mobilenetv1_100.
// Source: arXiv 1704.04861, table 1.

#include "zoo/net.h"

namespace burnish::zoo {

void mobilenet_v1(Net& net) {
  struct Stage {
    int64_t out, blocks;
  };
  constexpr Stage kStages[] = {{64, 1}, {128, 2}, {256, 2}, {512, 6}, {1024, 2}};
  Value x = net.conv_bn(net.image(224), "conv_stem", "bn1", {.out = 32, .kernel = 3, .stride = 2}, Act::relu6);
  int64_t channels = 32;
  for (int stage = 0; stage < 5; ++stage)
    for (int64_t i = 0; i < kStages[stage].blocks; ++i) {
      const std::string name = at("blocks.", stage) + at(".", i);
      const int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      const Conv depthwise = {.out = channels, .kernel = 3, .stride = stride, .groups = channels};
      x = net.conv_bn(x, name + ".conv_dw", name + ".bn1", depthwise, Act::relu6);
      channels = kStages[stage].out;
      x = net.conv_bn(x, name + ".conv_pw", name + ".bn2", {.out = channels}, Act::relu6);
    }
  net.output(net.linear(net.global_average(x), "classifier", 1000), "logits");
}

}  // namespace burnish::zoo
