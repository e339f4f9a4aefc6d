// Memory that runs out below the compiler: readers, passes, references, plans.

#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "api/runtime/boundary.h"
#include "base/file.h"
#include "import/model.h"
#include "passes/runner.h"
#include "runtime/executor.h"
#include "runtime/plan.h"
#include "tests/memory/model.h"
#include "tests/memory/sweep.h"

namespace burnish::test {
namespace {

namespace fs = std::filesystem;

const burnish_table& b() { return *burnish_api(BURNISH_API_VERSION); }

// A body as a call of the C interface.
template <class Body>
std::function<burnish_status(burnish_error**)> call(Body body) {
  return [body](burnish_error** error) { return api::boundary(error, [&]() -> api::Done { return body(); }); };
}

std::string nothing(burnish_status) { return {}; }

// Once to the end, then with all of the next thousand failing, too: errors are told without memory.
void expect_clean_both_ways(const char* name, const Scenario& scenario, Sweep options = {}) {
  expect_clean(name, scenario, options);
  options.failures = 1000;
  expect_clean((std::string(name) + ", much of it").c_str(), scenario, options);
}

Status read(const std::string& bytes) {
  const std::span<const std::byte> span(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  const Model model = TRY(open_model(span, "model"));
  return require_known(model.unknown, "model");
}

class Memory : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("burnish_memory_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    auto graph = network();
    ASSERT_TRUE(graph.has_value()) << graph.error().message();
    graph_ = std::move(*graph);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
  std::shared_ptr<const Graph> graph_;
};

TEST_F(Memory, ReadingModels) {
  const std::string onnx = model_bytes(), text = print(*graph_, {.inline_elements = 1 << 20});
  expect_clean_both_ways("read ONNX", {call([&] { return read(onnx); }), nothing});
  expect_clean_both_ways("read text", {call([&] { return read(text); }), nothing});
}

TEST_F(Memory, FirstReadOfAProcess) {
  const std::string onnx = model_bytes();
  expect_clean("first read", {call([&] { return read(onnx); }), nothing}, {.first_use = true});
}

TEST_F(Memory, Passes) {
  constexpr PassRow kRows[] = {{"front", "remove_noops", false, passes::remove_noops},
                               {"front", "fold_shapes", false, passes::fold_shapes},
                               {"front", "fold_constants", false, passes::fold_constants},
                               {"front", "cse", false, passes::common_subexpressions},
                               {"front", "algebra", false, passes::algebra},
                               {"front", "recognise", false, passes::recognise},
                               {"front", "fold_batch_norm", false, passes::fold_batch_norm},
                               {"front", "move_transposes", false, passes::move_transposes},
                               {"front", "composites", true, passes::decompose}};
  const auto run = [&]() -> Status {
    const std::unique_ptr<Graph> graph = graph_->clone();
    PassRunner runner({}, {});
    return runner.run_stage(*graph, "front", kRows);
  };
  expect_clean_both_ways("passes", {call(run), nothing}, {.all = 1000});
}

TEST_F(Memory, References) {
  const RuntimeValue x(numbers({2, 3, 8, 8}));
  const auto run = [&]() -> Status {
    TRY(interpret(*graph_, std::span(&x, 1)));
    return {};
  };
  expect_clean_both_ways("references", {call(run), nothing});
}

TEST_F(Memory, PlansAreWrittenWholeOrNotAtAll) {
  const std::string path = (folder_ / "engine.plan").string();
  const auto save = [&]() -> Status {
    const std::shared_ptr<const Program> program = TRY(reference_program(graph_));
    const Program* const images[] = {program.get()};
    return save_plan(images, {.simplified = graph_.get(), .decisions = "[]", .record = "{}"}, path);
  };
  const auto clean_up = [&](burnish_status status) -> std::string {
    const bool found = fs::remove(path);
    if (found != (status == BURNISH_OK)) return found ? "the plan is there" : "the plan is missing";
    return fs::is_empty(folder_) ? "" : "a file is left beside the plan";
  };
  expect_clean_both_ways("save", {call(save), clean_up});
}

class LoadedPlan : public Memory, public ::testing::WithParamInterface<int> {};

TEST_P(LoadedPlan, LoadsAndRuns) {
  const std::string path = (folder_ / "engine.plan").string();
  {
    const auto program = reference_program(graph_);
    ASSERT_TRUE(program.has_value());
    const Program* const images[] = {program->get()};
    ASSERT_TRUE(save_plan(images, {.simplified = graph_.get(), .decisions = "[]", .record = "{}"}, path).has_value());
  }
  Tensor x = numbers({2, 3, 8, 8});
  int64_t shape[] = {2, 3, 8, 8};
  DLTensor tensor{x.mutable_data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, nullptr, 0};
  struct Handles {
    burnish_engine* engine = nullptr;
    burnish_context* context = nullptr;
    burnish_result result{};
  } made;
  const auto attempt = [&](burnish_error** error) {
    burnish_context_options options{};
    options.size = sizeof options;
    options.threads = GetParam();
    burnish_status s = b().engine_load(path.c_str(), nullptr, &made.engine, error);
    if (s == BURNISH_OK) s = b().context_create(made.engine, &options, &made.context, error);
    const burnish_argument argument{"x", &tensor};
    if (s == BURNISH_OK) s = b().context_run(made.context, &argument, 1, &made.result, 1, nullptr, error);
    return s;
  };
  const auto clean_up = [&](burnish_status) -> std::string {
    if (made.result.made != nullptr) made.result.made->deleter(made.result.made);
    b().context_free(made.context);
    b().engine_free(made.engine);
    made = {};
    return {};
  };
  expect_clean_both_ways(GetParam() == 1 ? "load and run" : "load and run, 2 threads", {attempt, clean_up});
}

INSTANTIATE_TEST_SUITE_P(Threads, LoadedPlan, ::testing::Values(1, 2));

}  // namespace
}  // namespace burnish::test
