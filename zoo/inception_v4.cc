// Inception v4. Parameters: timm, inception_v4.
// Source: arXiv 1602.07261, figures 3 to 9.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

// One entry of the list `features`.
struct Feature {
  Net& net;
  std::string name;

  Value conv(const Value& x, const std::string& branch, const Conv& conv) const {
    return net.conv_bn(x, name + branch + ".conv", name + branch + ".bn", conv, Act::relu, 1e-3);
  }
  // Convolutions in a row: branch.0, branch.1 ...
  Value chain(Value x, const std::string& branch, std::initializer_list<Conv> convs) const {
    int i = 0;
    for (const Conv& c : convs) x = conv(x, at(branch + ".", i++), c);
    return x;
  }
  Value max_pool(const Value& x) const { return net.max_pool(x, {.kernel = 3, .stride = 2}); }
  Value pooled(const Value& x, int64_t out) const {
    const Pool mean = {.kernel = 3, .stride = 1, .pad = Pad::half, .count_padding = false};
    return conv(net.average_pool(x, mean), ".branch3.1", {.out = out});
  }
};

constexpr Conv square(int64_t out) { return {.out = out, .kernel = 3}; }
constexpr Conv valid(int64_t out, int64_t stride = 1) {
  return {.out = out, .kernel = 3, .stride = stride, .pad = Pad::none};
}
constexpr Conv row(int64_t out, int64_t size) { return {.out = out, .kernel = {1, size}}; }
constexpr Conv column(int64_t out, int64_t size) { return {.out = out, .kernel = {size, 1}}; }

Value stem(Net& net, Value x) {
  const auto feature = [&](int i) { return Feature{net, at("features.", i)}; };
  x = feature(0).conv(x, "", valid(32, 2));
  x = feature(1).conv(x, "", valid(32));
  x = feature(2).conv(x, "", square(64));
  const Feature first = feature(3), second = feature(4), third = feature(5);
  x = net.concat({first.max_pool(x), first.conv(x, ".conv", valid(96, 2))});
  const Value a = second.chain(x, ".branch0", {{.out = 64}, valid(96)});
  const Value b = second.chain(x, ".branch1", {{.out = 64}, row(64, 7), column(64, 7), valid(96)});
  x = net.concat({a, b});
  return net.concat({third.conv(x, ".conv", valid(192, 2)), third.max_pool(x)});
}

Value inception_a(const Feature& f, const Value& x) {
  const Value a = f.conv(x, ".branch0", {.out = 96});
  const Value b = f.chain(x, ".branch1", {{.out = 64}, square(96)});
  const Value c = f.chain(x, ".branch2", {{.out = 64}, square(96), square(96)});
  return f.net.concat({a, b, c, f.pooled(x, 96)});
}

Value reduction_a(const Feature& f, const Value& x) {
  const Value a = f.conv(x, ".branch0", valid(384, 2));
  const Value b = f.chain(x, ".branch1", {{.out = 192}, square(224), valid(256, 2)});
  return f.net.concat({a, b, f.max_pool(x)});
}

Value inception_b(const Feature& f, const Value& x) {
  const Value a = f.conv(x, ".branch0", {.out = 384});
  const Value b = f.chain(x, ".branch1", {{.out = 192}, row(224, 7), column(256, 7)});
  const Value c = f.chain(x, ".branch2", {{.out = 192}, column(192, 7), row(224, 7), column(224, 7), row(256, 7)});
  return f.net.concat({a, b, c, f.pooled(x, 128)});
}

Value reduction_b(const Feature& f, const Value& x) {
  const Value a = f.chain(x, ".branch0", {{.out = 192}, valid(192, 2)});
  const Value b = f.chain(x, ".branch1", {{.out = 256}, row(256, 7), column(320, 7), valid(320, 2)});
  return f.net.concat({a, b, f.max_pool(x)});
}

Value inception_c(const Feature& f, const Value& x) {
  const Value a = f.conv(x, ".branch0", {.out = 256});
  Value b = f.conv(x, ".branch1_0", {.out = 384});
  b = f.net.concat({f.conv(b, ".branch1_1a", row(256, 3)), f.conv(b, ".branch1_1b", column(256, 3))});
  Value c = f.conv(x, ".branch2_0", {.out = 384});
  c = f.conv(c, ".branch2_1", column(448, 3));
  c = f.conv(c, ".branch2_2", row(512, 3));
  c = f.net.concat({f.conv(c, ".branch2_3a", row(256, 3)), f.conv(c, ".branch2_3b", column(256, 3))});
  return f.net.concat({a, b, c, f.pooled(x, 256)});
}

}  // namespace

void inception_v4(Net& net) {
  int next = 6;
  const auto feature = [&] { return Feature{net, at("features.", next++)}; };
  Value x = stem(net, net.image(299));
  for (int i = 0; i < 4; ++i) x = inception_a(feature(), x);
  x = reduction_a(feature(), x);
  for (int i = 0; i < 7; ++i) x = inception_b(feature(), x);
  x = reduction_b(feature(), x);
  for (int i = 0; i < 3; ++i) x = inception_c(feature(), x);
  net.output(net.linear(net.global_average(x), "last_linear", 1000), "logits");
}

}  // namespace burnish::zoo
