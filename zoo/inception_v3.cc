// Inception v3. Parameters: torchvision, inception_v3; its auxiliary classifier serves training alone and is left out.
// Source: arXiv 1512.00567.

#include "zoo/net.h"

namespace burnish::zoo {
namespace {

struct Mixed {
  Net& net;
  std::string name;

  Value conv(const Value& x, const std::string& branch, const Conv& conv) const {
    return net.conv_bn(x, name + branch + ".conv", name + branch + ".bn", conv, Act::relu, 1e-3);
  }
  Value pooled(const Value& x, int64_t out) const {
    const Value mean = net.average_pool(x, {.kernel = 3, .stride = 1, .pad = Pad::half});
    return conv(mean, "branch_pool", {.out = out});
  }
};

Value block_a(const Mixed& m, const Value& x, int64_t pooled) {
  const Value a = m.conv(x, "branch1x1", {.out = 64});
  Value b = m.conv(x, "branch5x5_1", {.out = 48});
  b = m.conv(b, "branch5x5_2", {.out = 64, .kernel = 5});
  Value c = m.conv(x, "branch3x3dbl_1", {.out = 64});
  c = m.conv(c, "branch3x3dbl_2", {.out = 96, .kernel = 3});
  c = m.conv(c, "branch3x3dbl_3", {.out = 96, .kernel = 3});
  return m.net.concat({a, b, c, m.pooled(x, pooled)});
}

Value block_b(const Mixed& m, const Value& x) {
  const Value a = m.conv(x, "branch3x3", {.out = 384, .kernel = 3, .stride = 2, .pad = Pad::none});
  Value b = m.conv(x, "branch3x3dbl_1", {.out = 64});
  b = m.conv(b, "branch3x3dbl_2", {.out = 96, .kernel = 3});
  b = m.conv(b, "branch3x3dbl_3", {.out = 96, .kernel = 3, .stride = 2, .pad = Pad::none});
  return m.net.concat({a, b, m.net.max_pool(x, {.kernel = 3, .stride = 2})});
}

Value block_c(const Mixed& m, const Value& x, int64_t width) {
  const Window row = {1, 7}, column = {7, 1};
  const Value a = m.conv(x, "branch1x1", {.out = 192});
  Value b = m.conv(x, "branch7x7_1", {.out = width});
  b = m.conv(b, "branch7x7_2", {.out = width, .kernel = row});
  b = m.conv(b, "branch7x7_3", {.out = 192, .kernel = column});
  Value c = m.conv(x, "branch7x7dbl_1", {.out = width});
  c = m.conv(c, "branch7x7dbl_2", {.out = width, .kernel = column});
  c = m.conv(c, "branch7x7dbl_3", {.out = width, .kernel = row});
  c = m.conv(c, "branch7x7dbl_4", {.out = width, .kernel = column});
  c = m.conv(c, "branch7x7dbl_5", {.out = 192, .kernel = row});
  return m.net.concat({a, b, c, m.pooled(x, 192)});
}

Value block_d(const Mixed& m, const Value& x) {
  Value a = m.conv(x, "branch3x3_1", {.out = 192});
  a = m.conv(a, "branch3x3_2", {.out = 320, .kernel = 3, .stride = 2, .pad = Pad::none});
  Value b = m.conv(x, "branch7x7x3_1", {.out = 192});
  b = m.conv(b, "branch7x7x3_2", {.out = 192, .kernel = {1, 7}});
  b = m.conv(b, "branch7x7x3_3", {.out = 192, .kernel = {7, 1}});
  b = m.conv(b, "branch7x7x3_4", {.out = 192, .kernel = 3, .stride = 2, .pad = Pad::none});
  return m.net.concat({a, b, m.net.max_pool(x, {.kernel = 3, .stride = 2})});
}

Value block_e(const Mixed& m, const Value& x) {
  const Conv row = {.out = 384, .kernel = {1, 3}}, column = {.out = 384, .kernel = {3, 1}};
  const Value a = m.conv(x, "branch1x1", {.out = 320});
  Value b = m.conv(x, "branch3x3_1", {.out = 384});
  b = m.net.concat({m.conv(b, "branch3x3_2a", row), m.conv(b, "branch3x3_2b", column)});
  Value c = m.conv(x, "branch3x3dbl_1", {.out = 448});
  c = m.conv(c, "branch3x3dbl_2", {.out = 384, .kernel = 3});
  c = m.net.concat({m.conv(c, "branch3x3dbl_3a", row), m.conv(c, "branch3x3dbl_3b", column)});
  return m.net.concat({a, b, c, m.pooled(x, 192)});
}

}  // namespace

void inception_v3(Net& net) {
  net.weights.ignore("AuxLogits.");
  const Mixed stem = {net, "Conv2d_"};
  Value x = stem.conv(net.image(299), "1a_3x3", {.out = 32, .kernel = 3, .stride = 2, .pad = Pad::none});
  x = stem.conv(x, "2a_3x3", {.out = 32, .kernel = 3, .pad = Pad::none});
  x = stem.conv(x, "2b_3x3", {.out = 64, .kernel = 3});
  x = net.max_pool(x, {.kernel = 3, .stride = 2});
  x = stem.conv(x, "3b_1x1", {.out = 80});
  x = stem.conv(x, "4a_3x3", {.out = 192, .kernel = 3, .pad = Pad::none});
  x = net.max_pool(x, {.kernel = 3, .stride = 2});
  x = block_a({net, "Mixed_5b."}, x, 32);
  x = block_a({net, "Mixed_5c."}, x, 64);
  x = block_a({net, "Mixed_5d."}, x, 64);
  x = block_b({net, "Mixed_6a."}, x);
  x = block_c({net, "Mixed_6b."}, x, 128);
  x = block_c({net, "Mixed_6c."}, x, 160);
  x = block_c({net, "Mixed_6d."}, x, 160);
  x = block_c({net, "Mixed_6e."}, x, 192);
  x = block_d({net, "Mixed_7a."}, x);
  x = block_e({net, "Mixed_7b."}, x);
  x = block_e({net, "Mixed_7c."}, x);
  net.output(net.linear(net.global_average(x), "fc", 1000), "logits");
}

}  // namespace burnish::zoo
