// The limits on what files may ask for, set by the caller.

#include <cstddef>
#include <fstream>
#include <iterator>

#include "tests/api/networks.h"

namespace api_test {
namespace {

using burnish::ErrorCode;
using Texts = std::vector<std::string>;

constexpr const char* kChain = R"(graph @main(%x: f32[2]) {
  %y: f32[2] = relu(%x)
  %z: f32[2] = neg(%y)
  return %z
})";
constexpr const char* kLoop = R"(graph @main(%n: i64[], %x: f32[1000]) {
  %y: f32[1000] = loop(%n, _, %x) body(%i: i64[], %c: bool[], %v: f32[1000]) {
    %w: f32[1000] = tanh(%v)
    return %c, %w
  }
  return %y
})";

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// Branches in branches, so many deep.
std::string nested(int depth) {
  std::string text = "%v0: f32[2] = neg(%x)\n return %v0\n";
  for (int i = 1; i <= depth; ++i) {
    const std::string v = "%v" + std::to_string(i), w = "%w" + std::to_string(i);
    text = v + ": f32[2] = if(%c) then() {\n" + text + "} else() {\n" + w + ": f32[2] = abs(%x)\n return " + w +
           "\n}\n return " + v + "\n";
  }
  return "graph @main(%c: bool[], %x: f32[2]) {\n" + text + "}";
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// `load` is refused with the limit at `low`, with an error that names it, and gives something at `high`.
template <class Load>
void expect_bounded(const std::string& limit, const char* low, const char* high, Load&& load) {
  const burnish::Error refused = error(load(Texts{limit + "=" + low}));
  EXPECT_EQ(refused.code, ErrorCode::refused) << refused.message();
  EXPECT_NE(refused.remedy.find("'" + limit + "'"), std::string::npos) << refused.message();
  const auto done = load(Texts{limit + "=" + low, limit + "=" + high});  // the later one holds
  EXPECT_TRUE(done) << done.error().message();
}

TEST(Limits, OfModels) {
  const Folder folder;
  const std::string onnx = folder / "m.onnx", text = folder / "m.txt";
  expect_ok(save_onnx(value(burnish::load_model(bytes_of(kChain))), onnx));
  std::ofstream(text) << kChain;
  for (const std::string& path : {onnx, text}) {
    const std::string data = contents(path);
    for (const auto& [limit, low] : {std::pair("nodes", "1"), std::pair("file_bytes", "10")}) {
      expect_bounded(limit, low, "1K", [&](const Texts& l) { return burnish::load_model(path, {.limits = l}); });
      expect_bounded(limit, low, "1K",
                     [&](const Texts& l) { return burnish::load_model(bytes_of(data), {.limits = l}); });
    }
  }
}

TEST(Limits, AreRaisedAboveTheDefaults) {
  const std::string deep = nested(40);
  const burnish::Error refused = error(burnish::load_model(bytes_of(deep)));
  EXPECT_EQ(refused.code, ErrorCode::refused);
  EXPECT_NE(refused.remedy.find("'graph_depth' is 32"), std::string::npos) << refused.message();
  value(burnish::load_model(bytes_of(deep), {.limits = {"graph_depth=50"}}));
  EXPECT_EQ(error(burnish::load_model(bytes_of(deep), {.limits = {"graph_depth=61"}})).code, ErrorCode::usage);
}

TEST(Limits, OfCheckpoints) {
  const Folder folder;
  const std::string path = folder / "w.safetensors";
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})";
  const uint64_t length = header.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), 8) << header << "ab";
  file.close();
  const auto load = [&](const Texts& limits) { return burnish::load_checkpoint(path, {.limits = limits}); };
  expect_bounded("tensors", "1", "2", load);
  expect_bounded("header_bytes", "16", "1K", load);
  expect_bounded("file_bytes", "100", "1K", load);
}

TEST(Limits, OfPlans) {
  const Folder folder;
  const std::string path = folder / "a.plan";
  expect_ok(value(burnish::build(classifier(), {.references = true})).save(path));
  const std::string plan = contents(path);
  expect_bounded("file_bytes", "1K", "1G", [&](const Texts& l) { return burnish::load_engine(path, {.limits = l}); });
  expect_bounded("file_bytes", "1K", "1G",
                 [&](const Texts& l) { return burnish::load_engine(bytes_of(plan), {.limits = l}); });
}

TEST(Limits, OfRuns) {
  const Folder folder;
  const burnish::Graph graph = value(burnish::load_model(bytes_of(kLoop)));
  const std::vector<Tensor> inputs = {value(Tensor::scalar(int64_t{50})), filled({1000})};
  const auto run = [&](const burnish::Engine& engine, const burnish::RunOptions& options = {}) {
    return value(engine.create_context({.threads = 1})).run(inputs, options);
  };
  for (const bool references : {false, true}) {
    const auto build = [&](const Texts& limits) {
      return value(burnish::build(graph, {.references = references, .limits = limits}));
    };
    expect_bounded("loop_iterations", "49", "50", [&](const Texts& l) { return run(build(l)); });
    expect_bounded("run_bytes", "1K", "1M", [&](const Texts& l) { return run(build(l)); });
    // A plan knows nothing of them: those of its load hold.
    const std::string path = folder / "a.plan";
    expect_ok(build({"loop_iterations=1"}).save(path));
    const auto load = [&](const Texts& limits) { return value(burnish::load_engine(path, {.limits = limits})); };
    value(run(load({})));
    expect_bounded("loop_iterations", "49", "50", [&](const Texts& l) { return run(load(l)); });
    // A run's own options go first.
    EXPECT_EQ(error(run(load({}), {.max_bytes = 1000})).code, ErrorCode::refused);
    value(run(load({"run_bytes=1K"}), {.max_bytes = 1 << 20}));
  }
}

TEST(Limits, OfFolding) {
  const Folder folder;
  burnish::Graph graph;
  const auto wide = graph.op("cast", {graph.constant(filled({100000}))}, {{"dtype", DType::f64}});
  graph.output("y", graph.op("add", {graph.input("x", "f64[100000]"), wide}));
  const auto size = [&](const Texts& limits) {
    expect_ok(value(burnish::build(graph, {.limits = limits})).save(folder / "a.plan"));
    return std::filesystem::file_size(folder / "a.plan");
  };
  EXPECT_LT(size({"fold_bytes=1K"}) + 300000, size({}));
}

TEST(Limits, WrongTextsAreTold) {
  const Folder folder;
  const std::string path = folder / "a.plan";
  expect_ok(value(burnish::build(classifier(), {.references = true})).save(path));
  const std::string plan = contents(path);
  for (const char* text : {"", "nodes", "nodes=", "nodes=-1", "nodez=1", "rank=65"}) {
    const Texts limits = {"tensors=5", text};
    const auto wrong = [&](const auto& result) {
      const burnish::Error e = error(result);
      EXPECT_EQ(e.code, ErrorCode::usage) << text;
      EXPECT_EQ(e.where.find("option 'limits': limit '"), 0U) << e.where;
      EXPECT_FALSE(e.remedy.empty()) << text;
    };
    wrong(burnish::load_model(folder / "none.onnx", {.limits = limits}));
    wrong(burnish::load_model(bytes_of(kChain), {.limits = limits}));
    wrong(burnish::load_checkpoint(folder / "none.pth", {.limits = limits}));
    wrong(burnish::load_engine(path, {.limits = limits}));
    wrong(burnish::load_engine(bytes_of(plan), {.limits = limits}));
    wrong(burnish::build(classifier(), {.limits = limits}));
  }
}

TEST(Limits, InC) {
  const burnish_table& b = *burnish_api(BURNISH_API_VERSION);
  const std::string text = kChain;
  burnish_graph* graph = nullptr;
  const char* one[] = {"nodes=1"};
  const char* none[] = {nullptr};
  burnish_read_options options{};
  options.limits = one;
  options.limit_count = 1;
  const auto load = [&] { return b.graph_load_bytes_as(text.data(), text.size(), &options, &graph, nullptr); };
  EXPECT_EQ(load(), BURNISH_USAGE);  // no size
  options.size = sizeof options;
  EXPECT_EQ(load(), BURNISH_REFUSED);
  options.limits = none;
  EXPECT_EQ(load(), BURNISH_USAGE);
  options.limits = nullptr;
  EXPECT_EQ(load(), BURNISH_USAGE);
  EXPECT_EQ(graph, nullptr);
  options.limit_count = 0;
  ASSERT_EQ(load(), BURNISH_OK);

  // Programs from before there were limits have shorter options.
  burnish_engine* engine = nullptr;
  burnish_build_options building{};
  building.references = 1;
  building.limits = none;
  building.limit_count = 1;
  building.size = sizeof building;
  EXPECT_EQ(b.build(graph, &building, &engine, nullptr), BURNISH_USAGE);
  building.size = offsetof(burnish_build_options, limits);
  ASSERT_EQ(b.build(graph, &building, &engine, nullptr), BURNISH_OK);
  const Folder folder;
  const std::string path = folder / "a.plan";
  EXPECT_EQ(b.engine_save(engine, path.c_str(), nullptr), BURNISH_OK);
  b.engine_free(engine);
  b.graph_free(graph);
  burnish_load_options loading{};
  loading.limits = none;
  loading.limit_count = 1;
  loading.size = sizeof loading;
  EXPECT_EQ(b.engine_load(path.c_str(), &loading, &engine, nullptr), BURNISH_USAGE);
  loading.size = offsetof(burnish_load_options, limits);
  EXPECT_EQ(b.engine_load(path.c_str(), &loading, &engine, nullptr), BURNISH_OK);
  b.engine_free(engine);
}

}  // namespace
}  // namespace api_test
