// Every family and tactic against sums in f64, at every level that this processor has.

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/kernels/window_problem.h"

namespace burnish::test {
namespace {

int64_t pick(std::mt19937& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}
Ending ending_of(std::mt19937& random) { return kEndings[random() % 3]; }

void check_window(const WindowProblem& p, std::mt19937& random, bool strided = false) {
  const Ending ending = ending_of(random);
  const Kernel kernel = make_kernel(p.problem(), ending, 1);
  for (const CpuFeatures& cpu : processors()) {
    Check check;
    check.cpu = cpu;
    check.symbols = p.numbers();
    check.strided = strided;
    check_kernel(kernel, ending, 1, [&](auto& operands) { return p.expected(operands); }, random, check, p.text());
  }
}

TEST(Convolution, RandomShapesInOneToThreeDims) {
  std::mt19937 random(1);
  for (int i = 0; i < problems(24); ++i) {
    WindowProblem p = random_window(random, 1 + random() % 3);
    p.channels = pick(random, 1, 20);
    p.outputs = pick(random, 1, 70);
    check_window(p, random);
  }
}

TEST(Convolution, Groups) {
  std::mt19937 random(2);
  for (int i = 0; i < problems(12); ++i) {
    WindowProblem p = random_window(random, 2);
    p.groups = pick(random, 2, 5);
    p.channels = p.groups * pick(random, 1, 9);
    p.outputs = p.groups * pick(random, 1, 24);
    check_window(p, random);
  }
}

TEST(Convolution, PointsAndDeepSums) {
  std::mt19937 random(3);
  for (int64_t channels : {1, 3, 64, 129, 512}) {
    WindowProblem p;
    p.batch = 2;
    p.channels = channels;
    p.outputs = 40;
    p.image = {9, 7};
    p.kernel = p.strides = p.dilations = {1, 1};
    p.begins = p.ends = {0, 0};
    check_window(p, random);
    p.strides = {2, 2};
    check_window(p, random);
  }
}

TEST(Convolution, SizesKnownAtRunTime) {
  std::mt19937 random(4);
  for (int i = 0; i < problems(10); ++i) {
    WindowProblem p = random_window(random, 2);
    p.channels = pick(random, 1, 20);
    p.outputs = pick(random, 1, 40);
    p.symbols = {"N", i % 3 ? "H" : "", i % 2 ? "W" : ""};
    check_window(p, random);
  }
  WindowProblem p;  // read in place
  p.batch = 3;
  p.channels = 24;
  p.outputs = 33;
  p.image = {5, 9};
  p.kernel = p.strides = p.dilations = {1, 1};
  p.begins = p.ends = {0, 0};
  p.symbols = {"N", "H", "W"};
  check_window(p, random);
}

// Kernels along one dim or two, tiles that leave the image on every side, channels that fill no vector.
TEST(Winograd, EveryForm) {
  std::mt19937 random(5);
  const std::vector<std::vector<int64_t>> kernels = {{3, 3}, {5, 5}, {1, 7}, {7, 1},   {3, 1},
                                                     {1, 2}, {3},    {2, 2}, {1, 3, 3}};
  bool symbols = false;
  for (const auto& kernel : kernels) {
    symbols = !symbols;
    WindowProblem p;
    p.batch = pick(random, 1, 2);
    p.channels = pick(random, 1, 40);
    p.outputs = pick(random, 1, 50);
    p.kernel = kernel;
    p.strides = p.dilations = std::vector<int64_t>(kernel.size(), 1);
    for (const int64_t k : kernel) {
      p.image.push_back(pick(random, k, 20));
      p.begins.push_back(pick(random, 0, k - 1));
      p.ends.push_back(pick(random, 0, k - 1));
    }
    if (symbols) {
      p.symbols.assign(kernel.size() + 1, "");
      p.symbols[0] = "N";
      p.symbols[1] = "H";
    }
    const auto offered = [](const Problem& problem) {
      const auto tactics = CpuTarget(host_cpu()).tactics(make_kernel(problem, Ending::plain, 1), nullptr);
      return std::ranges::any_of(tactics, [](const Tactic& t) { return t.name.starts_with("winograd"); });
    };
    Problem problem = p.problem();
    EXPECT_TRUE(offered(problem)) << p.text();
    problem.attributes["exact"] = int64_t{1};
    EXPECT_FALSE(offered(problem)) << p.text();
    check_window(p, random);
  }
}

bool offers_strassen(const Kernel& kernel, const CpuFeatures& cpu) {
  const auto tactics = CpuTarget(cpu).tactics(kernel, nullptr);
  return std::ranges::any_of(tactics, [](const Tactic& t) { return t.name.starts_with("strassen"); });
}

// An odd number of pixels, blocks of channels that are narrower at the end, windows, sizes that only a run tells.
TEST(Strassen, Convolutions) {
  std::mt19937 random(12);
  for (int i = 0; i < problems(8); ++i) {
    WindowProblem p = random_window(random, 1 + static_cast<std::size_t>(i) % 2);
    p.batch = pick(random, 1, 3);
    p.channels = 2 * pick(random, 32, 70);
    p.outputs = pick(random, 64, 200);
    for (std::size_t d = 0; d < p.image.size(); ++d) {
      if (i % 3 == 0) p.kernel[d] = p.strides[d] = p.dilations[d] = 1, p.begins[d] = p.ends[d] = 0;
      p.image[d] = (p.kernel[d] - 1) * p.dilations[d] + 1 + p.strides[d] * pick(random, 5, 9);
      if (p.image.size() == 1) p.image[d] += 20 * p.strides[d];
    }
    if (i % 4 == 3) p.symbols.assign(p.image.size() + 1, ""), p.symbols[0] = "N";
    Problem problem = p.problem();
    for (const CpuFeatures& cpu : processors())
      EXPECT_TRUE(offers_strassen(make_kernel(problem, Ending::plain, 1), cpu)) << p.text() << " " << cpu.text();
    problem.attributes["exact"] = int64_t{1};
    EXPECT_FALSE(offers_strassen(make_kernel(problem, Ending::plain, 1), host_cpu())) << p.text();
    check_window(p, random);
  }
}

TEST(Depthwise, RandomShapes) {
  std::mt19937 random(5);
  for (int i = 0; i < problems(24); ++i) {
    WindowProblem p = random_window(random, 1 + random() % 3);
    p.channels = p.outputs = p.groups = pick(random, 2, 40);
    if (i % 4 == 0) p.symbols = {"N", "A", "B", "C"}, p.symbols.resize(p.image.size() + 1);
    check_window(p, random);
  }
}

TEST(Pool, RandomShapes) {
  std::mt19937 random(6);
  for (int i = 0; i < problems(24); ++i) {
    WindowProblem p = random_window(random, 1 + random() % 3);
    p.channels = p.outputs = p.groups = pick(random, 1, 40);
    p.mode = i % 2 ? "max" : "average";
    p.count_include_pad = static_cast<int64_t>(random() % 2);
    if (i % 4 == 0) p.symbols = {"N", "A", "B", "C"}, p.symbols.resize(p.image.size() + 1);
    check_window(p, random, i % 3 == 0);
  }
}

TEST(Pool, TheWholeImage) {
  std::mt19937 random(7);
  WindowProblem p;
  p.batch = 2;
  p.channels = p.outputs = p.groups = 83;
  p.image = p.kernel = {7, 9};
  p.strides = p.dilations = {1, 1};
  p.begins = p.ends = {0, 0};
  for (const char* mode : {"max", "average"}) {
    p.mode = mode;
    check_window(p, random);
  }
}

struct MatrixProblem {
  std::vector<int64_t> a, b;  // dims
  std::vector<int64_t> result() const {
    const std::size_t rank = std::max(a.size(), b.size());
    std::vector<int64_t> r(rank, 1);
    for (std::size_t d = 0; d + 2 < rank; ++d) {
      const std::size_t from_a = d + a.size() - rank, from_b = d + b.size() - rank;
      if (d + a.size() >= rank) r[d] = std::max(r[d], a[from_a]);
      if (d + b.size() >= rank) r[d] = std::max(r[d], b[from_b]);
    }
    r[rank - 2] = a[a.size() - 2];
    r[rank - 1] = b.back();
    return r;
  }
  Array expected(std::vector<Array>& operands) const {
    Array y(result());
    auto aligned = [](const std::vector<int64_t>& at, const std::vector<int64_t>& dims) {
      std::vector<int64_t> index;
      for (std::size_t d = 0; d + 2 < dims.size(); ++d) {
        const int64_t i = at[d + at.size() - dims.size()];
        index.push_back(dims[d] == 1 ? 0 : i);
      }
      return index;
    };
    each(y.dims, [&](const std::vector<int64_t>& at) {
      auto ia = aligned(at, a), ib = aligned(at, b);
      ia.insert(ia.end(), {at[at.size() - 2], 0});
      ib.insert(ib.end(), {0, at.back()});
      double sum = 0;
      for (int64_t k = 0; k < a.back(); ++k) {
        ia.back() = ib[ib.size() - 2] = k;
        sum += operands[0].at(ia) * operands[1].at(ib);
      }
      y.at(at) = sum;
    });
    return y;
  }
};

void check_matrix(const MatrixProblem& p, std::mt19937& random, bool dynamic, bool strided, bool all_dynamic = false) {
  Problem problem;
  problem.family = "matmul";
  SymbolTable symbols;
  Dims a = to_dims(p.a), b = to_dims(p.b), result = to_dims(p.result());
  if (all_dynamic) {
    symbols["K"] = p.a.back();
    symbols["N"] = p.b.back();
    a.back() = b[b.size() - 2] = Dim::symbol("K", {1, 1 << 20});
    b.back() = result.back() = Dim::symbol("N", {1, 1 << 20});
  }
  if (dynamic || all_dynamic) {  // rows, and batches that only a has
    symbols["M"] = p.a[p.a.size() - 2];
    a[a.size() - 2] = result[result.size() - 2] = Dim::symbol("M", {1, 1 << 20});
    if (p.a.size() > p.b.size()) {
      symbols["B"] = p.a[0];
      a[0] = result[0] = Dim::symbol("B", {1, 1 << 20});
    }
  }
  problem.operands = {Type::tensor(DType::f32, a), Type::tensor(DType::f32, b)};
  problem.result = Type::tensor(DType::f32, result);
  const Ending ending = ending_of(random);
  const int channel_axis = static_cast<int>(result.size()) - 1;
  const Kernel kernel = make_kernel(problem, ending, channel_axis);
  for (const CpuFeatures& cpu : processors()) {
    Check check;
    check.cpu = cpu;
    check.symbols = symbols;
    // Rows whose distance is only known at run time are fine for a; b's must be numbers.
    check.strided = strided;
    check_kernel(
        kernel, ending, channel_axis, [&](auto& operands) { return p.expected(operands); }, random, check,
        fmt::format("matmul rows {} sum {} columns {}", p.a[p.a.size() - 2], p.a.back(), p.b.back()));
  }
}

TEST(Matmul, RandomShapes) {
  std::mt19937 random(8);
  for (int i = 0; i < problems(20); ++i) {
    const int64_t m = i % 5 == 0 ? 1 : pick(random, 1, 60), k = pick(random, 1, 90), n = pick(random, 1, 100);
    MatrixProblem p{{m, k}, {k, n}};
    const int64_t batch = pick(random, 1, 4), more = pick(random, 1, 3);
    switch (i % 4) {
      case 0: break;
      case 1: p = {{batch, m, k}, {k, n}}; break;
      case 2: p = {{batch, more, m, k}, {batch, more, k, n}}; break;
      case 3: p = {{batch, 1, m, k}, {more, k, n}}; break;
    }
    check_matrix(p, random, i % 3 == 0, i % 2 == 1);
    if (i % 2 == 0) check_matrix(p, random, true, i % 4 == 0, true);
  }
}

TEST(Strassen, Matmuls) {
  std::mt19937 random(13);
  for (int i = 0; i < problems(6); ++i) {
    const int64_t m = pick(random, 16, 90), k = 2 * pick(random, 32, 150), n = pick(random, 64, 260);
    MatrixProblem p{{m, k}, {k, n}};
    if (i % 3 == 0) p.a.insert(p.a.begin(), pick(random, 2, 3));
    check_matrix(p, random, i % 4 == 1, i % 2 == 1);
  }
}

TEST(Strassen, RowsAnswerForThemselves) {
  std::mt19937 random(14);
  for (const auto& [m, k, n] : {std::tuple{40, 128, 96}, {33, 70, 150}}) {
    const MatrixProblem p{{m, k}, {k, n}};
    Problem problem;
    problem.family = "matmul";
    problem.operands = {Type::tensor(DType::f32, to_dims(p.a)), Type::tensor(DType::f32, to_dims(p.b))};
    problem.result = Type::tensor(DType::f32, {m, n});
    const Kernel kernel = make_kernel(problem, Ending::plain, 1);
    for (const CpuFeatures& cpu : processors()) {
      EXPECT_TRUE(offers_strassen(kernel, cpu)) << cpu.text();
      Check check;
      check.cpu = cpu;
      check.unlike = true;
      check.tolerance = 1e-4;
      check_kernel(
          kernel, Ending::plain, 1, [&](auto& operands) { return p.expected(operands); }, random, check, "unlike rows");
    }
    problem.attributes["exact"] = int64_t{1};
    EXPECT_FALSE(offers_strassen(make_kernel(problem, Ending::plain, 1), host_cpu()));
  }
}

// Whatever tile an element falls in: those at the ends are smaller.
TEST(Matmul, EqualRowsAndColumnsGiveEqualResults) {
  std::mt19937 random(10);
  for (const auto& [m, k, n] : {std::tuple{1, 300, 203}, {3, 80, 100}, {29, 130, 70}, {49, 301, 33}}) {
    const MatrixProblem p{{m, k}, {k, n}};
    Problem problem;
    problem.family = "matmul";
    problem.operands = {Type::tensor(DType::f32, to_dims(p.a)), Type::tensor(DType::f32, to_dims(p.b))};
    problem.result = Type::tensor(DType::f32, {m, n});
    for (const CpuFeatures& cpu : processors()) {
      Check check;
      check.cpu = cpu;
      check.alike = true;
      check_kernel(
          make_kernel(problem, Ending::plain, 1), Ending::plain, 1, [&](auto& o) { return p.expected(o); }, random,
          check, fmt::format("matmul {}x{}x{}", m, k, n));
    }
  }
}

TEST(Attention, RandomShapes) {
  std::mt19937 random(9);
  for (int i = 0; i < problems(20); ++i) {
    const int64_t batch = pick(random, 1, 2), heads = pick(random, 1, 3), depth = pick(random, 1, 70);
    const int64_t width = i % 2 ? depth : pick(random, 1, 40);
    const int64_t t = i % 5 == 0 ? 1 : pick(random, 1, 130), s = i % 3 == 0 ? t : pick(random, 1, 600);
    const bool causal = i % 3 == 0, dynamic = i % 4 == 1, bias = i % 2 == 0;
    SymbolTable symbols{{"T", t}, {"S", s}};
    const Dim td = dynamic ? Dim::symbol("T", {1, 1 << 20}) : Dim(t),
              sd = dynamic ? Dim::symbol("S", {1, 1 << 20}) : Dim(s);
    Problem problem;
    problem.family = "attention";
    problem.attributes = {{"scale", 0.7}, {"causal", int64_t{causal}}};
    problem.operands = {Type::tensor(DType::f32, {batch, heads, td, depth}),
                        Type::tensor(DType::f32, {batch, heads, sd, depth}),
                        Type::tensor(DType::f32, {batch, heads, sd, width})};
    const bool whole_bias = random() % 2;
    if (bias)
      problem.operands.push_back(Type::tensor(DType::f32, whole_bias ? Dims{heads, td, sd} : Dims{batch, 1, 1, sd}));
    problem.result = Type::tensor(DType::f32, {batch, heads, td, width});
    auto oracle = [&](std::vector<Array>& o) {
      Array y({batch, heads, t, width});
      each({batch, heads, t}, [&](const std::vector<int64_t>& at) {
        std::vector<double> scores;
        double largest = -INFINITY, total = 0;
        for (int64_t j = 0; j < s; ++j) {
          double x = 0;
          for (int64_t d = 0; d < depth; ++d) x += o[0].at({at[0], at[1], at[2], d}) * o[1].at({at[0], at[1], j, d});
          x *= 0.7;
          if (bias) x += whole_bias ? o[3].at({at[1], at[2], j}) : o[3].at({at[0], 0, 0, j});
          if (causal && j > at[2]) x = -INFINITY;
          scores.push_back(x);
          largest = std::max(largest, x);
        }
        for (double& x : scores) total += x = std::exp(x - largest);
        for (int64_t e = 0; e < width; ++e) {
          double sum = 0;
          for (int64_t j = 0; j < s; ++j) sum += scores[static_cast<std::size_t>(j)] * o[2].at({at[0], at[1], j, e});
          y.at({at[0], at[1], at[2], e}) = sum / total;
        }
      });
      return y;
    };
    const Ending ending = ending_of(random);
    const Kernel kernel = make_kernel(problem, ending, 3);
    for (const CpuFeatures& cpu : processors()) {
      Check check;
      check.cpu = cpu;
      check.symbols = symbols;
      check.strided = i % 2 == 1;
      check_kernel(kernel, ending, 3, oracle, random, check,
                   fmt::format("attention T {} S {} d {} e {}", t, s, depth, width));
    }
  }
}

TEST(CpuTarget, SaysWhyItCannot) {
  const CpuTarget target(host_cpu());
  Problem p;
  p.family = "matmul";
  p.operands = {Type::tensor(DType::c64, {2, 3}), Type::tensor(DType::c64, {3, 4})};
  p.result = Type::tensor(DType::c64, {2, 4});
  const Kernel kernel = make_kernel(p, Ending::plain, 1);
  std::string why;
  EXPECT_TRUE(target.tactics(kernel, &why).empty());
  EXPECT_NE(why.find("c64"), std::string::npos) << why;
}

}  // namespace
}  // namespace burnish::test
