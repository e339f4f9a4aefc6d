// Any bytes are a plan that loads, or an error that blames the file; programs of references alone are run, too. A plan
// with kernels is loaded and never run: its code is trusted (SECURITY.md), and nothing can say whether it fits what was
// changed around it. Where a key is required, nothing loads but the seeds that it signed.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "runtime/executor.h"
#include "runtime/plan.h"
#include "runtime/plan_signature.h"
#include "tests/runtime/programs.h"
#include "tests/support/mutate.h"
#include "tests/support/plan_parts.h"

extern "C" std::size_t LLVMFuzzerMutate(uint8_t* data, std::size_t size, std::size_t max_size);

namespace burnish {
namespace {

using testing::Mutator;
using testing::PlanPart;

// -- seeds: made by the program itself, so that they always have the newest format

std::string saved(const Program& program, const Graph* simplified = nullptr) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("burnish_plan_fuzz_" + std::to_string(::getpid()))).string();
  const Program* images[] = {&program};
  PlanMetadata metadata;
  metadata.simplified = simplified;
  metadata.decisions = R"([{"id":"x"}])";
  const Status status = save_plan(images, metadata, path);
  CHECK(status.has_value(), status.error().message());
  std::string bytes = read_file(path).value();
  std::filesystem::remove(path);
  return testing::join_plan(*testing::split_plan(bytes));
}

std::shared_ptr<Graph> graph_of(std::string_view text) {
  auto graph = parse_graph(text);
  CHECK(graph.has_value(), graph.error().message());
  ops::bind_operators(**graph);
  const Status status = ops::infer(**graph);
  CHECK(status.has_value(), status.error().message());
  return *std::move(graph);
}

constexpr std::string_view kGraphs[] = {
    R"(graph @main(%x: f32[N,4], %w: parameter f32[4,3]) where N in [1, 16] {
  %b: f32[3] = constant() {value = tensor(f32[3] [1, 2, 3])}
  %h: f32[N,3] = matmul(%x, %w)
  %s: f32[N,3] = add(%h, %b)
  %y: f32[N,3] = softmax(%s) {axis = -1}
  return %y
})",
    R"(graph @main(%trip: i64[], %x: f32[N]) {
  %y: f32[N], %all: f32[T,N] = loop(%trip, _, %x) body(%i: i64[], %c: bool[], %v: f32[N]) {
    %big: f32[20] = constant() {value = tensor(f32[20] [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])}
    %s: f32[] = reduce(%big) {kind = "sum", axes = [0], keep = 0}
    %b: f32[N] = broadcast(%s) {shape = dims[N]}
    %w: f32[N] = add(%v, %b)
    return %c, %w, %w
  }
  return %y, %all
})",
    R"(graph @main(%c: bool[], %x: f32[2,3]) {
  %y: f32[2,3] = if(%c) body() {
    %n: f32[2,3] = neg(%x)
    return %n
  } body() {
    %e: f32[2,3] = exp(%x)
    return %e
  }
  return %y
})",
    R"(graph @main(%x: f32[N,4]) {
  %i: i64[2,K] = non_zero(%x)
  %t: i64[K,2] = transpose(%i) {permutation = [1, 0]}
  return %t
})",
};

// y = x in other orders in memory: a border, channels last, blocks.
std::unique_ptr<Program> formats_program() {
  testing::ProgramBuilder b;
  auto graph = graph_of(R"(graph @main(%x: f32[1,4,3,2]) {
  %t: f32[1,4,3,2] = neg(%x)
  %u: f32[1,4,3,2] = neg(%t)
  %y: f32[1,4,3,2] = add(%u, %x)
  return %y
})");
  b.program->graph = std::move(graph);
  b.program->code.clear();
  b.program->cpu.clear();
  const Type type = Type::tensor(DType::f32, {1, 4, 3, 2});
  const int x = b.input("x", type), t = b.arena("t", type, 0, 1), u = b.arena("u", type, 1, 2), y = b.output("y", type);
  const auto lay_out = [&](int slot, Format format) {
    Slot& s = b.program->slots[static_cast<std::size_t>(slot)];
    b.program->buffers[static_cast<std::size_t>(s.storage.buffer)].bytes = storage_elements(format, type.dims) * Dim(4);
    s.storage = dense_storage(format, type.dims, s.storage.buffer);
  };
  Format border = Format::channels_last(DType::f32, 4), blocks = Format::plain(DType::f32, 4);
  border.border = {0, 0, 1, 1};
  blocks.blocks = {1, 2, 1, 1};
  lay_out(t, border);
  lay_out(u, blocks);
  b.reference(0, {x}, {t});
  b.reference(1, {t}, {u});
  b.reference(2, {u, x}, {y});
  return std::move(b.program);
}

// A constant that only the image holds, in another order.
std::string packed_plan() {
  testing::ProgramBuilder b;
  b.program->graph = graph_of(R"(graph @main(%w: f32[4,8], %x: f32[4,8]) {
  %y: f32[4,8] = add(%x, %w)
  return %y
})");
  b.program->code.clear();
  b.program->cpu.clear();
  Format blocked = Format::plain(DType::f32, 2);
  blocked.order = {1, 0};
  blocked.blocks = {2, 1};
  const Tensor plain = testing::iota(32).reshaped({4, 8});
  const Type type = plain.type();
  const int x = b.input("x", type), w = b.constant("w", pack(plain, blocked).value()), y = b.output("y", type);
  Slot& slot = b.program->slots[static_cast<std::size_t>(w)];
  slot.type = type;
  slot.storage = dense_storage(blocked, type.dims, slot.storage.buffer);
  b.reference(0, {x, w}, {y});
  Graph simplified;
  Builder builder(simplified);
  Value* input = simplified.add_input("x", type);
  simplified.add_output(builder.op("add", {input, builder.constant(plain, "w")}), "y");
  return saved(*b.program, &simplified);
}

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> plans = {saved(*testing::mixed_program()), saved(*testing::scale_program()),
                                      saved(*formats_program()), packed_plan()};
    for (const std::string_view text : kGraphs) {
      const std::shared_ptr<const Graph> graph = graph_of(text);
      auto program = reference_program(graph);
      CHECK(program.has_value(), program.error().message());
      plans.push_back(saved(**program, graph.get()));
    }
    return plans;
  }();
  return all;
}

SecretKey key(unsigned char number) {
  const std::array<unsigned char, 32> seed = {number};
  return SecretKey::from_seed(seed).value();
}
constexpr unsigned char kOurs = 1, kTheirs = 2;

std::string with_signature(const std::string& plan, unsigned char whose) {
  const std::vector<std::byte> bytes = plan::make_signature(as_bytes(plan), key(whose), nullptr);
  return plan + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// -- the plan itself

bool has_kernels(const Program& program) {
  for (const Step& step : program.steps)
    if (step.kind == Step::Kind::kernel) return true;
  return std::ranges::any_of(program.bodies, [](const auto& body) { return has_kernels(*body); });
}

constexpr int64_t kMostBytes = 1 << 16;

// Values of the declared types, every symbol 2 or what its range allows; nothing where they would be large.
std::optional<std::vector<RuntimeValue>> inputs_of(const Program& program) {
  std::vector<RuntimeValue> inputs;
  for (int number : program.inputs) {
    const Type& type = program.slots[static_cast<std::size_t>(number)].type;
    if (!type.is_ranked_tensor()) return std::nullopt;
    std::vector<int64_t> dims;
    int64_t bytes = static_cast<int64_t>(byte_size(type.dtype));
    for (const Dim& d : type.dims) {
      const auto size = d.evaluate([&](std::string_view name) -> std::optional<int64_t> {
        const auto range = program.graph->symbol_ranges().find(name);
        if (range == program.graph->symbol_ranges().end()) return 2;
        return std::clamp<int64_t>(2, range->second.low, std::max(range->second.low, range->second.high));
      });
      if (!size || *size < 0 || *size > kMostBytes || (bytes *= std::max<int64_t>(*size, 1)) > kMostBytes)
        return std::nullopt;
      dims.push_back(*size);
    }
    auto tensor = Tensor::allocate(type.dtype, dims);
    if (!tensor) return std::nullopt;
    if (type.dtype != DType::string && type.dtype != DType::boolean)
      for (std::size_t i = 0; i < tensor->byte_size(); i += byte_size(type.dtype))
        tensor->mutable_data()[i] = static_cast<std::byte>(i / byte_size(type.dtype) % 5);
    inputs.emplace_back(*std::move(tensor));
  }
  return inputs;
}

void expect_refused(const Error& error) { CHECK(exit_code(error.code) == 3, error.message()); }

void read(std::span<const std::byte> bytes) {
  static const PublicKey keys[] = {key(kOurs).public_key()};
  if (const auto required = Plan::from_bytes(bytes, nullptr, "fuzzed.plan", keys)) {
    const std::span<const std::byte> whole = (*required)->bytes();
    CHECK(std::ranges::any_of(seeds(), [&](const std::string& s) { return std::ranges::equal(as_bytes(s), whole); }));
  } else {
    expect_refused(required.error());
  }
  auto plan = Plan::from_bytes(bytes, nullptr, "fuzzed.plan");
  if (!plan) return expect_refused(plan.error());
  auto simplified = (*plan)->simplified();
  if (!simplified) expect_refused(simplified.error());
  else if (*simplified != nullptr) CHECK(verify_structure(**simplified).has_value());
  for (std::size_t i = 0; i < (*plan)->images().size() && i < 4; ++i) {
    auto program = (*plan)->program_of_image(i);
    if (!program) {
      expect_refused(program.error());
      continue;
    }
    auto executor = Executor::create(*program);
    if (!executor) {
      expect_refused(executor.error());
      continue;
    }
    if (has_kernels(**program)) continue;
    const auto inputs = inputs_of(**program);
    if (!inputs) continue;
    Context context(*executor, nullptr);
    RunOptions options;
    options.max_bytes = kMostBytes;
    options.max_loop_iterations = 100;
    for (int round = 0; round < 2; ++round) {
      const auto results = context.run(*inputs, options);
      // The inputs are of the types that the program declares for them; what else does not fit them is still the caller's.
      if (!results) CHECK(results.error().code != ErrorCode::internal, results.error().message());
    }
  }
}

// -- mutations

std::size_t put(std::string_view bytes, uint8_t* data, std::size_t size, std::size_t max_size) {
  if (bytes.size() > max_size) return size;
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

void change_bytes(std::string& bytes) {
  const std::size_t size = bytes.size();
  bytes.resize(size + 64);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), size, bytes.size()));
}

void change(PlanPart& part, Mutator& mutator) {
  using plan::Kind;
  const std::string_view donor = kGraphs[mutator.below(std::size(kGraphs))];
  if (mutator.one_in(8)) return change_bytes(part.bytes);
  if (part.is(Kind::simplified) || part.is(Kind::references)) {
    part.bytes = mutator.text(part.bytes, donor);
  } else if (part.is(Kind::program) || part.is(Kind::constant_index) || part.is(Kind::images)) {
    auto json = plan::read_cbor(as_bytes(part.bytes), "a part");
    if (!json) return change_bytes(part.bytes);
    for (std::size_t n = mutator.below(3) + 1; n > 0; --n) mutator.json(*json);
    const std::vector<std::byte> bytes = plan::write_cbor(*json);
    part.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else {
    change_bytes(part.bytes);
  }
}

std::size_t pick_part(const std::vector<PlanPart>& parts, Mutator& mutator) {
  for (int tries = 0; tries < 8; ++tries) {
    const std::size_t i = mutator.below(parts.size());
    if (parts[i].is(plan::Kind::program) || mutator.one_in(3)) return i;
  }
  return mutator.below(parts.size());
}

std::string mutated(std::string_view input, Mutator& mutator) {
  auto parts = testing::split_plan(input);
  if (!parts || parts->empty()) {
    const std::string& seed = seeds()[mutator.below(seeds().size())];
    return mutator.one_in(2) ? with_signature(seed, kOurs) : seed;
  }
  std::string signature = testing::signature_of(input);
  if (mutator.one_in(16)) {  // the signature alone
    const std::string plan(input.substr(0, input.size() - signature.size()));
    if (signature.empty()) return with_signature(plan, kTheirs);
    if (mutator.one_in(4)) return plan;
    change_bytes(signature);
    return plan + (mutator.one_in(4) ? signature : testing::fitted_signature(signature, plan));
  }
  const auto with = [&](const std::string& s) {
    const std::string plan = testing::join_plan(*parts);
    return plan + testing::fitted_signature(s, plan);
  };
  if (mutator.one_in(32)) {  // header and tables
    std::string bytes(input);
    const std::size_t at = 8 + 8 * mutator.below(8 + 4 * parts->size());
    const int64_t number = mutator.number();
    if (at + sizeof number <= bytes.size()) std::memcpy(bytes.data() + at, &number, sizeof number);
    if (mutator.one_in(2)) testing::rehash(bytes);
    else testing::rehash_head(bytes);
    return bytes;
  }
  if (mutator.one_in(32)) {
    const std::size_t i = mutator.below(parts->size());
    const auto at = parts->begin() + static_cast<std::ptrdiff_t>(i);
    switch (mutator.below(3)) {
      case 0: parts->erase(at); break;
      case 1: parts->push_back(PlanPart(*at)); break;
      default: at->image ^= 1; break;
    }
    return with(signature);
  }
  change((*parts)[pick_part(*parts, mutator)], mutator);
  return with(signature);
}

}  // namespace
}  // namespace burnish

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  burnish::read(std::span(reinterpret_cast<const std::byte*>(data), size));
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  burnish::Mutator mutator(seed);
  return burnish::put(burnish::mutated({reinterpret_cast<const char*>(data), size}, mutator), data, size, max_size);
}

// A part of one plan in place of one of the same kind in another.
extern "C" std::size_t LLVMFuzzerCustomCrossOver(const uint8_t* a, std::size_t a_size, const uint8_t* b,
                                                 std::size_t b_size, uint8_t* out, std::size_t max_size,
                                                 unsigned seed) {
  using namespace burnish;
  Mutator mutator(seed);
  auto parts = testing::split_plan({reinterpret_cast<const char*>(a), a_size});
  const auto others = testing::split_plan({reinterpret_cast<const char*>(b), b_size});
  if (!parts || parts->empty() || !others || others->empty()) return 0;
  const PlanPart& from = (*others)[mutator.below(others->size())];
  for (PlanPart& part : *parts)
    if (part.kind == from.kind) part.bytes = from.bytes;
  return put(testing::join_plan(*parts), out, 0, max_size);
}
