#include "tests/support/sample_case.h"

#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include "runtime/executor.h"
#include "runtime/symbols.h"

namespace burnish::test {
namespace {

Tensor filled(const Tensor& like, std::span<const int64_t> numbers) {
  Tensor tensor = *Tensor::allocate(like.dtype(), like.dims());
  for (std::size_t i = 0; i < numbers.size(); ++i)
    Accessor<int64_t>(tensor.dtype()).store(tensor.mutable_data(), static_cast<int64_t>(i), numbers[i]);
  return tensor;
}

}  // namespace

std::optional<SampleCase> sample_case(const Operator& definition, std::string_view text, uint64_t seed,
                                      std::span<const int64_t> bad) {
  SampleCase c;
  auto graph = ops::sample_graph({text});
  if (!graph || !ops::verify(**graph)) return std::nullopt;
  c.graph = std::move(*graph);
  for (const auto& node : c.graph->nodes())
    if (node->op() == definition.name) c.node = node.get();
  auto inputs = ops::sample_inputs({text}, seed);
  if (!c.node || !inputs) return std::nullopt;
  for (std::size_t i = 0; i < inputs->size() && !bad.empty(); ++i)
    if (c.graph->input(i)->name() == "i") (*inputs)[i] = RuntimeValue(filled((*inputs)[i].tensor(), bad));
  c.graph->clear_outputs();
  std::size_t operands = 0;
  for (Value* value : c.node->operands())
    if (value != nullptr) c.graph->add_output(value, fmt::format("operand{}", operands++));
  for (std::size_t i = 0; i < c.node->result_count(); ++i)
    if (c.node->result(i) != nullptr) c.graph->add_output(c.node->result(i), fmt::format("result{}", i));
  auto values = interpret(*c.graph, *inputs);
  if (!bad.empty()) {
    if (values || values.error().code != ErrorCode::refused) return std::nullopt;
    // The operands of such samples are inputs.
    for (std::size_t i = 0; i < operands; ++i) {
      const Value* value = c.graph->outputs()[i].value;
      for (std::size_t k = 0; k < inputs->size(); ++k)
        if (c.graph->input(k) == value) c.operands.push_back((*inputs)[k].tensor());
      bind_dims(value->type().dims, c.operands.at(i).dims(), c.symbols);
    }
    for (std::size_t i = operands; i < c.graph->outputs().size(); ++i) {
      const Type& type = c.graph->outputs()[i].value->type();
      c.results.push_back(*Tensor::allocate(type.dtype, *evaluate(type.dims, c.symbols)));
    }
    return c;
  }
  if (!values) return std::nullopt;
  for (std::size_t i = 0; i < values->size(); ++i) {
    if (!(*values)[i].is_tensor()) return std::nullopt;
    const Tensor& tensor = (*values)[i].tensor();
    bind_dims(c.graph->outputs()[i].value->type().dims, tensor.dims(), c.symbols);
    (i < operands ? c.operands : c.results).push_back(tensor);
  }
  return c;
}

std::string difference(const Tensor& got, const Tensor& want, const Tolerance& tolerance) {
  const DType dtype = want.dtype();
  const double epsilon = dtype == DType::f16 ? 0x1p-10 : dtype == DType::bf16 ? 0x1p-7 : 0;
  for (int64_t i = 0; i < want.elements(); ++i) {
    if (!is_float(dtype)) {
      if (got.int_at(i) != want.int_at(i))
        return fmt::format("element {} is {}, not {}", i, got.int_at(i), want.int_at(i));
      continue;
    }
    const double a = got.real_at(i), b = want.real_at(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double limit = tolerance.absolute + (tolerance.relative + epsilon) * std::fabs(b);
    if (!(std::fabs(a - b) <= limit)) return fmt::format("element {} is {}, not {}", i, a, b);
  }
  return {};
}

std::string with_dtype(std::string_view text, DType from, DType to) {
  std::string result;
  const std::string_view word = name(from);
  auto is_word = [](char ch) { return std::isalnum(static_cast<unsigned char>(ch)) || ch == '_'; };
  for (std::size_t i = 0; i < text.size();) {
    const bool starts = text.substr(i, word.size()) == word && (i == 0 || !is_word(text[i - 1])) &&
                        (i + word.size() == text.size() || !is_word(text[i + word.size()]));
    if (starts) result += name(to), i += word.size();
    else result += text[i++];
  }
  return result;
}

}  // namespace burnish::test
