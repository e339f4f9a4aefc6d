// Indices that are data and out of range: an error of the run that names the layer, however the node was compiled, and
// the context runs on.

#include <gtest/gtest.h>

#include "compile/build.h"
#include "runtime/executor.h"
#include "tests/support/graph_difference.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

Tensor numbers(DType dtype, std::vector<int64_t> dims, std::vector<int64_t> values = {}) {
  Tensor t = *Tensor::allocate(dtype, std::move(dims));
  for (int64_t i = 0; i < t.elements(); ++i) {
    if (number_class(dtype) == NumberClass::real)
      Accessor<double>(dtype).store(t.mutable_data(), i, 0.25 * static_cast<double>(i % 23) - 2);
    else Accessor<int64_t>(dtype).store(t.mutable_data(), i, values[static_cast<std::size_t>(i) % values.size()]);
  }
  return t;
}

struct Case {
  std::string_view text;
  std::vector<int64_t> good, bad;    // of the input %i
  std::vector<std::string> message;  // parts of the error
  std::vector<std::string> off = {};
};

// Good, bad and good indices in one context, for every processor level, with 1 and 2 threads.
void check(const Case& test) {
  SCOPED_TRACE(test.text);
  const auto graph = read_graph(test.text);
  ASSERT_NE(graph, nullptr);
  const auto inputs = [&](const std::vector<int64_t>& indices) {
    std::vector<RuntimeValue> list;
    for (const auto& input : graph->inputs()) {
      const auto dims = evaluate(input->type().dims, {{"N", 3}, {"M", static_cast<int64_t>(indices.size())}});
      list.emplace_back(numbers(input->type().dtype, *dims, indices));
    }
    return list;
  };
  const auto expected = interpret(*graph, inputs(test.good));
  ASSERT_TRUE(expected.has_value()) << expected.error().message();
  const auto refused = interpret(*graph, inputs(test.bad));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  for (const char* cpu : {"x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    if (!host_cpu().supports(*parse_cpu(cpu))) continue;
    BuildOptions options;
    options.cpu = cpu;
    options.disabled = test.off;
    auto built = build(graph->clone(), options);
    ASSERT_TRUE(built.has_value()) << built.error().message();
    ASSERT_EQ(built->reference_nodes, 0);
    const auto executor = Executor::create(built->program);
    ASSERT_TRUE(executor.has_value()) << executor.error().message();
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(std::string(cpu) + " with threads: " + std::to_string(threads));
      ThreadPool pool(threads);
      Context context(*executor, &pool);
      for (int round = 0; round < 2; ++round) {
        const auto results = context.run(inputs(test.good));
        ASSERT_TRUE(results.has_value()) << results.error().message();
        EXPECT_EQ(first_difference(*results, *expected, tolerance_of(*graph)), "");
        const auto error = context.run(inputs(test.bad));
        ASSERT_FALSE(error.has_value());
        EXPECT_EQ(error.error().code, ErrorCode::refused);
        EXPECT_FALSE(error.error().remedy.empty());
        for (const std::string& part : test.message)
          EXPECT_NE(error.error().message().find(part), std::string::npos) << error.error().message();
      }
    }
  }
}

// 40 indices, one of them another one.
std::vector<int64_t> many(int64_t size, std::size_t place = 0, int64_t other = 0) {
  std::vector<int64_t> list;
  for (int64_t i = 0; i < 40; ++i) list.push_back((i * 3) % size - (i % 2 == 0 ? 0 : size));
  list[place] = other;
  return list;
}

TEST(Indices, MergedKernelsKeepTheCheck) {
  // Rows, appended to: gather, add and relu are one kernel.
  check({R"(graph @main(%x: f32[9,33], %i: i64[M], %b: f32[33]) {
              %g: f32[M,33] = gather(%x, %i) from "embeddings"
              %s: f32[M,33] = add(%g, %b) from "bias"
              %y: f32[M,33] = relu(%s)
              return %y })",
         many(9),
         many(9, 39, 9),
         {"embeddings", "index 9 of 'i' is out of range: -9 to 8"}});
  // Single elements of what is computed, evaluated in the gather's kernel or not.
  for (const char* off : {"", "fuse.prologues", "fuse.epilogues"})
    check({R"(graph @main(%x: f32[9], %i: i32[M]) {
                %two: i32[] = constant() {value = tensor(i32[] [2])}
                %a: f32[9] = relu(%x)
                %j: i32[M] = sub(%i, %two)
                %g: f32[M] = gather(%a, %j) from "pick"
                %y: f32[M] = neg(%g)
                return %y })",
           {2, -7, 3, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 3},
           {2, -7, 3, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 11},
           {"pick", "index 9 of", "-9 to 8"},
           *off == 0 ? std::vector<std::string>() : std::vector<std::string>{off}});
  // Summed up with others, as a language model's first layer is.
  check({R"(graph @main(%x: f32[N,16], %z: f32[5,16], %i: i64[M], %w: f32[16], %b: f32[16]) {
              %k: i64[M] = neg(%i)
              %p: f32[M,16] = gather(%x, %i) from "words"
              %q: f32[M,16] = gather(%z, %k) from "places"
              %s: f32[M,16] = add(%p, %q)
              %y: f32[M,16] = layer_norm(%s, %w, %b)
              return %y })",
         {0, 1, 2, -1, -2, -3, 0},
         {0, 1, 2, -1, -2, -3, 3},
         {"words", "index 3 of 'i'", "-3 to 2"}});
}

TEST(Indices, OtherOperators) {
  check({R"(graph @main(%x: f32[3,8], %i: i64[3,5]) { %y: f32[3,5] = gather_elements(%x, %i) {axis = 1} from "e"
              return %y })",
         {0, 7, -8},
         {0, 7, -9},
         {"'e'", "index -9 of 'i'", "-8 to 7"}});
  check({R"(graph @main(%x: f32[4,8,3], %i: i64[M,2]) { %y: f32[M,3] = gather_nd(%x, %i) from "nd"  return %y })",
         {0, 3, -4, 2},
         {0, 3, -4, 4, 9},
         {"'nd'", "of 'i'", "is out of range"}});
  check({R"(graph @main(%x: f32[4,8], %i: i64[4,3], %u: f32[4,3]) {
              %y: f32[4,8] = scatter_elements(%x, %i, %u) {axis = 1, reduction = "add"} from "s"  return %y })",
         {0, 3, -8, 7},
         {0, 3, 8, 7},
         {"'s'", "index 8 of 'i'", "-8 to 7"}});
  check({R"(graph @main(%x: f32[N,8], %i: i64[4,1], %u: f32[4,8]) {
              %y: f32[N,8] = scatter_nd(%x, %i, %u) {reduction = "max"} from "s"  return %y })",
         {0, 2, -3, 1},
         {0, 2, -4, 1},
         {"'s'", "index -4 of 'i'", "-3 to 2"}});
  check({R"(graph @main(%c: f32[3,2,6,4], %u: f32[3,2,2,4], %i: i64[3]) {
              %y: f32[3,2,6,4] = tensor_scatter(%c, %u, %i) from "cache"  return %y })",
         {0, 4, 1},
         {0, 5, 1},
         {"'cache'", "index 5 of 'i'", "0 to 4"}});
  check({R"(graph @main(%x: f32[6,3,2], %i: i64[3]) {
              %y: f32[6,3,2] = reverse_sequence(%x, %i) from "r"  return %y })",
         {0, 6, 1},
         {7, 0, 1},
         {"'r'", "index 7 of 'i'", "0 to 6"}});
  check({R"(graph @main(%x: f32[5,7], %i: i64[5]) { %y: f32[] = nll_loss(%x, %i) from "loss"  return %y })",
         {0, 6, 1, 2, 3},
         {0, 6, 1, 2, 7},
         {"'loss'", "7 of", "-7 to 6"}});
}

TEST(Indices, InBodiesAndOfLateSizes) {
  check({R"(graph @main(%x: f32[9,4], %i: i64[M], %c: f32[9,4]) {
              %none: f32[M,4] = gather(%c, %i)
              %n: i64[] = constant() {value = tensor(i64[] [3])}
              %y: f32[M,4] = loop(%n, _, %none) body(%k: i64[], %go: bool[], %before: f32[M,4]) {
                %at: i64[M] = sub(%i, %k)
                %g: f32[M,4] = gather(%x, %at) from "inside"
                %s: f32[M,4] = add(%g, %before)
                return %go, %s
              }
              return %y })",
         {0, 1, 8, -7},
         {0, 1, -8, -7},
         {"inside", "index -10", "-9 to 8"}});
}

// Not all of a gather's result may be wanted. What is left out of it is then not looked up, and not refused.
TEST(Indices, OfWhatNobodyReadsMayBeAnything) {
  const auto graph = read_graph(R"(graph @main(%x: f32[9,4], %i: i64[6]) {
    %g: f32[6,4] = gather(%x, %i)
    %y: f32[5,4] = slice(%g) {starts = dims[4, 0], sizes = dims[5, 4], steps = [-1, 1]}
    return %y })");
  ASSERT_NE(graph, nullptr);
  const RuntimeValue x(numbers(DType::f32, {9, 4}));
  const std::vector<RuntimeValue> fine = {x, RuntimeValue(numbers(DType::i64, {6}, {0, 1, 2, 3, 4, 5}))},
                                  beside = {x, RuntimeValue(numbers(DType::i64, {6}, {0, 1, 2, 3, 4, 99}))};
  const auto expected = interpret(*graph, fine);
  ASSERT_TRUE(expected.has_value());
  EXPECT_FALSE(interpret(*graph, beside).has_value());
  auto built = build(graph->clone(), {});
  ASSERT_TRUE(built.has_value()) << built.error().message();
  Context context(*Executor::create(built->program), nullptr);
  const auto results = context.run(beside);
  if (results.has_value()) EXPECT_EQ(first_difference(*results, *expected, tolerance_of(*graph)), "");
  else EXPECT_NE(results.error().what.find("index 99"), std::string::npos) << results.error().message();
}

// What ONNX defines for such indices stays as it is.
TEST(Indices, OneHotTakesAny) {
  const auto graph = read_graph(R"(graph @main(%i: i64[4], %v: f32[2]) {
    %depth: i64[] = constant() {value = tensor(i64[] [3])}
    %y: f32[4,3] = one_hot(%i, %depth, %v)
    return %y })");
  ASSERT_NE(graph, nullptr);
  const std::vector<RuntimeValue> inputs = {RuntimeValue(numbers(DType::i64, {4}, {-1, 3, -4, 0})),
                                            RuntimeValue(numbers(DType::f32, {2}))};
  auto built = build(graph->clone(), {});
  ASSERT_TRUE(built.has_value()) << built.error().message();
  Context context(*Executor::create(built->program), nullptr);
  const auto results = context.run(inputs);
  ASSERT_TRUE(results.has_value()) << results.error().message();
  const std::vector<int> on = {0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0};
  for (int64_t k = 0; k < 12; ++k)
    EXPECT_EQ((*results)[0].tensor().real_at(k), on[static_cast<std::size_t>(k)] == 0 ? -2 : -1.75) << k;
}

}  // namespace
}  // namespace burnish::test
