// Engines and contexts: results, memory, cancelling, saving, several runs at once.

#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>
#include <thread>

#include "tests/api/networks.h"

namespace api_test {
namespace {

using burnish::Context;
using burnish::Engine;
using burnish::ErrorCode;
using burnish::Graph;

// What classifier() means, in f64.
std::vector<float> classify(std::span<const float> x) {
  const auto w = ramp(12, 0.1F), b = ramp(3, 0.2F);
  std::vector<float> y;
  for (std::size_t row = 0; row < x.size() / 4; ++row) {
    double e[3], sum = 0;
    for (std::size_t o = 0; o < 3; ++o) {
      double s = b[o];
      for (std::size_t i = 0; i < 4; ++i) s += double{x[row * 4 + i]} * double{w[o * 4 + i]};
      sum += e[o] = std::exp(std::max(s, 0.0));
    }
    for (const double p : e) y.push_back(static_cast<float>(p / sum));
  }
  return y;
}
void expect_near(std::span<const float> a, std::span<const float> b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6) << i;
}

class Run : public ::testing::Test {
 protected:
  static const Engine& engine() {
    static const Engine made = value(burnish::build(classifier()));
    return made;
  }
};

TEST_F(Run, GivesResults) {
  Context context = value(engine().create_context());
  for (const int64_t rows : {1, 5, 2}) {  // a new shape each time
    const Tensor x = filled({rows, 4}, 0.3F);
    const auto y = value(context.run({x}));
    ASSERT_EQ(y.size(), 1U);
    EXPECT_EQ(y[0].shape()[0], rows);
    expect_near(floats(y[0]), classify(x.values<float>()));
  }
  EXPECT_GE(value(context.arena_bytes()), 0);
}

TEST_F(Run, DescribesItself) {
  ASSERT_EQ(engine().inputs().size(), 1U);
  EXPECT_EQ(engine().inputs()[0].name, "x");
  EXPECT_EQ(engine().inputs()[0].type, "f32[N,4]");
  EXPECT_EQ(engine().outputs()[0].name, "y");
  EXPECT_EQ(engine().outputs()[0].type, "f32[N,3]");
  EXPECT_EQ(value(engine().decisions()).front(), '[');
  EXPECT_NE(value(engine().cpu()).find("x86-64"), std::string::npos);
}

TEST_F(Run, ByName) {
  Context context = value(engine().create_context());
  const Tensor x = filled({2, 4});
  const auto y = value(context.run({{"x", x}}));
  expect_near(floats(y.at("y")), classify(x.values<float>()));
  EXPECT_NE(error(context.run({{"z", x}})).message().find("'x'"), std::string::npos);
  EXPECT_NE(error(context.run(burnish::NamedTensors{})).message().find("'x' is missing"), std::string::npos);
}

TEST_F(Run, WritesIntoTheCallersTensor) {
  Context context = value(engine().create_context());
  const Tensor x = filled({2, 4});
  std::vector<float> memory(6, -1);
  std::vector<Tensor> outputs = {value(Tensor::view(memory.data(), {2, 3}))};
  expect_ok(context.run(std::vector{x}, outputs));
  expect_near(memory, classify(x.values<float>()));
  EXPECT_EQ(outputs[0].data(), memory.data());

  // Memory that is read, too: results are right all the same.
  std::vector<float> shared(ramp(8, 0.3F));
  const auto expected = classify(shared);
  const std::vector<Tensor> inputs = {value(Tensor::view(shared.data(), {2, 4}))};
  outputs = {value(Tensor::view(shared.data(), {2, 3}))};
  expect_ok(context.run(inputs, outputs));
  expect_near(std::span(shared).first(6), expected);
}

TEST_F(Run, TakesAndFillsStridedTensors) {
  Context context = value(engine().create_context());
  std::vector<float> columns = {1, 5, 2, 6, 3, 7, 4, 8}, result(12, -1);  // x transposed; every other element of y
  int64_t x_shape[] = {2, 4}, x_strides[] = {1, 2}, y_shape[] = {2, 3}, y_strides[] = {6, 2};
  DLTensor x{columns.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, x_shape, x_strides, 0};
  DLTensor y{result.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, y_shape, y_strides, 4};
  const burnish_table* b = burnish_api(1);
  const burnish_argument in{"x", &x};
  burnish_result out{"y", &y, nullptr};
  burnish_error* e = nullptr;
  ASSERT_EQ(b->context_run(context.handle(), &in, 1, &out, 1, nullptr, &e), BURNISH_OK)
      << b->error_text(e, BURNISH_ERROR_MESSAGE);
  const std::vector<float> rows = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto expected = classify(rows);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(result[2 * i + 1], expected[i], 1e-6);
    EXPECT_EQ(result[2 * i], -1);  // the gaps stay as they were
  }
}

TEST_F(Run, RefusesWhatDoesNotFit) {
  Context context = value(engine().create_context());
  const Tensor x = filled({2, 4});
  const auto mistake = [&](const burnish::Error& e, const char* word) {
    EXPECT_EQ(e.code, ErrorCode::usage) << e.message();
    EXPECT_NE(e.message().find(word), std::string::npos) << e.message();
  };
  mistake(error(context.run(std::vector<Tensor>{})), "missing");
  mistake(error(context.run({x, x})), "2 inputs");
  mistake(error(context.run({Tensor()})), "no tensor");
  mistake(error(context.run({filled({2, 5})})), "f32[2,5]");
  mistake(error(context.run({filled({4})})), "f32[4]");
  mistake(error(context.run({value(Tensor::zeros(DType::f64, {2, 4}))})), "f64[2,4]");
  std::vector<Tensor> outputs = {filled({2, 4})};
  mistake(error(context.run(std::vector{x}, outputs)), "f32[2,4]");
  outputs = {filled({3, 3})};  // found when the run is done: 3 rows fit N
  mistake(error(context.run(std::vector{x}, outputs)), "f32[3,3]");
  outputs = {value(Tensor::zeros(DType::i32, {2, 3}))};
  mistake(error(context.run(std::vector{x}, outputs)), "i32[2,3]");
  outputs.resize(2);
  mistake(error(context.run(std::vector{x}, outputs)), "2 outputs");
  EXPECT_EQ(value(context.run({x})).size(), 1U);  // the context is as good as new
}

TEST_F(Run, EmptyBatch) {
  Context context = value(engine().create_context());
  const auto y = value(context.run({value(Tensor::zeros(DType::f32, {0, 4}))}));
  EXPECT_EQ(y[0].elements(), 0);
  EXPECT_EQ(y[0].shape()[1], 3);
}

TEST_F(Run, SavesAndLoads) {
  const Folder folder;
  const Tensor x = filled({3, 4}, 0.3F);
  Context context = value(engine().create_context());
  const auto expected = floats(value(context.run({x}))[0]);
  const auto check = [&](const Engine& loaded) {
    EXPECT_EQ(loaded.inputs()[0].type, "f32[N,4]");
    EXPECT_EQ(value(loaded.decisions()), value(engine().decisions()));
    Context c = value(loaded.create_context());
    EXPECT_EQ(floats(value(c.run({x}))[0]), expected);  // the same bits
  };
  expect_ok(engine().save(folder / "a.plan"));
  const Engine loaded = value(burnish::load_engine(folder / "a.plan"));
  check(loaded);
  expect_ok(loaded.save(folder / "b.plan"));
  const auto bytes = [&](const char* name) {
    std::ifstream in(folder / name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string plan = bytes("a.plan");
  EXPECT_EQ(plan, bytes("b.plan"));
  check(value(burnish::load_engine(std::as_bytes(std::span(plan)))));

  EXPECT_EQ(error(engine().save(folder / "no/such/folder/a.plan")).code, ErrorCode::io);
  EXPECT_EQ(error(burnish::load_engine(folder / "missing.plan")).code, ErrorCode::io);
  EXPECT_EQ(error(burnish::load_engine(folder / "a.plan", {.cpu = "pentium"})).code, ErrorCode::usage);
  EXPECT_EQ(error(burnish::load_engine(std::as_bytes(std::span(plan).first(0)))).code, ErrorCode::refused);
  for (std::size_t size = 1; size < plan.size(); size = size * 2 + 1)
    EXPECT_EQ(error(burnish::load_engine(std::as_bytes(std::span(plan).first(size)))).code, ErrorCode::refused) << size;
  // A model is no engine, nor the other way round.
  expect_ok(burnish::save_onnx(classifier(), folder / "model.onnx"));
  EXPECT_EQ(error(burnish::load_engine(folder / "model.onnx")).code, ErrorCode::refused);
  EXPECT_EQ(error(burnish::load_model(folder / "a.plan")).code, ErrorCode::usage);
}

TEST_F(Run, ReferencesAgree) {
  const Engine references = value(burnish::build(classifier(), {.references = true}));
  Context context = value(references.create_context());
  const Tensor x = filled({3, 4}, 0.3F);
  expect_near(floats(value(context.run({x}))[0]), classify(x.values<float>()));
  EXPECT_EQ(value(references.cpu()), "");
}

TEST_F(Run, OptionsAreRead) {
  const Graph g = classifier();
  const Engine fixed = value(burnish::build(g, {.cpu = "x86-64-v2",
                                                .exact = true,
                                                .threads = 1,
                                                .shapes = {{"x", "f32[1..2..8,4]"}},
                                                .disabled = {"simplify.fold_constants"}}));
  EXPECT_EQ(value(fixed.cpu()), "x86-64-v2");
  Context context = value(fixed.create_context({.threads = 1}));
  EXPECT_EQ(value(context.run({filled({8, 4})})).size(), 1U);
  EXPECT_EQ(error(context.run({filled({9, 4})})).code, ErrorCode::usage);
  EXPECT_EQ(error(burnish::build(g, {.cpu = "pentium"})).code, ErrorCode::usage);
  EXPECT_EQ(error(burnish::build(g, {.threads = -1})).code, ErrorCode::usage);
  EXPECT_EQ(error(burnish::build(g, {.shapes = {{"z", "f32[1,4]"}}})).code, ErrorCode::usage);
  EXPECT_EQ(error(burnish::build(g, {.shapes = {{"x", "f32[1,5,6]"}}})).code, ErrorCode::usage);
  EXPECT_EQ(error(burnish::build(g, {.disabled = {"no.such_pass"}})).code, ErrorCode::usage);
  EXPECT_EQ(error(burnish::build(Graph())).code, ErrorCode::usage);  // no outputs
  EXPECT_EQ(error(fixed.create_context({.threads = -1})).code, ErrorCode::usage);
  EXPECT_EQ(error(fixed.create_context({.threads = 1 << 20})).code, ErrorCode::usage);
}

TEST_F(Run, ReportsProgressAndCanBeCancelled) {
  std::vector<std::string> stages;
  value(
      burnish::build(classifier(), {.progress = [&](std::string_view stage, double) { stages.emplace_back(stage); }}));
  EXPECT_FALSE(stages.empty());
  EXPECT_EQ(error(burnish::build(classifier(), {.cancel = [] { return true; }})).code, ErrorCode::cancelled);
  // What a callback throws comes out here, and nothing is lost on the way.
  EXPECT_THROW(static_cast<void>(burnish::build(classifier(), {.cancel = []() -> bool { throw 7; }})), int);

  const Engine engine = value(burnish::build(deep(20)));
  Context context = value(engine.create_context());
  const Tensor x = filled({64, 64});
  int asked = 0;
  EXPECT_EQ(error(context.run({x}, {.cancel = [&] { return ++asked > 5; }})).code, ErrorCode::cancelled);
  EXPECT_EQ(asked, 6);
  EXPECT_THROW(static_cast<void>(context.run({x}, {.cancel = []() -> bool { throw std::string("stop"); }})),
               std::string);
  EXPECT_EQ(value(context.run({x}, {.cancel = [] { return false; }})).size(), 1U);
}

// Counts what is out, and can refuse.
class Counting : public burnish::Allocator {
 public:
  void* allocate(std::size_t bytes, std::size_t alignment) override {
    if (refuse) return nullptr;
    if (throws) throw std::runtime_error("no");
    ++out;
    total += bytes;
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  void release(void* data, std::size_t bytes) noexcept override {
    --out;
    total -= bytes;
    std::free(data);
  }
  int out = 0;
  std::size_t total = 0;
  bool refuse = false, throws = false;
};

TEST_F(Run, UsesTheCallersAllocator) {
  Counting memory;
  {
    Context context = value(engine().create_context());
    const Tensor x = filled({2, 4});
    const auto y = value(context.run({x}, {.allocator = &memory}));
    EXPECT_EQ(memory.out, 1);
    EXPECT_EQ(memory.total, 24U);
    expect_near(floats(y[0]), classify(x.values<float>()));
    memory.refuse = true;
    EXPECT_NE(error(context.run({x}, {.allocator = &memory})).message().find("allocator"), std::string::npos);
    memory.refuse = false;
    memory.throws = true;
    EXPECT_NE(error(context.run({x}, {.allocator = &memory})).message().find("allocator"), std::string::npos);
    EXPECT_EQ(memory.out, 1);
    // An output that is an input as it came has memory of its own, too.
    Graph g;
    g.output("same", g.input("x", "f32[2,4]"));
    memory.throws = false;
    const Engine same = value(burnish::build(g));
    Context copies = value(same.create_context());
    const auto z = value(copies.run({x}, {.allocator = &memory}));
    EXPECT_EQ(memory.out, 2);
    EXPECT_NE(z[0].data(), x.data());
    EXPECT_EQ(floats(z[0]), floats(x));
  }
  EXPECT_EQ(memory.out, 0);  // everything came back
  EXPECT_EQ(memory.total, 0U);
}

TEST_F(Run, MemoryLimit) {
  const Engine engine = value(burnish::build(deep(4)));
  Context context = value(engine.create_context());
  EXPECT_EQ(error(context.run({filled({64, 64})}, {.max_bytes = 100})).code, ErrorCode::refused);
  EXPECT_EQ(value(context.run({filled({64, 64})})).size(), 1U);
}

TEST_F(Run, ContextsRunAtOnce) {
  const Engine engine = value(burnish::build(deep(10)));
  const Tensor x = filled({64, 64}, 0.05F);
  Context first = value(engine.create_context());
  const auto expected = floats(value(first.run({x}))[0]);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      Context context = value(engine.create_context({.threads = 2}));
      for (int i = 0; i < 20; ++i) right += floats(value(context.run({x}))[0]) == expected;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(right, 80);
}

TEST_F(Run, OneContextRunsOnce) {
  const Engine engine = value(burnish::build(deep(4)));
  Context context = value(engine.create_context());
  const Tensor x = filled({64, 64});
  ErrorCode inner = ErrorCode::internal;
  const auto again = [&] {
    inner = error(context.run({x})).code;
    return true;
  };
  EXPECT_EQ(error(context.run({x}, {.cancel = again})).code, ErrorCode::cancelled);
  EXPECT_EQ(inner, ErrorCode::usage);
}

TEST_F(Run, ContextsOutliveTheirEngine) {
  std::optional<Context> context;
  {
    const Engine engine = value(burnish::build(classifier()));
    context = value(engine.create_context());
  }
  EXPECT_EQ(value(context->run({filled({2, 4})})).size(), 1U);
}

TEST_F(Run, ParametersAreGivenOnce) {
  Graph g;
  const auto x = g.input("x", "f32[2,2]");
  const auto w = g.input("w", "f32[2,2]", burnish::Role::parameter);
  g.output("y", x * w);
  const Folder folder;
  Engine built = value(burnish::build(g));
  expect_ok(built.save(folder / "a.plan"));
  Engine loaded = value(burnish::load_engine(folder / "a.plan"));
  for (Engine* engine : {&built, &loaded}) {
    EXPECT_EQ(engine->inputs()[1].role, burnish::Role::parameter);
    Context context = value(engine->create_context());
    const Tensor one = filled({2, 2}, 1);
    EXPECT_NE(error(context.run({one})).message().find("'w' is missing"), std::string::npos);
    expect_ok(engine->set_parameter("w", one));
    EXPECT_EQ(floats(value(context.run({one}))[0]), (std::vector<float>{64, 49, 36, 25}));
    expect_ok(engine->set_parameter("w", filled({2, 2}, 2)));
    EXPECT_EQ(floats(value(context.run({one}))[0]), (std::vector<float>{128, 98, 72, 50}));
    EXPECT_EQ(floats(value(context.run({one, one}))[0]),
              (std::vector<float>{64, 49, 36, 25}));  // given: that one counts
    EXPECT_EQ(error(engine->set_parameter("w", filled({2, 3}))).code, ErrorCode::usage);
    EXPECT_EQ(error(engine->set_parameter("x", one)).code, ErrorCode::usage);
    EXPECT_EQ(error(engine->set_parameter("z", one)).code, ErrorCode::usage);
    expect_ok(engine->set_parameter("w", Tensor()));
    EXPECT_FALSE(context.run({one}));
  }
}

TEST(Log, GoesToTheCallback) {
  std::vector<std::string> lines;
  // Logging and changing the log from within are harmless.
  expect_ok(burnish::set_log(
      [&](burnish::LogLevel, std::string_view text) {
        lines.emplace_back(text);
        throw 1;
      },
      burnish::LogLevel::verbose));
  Graph g;
  const auto words = g.input("x", "f32[5]");
  g.output("y", g.ops("unique", {words}, {}, 1)[0]);  // no kernel: a warning
  value(burnish::build(g));
  expect_ok(burnish::set_log(nullptr));
  const std::size_t count = lines.size();
  EXPECT_NE(std::ranges::find_if(lines, [](const auto& l) { return l.find("no kernel") != std::string::npos; }),
            lines.end());
  value(burnish::build(classifier()));
  EXPECT_EQ(lines.size(), count);
}

}  // namespace
}  // namespace api_test
