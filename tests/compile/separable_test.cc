// A depthwise convolution, what rides along, and the convolution of single pixels after it as one kernel; and windows of images
// that a kernel makes on the way: against references.

#include <cmath>
#include <functional>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "compile/build.h"
#include "runtime/executor.h"
#include "tests/support/graph_difference.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

struct Case {
  std::string text;
  std::vector<RuntimeValue> inputs;
};

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  // Images that something else gives: a convolution, or one after another, or one such pair after another.
  Case run_with_image() {
    const int64_t batch = pick(1, 3), depth = pick(1, 3);
    const bool open = pick(0, 3) == 0;
    std::vector<int64_t> x = {batch, pick(1, 24), pick(8, 80), pick(8, 80)};
    std::string parameters = input("x", x, open), body, now = "x";
    for (int64_t i = 0; i < depth; ++i) {
      const bool first = i == 0 && pick(0, 2) > 0;
      const auto convolve = [&](std::string_view name, int64_t channels, int64_t groups, int64_t window) {
        const bool small = std::min(x[2], x[3]) < window;
        const int64_t stride = window > 1 ? pick(1, 2) : 1, pad = pick(small ? window / 2 : 0, window / 2);
        parameters += ", " + input(fmt::format("{}{}", name, i).c_str(), {channels, x[1] / groups, window, window},
                                   false, 2 / std::sqrt(static_cast<float>(x[1] / groups * window * window)));
        parameters += ", " + input(fmt::format("b{}{}", name, i).c_str(), {channels});
        x[1] = channels;
        for (std::size_t d = 2; d < 4; ++d) x[d] = (x[d] + 2 * pad - window) / stride + 1;
        body += fmt::format(
            "  %h{0}{1}: f32[{2}] = conv(%{3}, %{0}{1}, %b{0}{1}) {{groups = {4}, strides = [{5}, {5}], "
            "pads = [{6}, {6}, {6}, {6}]}}\n  %a{0}{1}: f32[{2}] = relu(%h{0}{1})\n",
            name, i, text(x, open), now, groups, stride, pad);
        now = fmt::format("a{}{}", name, i);
      };
      if (first) convolve("u", pick(1, 70), 1, pick(0, 1) * 2 + 1);
      convolve("w", x[1], x[1], pick(1, 2) * 2 + 1);
      convolve("v", pick(1, 70), 1, 1);
    }
    made_.text = fmt::format("graph @main({}) {{\n{}  return %{}\n}}", parameters, body, now);
    return std::move(made_);
  }

  std::string input(const char* name, const std::vector<int64_t>& dims, bool open = false, float largest = 1) {
    Tensor tensor = *Tensor::allocate(DType::f32, dims);
    auto* numbers = reinterpret_cast<float*>(tensor.mutable_data());
    std::uniform_real_distribution<float> any(-largest, largest);
    for (int64_t i = 0; i < tensor.elements(); ++i) numbers[i] = any(random_);
    made_.inputs.emplace_back(std::move(tensor));
    return fmt::format("%{}: f32[{}]", name, text(dims, open));
  }

  // A case of one's own, after its inputs.
  Case take(std::string text) {
    made_.text = std::move(text);
    return std::move(made_);
  }

  // A pool of what a convolution gives.
  Case run_pool() {
    const bool open = pick(0, 3) == 0;
    const int64_t kernel = pick(1, 5), stride = pick(1, 2), window = pick(2, 4), step = pick(1, 3);
    const int64_t pad = pick(0, kernel / 2), around = pick(0, window / 2), end = pick(0, window / 2);
    std::vector<int64_t> x = {pick(1, 3), pick(1, 9), pick(20, 70), pick(20, 70)}, y = x, z = x;
    y[1] = z[1] = pick(1, 70);
    for (std::size_t d = 2; d < 4; ++d) {
      y[d] = (x[d] + 2 * pad - kernel) / stride + 1;
      z[d] = (y[d] + around + end - window) / step + 1;
    }
    std::string parameters = input("x", x, open);
    parameters += ", " + input("w", {y[1], x[1], kernel, kernel});
    parameters += ", " + input("b", {y[1]});
    const bool most = pick(0, 1) == 0, residual = pick(0, 1) == 0;
    if (residual) parameters += ", " + input("r", z, open);
    std::string body = fmt::format(
        "  %c: f32[{0}] = conv(%x, %w, %b) {{strides = [{1}, {1}], pads = [{2}, {2}, {2}, {2}]}}\n"
        "  %a: f32[{0}] = relu(%c)\n"
        "  %p: f32[{3}] = {4}_pool(%a) {{kernel = [{5}, {5}], strides = [{6}, {6}], pads = [{7}, {7}, {8}, {8}]{9}}}\n",
        text(y, open), stride, pad, text(z, open), most ? "max" : "average", window, step, around, end,
        most ? "" : fmt::format(", count_include_pad = {}", pick(0, 1)));
    if (residual) body += fmt::format("  %s: f32[{}] = add(%p, %r)\n", text(z, open));
    made_.text = fmt::format("graph @main({}) {{\n{}  return %{}\n}}", parameters, body, residual ? "s" : "p");
    return std::move(made_);
  }

  // Images of one dim to three, windows that leave them, an open batch, all that may stand between and behind.
  Case run() {
    const auto rank = static_cast<std::size_t>(pick(1, 3));
    const int64_t channels = pick(1, 70), outputs = pick(1, 90), batch = pick(1, 3);
    const bool open = pick(0, 2) == 0;
    std::vector<int64_t> x = {batch, channels}, w = {channels, 1}, y = {batch, outputs};
    std::string strides, dilations, begins, ends;
    for (std::size_t d = 0; d < rank; ++d) {
      const int64_t kernel = pick(1, 5), stride = pick(1, 2), dilation = pick(0, 3) == 0 ? 2 : 1;
      const int64_t begin = pick(0, 2), end = pick(0, 2), span = (kernel - 1) * dilation + 1;
      const int64_t size = pick(span, rank > 1 ? span + 20 : 90);
      x.push_back(size);
      w.push_back(kernel);
      y.push_back((size + begin + end - span) / stride + 1);
      strides += fmt::format("{}{}", d ? ", " : "", stride);
      dilations += fmt::format("{}{}", d ? ", " : "", dilation);
      begins += fmt::format("{}, ", begin);
      ends += fmt::format("{}{}", d ? ", " : "", end);
    }
    std::vector<int64_t> single = {outputs, channels};
    single.resize(2 + rank, 1);
    auto middle = y;
    middle[1] = channels;
    std::string body, parameters = input("x", x, open);
    parameters += ", " + input("w", w);
    parameters += ", " + input("v", single);
    const auto type = [&](const std::vector<int64_t>& dims) { return text(dims, open); };
    const bool bias = pick(0, 1) == 0, residual = pick(0, 1) == 0;
    if (bias) parameters += ", " + input("b", {channels});
    if (bias) parameters += ", " + input("c", {outputs});
    if (residual) parameters += ", " + input("r", y, open);
    body +=
        fmt::format("  %h: f32[{}] = conv(%x, %w{}) {{groups = {}, strides = [{}], dilations = [{}], pads = [{}{}]}}\n",
                    type(middle), bias ? ", %b" : "", channels, strides, dilations, begins, ends);
    const char* between[] = {"", "relu", "sigmoid", "tanh"};
    const std::string_view then = between[pick(0, 3)];
    if (!then.empty()) body += fmt::format("  %a: f32[{}] = {}(%h)\n", type(middle), then);
    body += fmt::format("  %p: f32[{}] = conv(%{}, %v{})\n", type(y), then.empty() ? "h" : "a", bias ? ", %c" : "");
    if (residual) body += fmt::format("  %s: f32[{}] = add(%p, %r)\n", type(y));
    made_.text = fmt::format("graph @main({}) {{\n{}  return %{}\n}}", parameters, body, residual ? "s" : "p");
    return std::move(made_);
  }

 private:
  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  static std::string text(const std::vector<int64_t>& dims, bool open) {
    std::string all = open ? "N" : fmt::format("{}", dims[0]);
    for (std::size_t d = 1; d < dims.size(); ++d) all += fmt::format(",{}", dims[d]);
    return all;
  }

  std::mt19937 random_;
  Case made_;
};

bool has_layer(const BuildResult& built, std::string_view how) {
  return std::ranges::any_of(built.layers, [&](const auto& text) { return text.find(how) != text.npos; });
}

// Compares what one gives; counts those that have a layer that runs so.
void compare(const Case& c, std::string_view how, int& joined, std::string_view forced = {}) {
  SCOPED_TRACE(c.text);
  const auto graph = read_graph(c.text);
  ASSERT_NE(graph, nullptr);
  const auto expected = interpret(*graph, c.inputs);
  ASSERT_TRUE(expected.has_value()) << expected.error().message();
  for (const char* cpu : {"x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    if (!host_cpu().supports(*parse_cpu(cpu))) continue;
    BuildOptions options;
    options.cpu = cpu;
    if (!forced.empty()) options.forced["separable"] = forced;
    const auto built = build(graph->clone(), options);
    if (!built && !forced.empty()) continue;  // not among this level's
    ASSERT_TRUE(built.has_value()) << built.error().message();
    joined += has_layer(*built, how);
    auto executor = Executor::create(built->program);
    ASSERT_TRUE(executor.has_value()) << executor.error().message();
    ThreadPool pool(2);
    Context context(*executor, &pool);
    const auto results = context.run(c.inputs);
    ASSERT_TRUE(results.has_value()) << results.error().message();
    EXPECT_EQ(first_difference(*results, *expected, 1e-4), "") << cpu;
  }
}

// Compares what many cases give; of which more than so many must have such a layer.
void compare_all(const std::function<Case(unsigned)>& make, std::string_view how, int least) {
  int joined = 0;
  for (unsigned seed = 0; seed < 24; ++seed) compare(make(seed), how, joined);
  EXPECT_GT(joined, least);
}

TEST(Separable, RandomShapes) {
  compare_all([](unsigned seed) { return Maker(seed).run(); }, "separable", 8);
}

TEST(Separable, RandomShapesOfImagesThatAreMade) {
  compare_all([](unsigned seed) { return Maker(seed).run_with_image(); }, " of direct", 0);
  compare_all([](unsigned seed) { return Maker(seed + 100).run_with_image(); }, " of separable", 0);
  compare_all([](unsigned seed) { return Maker(seed).run_pool(); }, "pool of direct", 8);
}

Case random_inputs(std::string text, const std::vector<std::vector<int64_t>>& dims) {
  Maker maker(7);
  for (const auto& d : dims) maker.input("", d);
  return maker.take(std::move(text));
}

// Images of one dim or three, of too few rows for tasks, pools of all of it: each runs as it did alone.
TEST(Separable, ImagesThatAreNotMade) {
  int joined = 0;
  compare(random_inputs(R"(graph @main(%x: f32[1,64,100], %w: f32[64,64,3]) {
  %c: f32[1,64,98] = conv(%x, %w)
  %p: f32[1,64,49] = max_pool(%c) {kernel = [2], strides = [2]}
  return %p
})",
                        {{1, 64, 100}, {64, 64, 3}}),
          "pool of", joined);
  compare(random_inputs(R"(graph @main(%x: f32[1,64,7,7], %w: f32[64,64,1,1]) {
  %c: f32[1,64,7,7] = conv(%x, %w)
  %p: f32[1,64,1,1] = average_pool(%c) {kernel = [7, 7]}
  return %p
})",
                        {{1, 64, 7, 7}, {64, 64, 1, 1}}),
          "pool of", joined);
  compare(random_inputs(R"(graph @main(%x: f32[1,8,5,5], %w: f32[24,8,3,3]) {
  %c: f32[1,24,5,5] = conv(%x, %w) {pads = [1, 1, 1, 1]}
  %p: f32[1,24,3,3] = max_pool(%c) {kernel = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]}
  return %p
})",
                        {{1, 8, 5, 5}, {24, 8, 3, 3}}),
          "pool of", joined);
  EXPECT_EQ(joined, 0);
}

// Rows of the result that read nothing but padding, of an image that is made of another one.
TEST(Separable, RowsOfPadding) {
  int joined = 0;
  compare(
      random_inputs(R"(graph @main(%x: f32[2,16,64,64], %u: f32[64,16,1,1], %w: f32[64,1,3,3], %v: f32[48,64,1,1],
                                       %d: f32[48,1,3,3], %e: f32[32,48,1,1]) {
  %a: f32[2,64,64,64] = conv(%x, %u)
  %b: f32[2,64,64,64] = conv(%a, %w) {groups = 64, pads = [1, 1, 1, 1]}
  %c: f32[2,48,64,64] = conv(%b, %v)
  %f: f32[2,48,68,68] = conv(%c, %d) {groups = 48, pads = [2, 2, 4, 4]}
  %g: f32[2,32,68,68] = conv(%f, %e)
  return %g
})",
                    {{2, 16, 64, 64}, {64, 16, 1, 1}, {64, 1, 3, 3}, {48, 64, 1, 1}, {48, 1, 3, 3}, {32, 48, 1, 1}}),
      "separable", joined);
  EXPECT_GT(joined, 0);
}

// Tasks of fewer pixels than a tile has rows.
TEST(Separable, TilesLargerThanTasks) {
  int joined = 0;
  const Case c = random_inputs(R"(graph @main(%x: f32[1,384,10,10], %w: f32[384,1,3,3], %v: f32[48,384,1,1]) {
  %h: f32[1,384,10,10] = conv(%x, %w) {groups = 384, pads = [1, 1, 1, 1]}
  %p: f32[1,48,10,10] = conv(%h, %v)
  return %p
})",
                               {{1, 384, 10, 10}, {384, 1, 3, 3}, {48, 384, 1, 1}});
  for (const char* tile : {"separable 28", "separable 14", "separable 10", "separable 8", "separable 6", "separable 4"})
    compare(c, "separable", joined, tile);
  EXPECT_GT(joined, 0);
}

TEST(Separable, NotWhatOthersReadToo) {
  const auto graph = read_graph(R"(graph @main(%x: f32[1,32,28,28], %w: f32[32,1,3,3], %v: f32[64,32,1,1]) {
  %h: f32[1,32,28,28] = conv(%x, %w) {groups = 32, pads = [1, 1, 1, 1]}
  %p: f32[1,64,28,28] = conv(%h, %v)
  return %p, %h
})");
  const auto built = build(graph->clone(), {});
  ASSERT_TRUE(built.has_value()) << built.error().message();
  EXPECT_FALSE(has_layer(*built, "separable"));
}

}  // namespace
}  // namespace burnish::test
