// NASNet-A, large (6 @ 4032) and mobile (4 @ 1056). Source: arXiv 1707.07012.
// Large is timm's nasnetalarge. Mobile is Keras' NASNetMobile (channels first here), its parameters named in timm's way.
//
// Both pad strided windows as TensorFlow's SAME does. They differ in what a max pool sees there (nothing, or Keras'
// zeros), and in the cell before a reduction that the cell after it looks back to.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

constexpr double kEpsilon = 1e-3;

struct Nasnet {
  Net& net;
  bool mobile;

  Value relu_conv_bn(const Value& x, const std::string& name, int64_t out) const {
    const Value y = net.act(x, Act::relu);
    return net.conv_bn(y, name + ".conv", name + ".bn", {.out = out}, Act::none, kEpsilon);
  }

  // Twice: rectify, filter each channel, mix the channels, normalise. The first has the stride.
  Value separable(Value x, const std::string& name, int64_t out, int64_t kernel, int64_t stride = 1) const {
    for (int i = 1; i <= 2; ++i) {
      const std::string layer = at(name + ".separable_", i);
      const int64_t in = net.dim(x, 1);
      x = net.conv(net.act(x, Act::relu), layer + ".depthwise_conv2d",
                   {.out = in, .kernel = kernel, .stride = i == 1 ? stride : 1, .pad = Pad::same, .groups = in});
      x = net.conv_bn(x, layer + ".pointwise_conv2d", at(name + ".bn_sep_", i), {.out = out}, Act::none, kEpsilon);
    }
    return x;
  }

  Value mean(const Value& x) const {
    return net.average_pool(x, {.kernel = 3, .stride = 1, .pad = Pad::same, .count_padding = false});
  }
  Value mean_of_half(const Value& x) const { return net.average_pool(x, {.kernel = 3, .stride = 2, .pad = Pad::same}); }
  Value max_of_half(const Value& x) const {
    if (!mobile) return net.max_pool(x, {.kernel = 3, .stride = 2, .pad = Pad::same});
    return net.max_pool(zero_border(x), {.kernel = 3, .stride = 2});
  }

  // As SAME pads windows of 3 x 3 and stride 2, with zeros.
  Value zero_border(const Value& x) const {
    const std::vector<int64_t> pads = net.pads(x, 3, 2, Pad::same);
    const Dims before = {0, 0, pads[0], pads[1]}, after = {0, 0, pads[2], pads[3]};
    return net.op("pad", {x}, {{"before", before}, {"after", after}});
  }

  // All but the first row and column; in their place, zeros at the end.
  Value from_the_second(const Value& x) const {
    const Dims sizes = {x.value.dim(0), net.dim(x, 1), net.dim(x, 2) - 1, net.dim(x, 3) - 1};
    const Value rest = net.op("slice", {x}, {{"starts", Dims{0, 0, 1, 1}}, {"sizes", sizes}, {"steps", {1, 1, 1, 1}}});
    return net.op("pad", {rest}, {{"before", Dims{0, 0, 0, 0}}, {"after", Dims{0, 0, 1, 1}}});
  }

  // The output of the cell before the last, brought to half its size: every other pixel, from the first and from the
  // second on, through a convolution each.
  Value halve(const Value& x, const std::string& name, int64_t out) const {
    const Value y = net.act(x, Act::relu);
    const Value even = net.conv(y, name + ".path_1.conv", {.out = out / 2, .stride = 2});
    const Value odd = net.conv(from_the_second(y), name + ".path_2.conv", {.out = out / 2, .stride = 2});
    return net.batch_norm(net.concat({even, odd}), name + ".final_path_bn", kEpsilon);
  }

  Value fit(const Value& previous, const Value& x, const std::string& name, int64_t out) const {
    if (net.dim(previous, 2) != net.dim(x, 2)) return halve(previous, name, out);
    return relu_conv_bn(previous, name + ".conv_prev_1x1", out);
  }

  Value normal(const Value& x, const Value& previous, const std::string& name, int64_t out) const {
    const std::string part = name + ".comb_iter_";
    const Value p = fit(previous, x, name, out);
    const Value h = relu_conv_bn(x, name + ".conv_1x1", out);
    const Value a = net.add(separable(h, part + "0_left", out, 5), separable(p, part + "0_right", out, 3));
    const Value b = net.add(separable(p, part + "1_left", out, 5), separable(p, part + "1_right", out, 3));
    const Value c = net.add(mean(h), p);
    const Value twice = mean(p);
    const Value d = net.add(twice, twice);
    const Value e = net.add(separable(h, part + "4_left", out, 3), h);
    return net.concat({p, a, b, c, d, e});
  }

  Value reduction(const Value& x, const Value& p, const std::string& name, int64_t out) const {
    const std::string part = name + ".comb_iter_";
    const Value h = relu_conv_bn(x, name + ".conv_1x1", out);
    const Value a = net.add(separable(h, part + "0_left", out, 5, 2), separable(p, part + "0_right", out, 7, 2));
    const Value largest = max_of_half(h);
    const Value b = net.add(largest, separable(p, part + "1_right", out, 7, 2));
    const Value c = net.add(mean_of_half(h), separable(p, part + "2_right", out, 5, 2));
    const Value d = net.add(mean(a), b);
    const Value e = net.add(separable(a, part + "4_left", out, 3), largest);
    return net.concat({b, c, d, e});
  }

  void build(int64_t size, int64_t stem, int64_t filters, int64_t cells) const {
    const Conv first = {.out = stem, .kernel = 3, .stride = 2, .pad = Pad::none};
    const Value image = net.conv_bn(net.image(size), "conv0.conv", "conv0.bn", first, Act::none, kEpsilon);
    Value previous = reduction(image, image, "cell_stem_0", filters / 4);
    Value x = reduction(previous, fit(image, previous, "cell_stem_1", filters / 2), "cell_stem_1", filters / 2);
    int64_t cell = 0;
    for (int stage = 0; stage < 3; ++stage) {
      const int64_t out = filters << stage;
      if (stage > 0) {
        const std::string name = at("reduction_cell_", stage - 1);
        const Value before = x;
        x = reduction(x, fit(previous, x, name, out), name, out);
        if (mobile) previous = before;
      }
      for (int64_t i = 0; i < cells; ++i) {
        const Value next = normal(x, previous, at("cell_", cell++), out);
        previous = x;
        x = next;
      }
    }
    x = net.act(x, Act::relu);
    net.output(net.linear(net.global_average(x), "last_linear", 1000), "logits");
  }
};

}  // namespace

void nasnet_large(Net& net) { Nasnet{net, false}.build(331, 96, 168, 6); }
void nasnet_mobile(Net& net) { Nasnet{net, true}.build(224, 32, 44, 4); }

}  // namespace burnish::zoo
