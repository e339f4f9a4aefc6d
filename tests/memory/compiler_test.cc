// Memory that runs out in the library's build call, LLVM's own included.

#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "codegen/cpu/memory_end.h"
#include "tests/memory/model.h"
#include "tests/memory/sweep.h"

namespace burnish::test {
namespace {

namespace fs = std::filesystem;

const burnish_table& b() { return *burnish_api(BURNISH_API_VERSION); }

std::string last_words() { return std::string(kOutOfMemoryWords); }

// Builds the model and saves the engine.
class Build {
 public:
  explicit Build(burnish_build_options options = {}) : options_(options), bytes_(model_bytes()) {
    options_.size = sizeof options_;
    folder_ = fs::temp_directory_path() / ("burnish_memory_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = (folder_ / "engine.plan").string();
  }
  ~Build() { fs::remove_all(folder_); }

  // The build call alone: the model was read before.
  Scenario build() {
    EXPECT_EQ(b().graph_load_bytes(bytes_.data(), bytes_.size(), &graph_, nullptr), BURNISH_OK);
    return {[this](burnish_error** error) { return b().build(graph_, &options_, &engine_, error); },
            [this](burnish_status) {
              b().engine_free(std::exchange(engine_, nullptr));
              return std::string();
            }};
  }

  // Everything from the model's bytes to the engine's file.
  Scenario whole() {
    return {[this](burnish_error** error) {
              burnish_status s = b().graph_load_bytes(bytes_.data(), bytes_.size(), &graph_, error);
              if (s == BURNISH_OK) s = b().build(graph_, &options_, &engine_, error);
              if (s == BURNISH_OK) s = b().engine_save(engine_, path_.c_str(), error);
              return s;
            },
            [this](burnish_status status) -> std::string {
              b().engine_free(std::exchange(engine_, nullptr));
              b().graph_free(std::exchange(graph_, nullptr));
              const bool found = fs::remove(path_);
              if (found != (status == BURNISH_OK)) return found ? "the engine is there" : "the engine is missing";
              return fs::is_empty(folder_) ? "" : "a file is left beside the engine";
            }};
  }

 private:
  burnish_build_options options_;
  std::string bytes_;
  fs::path folder_;
  std::string path_;
  burnish_graph* graph_ = nullptr;
  burnish_engine* engine_ = nullptr;
};

burnish_build_options with_threads(int threads) {
  burnish_build_options options{};
  options.threads = threads;
  return options;
}

TEST(BuildCall, FirstOfAProcess) {
  Build test(with_threads(1));
  expect_clean("first build call", test.build(), {.last = 2000, .first_use = true, .last_words = last_words()});
}

TEST(BuildCall, EveryAllocationThenSome) {
  Build test(with_threads(1));
  const SweepReport report = expect_clean("build call", test.build(), {.fraction = 20, .last_words = last_words()});
  EXPECT_GT(report.ended, 0) << "none of them failed inside LLVM";
}

TEST(BuildCall, MuchOfTheMemoryIsGone) {
  Build test(with_threads(1));
  expect_clean("build call, much of it", test.build(), {.failures = 1000, .fraction = 20, .last_words = last_words()});
}

TEST(BuildCall, OnTwoThreads) {
  Build test(with_threads(2));
  expect_clean("build call, 2 threads", test.build(), {.all = 200, .fraction = 20, .last_words = last_words()});
}

TEST(BuildCall, OnReferences) {
  burnish_build_options options = with_threads(1);
  options.references = 1;
  Build test(options);
  expect_clean("build call on references", test.build(), {});
}

TEST(BuildCall, FilesAreWholeOrNotThere) {
  burnish_build_options options = with_threads(1);
  Build test(options);
  expect_clean("read, build, save", test.whole(), {.all = 0, .fraction = 50, .last_words = last_words()});
}

// A graph made call by call. One that fails for memory is made again, and the graph must be the same in the end.
class Retried {
 public:
  Scenario scenario() {
    return {[this](burnish_error** error) { return make(error); }, [this](burnish_status) { return compare(); }};
  }

 private:
  burnish_status make(burnish_error** error) {
    burnish_status first = BURNISH_OK, last = BURNISH_OK;
    const auto call = [&](auto&& function) {
      if (last != BURNISH_OK) return;
      last = function(first == BURNISH_OK ? error : nullptr);
      if (last != BURNISH_MEMORY || first != BURNISH_OK) return;
      first = std::exchange(last, function(nullptr));
    };
    float data[4] = {1, -2, 3, -4};
    int64_t shape[] = {2, 2};
    const DLTensor tensor{data, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
    burnish_value x = 0, w = 0, sum = 0, parts[2] = {};
    call([&](burnish_error** e) { return b().graph_create("g", &graph_, e); });
    call([&](burnish_error** e) { return b().graph_symbol(graph_, "N", 1, 8, e); });
    call([&](burnish_error** e) { return b().graph_input(graph_, "x", "f32[N,2]", BURNISH_ROLE_DATA, &x, e); });
    call([&](burnish_error** e) { return b().graph_constant(graph_, "w", &tensor, &w, e); });
    const auto add = [&](const char* op, std::initializer_list<burnish_value> operands, burnish_value* results,
                         size_t count, std::span<const burnish_attribute> attributes = {}) {
      burnish_node node{};
      node.size = sizeof node;
      node.op = op;
      node.operands = operands.begin();
      node.operand_count = operands.size();
      node.attributes = attributes.data();
      node.attribute_count = attributes.size();
      call([&](burnish_error** e) { return b().graph_add(graph_, &node, results, count, e); });
    };
    burnish_value product = 0;
    add("matmul", {x, w}, &product, 1);
    add("add", {product, product}, &sum, 1);
    burnish_attribute attributes[2] = {};
    attributes[0].name = "axis";
    attributes[0].value.integer = 1;
    const char* const sizes[] = {"1", "1"};
    attributes[1].name = "sizes";
    attributes[1].kind = BURNISH_DIMS;
    attributes[1].count = 2;
    attributes[1].value.strings = sizes;
    add("split", {sum}, parts, 2, attributes);
    call([&](burnish_error** e) { return b().graph_output(graph_, "y", parts[1], nullptr, e); });
    return last != BURNISH_OK ? last : first;
  }

  std::string compare() {
    burnish_text* text = nullptr;
    std::string now = "there is no graph";
    if (b().graph_text(graph_, &text, nullptr) == BURNISH_OK) now = b().text_data(text);
    b().text_free(text);
    b().graph_free(std::exchange(graph_, nullptr));
    if (expected_.empty()) expected_ = now;
    return now == expected_ ? "" : "the graph has become\n" + now;
  }

  burnish_graph* graph_ = nullptr;
  std::string expected_;
};

TEST(Graph, CallsThatFailedCanBeMadeAgain) {
  Retried test;
  expect_clean("graph, call by call", test.scenario(), {});
}

TEST(BuildCallSlow, EveryAllocation) {
  for (const int64_t failures : {1, 1000}) {
    Build test(with_threads(1));
    expect_clean("read, build, save", test.whole(),
                 {.failures = failures, .all = 20000, .fraction = 500, .last_words = last_words()});
  }
}

}  // namespace
}  // namespace burnish::test
