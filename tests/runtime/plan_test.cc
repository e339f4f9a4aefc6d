#include "runtime/plan.h"

#include <unistd.h>

#include <filesystem>
#include <random>

#include <gtest/gtest.h>

#include "base/file.h"
#include "ops/operator.h"
#include "tests/runtime/programs.h"

namespace burnish {
namespace {

using testing::iota;

class PlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("burnish_plan_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  std::filesystem::path folder_;
};

Result<std::vector<RuntimeValue>> run_plan(const Plan& plan, std::vector<RuntimeValue> inputs,
                                           ThreadPool* pool = nullptr) {
  auto program = TRY(plan.program());
  Context context(TRY(Executor::create(std::move(program))), pool);
  return context.run(inputs);
}

Status save(const Program& program, const std::string& path, const PlanMetadata& metadata = {}) {
  const Program* images[] = {&program};
  return save_plan(images, metadata, path);
}

std::unique_ptr<Graph> simplified_graph() {
  // A large constant that the program has too, and one of its own.
  auto graph = std::make_unique<Graph>();
  Builder b(*graph);
  Value* x = graph->add_input("x", Type::tensor(DType::f32, {300000}));
  graph->add_output(b.op("add", {x, b.constant(iota(300000), "w")}), "y");
  graph->add_output(b.constant(iota(1000), "v"), "v");
  return graph;
}

// y = x + w with 300000 elements: weights of more than a block.
std::unique_ptr<Program> large_program() {
  testing::ProgramBuilder b;
  const Type type = Type::tensor(DType::f32, {300000});
  const int x = b.input("x", type), w = b.constant("w", iota(300000)), y = b.output("y", type);
  b.add(x, w, y, 300000, 4096);
  return std::move(b.program);
}

TEST_F(PlanTest, SavesAndRuns) {
  const auto program = testing::mixed_program();
  PlanMetadata metadata;
  metadata.decisions = R"([{"id":"x"}])";
  metadata.record = R"({"exact":true})";
  metadata.layers = {R"({"nodes":[]})"};
  ASSERT_TRUE(save(*program, path("a.plan"), metadata));
  auto plan = Plan::open(path("a.plan"));
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ((*plan)->decisions(), metadata.decisions);
  EXPECT_EQ((*plan)->record(), metadata.record);
  EXPECT_EQ((*plan)->layers(), metadata.layers[0]);
  EXPECT_EQ((*plan)->images(), std::vector<std::string>{"x86-64-v2"});
  EXPECT_EQ((*plan)->simplified().value(), nullptr);
  auto loaded = (*plan)->program();
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_FALSE((*loaded)->mapped_code.empty());
  const auto y = run_plan(**plan, {iota(8)});
  ASSERT_TRUE(y) << y.error().message();
  for (int64_t i = 0; i < 8; ++i) EXPECT_EQ((*y)[0].tensor().real_at(i), static_cast<double>(-i));
}

TEST_F(PlanTest, ProgramsComeBackAsTheyWere) {
  const auto program = testing::scale_program();
  ASSERT_TRUE(save(*program, path("a.plan")));
  auto plan = Plan::open(path("a.plan")).value();
  EXPECT_EQ(plan->layers(), "");
  auto loaded = plan->program().value();
  ASSERT_TRUE(save(*loaded, path("b.plan")));
  EXPECT_EQ(read_file(path("a.plan")).value(), read_file(path("b.plan")).value());
  // The symbol's range came along.
  const auto wrong = run_plan(*plan, {iota(1001)});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::usage);
}

TEST_F(PlanTest, SameInputSameBytes) {
  const auto graph = simplified_graph();
  PlanMetadata metadata;
  metadata.simplified = graph.get();
  ASSERT_TRUE(save(*large_program(), path("a.plan"), metadata));
  ASSERT_TRUE(save(*large_program(), path("b.plan"), metadata));
  EXPECT_EQ(read_file(path("a.plan")).value(), read_file(path("b.plan")).value());
}

TEST_F(PlanTest, ConstantsAreStoredOnce) {
  const auto graph = simplified_graph();
  PlanMetadata metadata;
  metadata.simplified = graph.get();
  ASSERT_TRUE(save(*large_program(), path("a.plan"), metadata));
  const auto size = std::filesystem::file_size(path("a.plan"));
  EXPECT_GT(size, 1200000u);
  EXPECT_LT(size, 1300000u);
  auto plan = Plan::open(path("a.plan")).value();
  const auto read = plan->simplified();
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(difference(*graph, **read), "");
  ThreadPool pool(2);
  const auto y = run_plan(*plan, {iota(300000)}, &pool);
  ASSERT_TRUE(y);
  EXPECT_EQ((*y)[0].tensor().real_at(299999), 2 * 299999.0);
}

TEST_F(PlanTest, LoadsFromBytesAtAnyAddress) {
  ASSERT_TRUE(save(*testing::mixed_program(), path("a.plan")));
  const std::string text = "x" + read_file(path("a.plan")).value();
  for (std::size_t shift : {0, 1}) {
    const std::string moved = std::string(shift, 'x') + text.substr(1);
    auto plan = Plan::from_bytes(as_bytes(moved).subspan(shift), nullptr, "memory");
    ASSERT_TRUE(plan) << plan.error().message();
    EXPECT_TRUE(run_plan(**plan, {iota(8)}));
  }
}

TEST_F(PlanTest, BodiesAndReferencesSurvive) {
  auto graph = parse_graph(R"(graph @main(%trip: i64[], %x: f32[N]) {
  %y: f32[N], %all: f32[T,N] = loop(%trip, _, %x) body(%i: i64[], %c: bool[], %v: f32[N]) {
    %big: f32[20] = constant() {value = tensor(f32[20] [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])}
    %s: f32[] = reduce(%big) {kind = "sum", axes = [0], keep = 0}
    %b: f32[N] = broadcast(%s) {shape = dims[N]}
    %w: f32[N] = add(%v, %b)
    return %c, %w, %w
  }
  return %y, %all
})")
                   .value();
  ops::bind_operators(*graph);
  std::shared_ptr<const Graph> shared = std::move(graph);
  const auto program = reference_program(shared);
  ASSERT_TRUE(program) << program.error().message();
  ASSERT_TRUE(save(**program, path("a.plan")));
  auto plan = Plan::open(path("a.plan")).value();
  EXPECT_EQ(plan->images(), std::vector<std::string>{""});
  const std::vector<RuntimeValue> inputs = {Tensor::scalar(DType::i64, 3), iota(2)};
  const auto expected = interpret(*shared, inputs);
  ASSERT_TRUE(expected) << expected.error().message();
  const auto y = run_plan(*plan, inputs);
  ASSERT_TRUE(y) << y.error().message();
  for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE((*y)[i].tensor().identical((*expected)[i].tensor()));
  EXPECT_EQ((*y)[0].tensor().real_at(1), 631);
}

TEST_F(PlanTest, ChoosesTheImageForTheProcessor) {
  auto low = testing::scale_program(), high = testing::scale_program();
  low->cpu = "x86-64-v3";
  high->cpu = "x86-64-v4+vnni";
  const Program* images[] = {low.get(), high.get()};
  ASSERT_TRUE(save_plan(images, {}, path("a.plan")));
  auto plan = Plan::open(path("a.plan")).value();
  EXPECT_EQ(plan->program(*parse_cpu("x86-64-v3")).value()->cpu, "x86-64-v3");
  EXPECT_EQ(plan->program(*parse_cpu("x86-64-v4")).value()->cpu, "x86-64-v3");
  EXPECT_EQ(plan->program(*parse_cpu("x86-64-v4+vnni+bf16")).value()->cpu, "x86-64-v4+vnni");
  const auto none = plan->program(*parse_cpu("x86-64-v2"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::refused);
  EXPECT_NE(none.error().message().find("AVX2"), std::string::npos) << none.error().message();
  EXPECT_NE(none.error().message().find("--cpu x86-64-v2"), std::string::npos) << none.error().message();
}

// What a damaged file does: an error, or exactly the right answer.
void expect_harmless(const std::string& bytes, const Tensor& expected, const Tensor& input, const std::string& what) {
  auto plan = Plan::from_bytes(as_bytes(bytes), nullptr, "damaged.plan");
  if (!plan) {
    EXPECT_EQ(plan.error().code, ErrorCode::refused) << what;
    return;
  }
  const auto y = run_plan(**plan, {input});
  if (!y) {
    EXPECT_EQ(y.error().code, ErrorCode::refused) << what << ": " << y.error().message();
    return;
  }
  EXPECT_TRUE((*y)[0].tensor().identical(expected)) << what;
}

TEST_F(PlanTest, CutAnywhere) {
  PlanMetadata metadata;
  metadata.decisions = "[]";
  ASSERT_TRUE(save(*testing::mixed_program(), path("a.plan"), metadata));
  const std::string whole = read_file(path("a.plan")).value();
  for (std::size_t size = 0; size < whole.size(); size += size < 2048 ? 1 : 61) {
    auto plan = Plan::from_bytes(as_bytes(whole).first(size), nullptr, "cut.plan");
    ASSERT_FALSE(plan) << size;
    EXPECT_EQ(plan.error().code, ErrorCode::refused);
  }
  ASSERT_TRUE(write_file(path("cut.plan"), std::string_view(whole).substr(0, whole.size() - 1)));
  EXPECT_FALSE(Plan::open(path("cut.plan")));
  ASSERT_TRUE(write_file(path("empty.plan"), ""));
  EXPECT_FALSE(Plan::open(path("empty.plan")));
  EXPECT_EQ(Plan::open(path("none.plan")).error().code, ErrorCode::io);
  EXPECT_FALSE(Plan::from_bytes(as_bytes(whole + "x"), nullptr, "long.plan"));
}

TEST_F(PlanTest, AnyBitFlipped) {
  const Tensor input = iota(8);
  ASSERT_TRUE(save(*testing::mixed_program(), path("a.plan")));
  const std::string whole = read_file(path("a.plan")).value();
  const Tensor expected = (*run_plan(*Plan::open(path("a.plan")).value(), {input}))[0].tensor();
  std::mt19937 random(3);
  for (std::size_t at = 0; at < whole.size(); at += at < 4096 ? 1 : 7) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (random() % 8)));
    expect_harmless(damaged, expected, input, "byte " + std::to_string(at));
  }
}

TEST_F(PlanTest, FlippedWeightsAreNoticedBeforeTheFirstRun) {
  ASSERT_TRUE(save(*large_program(), path("a.plan")));
  std::string bytes = read_file(path("a.plan")).value();
  bytes[bytes.size() - 100] ^= 4;
  auto plan = Plan::from_bytes(as_bytes(bytes), nullptr, "damaged.plan");
  ASSERT_TRUE(plan);
  for (int round = 0; round < 2; ++round) {
    const auto y = run_plan(**plan, {iota(300000)});
    ASSERT_FALSE(y);
    EXPECT_EQ(y.error().code, ErrorCode::refused);
    EXPECT_NE(y.error().message().find("damaged near byte"), std::string::npos);
  }
}

TEST_F(PlanTest, OtherFormatsAreNamed) {
  ASSERT_TRUE(save(*testing::mixed_program(), path("a.plan")));
  std::string bytes = read_file(path("a.plan")).value();
  bytes[8] = 9;
  const auto plan = Plan::from_bytes(as_bytes(bytes), nullptr, "new.plan");
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message().find("format 9"), std::string::npos);
  EXPECT_FALSE(Plan::is_plan(as_bytes("graph @main")));
  EXPECT_TRUE(Plan::is_plan(as_bytes(bytes)));
}

}  // namespace
}  // namespace burnish
