#include "tests/passes/graphs.h"

#include <cmath>

#include <fmt/format.h>

namespace burnish::test {

Tensor random_tensor(DType dtype, std::vector<int64_t> dims, std::mt19937& random) {
  auto made = Tensor::allocate(dtype, std::move(dims));
  EXPECT_TRUE(made.has_value());
  Tensor tensor = *std::move(made);
  visit_number_class(dtype, [&](auto n) {
    using N = decltype(n);
    Accessor<N> accessor(dtype);
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      int number = static_cast<int>(random() % 9) - 4;
      if constexpr (std::is_same_v<N, double>) {
        accessor.store(tensor.mutable_data(), i, std::uniform_real_distribution<double>(-2, 2)(random));
      } else if constexpr (std::is_same_v<N, bool>) {
        accessor.store(tensor.mutable_data(), i, number > 0);
      } else if constexpr (std::is_same_v<N, std::string>) {
        accessor.store(tensor.mutable_data(), i, std::to_string(number));
      } else if constexpr (std::is_same_v<N, uint64_t>) {
        accessor.store(tensor.mutable_data(), i, static_cast<uint64_t>(number + 4));
      } else {
        accessor.store(tensor.mutable_data(), i, N(number));
      }
    }
  });
  return tensor;
}

std::vector<RuntimeValue> random_inputs(const Graph& graph, std::mt19937& random, int64_t size) {
  std::vector<RuntimeValue> inputs;
  for (const auto& input : graph.inputs()) {
    std::vector<int64_t> dims;
    for (const Dim& dim : input->type().dims) {
      auto value = dim.evaluate([&](std::string_view) { return std::optional(size); });
      EXPECT_TRUE(value.has_value());
      dims.push_back(*value);
    }
    inputs.emplace_back(random_tensor(input->type().dtype, dims, random));
  }
  return inputs;
}

std::string compare_results(const Graph& a, const Graph& b, std::mt19937& random, double tolerance, int64_t size) {
  std::vector<RuntimeValue> inputs = random_inputs(a, random, size);
  auto x = interpret(a, inputs), y = interpret(b, inputs);
  if (!x) return "the first graph fails: " + x.error().message();
  if (!y) return "the second graph fails: " + y.error().message();
  if (x->size() != y->size()) return "different numbers of outputs";
  for (std::size_t i = 0; i < x->size(); ++i) {
    const Tensor &s = (*x)[i].tensor(), &t = (*y)[i].tensor();
    if (s.dtype() != t.dtype() || s.dims() != t.dims())
      return fmt::format("output {}: {} and {}", i, s.type().text(), t.type().text());
    for (int64_t e = 0; e < s.elements(); ++e) {
      double u = s.real_at(e), v = t.real_at(e);
      if (u == v || (std::isnan(u) && std::isnan(v))) continue;
      if (!(std::abs(u - v) <= tolerance * std::max({1.0, std::abs(u), std::abs(v)})))
        return fmt::format("output {} element {}: {} and {}", i, e, u, v);
    }
  }
  return {};
}

PassFunction find_pass(std::string_view name) {
  static constexpr std::pair<std::string_view, PassFunction> kPasses[] = {
      {"remove_noops", passes::remove_noops},
      {"fold_constants", passes::fold_constants},
      {"fold_shapes", passes::fold_shapes},
      {"common_subexpressions", passes::common_subexpressions},
      {"fold_batch_norm", passes::fold_batch_norm},
      {"move_transposes", passes::move_transposes},
      {"algebra", passes::algebra},
      {"recognise", passes::recognise},
      {"decompose", passes::decompose},
      {"transposed_convolutions", passes::transposed_convolutions},
      {"late_sizes", passes::late_sizes},
  };
  for (const auto& [known, pass] : kPasses)
    if (known == name) return pass;
  return nullptr;
}

}  // namespace burnish::test
