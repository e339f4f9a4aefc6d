// EfficientNet-Lite 0 and 1: EfficientNet without squeeze-and-excitation, with ReLU6.
// Source: the table of github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
//
// Two families of checkpoints are around, told apart by the names of their parameters:
// - as TensorFlow trained them, SAME padding and epsilon 1e-3, named as efficientnet_pytorch does (_blocks.0._bn0);
// - timm's efficientnet_lite0 and efficientnet_lite1, PyTorch's padding and epsilon 1e-5 (blocks.0.0.bn1).
// Without weights, Lite0 is of the first kind and Lite1 of the second.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

struct Stage {
  int64_t expansion, out, blocks, kernel, stride;
};
constexpr Stage kStages[] = {{1, 16, 1, 3, 1},  {6, 24, 2, 3, 2},  {6, 40, 2, 5, 2}, {6, 80, 3, 3, 2},
                             {6, 112, 3, 5, 1}, {6, 192, 4, 5, 2}, {6, 320, 1, 3, 1}};

// How a kind of checkpoint names things, and what it was trained with.
struct Kind {
  bool tensorflow;
  Pad pad() const { return tensorflow ? Pad::same : Pad::half; }
  double epsilon() const { return tensorflow ? 1e-3 : 1e-5; }
};

struct Block {
  std::string expand, expand_bn, filter, filter_bn, project, project_bn;
};

Block names(const Kind& kind, int stage, int64_t i, int64_t block, bool widens) {
  if (kind.tensorflow) {
    const std::string p = at("_blocks.", block);
    return {p + "._expand_conv", p + "._bn0", p + "._depthwise_conv", p + "._bn1", p + "._project_conv", p + "._bn2"};
  }
  const std::string p = at("blocks.", stage) + at(".", i);
  if (!widens) return {"", "", p + ".conv_dw", p + ".bn1", p + ".conv_pw", p + ".bn2"};
  return {p + ".conv_pw", p + ".bn1", p + ".conv_dw", p + ".bn2", p + ".conv_pwl", p + ".bn3"};
}

// `deeper`: blocks more in the stages between the first and the last.
void effnet_lite(Net& net, const Kind& kind, int64_t size, int64_t deeper) {
  const bool tensorflow = kind.tensorflow;
  const Conv stem = {.out = 32, .kernel = 3, .stride = 2, .pad = kind.pad()};
  Value x = net.conv_bn(net.image(size), tensorflow ? "_conv_stem" : "conv_stem", tensorflow ? "_bn0" : "bn1", stem,
                        Act::relu6, kind.epsilon());
  int64_t channels = 32, block = 0;
  for (int s = 0; s < 7; ++s) {
    const Stage& stage = kStages[s];
    const int64_t blocks = stage.blocks + (s > 0 && s < 6 ? deeper : 0);
    for (int64_t i = 0; i < blocks; ++i) {
      const Block name = names(kind, s, i, block++, stage.expansion > 1);
      const int64_t wide = channels * stage.expansion, stride = i == 0 ? stage.stride : 1;
      Value y = x;
      if (stage.expansion > 1)
        y = net.conv_bn(y, name.expand, name.expand_bn, {.out = wide}, Act::relu6, kind.epsilon());
      const Conv depthwise = {.out = wide, .kernel = stage.kernel, .stride = stride, .pad = kind.pad(), .groups = wide};
      y = net.conv_bn(y, name.filter, name.filter_bn, depthwise, Act::relu6, kind.epsilon());
      y = net.conv_bn(y, name.project, name.project_bn, {.out = stage.out}, Act::none, kind.epsilon());
      x = stride == 1 && channels == stage.out ? net.add(y, x) : y;
      channels = stage.out;
    }
  }
  x = net.conv_bn(x, tensorflow ? "_conv_head" : "conv_head", tensorflow ? "_bn1" : "bn2", {.out = 1280}, Act::relu6,
                  kind.epsilon());
  net.output(net.linear(net.global_average(x), tensorflow ? "_fc" : "classifier", 1000), "logits");
}

}  // namespace

void effnet_lite0(Net& net) { effnet_lite(net, {!net.weights.has("conv_stem.weight")}, 224, 0); }
void effnet_lite1(Net& net) { effnet_lite(net, {net.weights.has("_conv_stem.weight")}, 240, 1); }

}  // namespace burnish::zoo
