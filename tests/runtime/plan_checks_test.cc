// What stands behind a plan's hashes: programs whose hashes are right and whose contents are not are refused, and whatever
// the catalogue can run still loads.

#include <unistd.h>

#include <filesystem>
#include <functional>

#include <gtest/gtest.h>

#include "runtime/plan.h"
#include "tests/runtime/programs.h"
#include "tests/support/plan_parts.h"

namespace burnish {
namespace {

using testing::PlanPart;

std::string saved(const Program& program) {
  // In memory, where there is such: every plan is synced to its disk.
  const std::string folder = std::filesystem::exists("/dev/shm") ? "/dev/shm/" : ::testing::TempDir();
  const std::string path = folder + "burnish_plan_checks_" + std::to_string(::getpid());
  const Program* images[] = {&program};
  const Status status = save_plan(images, {}, path);
  EXPECT_TRUE(status) << status.error().message();
  std::string bytes = read_file(path).value();
  std::filesystem::remove(path);
  return bytes;
}

Result<std::vector<RuntimeValue>> load_and_run(std::string_view bytes, std::span<const RuntimeValue> inputs) {
  const auto plan = TRY(Plan::from_bytes(as_bytes(bytes), nullptr, "changed.plan"));
  Context context(TRY(Executor::create(TRY(plan->program()))), nullptr);
  return context.run(inputs);
}

std::shared_ptr<const Graph> graph_of(std::string_view text) {
  auto graph = parse_graph(text).value();
  ops::bind_operators(*graph);
  EXPECT_TRUE(ops::infer(*graph));
  return graph;
}

// x -> neg -> softmax -> y, everything in buffers.
std::unique_ptr<Program> buffers_program() {
  testing::ProgramBuilder b;
  b.program->graph = graph_of(R"(graph @main(%x: f32[2,4]) {
  %t: f32[2,4] = neg(%x)
  %y: f32[2,4] = softmax(%t) {axis = 1}
  return %y
})");
  b.program->code.clear();
  b.program->cpu.clear();
  const Type type = Type::tensor(DType::f32, {2, 4});
  const int x = b.input("x", type), t = b.arena("t", type, 0, 1), y = b.output("y", type);
  b.reference(0, {x}, {t});
  b.reference(1, {t}, {y});
  return std::move(b.program);
}

std::unique_ptr<Program> heap_program() {
  return reference_program(graph_of(R"(graph @main(%c: bool[], %x: f32[2,4]) {
  %y: f32[2,4] = if(%c) body() {
    %n: f32[2,4] = neg(%x)
    return %n
  } body() {
    %e: f32[2,4] = exp(%x)
    return %e
  }
  %z: f32[2,4] = exp(%y)
  return %z
})"))
      .value();
}

const std::vector<RuntimeValue> kMatrix = {testing::iota(8).reshaped({2, 4})};
const std::vector<RuntimeValue> kChoice = {Tensor::scalar(DType::boolean, 1), testing::iota(8).reshaped({2, 4})};

struct Change {
  const char* name;
  std::function<std::unique_ptr<Program>()> program;
  std::span<const RuntimeValue> inputs;
  std::function<void(Json& root)> change;  // of the outermost program
};

TEST(PlanChecks, InconsistentProgramsAreTheFilesFault) {
  const auto scale = [] { return testing::scale_program(); };
  const std::vector<RuntimeValue> eight = {testing::iota(8)};
  const Change changes[] = {
      {"a kernel behind the code", scale, eight, [](Json& p) { p["kernels"][0][1] = 1 << 20; }},
      {"a step without a kernel", scale, eight, [](Json& p) { p["steps"][0]["code"] = 7; }},
      {"an endless grain", scale, eight, [](Json& p) { p["kernels"][0][4] = 0; }},
      {"a slot that is not there", buffers_program, kMatrix, [](Json& p) { p["steps"][0]["in"][0] = 3; }},
      {"a node that is not there", buffers_program, kMatrix, [](Json& p) { p["steps"][1]["node"] = 2; }},
      {"the other node", buffers_program, kMatrix, [](Json& p) { p["steps"][1]["in"][0] = -1; }},
      {"a buffer that dies early", buffers_program, kMatrix, [](Json& p) { p["buffers"][1][4] = 0; }},
      {"a buffer that is too small", buffers_program, kMatrix, [](Json& p) { p["buffers"][1][2] = 16; }},
      {"a value before its buffer", buffers_program, kMatrix, [](Json& p) { p["slots"][1]["storage"]["offset"] = -4; }},
      {"a value behind its buffer", buffers_program, kMatrix,
       [](Json& p) { p["slots"][1]["storage"]["strides"] = {1 << 20, 1}; }},
      {"a dtype that the node does not give", buffers_program, kMatrix,
       [](Json& p) { p["slots"][1]["type"]["dtype"] = "f64"; }},
      {"other dims than the node's", buffers_program, kMatrix, [](Json& p) { p["slots"][1]["type"]["dims"] = {4, 2}; }},
      {"an output in the arena's place", buffers_program, kMatrix, [](Json& p) { p["buffers"][2][1] = 5; }},
      {"a value that nobody wrote", heap_program, kChoice, [](Json& p) { p["steps"].erase(0); }},
      {"a result that nobody wrote", heap_program, kChoice, [](Json& p) { p["steps"].erase(1); }},
      {"a body that is not there", heap_program, kChoice, [](Json& p) { p["steps"][0]["bodies"][1] = 2; }},
      {"a body that captures what is not there", heap_program, kChoice,
       [](Json& p) { p["bodies"][0]["captures"][0][1] = 99; }},
      {"a sequence of nothing", heap_program, kChoice,
       [](Json& p) { p["slots"].back()["type"]["kind"] = static_cast<int>(Type::Kind::sequence); }},
      {"a tensor that holds another", heap_program, kChoice,
       [](Json& p) { p["slots"].back()["type"]["element"] = p["slots"][0]["type"]; }},
      {"a negative number of slots", heap_program, kChoice, [](Json& p) { p["inputs"][0] = -2; }},
  };
  for (const Change& c : changes) {
    const std::string plan = saved(*c.program());
    ASSERT_TRUE(load_and_run(plan, c.inputs)) << c.name;
    auto parts = *testing::split_plan(plan);
    ASSERT_TRUE(load_and_run(testing::join_plan(parts), c.inputs)) << c.name;
    for (PlanPart& part : parts) {
      if (!part.is(plan::Kind::program)) continue;
      Json json = plan::read_cbor(as_bytes(part.bytes), "a program").value();
      c.change(json["program"]);
      const auto bytes = plan::write_cbor(json);
      part.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    const auto y = load_and_run(testing::join_plan(parts), c.inputs);
    ASSERT_FALSE(y) << c.name;
    EXPECT_EQ(y.error().code, ErrorCode::refused) << c.name << ": " << y.error().message();
    EXPECT_NE(y.error().message().find("changed.plan"), std::string::npos) << y.error().message();
    EXPECT_NE(y.error().message().find("build the plan again"), std::string::npos) << y.error().message();
  }
}

TEST(PlanChecks, NodesOfReferencesAreInferredAgain) {
  const std::pair<const char*, const char*> changes[] = {
      {"axis = 1", "axis = 2"},                              // no such axis
      {"%y: f32[2,4] = softmax", "%y: f32[2,5] = softmax"},  // no such result
      {"%y: f32[2,4] = softmax", "%y: f64[2,4] = softmax"},
      {"softmax", "matmul"},
      {"{axis = 1}", "{axes = [1]}"},
  };
  const std::string plan = saved(*buffers_program());
  for (const auto& [from, to] : changes) {
    auto parts = *testing::split_plan(plan);
    for (PlanPart& part : parts) {
      if (!part.is(plan::Kind::references)) continue;
      const std::size_t at = part.bytes.find(from);
      ASSERT_NE(at, std::string::npos) << part.bytes;
      part.bytes.replace(at, std::string_view(from).size(), to);
    }
    const auto y = load_and_run(testing::join_plan(parts), kMatrix);
    ASSERT_FALSE(y) << to;
    EXPECT_EQ(y.error().code, ErrorCode::refused) << to << ": " << y.error().message();
  }
}

TEST(PlanChecks, EverySampleSurvives) {
  int ran = 0;
  for (const Operator* op : ops::all()) {
    for (const Sample& sample : op->samples) {
      auto graph = ops::sample_graph(sample);
      ASSERT_TRUE(graph) << sample.text << ": " << graph.error().message();
      const auto inputs = ops::sample_inputs(sample, 1);
      if (!inputs) continue;
      const std::shared_ptr<const Graph> shared = *std::move(graph);
      const auto expected = interpret(*shared, *inputs);
      if (!expected) continue;
      auto program = reference_program(shared);
      ASSERT_TRUE(program) << program.error().message();
      const auto got = load_and_run(saved(**program), *inputs);
      ASSERT_TRUE(got) << sample.text << ": " << got.error().message();
      ASSERT_EQ(got->size(), expected->size());
      ++ran;
      for (std::size_t i = 0; i < got->size(); ++i) {
        if (!(*expected)[i].is_tensor() || op->random) continue;
        EXPECT_TRUE((*got)[i].tensor().identical((*expected)[i].tensor())) << sample.text;
      }
    }
  }
  EXPECT_GT(ran, 200);
}

}  // namespace
}  // namespace burnish
