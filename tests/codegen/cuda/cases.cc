#include "tests/codegen/cuda/cases.h"

#include <algorithm>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "tests/support/evaluate_nest.h"
#include "tests/support/nest_case.h"
#include "tests/support/sample_case.h"
#include "tests/support/stored_operand.h"

namespace burnish::test {
namespace {

// The case of a sample whose kernel there is, with its operands placed; nothing, and why, where there is none.
std::optional<CudaCase> make(const Operator& definition, const std::string& text, SampleCase sample, bool scattered,
                             std::string& why) {
  LowerContext context(*sample.node);
  auto kernel = definition.lower(context);
  if (!kernel) {
    why = kernel.error().what;
    return std::nullopt;
  }
  why = cuda_why_not(*kernel);
  if (!why.empty()) return std::nullopt;
  CudaCase c{text + (scattered ? " (scattered)" : ""), std::move(*kernel), {}, sample.symbols, {}, {}, {}, {}};
  std::mt19937 random(static_cast<unsigned>(text.size()));
  auto operands = std::make_shared<std::vector<StoredOperand>>();
  for (std::size_t i = 0; i < c.kernel.operand_count(); ++i) {
    const bool output = i >= sample.operands.size();
    const Tensor& tensor = output ? sample.results[i - sample.operands.size()] : sample.operands[i];
    const Type& type = c.kernel.operand_type(i);
    Storage storage = scattered ? scattered_storage(tensor.dtype(), tensor.dims(), random)
                                : dense_storage(Format::plain(tensor.dtype(), type.rank()), type.dims);
    if (scattered && random() % 2 == 0) storage.offset = static_cast<int64_t>(random() % 5);
    c.storages.push_back(storage);
    StoredOperand stored(tensor.dtype(), tensor.dims(), storage, c.symbols, false);
    if (!output) stored.write(tensor);
    c.memory.emplace_back(stored.data(), stored.data() + stored.bytes());
    operands->push_back(std::move(stored));
  }
  c.wrong = [operands, results = sample.results, inputs = sample.operands.size(),
             tolerance = definition.tolerance](const std::vector<std::vector<std::byte>>& memory) -> std::string {
    for (std::size_t i = 0; i < results.size(); ++i) {
      StoredOperand& stored = (*operands)[inputs + i];
      if (stored.bytes() > 0) std::memcpy(stored.data(), memory[inputs + i].data(), stored.bytes());
      const std::string wrong = difference(stored.read(), results[i], tolerance);
      if (!wrong.empty()) return fmt::format("result {}: {}", i, wrong);
    }
    return {};
  };
  return c;
}

}  // namespace

std::vector<CudaCase> sample_cases(const SampleOptions& options, std::vector<std::string>& refused) {
  std::vector<CudaCase> cases;
  for (const Operator* definition : ops::all()) {
    if (definition->lower == nullptr) continue;
    for (const Sample& sample : definition->samples) {
      auto base = sample_case(*definition, sample.text, 7);
      if (!base) continue;
      std::vector<std::string> texts = {std::string(sample.text)};
      if (options.dtypes && !base->operands.empty())
        for (DType dtype : kKernelDTypes)
          if (dtype != base->operands[0].dtype())
            texts.push_back(with_dtype(sample.text, base->operands[0].dtype(), dtype));
      for (const std::string& text : texts)
        for (const bool scattered : {false, true}) {
          if (scattered && !options.scattered) continue;
          auto made = sample_case(*definition, text, 7);
          if (!made) continue;
          std::string why;
          auto c = make(*definition, text, std::move(*made), scattered, why);
          if (c) cases.push_back(std::move(*c));
          else if (!scattered) refused.push_back(fmt::format("{}: {}", definition->name, why));
        }
    }
  }
  return cases;
}

std::vector<CudaCase> failing_cases() {
  struct Bad {
    std::string_view text;
    std::vector<int64_t> indices;
    KernelFailure failure;
  };
  const Bad rows[] = {
      {"x: f32[5,40], i: i64[3]; y = gather(x, i)", {4, 5, 0}, {1, 5, -5, 4, 1}},
      {"x: f32[5,3], i: i32[2]; y = gather(x, i)", {-6, 0}, {1, -6, -5, 4, 1}},
      {"x: i64[3], i: i64[]; y = gather(x, i)", {3}, {1, 3, -3, 2, 1}},
      {"x: f32[2,4], i: i64[1]; y = gather(x, i) {axis = 1}", {9223372036854775807}, {1, INT64_MAX, -4, 3, 1}},
      {"x: f32[2,4], i: i64[1]; y = gather(x, i) {axis = 1}", {-9223372036854775807}, {1, -INT64_MAX, -4, 3, 1}},
      {"x: f32[N,4], i: i64[2]; y = gather(x, i) {axis = 0}", {-1, 9}, {1, 9, -3, 2, 1}},
      {"x: f32[3,4], i: i64[2,4]; y = gather_elements(x, i)", {0, 1, 2, -3, 0, 0, 0, -4}, {1, -4, -3, 2, 1}},
      {"x: f32[3,4,2], i: i64[2,2]; y = gather_nd(x, i)", {0, 3, 1, 4}, {1, 4, -4, 3, 1}},
      {"x: f32[4,3,2], i: i64[3]; y = reverse_sequence(x, i)", {4, 5, 2}, {1, 5, 0, 4, 1}},
  };
  std::vector<CudaCase> cases;
  for (const auto& [text, indices, failure] : rows) {
    const std::string_view call = text.substr(text.find("; y = ") + 6);
    const Operator* definition = ops::find(call.substr(0, call.find('(')));
    CHECK(definition != nullptr, std::string(text));
    auto sample = sample_case(*definition, text, 7, indices);
    CHECK(sample.has_value(), std::string(text));
    std::string why;
    auto c = make(*definition, std::string(text), std::move(*sample), false, why);
    CHECK(c.has_value(), why);
    c->failure = failure;
    cases.push_back(std::move(*c));
  }
  return cases;
}

CudaCase random_case(unsigned seed, bool large) {
  NestCase test = random_nest(seed, large);
  const Nest& nest = test.kernel.nest;
  CudaCase c{fmt::format("random {}", seed), test.kernel, test.storages, test.symbols, {}, {}, {}, {}};
  std::mt19937_64 random(seed);
  std::vector<void*> pointers;
  auto expected = std::make_shared<std::vector<std::vector<std::byte>>>();
  for (std::size_t i = 0; i < nest.operands.size(); ++i) {
    const Type& type = nest.operands[i].type;
    const int64_t elements = span_of(test.storages[i], type, test.symbols);
    std::vector<std::byte> bytes(static_cast<std::size_t>(elements) * byte_size(type.dtype), std::byte{0x5a});
    if (!nest.operands[i].output) randomise(bytes.data(), elements, type.dtype, random, test.low, test.high, {});
    c.memory.push_back(std::move(bytes));
  }
  *expected = c.memory;
  for (auto& bytes : *expected) pointers.push_back(bytes.data());
  const Status done = evaluate(nest, test.storages, pointers, test.symbols);
  CHECK(done.has_value(), done.error().message());
  // In place where that is allowed.
  c.shares.assign(nest.operands.size(), -1);
  for (std::size_t o = 0; o < nest.operands.size(); ++o)
    for (std::size_t i = 0; i < o && c.shares[o] < 0 && seed % 2 == 1; ++i) {
      const bool taken = std::find(c.shares.begin(), c.shares.end(), static_cast<int>(i)) != c.shares.end();
      if (!taken && test.storages[i] == test.storages[o] && may_share(nest, static_cast<int>(i), static_cast<int>(o)))
        c.shares[o] = static_cast<int>(i);
    }
  c.wrong = [test, expected, shares = c.shares](const std::vector<std::vector<std::byte>>& memory) -> std::string {
    for (std::size_t i = 0; i < memory.size(); ++i) {
      if (std::find(shares.begin(), shares.end(), static_cast<int>(i)) != shares.end()) continue;  // overwritten
      const auto& operand = test.kernel.nest.operands[i];
      const auto elements = static_cast<int64_t>(memory[i].size() / byte_size(operand.type.dtype));
      for (int64_t e = 0; e < elements; ++e) {
        const std::string wrong =
            element_difference(test, operand.type.dtype, (*expected)[i].data(), memory[i].data(), e);
        if (!wrong.empty()) return fmt::format("{} element {} is {}", operand.name, e, wrong);
      }
    }
    return {};
  };
  return c;
}

}  // namespace burnish::test
