#include "tests/codegen/nest_harness.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <random>

#include <gtest/gtest.h>

#include "loop/evaluate.h"
#include "tests/support/guarded.h"
#include "tests/support/mapped_code.h"

namespace burnish {
namespace {

// Elements that a storage spans, its offset apart; strides are not negative here.
int64_t span_of(const Storage& storage, const Type& type, const SymbolTable& symbols) {
  int64_t last = 0;
  for (std::size_t d = 0; d < type.dims.size(); ++d) {
    const int64_t n = *evaluate(type.dims[d], symbols), stride = *evaluate(storage.strides[d], symbols);
    if (n == 0) return 0;
    const int64_t block = block_of(storage.format, d);
    const int64_t extent = ceil_div(n + 2 * border_of(storage.format, d), block);
    last += (extent - 1) * stride + (block - 1) * (block > 1 ? inner_stride(storage.format, d) : 0);
  }
  return last + 1;
}

void randomise(std::byte* data, int64_t elements, DType dtype, std::mt19937_64& random, double low, double high,
               const std::vector<double>& values) {
  std::uniform_real_distribution<double> uniform(low, high);
  for (int64_t i = 0; i < elements; ++i) {
    const double value = values.empty() ? uniform(random) : values[static_cast<std::size_t>(i) % values.size()];
    switch (number_class(dtype)) {
      case NumberClass::real: Accessor<double>(dtype).store(data, i, value); break;
      case NumberClass::boolean: Accessor<bool>(dtype).store(data, i, values.empty() ? value > 0 : value != 0); break;
      case NumberClass::unsigned_int:
        Accessor<uint64_t>(dtype).store(data, i, static_cast<uint64_t>(static_cast<int64_t>(value)));
        break;
      default: Accessor<int64_t>(dtype).store(data, i, static_cast<int64_t>(value)); break;
    }
  }
}

double real_of(const std::byte* data, int64_t i, DType dtype) {
  switch (number_class(dtype)) {
    case NumberClass::real: return Accessor<double>(dtype).load(data, i);
    case NumberClass::boolean: return Accessor<bool>(dtype).load(data, i);
    case NumberClass::unsigned_int: return static_cast<double>(Accessor<uint64_t>(dtype).load(data, i));
    default: return static_cast<double>(Accessor<int64_t>(dtype).load(data, i));
  }
}

// True of other numbers, too. A double cannot tell large integers apart.
bool same_integer(const std::byte* a, const std::byte* b, int64_t i, DType dtype) {
  switch (number_class(dtype)) {
    case NumberClass::signed_int: return Accessor<int64_t>(dtype).load(a, i) == Accessor<int64_t>(dtype).load(b, i);
    case NumberClass::unsigned_int: return Accessor<uint64_t>(dtype).load(a, i) == Accessor<uint64_t>(dtype).load(b, i);
    default: return true;
  }
}

void run_tasks(const Emitted& emitted, std::span<void* const> pointers, const SymbolTable& symbols, int64_t cut,
               bool backwards) {
  MappedCode code(emitted);
  std::vector<int64_t> integers;
  for (const Dim& dim : emitted.integers) integers.push_back(*evaluate(dim, symbols));
  const int64_t tasks = *evaluate(emitted.tasks, symbols);
  const auto bytes = static_cast<std::size_t>(*evaluate(emitted.scratch_bytes, symbols));
  GuardedMemory scratch((bytes + 63) / 64 * 64);
  KernelFailure failure = {};
  const KernelArgs args{pointers.data(), integers.data(), bytes ? scratch.data() : nullptr, &failure};
  ASSERT_LE(tasks, 10'000'000);
  for (int64_t i = 0; i < tasks; i += cut) {
    const int64_t first = backwards ? std::max<int64_t>(0, tasks - i - cut) : i;
    const int64_t last = backwards ? tasks - i : std::min(tasks, i + cut);
    code.function()(&args, first, last);
  }
  code.function()(&args, 0, 0);
  EXPECT_EQ(failure.failed, 0) << "index " << failure.index << " of " << failure.low << " .. " << failure.high;
}

}  // namespace

Kernel nest_kernel(std::string_view text) {
  Kernel kernel;
  auto nest = parse_nest(text);
  if (!nest) {
    ADD_FAILURE() << nest.error().message();
    return kernel;
  }
  auto fine = verify(*nest);
  if (!fine) ADD_FAILURE() << fine.error().message();
  kernel.nest = std::move(*nest);
  return kernel;
}

void expect_matches_evaluator(const NestCase& test, unsigned seed) {
  const Nest& nest = test.kernel.nest;
  std::vector<Storage> storages = test.storages;
  if (storages.empty())
    for (const auto& o : nest.operands)
      storages.push_back(dense_storage(Format::plain(o.type.dtype, o.type.rank()), o.type.dims));

  const std::size_t count = nest.operands.size();
  std::vector<int64_t> elements(count);
  for (std::size_t i = 0; i < count; ++i) elements[i] = span_of(storages[i], nest.operands[i].type, test.symbols);
  auto make = [&](bool at_start) {
    std::vector<std::unique_ptr<GuardedMemory>> memory;
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i < count; ++i) {
      const DType dtype = nest.operands[i].type.dtype;
      memory.push_back(
          std::make_unique<GuardedMemory>(static_cast<std::size_t>(elements[i]) * byte_size(dtype), at_start));
      const bool given = i < test.values.size() && !test.values[i].empty();
      if (nest.operands[i].output) std::memset(memory[i]->data(), 0x5a, memory[i]->bytes());
      else
        randomise(memory[i]->data(), elements[i], dtype, random, test.low, test.high,
                  given ? test.values[i] : std::vector<double>{});
    }
    return memory;
  };
  auto pointers_of = [](auto& memory) {
    std::vector<void*> pointers;
    for (auto& m : memory) pointers.push_back(m->data());
    return pointers;
  };
  auto expected = make(false);
  auto done = evaluate(nest, storages, pointers_of(expected), test.symbols);
  ASSERT_TRUE(done) << done.error().message();

  for (int level = 2; level <= host_cpu().level; ++level) {
    CpuFeatures cpu;
    cpu.level = level;
    std::string why;
    auto tactics = nest_tactics(test.kernel, cpu, &why);
    ASSERT_EQ(tactics.size(), 1u) << why << "\n" << print(nest);
    auto emitted = emit_nest(test.kernel, tactics[0], storages, cpu);
    ASSERT_TRUE(emitted) << emitted.error().message() << "\n" << print(nest);
    std::vector<std::unique_ptr<GuardedMemory>> first;
    const int64_t tasks = *evaluate(emitted->tasks, test.symbols);
    for (int variant = 0; variant < 3; ++variant) {
      auto memory = make(variant == 1);
      run_tasks(*emitted, pointers_of(memory), test.symbols,
                variant == 0   ? std::max<int64_t>(tasks, 1)
                : variant == 1 ? 1
                               : 3,
                variant == 2);
      for (std::size_t i = 0; i < count && variant == 0; ++i) {
        const DType dtype = nest.operands[i].type.dtype;
        int shown = 0;
        for (int64_t e = 0; e < elements[i]; ++e) {
          const double want = real_of(expected[i]->data(), e, dtype), got = real_of(memory[i]->data(), e, dtype);
          const bool exact = same_integer(expected[i]->data(), memory[i]->data(), e, dtype);
          double limit = 0;
          if (is_float(dtype)) limit = test.tolerance * std::max(1.0, std::fabs(want));
          if (dtype == DType::f16) limit = std::max(limit, std::fabs(want) * 0x1p-10 + 0x1p-24);
          if (dtype == DType::bf16) limit = std::max(limit, std::fabs(want) * 0x1p-7);
          if ((got == want && exact) || (std::isnan(want) && std::isnan(got)) ||
              (limit > 0 && std::fabs(got - want) <= limit))
            continue;
          ADD_FAILURE() << nest.operands[i].name << " element " << e << " is " << got << ", not " << want
                        << " at x86-64-v" << level << "\n"
                        << print(nest) << storages[i].format.text();
          if (++shown == 3) return;
        }
      }
      // The same bits however the tasks are cut.
      if (variant == 0) first = std::move(memory);
      else
        for (std::size_t i = 0; i < count; ++i) {
          const auto [a, b] = std::mismatch(first[i]->data(), first[i]->data() + first[i]->bytes(), memory[i]->data());
          ASSERT_EQ(b - memory[i]->data(), static_cast<std::ptrdiff_t>(first[i]->bytes()))
              << nest.operands[i].name << " depends on the cut of " << tasks << " tasks at x86-64-v" << level << " ("
              << variant << ")\n"
              << print(nest) << storages[i].format.text();
        }
    }
  }
}

}  // namespace burnish
