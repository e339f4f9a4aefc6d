// Tactics that were timed, and the cache of their times.

#include <unistd.h>

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "base/file.h"
#include "compile/build.h"
#include "ops/operator.h"
#include "runtime/executor.h"
#include "schedule/timing_cache.h"

namespace burnish {
namespace {

class TuneTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/burnish-tune-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

// Several tiles of the direct form come into question for the first convolution.
constexpr const char* kNetwork = R"(graph @main(%x: f32[N,32,20,20], %w: f32[48,32,3,3], %v: f32[16,48,1,1]) {
  %a: f32[N,48,20,20] = convolution(%x, %w) {strides = [1, 1], dilations = [1, 1], pads = [1, 1, 1, 1], groups = 1}
  %b: f32[N,48,20,20] = relu(%a)
  %y: f32[N,16,20,20] = convolution(%b, %v) {strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0], groups = 1}
  return %y
}
)";

std::unique_ptr<Graph> network() {
  auto graph = parse_graph(kNetwork);
  EXPECT_TRUE(graph.has_value()) << graph.error().message();
  ops::bind_operators(**graph);
  const Status inferred = ops::infer(**graph);
  EXPECT_TRUE(inferred.has_value()) << inferred.error().message();
  return std::move(*graph);
}

Tensor filled(std::vector<int64_t> dims, float start) {
  Tensor t = *Tensor::allocate(DType::f32, std::move(dims));
  for (int64_t i = 0; i < t.elements(); ++i)
    t.mutable_as<float>()[static_cast<std::size_t>(i)] = start + 0.25F * static_cast<float>(i % 7) - 0.5F;
  return t;
}

std::string tactics_of(const BuildResult& built) {
  std::string all;
  for (const Decision& d : built.decisions)
    if (d.id == "select.tactic") all += d.what + "\n" + d.why + "\n";
  return all;
}

TEST_F(TuneTest, MeasuresAndAgreesWithReferences) {
  BuildOptions options;
  options.mode = BuildMode::max_autotune;
  options.threads = 2;
  options.opt = {{"N", 2}};
  const auto graph = network();
  auto built = build(graph->clone(), options);
  ASSERT_TRUE(built.has_value()) << built.error().message();
  EXPECT_NE(tactics_of(*built).find("measured"), std::string::npos) << tactics_of(*built);
  const std::vector<RuntimeValue> inputs = {RuntimeValue(filled({3, 32, 20, 20}, 0.1F)),
                                            RuntimeValue(filled({48, 32, 3, 3}, 0.2F)),
                                            RuntimeValue(filled({16, 48, 1, 1}, -0.3F))};
  const auto expected = interpret(*graph, inputs);
  ASSERT_TRUE(expected.has_value()) << expected.error().message();
  auto executor = Executor::create(built->program);
  ASSERT_TRUE(executor.has_value()) << executor.error().message();
  Context context(*executor, nullptr);
  const auto results = context.run(inputs);
  ASSERT_TRUE(results.has_value()) << results.error().message();
  const auto want = (*expected)[0].tensor().as<float>(), have = (*results)[0].tensor().as<float>();
  ASSERT_EQ(want.size(), have.size());
  float largest = 0;
  for (float v : want) largest = std::max(largest, std::abs(v));
  for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(want[i], have[i], 1e-5F * largest) << i;
}

TEST_F(TuneTest, ACompleteCacheIsNotTimedAgain) {
  BuildOptions options;
  options.mode = BuildMode::max_autotune;
  options.threads = 1;
  options.timing_cache = path("times.json");
  const auto first = build(network(), options);
  ASSERT_TRUE(first.has_value()) << first.error().message();
  const auto kept = read_file(options.timing_cache);
  ASSERT_TRUE(kept.has_value()) << kept.error().message();
  const auto second = build(network(), options);
  ASSERT_TRUE(second.has_value()) << second.error().message();
  const auto tuned = [](const BuildResult& built) {
    for (const auto& t : built.timings)
      if (t.pass == "tune") return t.changed;
    ADD_FAILURE() << "nothing was tuned";
    return false;
  };
  EXPECT_TRUE(tuned(*first));
  EXPECT_FALSE(tuned(*second));
  EXPECT_EQ(tactics_of(*first), tactics_of(*second));
  EXPECT_EQ(first->program->code, second->program->code);
  EXPECT_EQ(*read_file(options.timing_cache), *kept);
}

TEST_F(TuneTest, AForcedTacticStays) {
  BuildOptions options;
  options.mode = BuildMode::max_autotune;
  options.threads = 1;
  options.forced = {{"convolution", "plain"}};
  const auto built = build(network(), options);
  ASSERT_TRUE(built.has_value()) << built.error().message();
  EXPECT_NE(tactics_of(*built).find("convolution: plain"), std::string::npos) << tactics_of(*built);
  EXPECT_EQ(tactics_of(*built).find("convolution: direct"), std::string::npos) << tactics_of(*built);
}

TEST_F(TuneTest, OtherProcessorsGetEstimates) {
  BuildOptions options;
  options.mode = BuildMode::max_autotune;
  options.cpu = "x86-64-v4+vnni+bf16";
  if (host_cpu().supports(*parse_cpu(options.cpu)))
    GTEST_SKIP() << "this processor has every feature there is a name for";
  const auto built = build(network(), options);
  ASSERT_TRUE(built.has_value()) << built.error().message();
  EXPECT_EQ(tactics_of(*built).find("measured"), std::string::npos);
  EXPECT_TRUE(std::ranges::any_of(built->decisions, [](const Decision& d) { return d.id == "select.untimed"; }));
}

TEST_F(TuneTest, CachesAreMerged) {
  TimingCache a, b;
  a.add("here", "p", "convolution", "direct", 3e-6);
  a.add("here", "p", "convolution", "winograd", 2e-6);
  b.add("here", "p", "convolution", "direct", 1e-6);
  b.add("there", "q", "matmul", "direct", 5e-6);
  ASSERT_TRUE(a.save(path("c.json")).has_value());
  ASSERT_TRUE(b.save(path("c.json")).has_value());
  const auto both = TimingCache::load(path("c.json"));
  ASSERT_TRUE(both.has_value()) << both.error().message();
  EXPECT_DOUBLE_EQ(both->find("here", "p", "direct").value_or(0), 1e-6);
  EXPECT_DOUBLE_EQ(both->find("here", "p", "winograd").value_or(0), 2e-6);
  EXPECT_DOUBLE_EQ(both->find("there", "q", "direct").value_or(0), 5e-6);
  EXPECT_FALSE(both->find("there", "q", "winograd"));
  EXPECT_FALSE(both->find("elsewhere", "p", "direct"));
  EXPECT_FALSE(both->changed());
}

TEST_F(TuneTest, AnEmptyFileIsAnEmptyCache) {
  ASSERT_TRUE(write_file(path("empty.json"), "").has_value());
  EXPECT_TRUE(TimingCache::load(path("empty.json")).has_value());
  EXPECT_TRUE(TimingCache::writable(path("empty.json")).has_value());
  EXPECT_FALSE(TimingCache::writable(path("missing/empty.json")).has_value());
}

TEST_F(TuneTest, SeveralWritersLoseNothing) {
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i)
    writers.emplace_back([this, i] {
      TimingCache cache;
      cache.add("here", "p" + std::to_string(i), "convolution", "direct", 1e-6);
      EXPECT_TRUE(cache.save(path("c.json")).has_value());
    });
  for (std::thread& writer : writers) writer.join();
  const auto all = TimingCache::load(path("c.json"));
  ASSERT_TRUE(all.has_value()) << all.error().message();
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(all->find("here", "p" + std::to_string(i), "direct")) << i;
}

TEST_F(TuneTest, DamagedCachesAreRefused) {
  for (const char* text :
       {" ", "[", "{}", R"({"burnish_timings": 2, "timings": {}})", R"({"burnish_timings": 1})",
        R"({"burnish_timings": 1, "timings": {"here": {"p": {"problem": "x"}}}})",
        R"({"burnish_timings": 1, "timings": {"here": {"p": {"problem": "x", "microseconds": {"t": -1}}}}})",
        R"({"burnish_timings": 1, "timings": {"here": {"p": {"problem": 3, "microseconds": {}}}}})"}) {
    ASSERT_TRUE(write_file(path("bad.json"), text).has_value());
    const auto loaded = TimingCache::load(path("bad.json"));
    ASSERT_FALSE(loaded.has_value()) << text;
    EXPECT_EQ(loaded.error().code, ErrorCode::refused);
    EXPECT_FALSE(loaded.error().remedy.empty());
  }
}

}  // namespace
}  // namespace burnish
