// Whole graphs: what the engine computes against what the interpreter does, and what became of the plan.

#include "compile/build.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include <gtest/gtest.h>

#include "kernels/cpu/cpu_target.h"
#include "runtime/executor.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

// Smooth numbers in [-1, 1] for floats, small ones for integers.
Tensor input_for(DType dtype, std::vector<int64_t> dims, int seed) {
  Tensor t = *Tensor::allocate(dtype, std::move(dims));
  const Accessor<double> real(DType::f64);
  for (int64_t i = 0; i < t.elements(); ++i) {
    const double x = std::sin(0.7 * static_cast<double>(i + 1) + seed);
    if (number_class(dtype) == NumberClass::real) Accessor<double>(dtype).store(t.mutable_data(), i, x);
    else if (dtype == DType::boolean) Accessor<bool>(dtype).store(t.mutable_data(), i, x > 0);
    else Accessor<int64_t>(dtype).store(t.mutable_data(), i, static_cast<int64_t>(3 * std::abs(x)));
  }
  return t;
}

struct Outcome {
  BuildResult built;
  std::vector<RuntimeValue> results;
};

// Runs the graph both ways with N = n, for every processor level there is, and compares.
void check(std::string_view text, int64_t n = 3, double tolerance = 1e-5, int64_t references = 0,
           BuildOptions options = {}) {
  const auto graph = read_graph(text);
  ASSERT_NE(graph, nullptr);
  std::vector<RuntimeValue> inputs;
  for (const auto& input : graph->inputs()) {
    std::vector<int64_t> dims;
    for (const Dim& d : input->type().dims) dims.push_back(*evaluate(d, {{"N", n}, {"M", n + 2}}));
    inputs.push_back(input_for(input->type().dtype, std::move(dims), static_cast<int>(inputs.size())));
  }
  const auto expected = interpret(*graph, inputs);
  ASSERT_TRUE(expected.has_value()) << expected.error().message();
  for (const char* cpu : {"x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    if (!host_cpu().supports(*parse_cpu(cpu))) continue;
    SCOPED_TRACE(cpu);
    options.cpu = cpu;
    auto built = build(graph->clone(), options);
    ASSERT_TRUE(built.has_value()) << built.error().message();
    EXPECT_EQ(built->reference_nodes, references);
    auto executor = Executor::create(built->program);
    ASSERT_TRUE(executor.has_value()) << executor.error().message();
    ThreadPool pool(2);
    Context context(*executor, &pool);
    for (int round = 0; round < 2; ++round) {
      const auto results = context.run(inputs);
      ASSERT_TRUE(results.has_value()) << results.error().message();
      ASSERT_EQ(results->size(), expected->size());
      for (std::size_t i = 0; i < results->size(); ++i) {
        const Tensor &got = (*results)[i].tensor(), &want = (*expected)[i].tensor();
        ASSERT_EQ(got.dims(), want.dims());
        ASSERT_EQ(got.dtype(), want.dtype());
        // Of the largest: a sum's error goes with its terms, and those may cancel.
        double largest = 1;
        for (int64_t k = 0; k < want.elements(); ++k)
          if (std::isfinite(want.real_at(k))) largest = std::max(largest, std::abs(want.real_at(k)));
        for (int64_t k = 0; k < got.elements(); ++k)
          ASSERT_NEAR(got.real_at(k), want.real_at(k), tolerance * largest) << "output " << i << ", element " << k;
      }
    }
  }
}

TEST(Build, Pointwise) {
  check("graph @main(%x: f32[N,7], %y: f32[7]) { %a: f32[N,7] = add(%x, %y)  %b: f32[N,7] = tanh(%a)  return %b }");
}

TEST(Build, SeveralResultsOfOneKernel) {
  check(R"(graph @main(%x: f32[N,7]) { %a: f32[N,7] = exp(%x)  %b: f32[N,7] = mul(%a, %x)  %c: f32[N,7] = neg(%b)
           return %a, %b, %c })");
}

TEST(Build, MatmulWithEpilogue) {
  check(R"(graph @main(%x: f32[N,64], %w: f32[64,40], %b: f32[40]) {
             %h: f32[N,40] = matmul(%x, %w)
             %s: f32[N,40] = add(%h, %b)
             %y: f32[N,40] = relu(%s)
             return %y })");
}

constexpr const char* kResidual =
    R"(graph @main(%x: f32[N,16,9,9], %w: f32[16,16,3,3], %v: f32[24,16,1,1], %u: f32[24,16,3,3]) {
             %a: f32[N,16,9,9] = conv(%x, %w) {pads = [1, 1, 1, 1]}
             %r: f32[N,16,9,9] = relu(%a)
             %s: f32[N,16,9,9] = add(%r, %x)
             %b: f32[N,24,5,5] = conv(%s, %u) {strides = [2, 2], pads = [1, 1, 1, 1]}
             %c: f32[N,24,5,5] = conv(%s, %v) {strides = [2, 2]}
             %d: f32[N,24,5,5] = add(%b, %c)
             %e: f32[N,24,5,5] = relu(%d)
             %p: f32[N,24,1,1] = global_average_pool(%e)
             %f: f32[N,24] = flatten(%p) {axis = 1}
             %z: f32[N,24] = softmax(%f)
             return %z })";
TEST(Build, ResidualBlock) { check(kResidual); }

TEST(Build, NothingFusedGivesTheSame) {
  BuildOptions options;
  options.disabled = {"fuse.epilogues", "fuse.prologues", "place.in_place", "place.concats", "simplify.algebra"};
  check(kResidual, 2, 1e-5, 0, options);
}

TEST(Build, EveryFamilyCanBeForced) {
  const auto graph = read_graph("graph @main(%x: f32[N]) { %y: f32[N] = neg(%x) return %y }");
  BuildOptions options;
  const std::vector<std::string_view> problems = CpuTarget::problems();
  for (const char* family : {"convolution", "scatter_elements", "scatter_nd", "arg_sort"})
    EXPECT_NE(std::ranges::find(problems, family), problems.end()) << family;
  for (const std::string_view family : problems) options.forced[std::string(family)] = "any";
  EXPECT_TRUE(build(graph->clone(), options).has_value());
  options.forced = {{"nests", "any"}};
  const auto refused = build(graph->clone(), options);
  ASSERT_FALSE(refused.has_value());
  for (const std::string_view family : problems)
    EXPECT_NE(refused.error().message().find(family), std::string::npos) << refused.error().message();
}

TEST(Build, AForcedTacticBindsTheKernelsThatHaveIt) {
  // Winograd is for the second convolution alone.
  const auto graph = read_graph(R"(graph @main(%x: f32[1,32,8,8], %w: f32[32,32,1,1], %v: f32[32,32,3,3]) {
    %a: f32[1,32,8,8] = conv(%x, %w)
    %y: f32[1,32,8,8] = conv(%a, %v) {pads = [1, 1, 1, 1]}
    return %y })");
  BuildOptions options;
  options.forced = {{"convolution", "direct from"}};
  const auto built = build(graph->clone(), options);
  ASSERT_TRUE(built.has_value()) << built.error().message();
  options.forced = {{"convolution", "winograd"}};  // weights are inputs here: nobody can transform them
  const auto refused = build(graph->clone(), options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message().find("no kernel has the tactic 'convolution=winograd'"), std::string::npos)
      << refused.error().message();
}

TEST(Build, ConcatOfBranches) {
  check(R"(graph @main(%x: f32[N,16,6,6], %w: f32[8,16,1,1], %v: f32[24,16,3,3]) {
             %a: f32[N,8,6,6] = conv(%x, %w)
             %b: f32[N,24,6,6] = conv(%x, %v) {pads = [1, 1, 1, 1]}
             %c: f32[N,16,6,6] = max_pool(%x) {kernel = [3, 3], strides = [1, 1], pads = [1, 1, 1, 1]}
             %d: f32[N,48,6,6] = concat(%a, %b, %c) {axis = 1}
             %e: f32[N,64,6,6] = concat(%d, %x) {axis = 1}
             %f: f32[N,64,6,6] = relu(%e)
             return %f, %d })");
}

// Copies and views move bits, also of what no code computes with.
TEST(Build, EveryDtypeIsCopied) {
  for (const DType dtype : all_dtypes()) {
    if (dtype == DType::string) continue;
    const std::string t(name(dtype));
    const auto graph = read_graph("graph @main(%x: " + t + "[2,3], %y: " + t + "[N,3]) { %c: " + t +
                                  "[N + 2,3] = concat(%x, %y) {axis = 0}  %t: " + t +
                                  "[3,N + 2] = transpose(%c) {permutation = [1, 0]}  %z: " + t +
                                  "[3 * N + 6] = reshape(%t) {shape = dims[3 * N + 6]}  return %c, %z }");
    ASSERT_NE(graph, nullptr);
    auto built = build(graph->clone(), {});
    ASSERT_TRUE(built.has_value()) << built.error().message();
    EXPECT_EQ(built->reference_nodes, 0) << t;
    std::vector<RuntimeValue> inputs;
    for (const int64_t rows : {2, 4}) {
      Tensor tensor = *Tensor::allocate(dtype, {rows, 3});
      for (std::size_t i = 0; i < tensor.byte_size(); ++i)
        tensor.mutable_data()[i] = static_cast<std::byte>(bit_width(dtype) == 1 ? i % 2 : (i * 7 + 1) % 4);
      inputs.emplace_back(std::move(tensor));
    }
    const auto expected = interpret(*graph, inputs);
    ASSERT_TRUE(expected.has_value()) << expected.error().message();
    Context context(*Executor::create(built->program), nullptr);
    const auto found = context.run(inputs);
    ASSERT_TRUE(found.has_value()) << found.error().message();
    for (std::size_t i = 0; i < 2; ++i) {
      const Tensor &got = (*found)[i].tensor(), &want = (*expected)[i].tensor();
      ASSERT_EQ(got.type(), want.type());
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.byte_size()), 0) << t;
    }
  }
}

TEST(Build, ViewsOfViews) {
  check(R"(graph @main(%x: f32[N,6,8], %w: f32[8,8]) {
             %q: f32[N,6,8] = matmul(%x, %w)
             %r: f32[N,6,2,4] = reshape(%q) {shape = dims[N, 6, 2, 4]}
             %t: f32[N,2,6,4] = transpose(%r) {permutation = [0, 2, 1, 3]}
             %s: f32[N,2,6,2] = slice(%t) {starts = [0, 0, 0, 1], sizes = dims[N, 2, 6, 2], steps = [1, 1, 1, 2]}
             %u: f32[N,24] = reshape(%s) {shape = dims[N, 24]}
             %v: f32[N,48] = reshape(%t) {shape = dims[N, 48]}
             return %u, %v, %t })");
}

// A unit reads a value and, through a view, the same elements in another order: its result needs its own place.
TEST(Build, NothingIsOverwrittenThatAViewStillReads) {
  check(R"(graph @main(%x: f32[64,48], %w: f32[48,64], %v: f32[64,64]) {
             %a: f32[64,64] = matmul(%x, %w)
             %t: f32[64,64] = transpose(%a) {permutation = [1, 0]}
             %b: f32[64,64] = add(%a, %t)
             %y: f32[64,64] = matmul(%b, %v)
             return %y })");
  check(R"(graph @main(%x: f32[64,64], %v: f32[64,64]) {
             %a: f32[64,64] = matmul(%x, %v)
             %t: f32[64,64] = transpose(%a) {permutation = [1, 0]}
             %m: f32[64,64] = matmul(%t, %v)
             %b: f32[64,64] = add(%a, %m)
             %y: f32[64,64] = matmul(%b, %v)
             return %y })");
}

// Sizes are known, steps are not.
TEST(Build, MatricesWithinOnesOfUnknownSize) {
  check(R"(graph @main(%x: f32[8,64], %z: f32[64,M]) {
             %b: f32[64,3] = slice(%z) {starts = [0, 0], sizes = [64, 3], steps = [1, 1]}
             %a: f32[8,3] = matmul(%x, %b)
             return %a })");
}

TEST(Build, PoolsKeepNaN) {
  const auto graph = read_graph(R"(graph @main(%x: f32[1,16,8,8]) {
      %s: f32[1,16,8,8] = sqrt(%x)
      %y: f32[1,16,4,4] = max_pool(%s) {kernel = [2, 2], strides = [2, 2]}
      return %y })");
  ASSERT_NE(graph, nullptr);
  const std::vector<RuntimeValue> inputs = {input_for(DType::f32, {1, 16, 8, 8}, 1)};
  const auto expected = interpret(*graph, inputs);
  const auto built = build(graph->clone(), {});
  ASSERT_TRUE(expected && built);
  const auto executor = Executor::create(built->program);
  ASSERT_TRUE(executor.has_value());
  Context context(*executor, nullptr);
  const auto results = context.run(inputs);
  ASSERT_TRUE(results.has_value());
  const Tensor &got = (*results)[0].tensor(), &want = (*expected)[0].tensor();
  int64_t nans = 0;
  for (int64_t k = 0; k < want.elements(); ++k) {
    nans += std::isnan(want.real_at(k));
    EXPECT_EQ(std::isnan(got.real_at(k)), std::isnan(want.real_at(k))) << k;
  }
  EXPECT_GT(nans, 0);
}

// Winograd weights count as derived, and stay within the limit; with --exact there are none.
TEST(Build, DerivedConstantsAreLimited) {
  Tensor weights = input_for(DType::f32, {64, 64, 3, 3}, 1);
  const auto derived = [&](double limit, bool exact) {
    auto graph = std::make_unique<Graph>("main");
    Value* x = graph->add_input("x", Type::tensor(DType::f32, {1, 64, 28, 28}));
    Value* w = graph->add_node("constant", {}, {{"value", weights}}, std::vector<ResultSpec>(1))->result(0);
    Value* const operands[] = {x, w};
    Value* y = graph->add_node("conv", operands, {{"pads", Ints{1, 1, 1, 1}}}, std::vector<ResultSpec>(1))->result(0);
    graph->add_output(y, "y");
    ops::bind_operators(*graph);
    for (const auto& node : graph->nodes()) EXPECT_TRUE(ops::infer_new(*node).has_value());
    BuildOptions options;
    options.derived_limit = limit;
    options.exact = exact;
    const auto built = build(std::move(graph), options);
    EXPECT_TRUE(built.has_value()) << (built ? "" : built.error().message());
    return built ? built->derived_bytes : -1;
  };
  const auto own = static_cast<int64_t>(weights.byte_size());
  EXPECT_GT(derived(10, false), 2 * own);
  EXPECT_GT(derived(2, false), 0);
  EXPECT_LE(derived(2, false), 2 * own);
  EXPECT_EQ(derived(0, false), 0);
  EXPECT_EQ(derived(10, true), 0);
}

// A kernel of several stores to one result is not evaluated where another kernel reads it.
TEST(Build, SizesAsData) {
  check(R"(graph @main(%x: f32[N,M], %y: i64[2]) {
  %sizes: i64[2] = dims() {values = dims[N, M]}
  %least: i64[2] = max(%sizes, %y)
  %more: i64[2] = sub(%least, %sizes)
  return %more, %least
})");
}

TEST(Build, TransformerBlock) {
  check(R"(graph @main(%x: f32[N,10,32], %wq: f32[32,32], %wk: f32[32,32], %wv: f32[32,32], %g: f32[32], %b: f32[32]) {
             %n: f32[N,10,32] = layer_norm(%x, %g, %b)
             %q: f32[N,10,32] = matmul(%n, %wq)
             %k: f32[N,10,32] = matmul(%n, %wk)
             %v: f32[N,10,32] = matmul(%n, %wv)
             %q1: f32[N,10,4,8] = reshape(%q) {shape = dims[N, 10, 4, 8]}
             %k1: f32[N,10,4,8] = reshape(%k) {shape = dims[N, 10, 4, 8]}
             %v1: f32[N,10,4,8] = reshape(%v) {shape = dims[N, 10, 4, 8]}
             %q2: f32[N,4,10,8] = transpose(%q1) {permutation = [0, 2, 1, 3]}
             %k2: f32[N,4,10,8] = transpose(%k1) {permutation = [0, 2, 1, 3]}
             %v2: f32[N,4,10,8] = transpose(%v1) {permutation = [0, 2, 1, 3]}
             %a: f32[N,4,10,8] = attention(%q2, %k2, %v2) {scale = 0.35}
             %a1: f32[N,10,4,8] = transpose(%a) {permutation = [0, 2, 1, 3]}
             %a2: f32[N,10,32] = reshape(%a1) {shape = dims[N, 10, 32]}
             %s: f32[N,10,32] = add(%a2, %x)
             %y: f32[N,10,32] = gelu(%s)
             return %y })");
}

TEST(Build, ReferenceStepsAmongKernels) {
  // unique has no kernel, and its result's size is known only when it is there.
  check(R"(graph @main(%x: f32[N,4]) {
             %a: f32[N,4] = abs(%x)
             %u: f32[s0], _, _, _ = unique(%a)
             %b: f32[s0] = neg(%u)
             %c: f32[s0] = exp(%b)
             return %c })",
        3, 1e-5, 1);
}

TEST(Build, SameInputSameBytes) {
  std::vector<std::byte> first;
  for (int threads : {1, 2, 2}) {
    BuildOptions options;
    options.threads = threads;
    const auto built = build(read_graph(kResidual), options);
    ASSERT_TRUE(built.has_value()) << built.error().message();
    if (first.empty()) first = built->program->code;
    EXPECT_EQ(first, built->program->code);
  }
}

}  // namespace
}  // namespace burnish::test
