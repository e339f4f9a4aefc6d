// VGG of 16 and 19 layers, without normalisation. Parameters: torchvision, vgg16 and vgg19.
// Source: arXiv 1409.1556, configurations D and E.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

void vgg(Net& net, std::initializer_list<int64_t> convolutions) {
  Value x = net.image(224);
  int64_t channels = 64, layer = 0;  // layers are counted with their activations and pools
  for (int64_t count : convolutions) {
    for (int64_t i = 0; i < count; ++i, layer += 2)
      x = net.act(net.conv(x, at("features.", layer), {.out = channels, .kernel = 3, .bias = true}), Act::relu);
    x = net.max_pool(x, {.kernel = 2, .stride = 2});
    ++layer;
    channels = std::min<int64_t>(2 * channels, 512);
  }
  x = net.act(net.linear(net.flatten(x), "classifier.0", 4096), Act::relu);
  x = net.act(net.linear(x, "classifier.3", 4096), Act::relu);
  net.output(net.linear(x, "classifier.6", 1000), "logits");
}

}  // namespace

void vgg16(Net& net) { vgg(net, {2, 2, 3, 3, 3}); }
void vgg19(Net& net) { vgg(net, {2, 2, 4, 4, 4}); }

}  // namespace burnish::zoo
