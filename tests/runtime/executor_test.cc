#include "runtime/executor.h"

#include <cfenv>
#include <thread>

#include <gtest/gtest.h>

#include "ops/operator.h"
#include "tests/runtime/programs.h"

namespace burnish {
namespace {

using testing::iota;
using testing::mixed_program;
using testing::ProgramBuilder;
using testing::scale_program;

std::shared_ptr<const Executor> executor_of(std::unique_ptr<Program> program) {
  auto made = Executor::create(std::shared_ptr<const Program>(std::move(program)));
  EXPECT_TRUE(made) << (made ? "" : made.error().message());
  return made ? *made : nullptr;
}

std::vector<float> floats(const RuntimeValue& value) {
  const auto span = value.tensor().as<float>();
  return {span.begin(), span.end()};
}

std::vector<RuntimeValue> run(Context& context, std::vector<RuntimeValue> inputs, const RunOptions& options = {}) {
  auto result = context.run(inputs, options);
  EXPECT_TRUE(result) << (result ? "" : result.error().message());
  return result ? std::move(*result) : std::vector<RuntimeValue>();
}

Error failure(Context& context, std::vector<RuntimeValue> inputs, const RunOptions& options = {}) {
  auto result = context.run(inputs, options);
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

void expect_scaled(const RuntimeValue& y, int64_t n) {
  const auto values = floats(y);
  ASSERT_EQ(values.size(), static_cast<std::size_t>(n));
  for (int64_t i = 0; i < n; ++i)
    ASSERT_EQ(values[static_cast<std::size_t>(i)], static_cast<float>(8 * i + 7 * n)) << i;
}

TEST(Executor, RunsKernelsForEverySize) {
  ThreadPool pool(3);
  for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
    Context context(executor_of(scale_program()), threads);
    for (int round = 0; round < 3; ++round) {
      for (int64_t n : {5, 100, 1, 37, 1000, 16, 2, 3, 4, 6, 7, 8}) expect_scaled(run(context, {iota(n)})[0], n);
    }
  }
}

TEST(Executor, ArenaIsSharedAndReported) {
  Context context(executor_of(scale_program()), nullptr);
  run(context, {iota(16)});
  EXPECT_EQ(context.arena_bytes(), 128);
  run(context, {iota(160)});
  EXPECT_EQ(context.arena_bytes(), 1280);
}

TEST(Executor, MixesKernelsReferencesAndConstants) {
  Context context(executor_of(mixed_program()), nullptr);
  for (int round = 0; round < 2; ++round) {
    const auto y = floats(run(context, {iota(8)})[0]);
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(y[i], static_cast<float>(i) - 2 * static_cast<float>(i));
  }
}

TEST(Executor, ContextsRunAtTheSameTime) {
  ThreadPool pool(2);
  auto executor = executor_of(scale_program());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Context context(executor, &pool);
      for (int round = 0; round < 200; ++round) expect_scaled(run(context, {iota(50 + t)})[0], 50 + t);
    });
  }
  for (std::thread& t : threads) t.join();
}

TEST(Executor, WritesIntoTheCallersTensor) {
  Context context(executor_of(scale_program()), nullptr);
  std::vector<Tensor> outputs = {Tensor::allocate(DType::f32, {10}).value()};
  const std::byte* memory = outputs[0].data();
  const std::vector<RuntimeValue> inputs = {iota(10)};
  auto result = context.run(inputs, {}, outputs);
  ASSERT_TRUE(result);
  EXPECT_EQ((*result)[0].tensor().data(), memory);
  expect_scaled(RuntimeValue(outputs[0]), 10);
  // Of other dims: left alone.
  const std::vector<RuntimeValue> longer = {iota(11)};
  result = context.run(longer, {}, outputs);
  ASSERT_TRUE(result);
  EXPECT_NE((*result)[0].tensor().data(), memory);
  expect_scaled((*result)[0], 11);
}

TEST(Executor, OutputsOfRunsAreApart) {
  Context context(executor_of(scale_program()), nullptr);
  const auto first = run(context, {iota(20)}), second = run(context, {testing::iota(20)});
  EXPECT_NE(first[0].tensor().data(), second[0].tensor().data());
  expect_scaled(first[0], 20);
}

TEST(Executor, AcceptsUnalignedInputs) {
  Context context(executor_of(scale_program()), nullptr);
  std::vector<std::byte> memory(4 * 9);
  const Tensor source = iota(8);
  std::memcpy(memory.data() + 1, source.data(), 32);
  expect_scaled(run(context, {Tensor::view(DType::f32, {8}, memory.data() + 1, nullptr)})[0], 8);
}

TEST(Executor, WrongInputsAreWrongUsage) {
  Context context(executor_of(scale_program()), nullptr);
  const auto expect_usage = [&](std::vector<RuntimeValue> inputs, std::string_view part) {
    const Error error = failure(context, std::move(inputs));
    EXPECT_EQ(error.code, ErrorCode::usage);
    EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
  };
  expect_usage({}, "0 inputs are given");
  expect_usage({iota(3), iota(3)}, "2 inputs are given");
  expect_usage({Tensor::allocate(DType::i64, {3}).value()}, "i64[3]");
  expect_usage({Tensor::allocate(DType::f32, {3, 3}).value()}, "rank");
  expect_usage({Tensor::allocate(DType::f32, {1001}).value()}, "'x'");
  expect_usage({Tensor::allocate(DType::f32, {0}).value()}, "[1, 1000]");
  expect_usage({RuntimeValue()}, "missing");
  expect_scaled(run(context, {iota(3)})[0], 3);
}

TEST(Executor, Cancels) {
  Context context(executor_of(scale_program()), nullptr);
  RunOptions options;
  int asked = 0;
  options.cancelled = [&] { return ++asked == 2; };
  EXPECT_NE(failure(context, {iota(3)}, options).message().find("cancelled"), std::string::npos);
  EXPECT_EQ(asked, 2);
  expect_scaled(run(context, {iota(3)})[0], 3);
}

TEST(Executor, KeepsWithinItsBytes) {
  Context context(executor_of(scale_program()), nullptr);
  RunOptions options;
  options.max_bytes = 1024;
  EXPECT_EQ(failure(context, {iota(1000)}, options).code, ErrorCode::refused);
  run(context, {iota(16)}, options);
}

// One value lies in the arena and one on the heap, at the same time.
TEST(Executor, CountsArenaAndHeapTogether) {
  ProgramBuilder b;
  b.program->graph = std::shared_ptr<const Graph>(
      parse_graph("graph @main(%t: f32[1000]) {\n  %u: f32[1000] = neg(%t)\n  return %u\n}\n").value());
  ops::bind_operators(const_cast<Graph&>(*b.program->graph));
  const Type type = Type::tensor(DType::f32, {1000});
  const int x = b.input("x", type), t = b.arena("t", type, 0, 1), u = b.slot("u", type, -1), y = b.output("y", type);
  b.scale(x, t, 1000, 0);
  b.reference(0, {t}, {u});
  b.scale(u, y, 1000, 0);
  Context context(executor_of(std::move(b.program)), nullptr);
  RunOptions options;
  for (int round = 0; round < 2; ++round) {  // the arena is kept, and counts again
    options.max_bytes = 6000;
    const Error error = failure(context, {iota(1000)}, options);
    EXPECT_EQ(error.code, ErrorCode::refused);
    EXPECT_NE(error.message().find("6000 bytes"), std::string::npos);
    options.max_bytes = 9000;
    EXPECT_EQ(floats(run(context, {iota(1000)}, options)[0])[3], -12);
  }
}

TEST(Executor, CountsScratch) {
  ProgramBuilder b;
  const Type type = Type::tensor(DType::f32, {8});
  const int x = b.input("x", type), w = b.constant("w", iota(8)), y = b.output("y", type);
  b.add(x, w, y, 8);
  Context context(executor_of(std::move(b.program)), nullptr);
  RunOptions options;
  options.max_bytes = 63;
  EXPECT_EQ(failure(context, {iota(8)}, options).code, ErrorCode::refused);
  options.max_bytes = 256;
  EXPECT_EQ(floats(run(context, {iota(8)}, options)[0])[3], 6);
}

TEST(Executor, ProfilesSteps) {
  Context context(executor_of(mixed_program()), nullptr);
  std::vector<StepTime> profile;
  context.set_profile(&profile);
  run(context, {iota(8)});
  ASSERT_EQ(profile.size(), 3u);
  EXPECT_EQ(profile[0].kind, "kernel add");
  EXPECT_EQ(profile[1].kind, "reference neg");
  for (const StepTime& step : profile) {
    EXPECT_GE(step.seconds, 0);
    EXPECT_TRUE(step.workers.empty());
  }
}

TEST(Executor, TracesThreads) {
  const auto program = std::shared_ptr<const Program>(mixed_program());
  const auto executor = Executor::create(program);
  ASSERT_TRUE(executor.has_value());
  ThreadPool pool(2);
  Context context(*executor, &pool);
  std::vector<StepTime> profile;
  context.set_profile(&profile, true);
  run(context, {iota(8)});
  ASSERT_EQ(profile.size(), 3u);
  double last = 0;
  for (std::size_t i = 0; i < profile.size(); ++i) {
    const StepTime& step = profile[i];
    EXPECT_EQ(step.program, program.get());
    EXPECT_EQ(step.step, static_cast<int>(i));
    EXPECT_GE(step.start, last);
    last = step.start + step.seconds;
    EXPECT_EQ(step.workers.empty(), program->steps[i].kind != Step::Kind::kernel);
    for (const StepTime::Worker& worker : step.workers) {
      EXPECT_LT(worker.number, 2);
      EXPECT_LE(step.start, worker.first);
      EXPECT_LE(worker.first, worker.last);
      EXPECT_LE(worker.busy, worker.last - worker.first + 1e-9);
      EXPECT_LE(worker.last, last);
    }
  }
  context.set_profile(nullptr);
  run(context, {iota(8)});
  EXPECT_EQ(profile.size(), 3u);
}

TEST(Executor, TellsWhereBuffersLie) {
  const auto program = std::shared_ptr<const Program>(mixed_program());
  Context context(*Executor::create(program), nullptr);
  for (const LiveBuffer& buffer : context.arena()) EXPECT_EQ(buffer.bytes, 0);  // nothing has run
  run(context, {iota(8)});
  const std::vector<LiveBuffer> arena = context.arena();
  ASSERT_EQ(arena.size(), program->buffers.size());
  for (std::size_t b = 0; b < arena.size(); ++b) {
    const bool inside = program->buffers[b].kind == Buffer::Kind::arena;
    EXPECT_EQ(arena[b].bytes > 0, inside);
    EXPECT_LE(arena[b].offset + arena[b].bytes, context.arena_bytes());
  }
}

TEST(Executor, ArithmeticIsTheDefaultWhateverTheHostHasSet) {
  Context context(executor_of(scale_program()), nullptr);
  std::vector<float> values = {1e-40f, 1};
  const auto expected = floats(run(context, {Tensor::f32s({2}, values)})[0]);
  std::fesetround(FE_UPWARD);
  const auto other = floats(run(context, {Tensor::f32s({2}, values)})[0]);
  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  std::fesetround(FE_TONEAREST);
  EXPECT_EQ(expected, other);
}

TEST(Executor, HeapOperandsOfKernels) {
  // non_zero tells its size only when it has run; the kernels behind it take its result as it comes.
  ProgramBuilder b;
  b.program->graph = std::shared_ptr<const Graph>(
      parse_graph(
          "graph @main(%x: f32[6]) {\n  %i: i64[1,K] = non_zero(%x)\n  %j: i64[K] = reshape(%i) {shape = dims[K]}\n"
          "  %f: f32[K] = cast(%j) {dtype = f32}\n  return %f\n}\n")
          .value());
  ops::bind_operators(const_cast<Graph&>(*b.program->graph));
  const Dim k = Dim::symbol("K");
  const int x = b.input("x", Type::tensor(DType::f32, {6})), i = b.slot("i", Type::tensor(DType::i64, {1, k}), -1),
            j = b.slot("j", Type::tensor(DType::i64, {k}), -1), f = b.slot("f", Type::tensor(DType::f32, {k}), -1),
            y = b.slot("y", Type::tensor(DType::f32, {k}), -1);
  b.reference(0, {x}, {i});
  b.reference(1, {i}, {j});
  b.reference(2, {j}, {f});
  b.scale(f, y, k, k);
  b.program->outputs = {y};
  b.program->output_names = {"y"};
  Context context(executor_of(std::move(b.program)), nullptr);
  const std::vector<float> one = {0, 1, 0, 2, 3, 0}, two = {0, 0, 0, 0, 0, 5};
  EXPECT_EQ(floats(run(context, {Tensor::f32s({6}, one)})[0]), (std::vector<float>{5, 9, 11}));
  EXPECT_EQ(floats(run(context, {Tensor::f32s({6}, two)})[0]), (std::vector<float>{11}));
  EXPECT_EQ(floats(run(context, {Tensor::allocate(DType::f32, {6}).value()})[0]), (std::vector<float>{}));
}

TEST(Executor, ReferencesReadAndWriteStridedSlots) {
  // neg over channels-last storage: repacked on the way in and out.
  ProgramBuilder b;
  b.program->graph = std::shared_ptr<const Graph>(parse_graph("graph @main(%t: f32[1,2,2,2]) {\n  %u: f32[1,2,2,2] = "
                                                              "neg(%t)\n  %v: f32[1,2,2,2] = neg(%u)\n  return %v\n}\n")
                                                      .value());
  ops::bind_operators(const_cast<Graph&>(*b.program->graph));
  const Type type = Type::tensor(DType::f32, {1, 2, 2, 2});
  const int x = b.input("x", type), t = b.arena("t", type, 0, 1), y = b.output("y", type);
  Slot& slot = b.program->slots[static_cast<std::size_t>(t)];
  slot.storage.format = Format::channels_last(DType::f32, 4);
  slot.storage.format.border = {0, 0, 1, 1};
  slot.storage = dense_storage(slot.storage.format, type.dims, slot.storage.buffer);
  b.program->buffers[static_cast<std::size_t>(slot.storage.buffer)].bytes =
      storage_elements(slot.storage.format, type.dims) * 4;
  b.reference(0, {x}, {t});
  b.reference(1, {t}, {y});
  Context context(executor_of(std::move(b.program)), nullptr);
  const Tensor input = iota(8).reshaped({1, 2, 2, 2});
  const auto result = run(context, {input});
  EXPECT_TRUE(result[0].tensor().identical(input));
}

TEST(Executor, AnExceptionOfAStepIsAnErrorAndTheContextRunsOn) {
  static constexpr OperandSpec kOperands[] = {{"x", "f32"}};
  static constexpr ResultDoc kResults[] = {{"y", "x"}};
  static constexpr Operator kThrows = {
      .name = "test.throws_below_zero",
      .doc = "",
      .operands = kOperands,
      .results = kResults,
      .attributes = {},
      .infer = [](InferContext& c) -> Status {
        c.result(0, c.type(0));
        return {};
      },
      .reference = [](ReferenceContext& c) -> Status {
        if (c.in(0).real_at(0) < 0) throw std::runtime_error("below zero");
        if (c.in(0).real_at(0) > 9) throw 9;
        c.set(0, c.in(0));
        return {};
      },
      .decompose = nullptr,
      .lower = nullptr,
      .gradient = nullptr,
      .samples = {},
      .tolerance = {},
  };
  ASSERT_TRUE(ops::register_operator(&kThrows));
  auto graph = std::make_shared<Graph>();
  Builder builder(*graph);
  Value* x = graph->add_input("x", Type::tensor(DType::f32, {Dim(2)}));
  graph->add_output(builder.op("test.throws_below_zero", {x}), "y");
  ASSERT_TRUE(builder.finish());
  auto program = reference_program(graph);
  ASSERT_TRUE(program) << program.error().message();
  ThreadPool pool(2);
  Context context(executor_of(*std::move(program)), &pool);
  for (int round = 0; round < 2; ++round) {
    EXPECT_NE(failure(context, {Tensor::f32s({2}, std::vector<float>{-1, 2})}).what.find("below zero"),
              std::string::npos);
    EXPECT_EQ(failure(context, {Tensor::f32s({2}, std::vector<float>{10, 2})}).code, ErrorCode::internal);
    EXPECT_EQ(floats(run(context, {Tensor::f32s({2}, std::vector<float>{1, 2})})[0]), (std::vector<float>{1, 2}));
  }
}

TEST(Executor, DamagedProgramsAreNoticed) {
  const auto expect_bad = [](auto&& damage) {
    auto program = mixed_program();
    damage(*program);
    EXPECT_FALSE(Executor::create(std::shared_ptr<const Program>(std::move(program))));
  };
  expect_bad([](Program& p) { p.slots[0].storage.buffer = 99; });
  expect_bad([](Program& p) { p.steps[0].inputs[0] = 99; });
  expect_bad([](Program& p) { p.steps[0].inputs[0] = -1; });
  expect_bad([](Program& p) { p.steps[0].code = 7; });
  expect_bad([](Program& p) { p.steps[1].node = 1; });
  expect_bad([](Program& p) { p.steps[1].inputs.push_back(0); });
  expect_bad([](Program& p) { p.kernels[0].offset = 1 << 20; });
  expect_bad([](Program& p) { p.outputs[0] = -1; });
  expect_bad([](Program& p) { p.output_names.clear(); });
  expect_bad([](Program& p) { p.steps[0].outputs[0] = p.inputs[0]; });
  expect_bad([](Program& p) { p.buffers[0].index = 4; });
  expect_bad([](Program& p) { p.buffers[2].last_step = 0; });
  expect_bad([](Program& p) { p.steps[0].kind = Step::Kind::loop; });
  expect_bad([](Program& p) { p.slots[0].storage.strides.clear(); });
  expect_bad([](Program& p) { p.bodies.emplace_back(); });
}

TEST(Executor, BuffersThatAreTooSmallAreNoticed) {
  for (int buffer : {0, 1, 2}) {
    auto program = mixed_program();
    program->buffers[static_cast<std::size_t>(buffer)].bytes = 16;
    Context context(executor_of(std::move(program)), nullptr);
    EXPECT_EQ(failure(context, {iota(8)}).code, ErrorCode::internal);
  }
}

}  // namespace
}  // namespace burnish
