// Writes a small convolutional network in C++20, compiles it, runs it, and saves it as a plan and as ONNX:
//   write_network ENGINE MODEL.onnx
#include <cmath>
#include <cstdio>

#include <burnish/burnish.hpp>

using burnish::Graph;
using burnish::Tensor;
using burnish::Value;

namespace {

// Weights would come from training; these are only of a sensible size.
Value weights(Graph& g, std::vector<int64_t> shape, const std::string& name) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  std::vector<float> values(static_cast<std::size_t>(count));
  const float scale = std::sqrt(2.0F / static_cast<float>(count / shape[0]));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = scale * std::sin(static_cast<float>(i * i));
  return g.constant(Tensor::from(std::move(values), std::move(shape)), name);
}

Value block(Graph& g, const Value& x, int64_t channels, int64_t stride, const std::string& name) {
  const auto scope = g.scope(name);
  const int64_t from = x.dim(1).number().value_or(0);
  Value y = relu(conv(x, weights(g, {channels, from, 3, 3}, "conv1.weight"), {}, {.strides = stride, .pads = 1}));
  y = conv(y, weights(g, {channels, channels, 3, 3}, "conv2.weight"), {}, {.pads = 1});
  const Value shortcut = conv(x, weights(g, {channels, from, 1, 1}, "shortcut.weight"), {}, {.strides = stride});
  return relu(y + shortcut);
}

Graph network() {
  Graph g("small");
  Value x = g.input("x", "f32[N,3,32,32]");
  x = block(g, x, 16, 1, "layer1");
  x = block(g, x, 32, 2, "layer2");
  x = flatten(global_average_pool(x));
  g.output("probabilities", softmax(linear(x, weights(g, {10, 32}, "fc.weight"))));
  return g;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) return std::fprintf(stderr, "write_network ENGINE MODEL.onnx\n"), 2;
  const Graph graph = network();
  burnish::or_throw(burnish::save_onnx(graph, argv[2]));
  const burnish::Engine engine = burnish::or_throw(burnish::build(graph));
  burnish::or_throw(engine.save(argv[1]));

  burnish::Context context = burnish::or_throw(engine.create_context());
  const Tensor image = burnish::or_throw(Tensor::from(std::vector<float>(3 * 32 * 32, 0.5F), {1, 3, 32, 32}));
  const auto outputs = burnish::or_throw(context.run({image}));
  float sum = 0;
  for (const float p : outputs[0].values<float>()) sum += p;
  std::printf("%zu probabilities, together %.3f\n", outputs[0].values<float>().size(), static_cast<double>(sum));
} catch (const burnish::Exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return static_cast<int>(e.error().code);
}
