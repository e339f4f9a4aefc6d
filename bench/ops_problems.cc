// Problems as networks have them, each by the tactic that is estimated to be the fastest, or by every one.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bench/ops.h"

namespace burnish::ops_bench {
namespace {

struct Layer {
  const char* name;
  int64_t channels, size, outputs, kernel, stride, groups;
};
constexpr Layer kLayers[] = {
    {"resnet stem 7x7/2", 3, 224, 64, 7, 2, 1},
    {"resnet 64-64 1x1", 64, 56, 64, 1, 1, 1},
    {"resnet 64 3x3", 64, 56, 64, 3, 1, 1},
    {"resnet 64-256 1x1", 64, 56, 256, 1, 1, 1},
    {"resnet 256-64 1x1", 256, 56, 64, 1, 1, 1},
    {"resnet 256-128 1x1", 256, 56, 128, 1, 1, 1},
    {"resnet 128 3x3/2", 128, 56, 128, 3, 2, 1},
    {"resnet 256-512 1x1/2", 256, 56, 512, 1, 2, 1},
    {"resnet 128-512 1x1", 128, 28, 512, 1, 1, 1},
    {"resnet 512-128 1x1", 512, 28, 128, 1, 1, 1},
    {"resnet 128 3x3", 128, 28, 128, 3, 1, 1},
    {"resnet 512-256 1x1", 512, 28, 256, 1, 1, 1},
    {"resnet 256 3x3/2", 256, 28, 256, 3, 2, 1},
    {"resnet 512-1024 1x1/2", 512, 28, 1024, 1, 2, 1},
    {"resnet 256-1024 1x1", 256, 14, 1024, 1, 1, 1},
    {"resnet 1024-256 1x1", 1024, 14, 256, 1, 1, 1},
    {"resnet 256 3x3", 256, 14, 256, 3, 1, 1},
    {"resnet 1024-512 1x1", 1024, 14, 512, 1, 1, 1},
    {"resnet 512 3x3/2", 512, 14, 512, 3, 2, 1},
    {"resnet 1024-2048 1x1/2", 1024, 14, 2048, 1, 2, 1},
    {"resnet 512-2048 1x1", 512, 7, 2048, 1, 1, 1},
    {"resnet 2048-512 1x1", 2048, 7, 512, 1, 1, 1},
    {"resnet 512 3x3", 512, 7, 512, 3, 1, 1},
    {"resnet fc", 2048, 1, 1000, 1, 1, 1},
    {"mobilenet 32 dw", 32, 112, 32, 3, 1, 32},
    {"mobilenet 96 dw/2", 96, 112, 96, 3, 2, 96},
    {"mobilenet 144 dw", 144, 56, 144, 3, 1, 144},
    {"mobilenet 192 dw", 192, 28, 192, 3, 1, 192},
    {"mobilenet 384 dw", 384, 14, 384, 3, 1, 384},
    {"mobilenet 960 dw", 960, 7, 960, 3, 1, 960},
    {"mobilenet 16-96 1x1", 16, 112, 96, 1, 1, 1},
    {"mobilenet 144-24 1x1", 144, 56, 24, 1, 1, 1},
    {"mobilenet 160-960 1x1", 160, 7, 960, 1, 1, 1},
    {"resnext 32x4 3x3", 128, 56, 128, 3, 1, 32},
    {"vgg 64 3x3", 64, 224, 64, 3, 1, 1},
    {"vgg 256 3x3", 256, 56, 256, 3, 1, 1},
    {"vgg 512 3x3", 512, 28, 512, 3, 1, 1},
    {"inception 192 3x3", 192, 35, 192, 3, 1, 1},
    {"nasnet 168 dw 5x5", 168, 42, 168, 5, 1, 168},
    {"nasnet 336 dw 7x7/2", 336, 42, 336, 7, 2, 336},
};

struct Product {
  const char* name;
  int64_t batch, rows, sum, columns;
};
constexpr Product kProducts[] = {
    {"bert qkv", 1, 128, 768, 2304},    {"bert out", 1, 128, 768, 768},      {"bert rise", 1, 128, 768, 3072},
    {"bert fall", 1, 128, 3072, 768},   {"vit rise", 1, 197, 768, 3072},     {"gpt2 logits", 1, 1, 768, 50257},
    {"vgg fc6", 1, 1, 25088, 4096},     {"fc batch 8", 1, 8, 2048, 1000},    {"square 512", 1, 512, 512, 512},
    {"heads 128x64", 12, 128, 64, 128}, {"odd 100x300x77", 1, 100, 300, 77},
};

struct Attention {
  const char* name;
  int64_t heads, queries, keys, depth, causal;
};
constexpr Attention kAttentions[] = {
    {"bert 12x128x64", 12, 128, 128, 64, 0},
    {"vit 12x197x64", 12, 197, 197, 64, 0},
    {"gpt2 12x512x64", 12, 512, 512, 64, 1},
    {"one query of 1024", 12, 1, 1024, 64, 0},
};

struct Pooling {
  const char* name;
  const char* mode;
  int64_t channels, size, kernel, stride;
};
constexpr Pooling kPoolings[] = {
    {"max 3x3/2 64x112", "max", 64, 112, 3, 2},
    {"max 2x2/2 256x56", "max", 256, 56, 2, 2},
    {"average 3x3 336x21", "average", 336, 21, 3, 1},
    {"average 7x7 2048", "average", 2048, 7, 7, 7},
};

// The anchor and max(it + a bias along `axis`, 0).
Kernel with_bias_and_relu(Problem problem, int axis) {
  Kernel kernel;
  Nest& nest = kernel.nest;
  std::vector<Index> here;
  for (std::size_t i = 0; i < problem.result.dims.size(); ++i) {
    nest.outer.push_back(nest.add_axis(fmt::format("i{}", i), problem.result.dims[i]));
    here.push_back(at(static_cast<int>(i)));
  }
  const Dim channels = problem.result.dims[static_cast<std::size_t>(axis)];
  const int bias = nest.add_operand("bias", Type::tensor(DType::f32, {channels}));
  const int y = nest.add_operand("y", problem.result, true);
  const int sum = nest.apply(Scalar::add, {nest.anchor(DType::f32), nest.load(bias, {at(axis)})});
  nest.store(y, here, nest.apply(Scalar::max, {sum, nest.constant(0, DType::f32)}));
  kernel.anchor = std::move(problem);
  return kernel;
}

struct Case {
  std::string name;
  Kernel kernel;
  double macs = 0;  // 0: its limit is a copy of its operands
};

Case case_of(const Layer& l) {
  const int64_t pad = l.kernel / 2, out = (l.size + 2 * pad - l.kernel) / l.stride + 1;
  Problem p;
  p.family = "convolution";
  p.operands = {Type::tensor(DType::f32, {1, l.channels, l.size, l.size}),
                Type::tensor(DType::f32, {l.outputs, l.channels / l.groups, l.kernel, l.kernel})};
  p.result = Type::tensor(DType::f32, {1, l.outputs, out, out});
  p.attributes = {{"strides", Ints{l.stride, l.stride}},
                  {"dilations", Ints{1, 1}},
                  {"pads", Ints{pad, pad, pad, pad}},
                  {"groups", l.groups}};
  const int64_t macs = out * out * l.outputs * (l.channels / l.groups) * l.kernel * l.kernel;
  return {fmt::format("{}/{}", l.groups == l.channels ? "depthwise" : "convolution", l.name),
          with_bias_and_relu(std::move(p), 1), static_cast<double>(macs)};
}

Case case_of(const Product& m) {
  Problem p;
  p.family = "matmul";
  Dims a = {m.rows, m.sum}, b = {m.sum, m.columns}, y = {m.rows, m.columns};
  if (m.batch > 1)
    for (Dims* dims : {&a, &b, &y}) dims->insert(dims->begin(), Dim(m.batch));
  p.operands = {Type::tensor(DType::f32, a), Type::tensor(DType::f32, b)};
  p.result = Type::tensor(DType::f32, y);
  const int last = static_cast<int>(y.size()) - 1;
  return {fmt::format("matmul/{}", m.name), with_bias_and_relu(std::move(p), last),
          static_cast<double>(m.batch * m.rows * m.sum * m.columns)};
}

Case case_of(const Attention& a) {
  Problem p;
  p.family = "attention";
  p.attributes = {{"scale", 0.125}, {"causal", a.causal}};
  p.operands = {Type::tensor(DType::f32, {1, a.heads, a.queries, a.depth}),
                Type::tensor(DType::f32, {1, a.heads, a.keys, a.depth}),
                Type::tensor(DType::f32, {1, a.heads, a.keys, a.depth})};
  p.result = Type::tensor(DType::f32, {1, a.heads, a.queries, a.depth});
  // All of them, as most engines do, although half would do for the causal one.
  return {fmt::format("attention/{}", a.name), with_bias_and_relu(std::move(p), 3),
          static_cast<double>(2 * a.heads * a.queries * a.keys * a.depth)};
}

Case case_of(const Pooling& l) {
  const int64_t pad = l.stride < l.kernel ? l.kernel / 2 : 0, out = (l.size + 2 * pad - l.kernel) / l.stride + 1;
  Problem p;
  p.family = "pool";
  p.operands = {Type::tensor(DType::f32, {1, l.channels, l.size, l.size})};
  p.result = Type::tensor(DType::f32, {1, l.channels, out, out});
  p.attributes = {{"mode", std::string(l.mode)},         {"kernel", Ints{l.kernel, l.kernel}},
                  {"strides", Ints{l.stride, l.stride}}, {"dilations", Ints{1, 1}},
                  {"pads", Ints{pad, pad, pad, pad}},    {"count_include_pad", int64_t{0}}};
  return {fmt::format("pool/{}", l.name), with_bias_and_relu(std::move(p), 1)};
}

void measure(benchmark::State& state, const CpuTarget& target, const Case& test, const Tactic& tactic, double peak) {
  const auto runnable = Runnable::make(target, test.kernel, tactic);
  if (!runnable) return state.SkipWithError(runnable.error().message().c_str());
  (*runnable)->run();
  for (auto _ : state) (*runnable)->run();
  if (test.macs > 0) {
    state.counters["of_peak"] = benchmark::Counter(test.macs / peak, benchmark::Counter::kIsIterationInvariantRate);
  } else {
    const double seconds = (*runnable)->bytes() / copy_rate((*runnable)->bytes());
    state.counters["of_copy"] = benchmark::Counter(seconds, benchmark::Counter::kIsIterationInvariantRate);
  }
  state.counters["estimate_us"] = tactic.seconds * 1e6;
  state.counters["compile_ms"] = (*runnable)->compile_seconds() * 1e3;
  state.counters["code_bytes"] = static_cast<double>((*runnable)->code_bytes());
}

}  // namespace

void register_problems(const CpuTarget& target, double peak, bool all) {
  static std::vector<Case> cases;
  for (const Layer& layer : kLayers) cases.push_back(case_of(layer));
  for (const Product& product : kProducts) cases.push_back(case_of(product));
  for (const Attention& attention : kAttentions) cases.push_back(case_of(attention));
  for (const Pooling& pooling : kPoolings) cases.push_back(case_of(pooling));
  for (const Case& test : cases) {
    std::string why;
    const auto tactics = target.tactics(test.kernel, &why);
    if (tactics.empty())
      benchmark::RegisterBenchmark(test.name.c_str(),
                                   [why](benchmark::State& state) { state.SkipWithError(why.c_str()); });
    for (std::size_t i = 0; i < (all ? tactics.size() : std::min<std::size_t>(tactics.size(), 1)); ++i)
      benchmark::RegisterBenchmark(fmt::format("{}/{}", test.name, tactics[i].name).c_str(),
                                   [&target, &test, peak, tactic = tactics[i]](benchmark::State& state) {
                                     measure(state, target, test, tactic, peak);
                                   })
          ->Unit(benchmark::kMicrosecond)
          ->UseRealTime()
          ->MinTime(0.1);
  }
}

}  // namespace burnish::ops_bench
