// Numbers at the edges of their dtypes, through engines at every level: what comes out is written here, bit for bit.

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "compile/build.h"
#include "ops/support/strided.h"
#include "runtime/executor.h"
#include "tests/support/read_graph.h"

namespace burnish::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

template <class T>
Tensor tensor(DType dtype, const std::vector<T>& values) {
  Tensor t = *Tensor::allocate(dtype, {static_cast<int64_t>(values.size())});
  for (std::size_t i = 0; i < values.size(); ++i)
    Accessor<T>(dtype).store(t.mutable_data(), static_cast<int64_t>(i), values[i]);
  return t;
}

// The graph's only input to its outputs, on references and on every level.
template <class In, class Out>
void expect(std::string_view text, DType in, const std::vector<In>& given,
            const std::vector<std::vector<Out>>& wanted) {
  const auto graph = read_graph(text);
  ASSERT_NE(graph, nullptr);
  const std::vector<RuntimeValue> inputs = {tensor(in, given)};
  const auto compare = [&](const Result<std::vector<RuntimeValue>>& results) {
    ASSERT_TRUE(results.has_value()) << results.error().message();
    ASSERT_EQ(results->size(), wanted.size());
    for (std::size_t r = 0; r < wanted.size(); ++r) {
      const Tensor& got = (*results)[r].tensor();
      ASSERT_EQ(static_cast<std::size_t>(got.elements()), wanted[r].size());
      for (std::size_t i = 0; i < wanted[r].size(); ++i)
        EXPECT_EQ(Accessor<Out>(got.dtype()).load(got.data(), static_cast<int64_t>(i)), wanted[r][i])
            << "output " << r << ", element " << i;
    }
  };
  {
    SCOPED_TRACE("references");
    compare(interpret(*graph, inputs));
  }
  for (const char* cpu : {"x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    if (!host_cpu().supports(*parse_cpu(cpu))) continue;
    SCOPED_TRACE(cpu);
    BuildOptions options;
    options.cpu = cpu;
    const auto built = build(graph->clone(), options);
    ASSERT_TRUE(built.has_value()) << built.error().message();
    EXPECT_EQ(built->reference_nodes, 0);
    const auto executor = Executor::create(built->program);
    ASSERT_TRUE(executor.has_value()) << executor.error().message();
    Context context(*executor, nullptr);
    compare(context.run(inputs));
  }
}

TEST(Numbers, IntegersToNegativePowers) {
  expect<int64_t, int64_t>(R"(graph @main(%x: i32[4]) {
      %e: i32[] = constant() {value = tensor(i32[] [-2])}
      %y: i32[4] = pow(%x, %e)
      return %y })",
                           DType::i32, {-1, 1, 2, -3}, {{1, 1, 0, 0}});
}

TEST(Numbers, ConstantsThatNoDoubleHolds) {
  expect<int64_t, int64_t>(R"(graph @main(%x: i64[3]) {
      %c: i64[] = constant() {value = tensor(i64[] [9007199254740993])}
      %y: i64[3] = add(%x, %c)
      return %y })",
                           DType::i64, {0, 1, -1}, {{9007199254740993, 9007199254740994, 9007199254740992}});
  expect<int64_t, bool>(R"(graph @main(%x: i64[2]) {
      %c: i64[] = constant() {value = tensor(i64[] [9007199254740993])}
      %y: bool[2] = eq(%x, %c)
      return %y })",
                        DType::i64, {9007199254740992, 9007199254740993}, {{false, true}});
}

TEST(Numbers, SixteenBitsAreSeenAsTheyAreStored) {
  // The square is beyond f16, in the result and for who asks.
  expect<double, double>(R"(graph @main(%x: f16[2]) {
      %y: f16[2] = mul(%x, %x)
      %i: bool[2] = is_inf(%y)
      %z: f16[2] = cast(%i) {dtype = f16}
      return %y, %z })",
                         DType::f16, {300, 3}, {{kInf, 9}, {1, 0}});
  // 2049 is no f16.
  expect<double, bool>(R"(graph @main(%x: f16[2]) {
      %c: f16[] = constant() {value = tensor(f16[] [2048])}
      %s: f16[2] = add(%x, %c)
      %y: bool[2] = eq(%s, %c)
      return %y })",
                       DType::f16, {1, 4}, {{true, false}});
}

TEST(Numbers, ConversionsToSixteenBitsRoundOnce) {
  // Through f32 the first would become a tie, and that 1.
  expect<double, double>("graph @main(%x: f64[3]) { %y: f16[3] = cast(%x) {dtype = f16} return %y }", DType::f64,
                         {1 + 0x1p-11 + 0x1p-40, -1 - 0x1p-11 - 0x1p-40, 1e300}, {{1 + 0x1p-10, -1 - 0x1p-10, kInf}});
  expect<int64_t, double>("graph @main(%x: i32[2]) { %y: bf16[2] = cast(%x) {dtype = bf16} return %y }", DType::i32,
                          {(1 << 30) + (1 << 22) + 1, (1 << 30) + (1 << 22)}, {{0x1p30 + 0x1p23, 0x1p30}});
}

}  // namespace
}  // namespace burnish::test
