// Transposed convolutions, which are compiled as convolutions of their phases: random ones against the sum that defines
// them.

#include <random>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "compile/build.h"
#include "kernels/cpu/cpu_target.h"
#include "ops/support/core.h"
#include "runtime/executor.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

struct Case {
  DType dtype = DType::f32;
  int64_t batch = 1, groups = 1, inputs = 1, outputs = 1;  // channels of a group
  std::vector<int64_t> size, kernel, strides, dilations, begins, ends, extra;
  bool constant_weights = true, symbols = false, bias = false;

  std::size_t rank() const { return size.size(); }
  int64_t result(std::size_t d) const {
    return (size[d] - 1) * strides[d] + (kernel[d] - 1) * dilations[d] + 1 + extra[d] - begins[d] - ends[d];
  }
  std::vector<int64_t> x_dims() const { return dims(batch, groups * inputs, size); }
  std::vector<int64_t> w_dims() const { return dims(groups * inputs, outputs, kernel); }
  std::vector<int64_t> y_dims() const {
    std::vector<int64_t> spatial;
    for (std::size_t d = 0; d < rank(); ++d) spatial.push_back(result(d));
    return dims(batch, groups * outputs, spatial);
  }

 private:
  static std::vector<int64_t> dims(int64_t a, int64_t b, const std::vector<int64_t>& spatial) {
    std::vector<int64_t> all = {a, b};
    all.insert(all.end(), spatial.begin(), spatial.end());
    return all;
  }
};

Case random_case(std::mt19937& random) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(random() % static_cast<uint64_t>(most + 1)); };
  Case c;
  c.dtype = std::array{DType::f32, DType::f32, DType::f32, DType::f32, DType::f64, DType::f16}[idx(upto(5))];
  c.batch = 1 + upto(2);
  c.groups = upto(2) == 0 ? 1 + upto(3) : 1;
  c.inputs = 1 + upto(5);
  c.outputs = upto(3) == 0 ? 17 + upto(8) : 1 + upto(6);
  c.constant_weights = upto(3) != 0;
  c.symbols = upto(2) == 0;
  c.bias = upto(1) == 0;
  for (int64_t rank = 1 + upto(2), d = 0; d < rank; ++d) {
    c.size.push_back(1 + upto(rank == 3 ? 3 : 7));
    c.kernel.push_back(1 + upto(rank == 3 ? 3 : 5));
    c.strides.push_back(1 + upto(3));
    c.dilations.push_back(upto(3) == 0 ? 2 + upto(1) : 1);
    c.extra.push_back(upto(std::max(c.strides.back(), c.dilations.back()) - 1));
    c.begins.push_back(0);
    c.ends.push_back(0);
    const int64_t room = c.result(idx(d)) - 1;  // pads beyond the kernel, too, as long as one element is left
    c.begins.back() = upto(std::min<int64_t>(room, 6));
    c.ends.back() = upto(std::min<int64_t>(room - c.begins.back(), 6));
  }
  return c;
}

std::string text_of(const Case& c) {
  std::string x = fmt::format("{}", c.batch), y = x;
  if (c.symbols) x = y = "N";
  x += fmt::format(",{}", c.groups * c.inputs);
  y += fmt::format(",{}", c.groups * c.outputs);
  for (std::size_t d = 0; d < c.rank(); ++d) {
    const std::string size = "S" + std::to_string(d);
    x += c.symbols ? "," + size : fmt::format(",{}", c.size[d]);
    y += c.symbols ? fmt::format(",{}*{} + {}", c.strides[d], size, c.result(d) - c.size[d] * c.strides[d])
                   : fmt::format(",{}", c.result(d));
  }
  const std::string dtype(name(c.dtype));
  const std::string w = fmt::format("%w: {}[{}]", dtype, fmt::join(c.w_dims(), ","));
  std::vector<int64_t> pads = c.begins;
  pads.insert(pads.end(), c.ends.begin(), c.ends.end());
  std::string text =
      fmt::format("graph @main(%x: {}[{}], {}, %b: {}[{}]) {{\n", dtype, x, w, dtype, c.groups * c.outputs);
  text += fmt::format(
      "%y: {}[{}] = conv_transpose(%x, %w{}) {{strides = {}, dilations = {}, pads = {}, "
      "output_padding = {}, groups = {}}}\nreturn %y }}",
      dtype, y, c.bias ? ", %b" : "", c.strides, c.dilations, pads, c.extra, c.groups);
  return text;
}

Tensor random_tensor(DType dtype, std::vector<int64_t> dims, std::mt19937& random) {
  Tensor t = *Tensor::allocate(dtype, std::move(dims));
  for (int64_t i = 0; i < t.elements(); ++i)
    Accessor<double>(dtype).store(t.mutable_data(), i, std::uniform_real_distribution<double>(-1, 1)(random));
  return t;
}

// Position number i of a box.
std::vector<int64_t> position_of(int64_t i, const std::vector<int64_t>& box) {
  std::vector<int64_t> position(box.size());
  for (std::size_t d = box.size(); d-- > 0; i /= box[d]) position[d] = i % box[d];
  return position;
}

std::vector<double> expected_of(const Case& c, const Tensor& x, const Tensor& w, const Tensor& b) {
  const std::vector<int64_t> out = c.y_dims(), spatial(out.begin() + 2, out.end());
  const int64_t pixels = element_count(c.size), taps = element_count(c.kernel), area = element_count(spatial);
  std::vector<double> y(idx(c.batch * out[1] * area), 0.0);
  if (c.bias)
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = b.real_at(static_cast<int64_t>(i) / area % out[1]);
  for (int64_t n = 0; n < c.batch; ++n)
    for (int64_t g = 0; g < c.groups; ++g)
      for (int64_t p = 0; p < pixels; ++p)
        for (int64_t t = 0; t < taps; ++t) {
          const auto from = position_of(p, c.size), tap = position_of(t, c.kernel);
          int64_t to = 0;
          bool inside = true;
          for (std::size_t d = 0; d < c.rank(); ++d) {
            const int64_t at = from[d] * c.strides[d] + tap[d] * c.dilations[d] - c.begins[d];
            inside = inside && at >= 0 && at < spatial[d];
            to = to * spatial[d] + at;
          }
          if (!inside) continue;
          for (int64_t i = g * c.inputs; i < (g + 1) * c.inputs; ++i)
            for (int64_t o = 0; o < c.outputs; ++o)
              y[idx((n * out[1] + g * c.outputs + o) * area + to)] +=
                  x.real_at((n * c.groups * c.inputs + i) * pixels + p) * w.real_at((i * c.outputs + o) * taps + t);
        }
  return y;
}

// `rewritten`: counts the cases that became convolutions.
void check(const Case& c, std::string_view cpu, std::mt19937& random, bool exact, int& rewritten) {
  const std::string text = text_of(c);
  SCOPED_TRACE(text);
  auto graph = read_graph(text);
  ASSERT_NE(graph, nullptr);
  std::vector<RuntimeValue> inputs;
  for (auto dims : {c.x_dims(), c.w_dims(), {c.groups * c.outputs}})
    inputs.emplace_back(random_tensor(c.dtype, std::move(dims), random));
  const auto expected = expected_of(c, inputs[0].tensor(), inputs[1].tensor(), inputs[2].tensor());
  if (c.constant_weights) {
    Value* w = graph->inputs()[1].get();
    Builder builder(*graph, graph->nodes().front().get(), "");
    graph->replace_uses(w, builder.constant(inputs[1].tensor()));
  }
  BuildOptions options;
  options.cpu = cpu;
  options.exact = exact;
  const auto built = build(std::move(graph), options);
  ASSERT_TRUE(built.has_value()) << built.error().message();
  EXPECT_EQ(built->reference_nodes, 0);
  rewritten += std::ranges::any_of(built->timings, [](const BuildResult::Timing& timing) {
    return timing.changed && timing.pass == "decompose.transposed_convolutions";
  });
  const auto executor = Executor::create(built->program);
  ASSERT_TRUE(executor.has_value()) << executor.error().message();
  ThreadPool pool(2);
  Context context(*executor, &pool);
  const auto results = context.run(inputs);
  ASSERT_TRUE(results.has_value()) << results.error().message();
  const Tensor& got = results->front().tensor();
  ASSERT_EQ(got.dims(), c.y_dims());
  const double tolerance = c.dtype == DType::f16 ? 4e-3 : 1e-5;
  for (int64_t i = 0; i < got.elements(); ++i)
    ASSERT_NEAR(got.real_at(i), expected[idx(i)], tolerance * std::max(1.0, std::abs(expected[idx(i)])))
        << "element " << i;
}

TEST(TransposedConvolutions, RandomOnes) {
  std::mt19937 random(7);
  std::vector<std::string_view> cpus;
  for (const std::string_view cpu : {"x86-64-v2", "x86-64-v3", "x86-64-v4"})
    if (host_cpu().supports(*parse_cpu(cpu))) cpus.push_back(cpu);
  int rewritten = 0;
  for (std::size_t i = 0; i < 96 && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    check(random_case(random), cpus[i % cpus.size()], random, i % 8 == 0, rewritten);
  }
  EXPECT_GT(rewritten, 40);
}

}  // namespace
}  // namespace burnish::test
