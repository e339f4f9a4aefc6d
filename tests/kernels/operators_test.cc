// Every operator's own samples, compiled: lowered, every tactic of the processor at every level, run between forbidden
// pages, compared with the reference.

#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kernels/cpu/cpu_target.h"
#include "ops/operator.h"
#include "runtime/executor.h"
#include "runtime/symbols.h"
#include "tests/support/mapped_code.h"
#include "tests/support/sample_case.h"
#include "tests/support/stored_operand.h"

namespace burnish::test {
namespace {

// Runs the tactic with the storages and returns the results, and what failed in them.
struct Ran {
  std::vector<Tensor> results;
  KernelFailure failure = {};
};
Ran run(const Kernel& kernel, const Emitted& emitted, const SampleCase& c, std::span<const Storage> storages,
        bool at_start) {
  Ran ran;
  std::vector<StoredOperand> memory;
  std::vector<void*> pointers;
  for (std::size_t i = 0; i < kernel.operand_count(); ++i) {
    const bool output = i >= c.operands.size();
    const Tensor& tensor = output ? c.results[i - c.operands.size()] : c.operands[i];
    memory.emplace_back(tensor.dtype(), tensor.dims(), storages[i], c.symbols, at_start);
    if (!output) memory.back().write(tensor);
    pointers.push_back(memory.back().data());
  }
  auto number = [&](const Dim& dim) {
    const auto value = evaluate(dim, c.symbols);
    CHECK(value.has_value(), dim.text());
    return *value;
  };
  std::vector<int64_t> integers;
  for (const Dim& dim : emitted.integers) integers.push_back(number(dim));
  const auto bytes = static_cast<std::size_t>(number(emitted.scratch_bytes));
  const int64_t tasks = number(emitted.tasks);
  GuardedMemory scratch((bytes + 63) / 64 * 64, at_start);
  const KernelArgs args{pointers.data(), integers.data(), bytes ? scratch.data() : nullptr, &ran.failure};
  const MappedCode code(emitted);
  code.function()(&args, tasks / 2, tasks);
  code.function()(&args, 0, tasks / 2);
  for (std::size_t i = c.operands.size(); i < memory.size(); ++i) ran.results.push_back(memory[i].read());
  return ran;
}

// Why the operator has no kernel for the case, or empty when it was run, densely stored and otherwise (`scattered`).
// `failure`: every run must end with it.
std::string check(const Operator& definition, const SampleCase& c, int level, std::string_view text,
                  std::initializer_list<bool> placements, const KernelFailure& failure = {}) {
  LowerContext context(*c.node);
  auto kernel = definition.lower(context);
  if (!kernel) return kernel.error().message();
  EXPECT_EQ(kernel->operand_count(), c.operands.size() + c.results.size()) << text;
  if (kernel->operand_count() != c.operands.size() + c.results.size()) return {};
  auto fine = verify(kernel->nest);
  EXPECT_TRUE(fine) << text << ": " << fine.error().message() << print(*kernel);
  if (!fine) return {};
  CpuFeatures cpu;
  cpu.level = level;
  const CpuTarget target(cpu);
  std::string why;
  const auto tactics = target.tactics(*kernel, &why);
  if (tactics.empty()) return why;
  std::mt19937 random(static_cast<unsigned>(text.size()));
  for (const Tactic& tactic : tactics) {
    // Those that want derived constants are tested by family, where such are made.
    if (std::ranges::any_of(tactic.ports, [](const auto& port) { return port.derived_bytes > 0; })) continue;
    for (const bool scattered : placements) {
      std::vector<Storage> storages;
      for (std::size_t i = 0; i < kernel->operand_count(); ++i) {
        const Tensor& tensor = i < c.operands.size() ? c.operands[i] : c.results[i - c.operands.size()];
        storages.push_back(scattered && tactic.ports[i].any_strides
                               ? scattered_storage(tensor.dtype(), tensor.dims(), random)
                               : dense_storage(tactic.ports[i].format, kernel->operand_type(i).dims));
      }
      auto emitted = target.emit(*kernel, tactic, storages);
      const std::string place =
          fmt::format("{}\n  {} at {}{}", text, tactic.name, cpu.text(), scattered ? ", strided" : "");
      if (!emitted) {
        ADD_FAILURE() << place << ": " << emitted.error().message();
        continue;
      }
      const Ran ran = run(*kernel, *emitted, c, storages, scattered);
      const auto numbers = [](const KernelFailure& f) {
        return std::tuple(f.failed, f.index, f.low, f.high, f.operand);
      };
      EXPECT_EQ(numbers(ran.failure), numbers(failure)) << place << "\n" << print(*kernel);
      for (std::size_t i = 0; i < ran.results.size() && failure.failed == 0; ++i) {
        const std::string wrong = difference(ran.results[i], c.results[i], definition.tolerance);
        EXPECT_EQ(wrong, "") << place << "\n" << print(*kernel);
      }
    }
  }
  return {};
}

// What runs on references for now: by operator, a part of the reason, and whether its own samples show it.
struct Missing {
  std::string_view op, reason;
  bool sampled;
};
constexpr Missing kMissing[] = {
    {"cast", "no kernel for f8e4m3fn", true},
    {"transpose", "no kernel for string", true},
    {"quantize", "no kernel for i4", true},
    {"dequantize", "no kernel for i4", true},
    {"dequantize", "no kernel for quantised floats", false},
    {"resize", "no kernel for half_pixel, antialiasing or exclude_outside", true},
    {"resize", "no kernel that interpolates", false},
    {"attention", "only f32 is multiplied", false},
    {"acos", "no code for acos of f64", false},
    {"asin", "no code for asin of f64", false},
    {"atan", "no code for atan of f64", false},
    {"atan2", "no code for atan2 of f64", false},
    {"cos", "no code for cos of f64", false},
    {"erf", "no code for erf of f64", false},
    {"pow", "no code for pow of f64", false},
    {"sin", "no code for sin of f64", false},
    {"tan", "no code for tan of f64", false},
};

// Notes why there was no kernel; fails where that is news, and in the end where a row is out of date.
class Expected {
 public:
  explicit Expected(bool sampled) : sampled_(sampled) {}
  ~Expected() {
    for (const Missing& row : kMissing)
      if (row.sampled == sampled_ && !seen_.contains(&row))
        ADD_FAILURE() << row.op << " has a kernel now: '" << row.reason << "' is no longer true";
  }
  void note(const Operator& definition, std::string_view text, std::string_view why) {
    if (why.empty()) return;
    for (const Missing& row : kMissing)
      if (row.op == definition.name && why.find(row.reason) != std::string_view::npos) {
        seen_.insert(&row);
        return;
      }
    ADD_FAILURE() << "no kernel for " << text << ": " << why;
  }

 private:
  bool sampled_;
  std::set<const Missing*> seen_;
};

std::vector<int> levels() {
  std::vector<int> list;
  for (int level = 2; level <= host_cpu().level; ++level) list.push_back(level);
  return list;
}

TEST(Operators, SamplesCompileAndAgreeWithReferences) {
  Expected expected(true);
  for (const Operator* definition : ops::all()) {
    if (definition->lower == nullptr) continue;
    for (const Sample& sample : definition->samples) {
      auto c = sample_case(*definition, sample.text, 7);
      ASSERT_TRUE(c) << sample.text;
      for (int level : levels())
        expected.note(*definition, sample.text, check(*definition, *c, level, sample.text, {false, true}));
    }
  }
}

// What references refuse, a kernel reports: the one bad index of each, its range, and the operand that holds it.
TEST(Operators, IndicesOutOfRangeFail) {
  struct Bad {
    std::string_view text;
    std::vector<int64_t> indices;
    KernelFailure failure;
  };
  const Bad cases[] = {
      // Rows, whose index is the same for all lanes; single elements; an index of rank 0; empty axes.
      {"x: f32[5,40], i: i64[3]; y = gather(x, i)", {4, 5, 0}, {1, 5, -5, 4, 1}},
      {"x: f32[5,3], i: i32[2]; y = gather(x, i)", {-6, 0}, {1, -6, -5, 4, 1}},
      {"x: i64[3], i: i64[]; y = gather(x, i)", {3}, {1, 3, -3, 2, 1}},
      {"x: f32[0], i: i64[1]; y = gather(x, i)", {0}, {1, 0, 0, -1, 1}},
      {"x: f16[7], i: i64[37]; y = gather(x, i)",
       {0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 99},
       {1, 99, -7, 6, 1}},
      {"x: u8[7], i: i64[37]; y = gather(x, i)",
       {-8, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1},
       {1, -8, -7, 6, 1}},
      {"x: f32[2,4], i: i64[1]; y = gather(x, i) {axis = 1}", {9223372036854775807}, {1, INT64_MAX, -4, 3, 1}},
      {"x: f32[2,4], i: i64[1]; y = gather(x, i) {axis = 1}", {-9223372036854775807}, {1, -INT64_MAX, -4, 3, 1}},
      {"x: f32[N,4], i: i64[2]; y = gather(x, i) {axis = 0}", {-1, 9}, {1, 9, -3, 2, 1}},
      {"x: f32[3,4], i: i64[2,4]; y = gather_elements(x, i)", {0, 1, 2, -3, 0, 0, 0, -4}, {1, -4, -3, 2, 1}},
      {"x: f64[2,5], i: i32[2,3]; y = gather_elements(x, i) {axis = 1}", {0, 4, 5, 0, 0, 0}, {1, 5, -5, 4, 1}},
      {"x: f32[3,4,2], i: i64[2,2]; y = gather_nd(x, i)", {0, 3, 1, 4}, {1, 4, -4, 3, 1}},
      {"x: f32[3,4,2], i: i64[2,2]; y = gather_nd(x, i)", {-4, 3, 1, 3}, {1, -4, -3, 2, 1}},
      {"x: f32[6], i: i64[3,1], u: f32[3]; y = scatter_nd(x, i, u)", {4, 6, -3}, {1, 6, -6, 5, 1}},
      {"x: i32[4,3], i: i64[2,2], u: i32[2]; y = scatter_nd(x, i, u) {reduction = \"max\"}",
       {0, -4, 3, 0},
       {1, -4, -3, 2, 1}},
      {"x: f32[3,4], i: i64[1,4], u: f32[1,4]; y = scatter_elements(x, i, u)", {0, 2, 3, -1}, {1, 3, -3, 2, 1}},
      {"x: f32[3,4], i: i32[3,1], u: f32[3,1]; y = scatter_elements(x, i, u) {axis = 1, reduction = "
       "\"add\"}",
       {0, 2, -5},
       {1, -5, -4, 3, 1}},
      {"c: f32[2,3,5,4], u: f32[2,3,2,4], i: i64[2]; y = tensor_scatter(c, u, i)", {1, 4}, {1, 4, 0, 3, 2}},
      {"c: f32[2,3,5,4], u: f32[2,3,2,4], i: i64[2]; y = tensor_scatter(c, u, i)", {-1, 0}, {1, -1, 0, 3, 2}},
      {"x: f32[4,3,2], i: i64[3]; y = reverse_sequence(x, i)", {4, 5, 2}, {1, 5, 0, 4, 1}},
      {"x: f32[4,3,2], i: i32[3]; y = reverse_sequence(x, i)", {4, 0, -1}, {1, -1, 0, 4, 1}},
  };
  for (const auto& [text, indices, failure] : cases) {
    const std::string_view call = text.substr(text.find("; y = ") + 6);
    const Operator* definition = ops::find(call.substr(0, call.find('(')));
    ASSERT_NE(definition, nullptr) << text;
    const auto c = sample_case(*definition, text, 7, indices);
    ASSERT_TRUE(c) << text;
    for (int level : levels()) EXPECT_EQ(check(*definition, *c, level, text, {false, true}, failure), "") << text;
  }
}

TEST(Operators, EveryDTypeThatTheSamplesAllow) {
  const int level = host_cpu().level;
  Expected expected(false);
  for (const Operator* definition : ops::all()) {
    if (definition->lower == nullptr) continue;
    for (const Sample& sample : definition->samples) {
      auto base = sample_case(*definition, sample.text, 7);
      if (!base || base->operands.empty()) continue;
      const DType own = base->operands[0].dtype();
      for (DType dtype : kKernelDTypes) {
        if (dtype == own) continue;
        const std::string text = with_dtype(sample.text, own, dtype);
        auto c = sample_case(*definition, text, 7);
        if (!c) continue;
        expected.note(*definition, text, check(*definition, *c, level, text, {text.size() % 2 == 0}));
      }
    }
  }
}

}  // namespace
}  // namespace burnish::test
