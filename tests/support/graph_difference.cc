#include "tests/support/graph_difference.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "runtime/executor.h"

namespace burnish::test {

double tolerance_of(const Graph& graph) {
  double tolerance = 3e-4;
  // Fused kernels do not round between their operators.
  for (const auto& node : graph.nodes()) {
    for (std::size_t i = 0; i < node->result_count(); ++i) {
      if (node->result(i) == nullptr || !is_float(node->result(i)->type().dtype)) continue;
      const DType dtype = node->result(i)->type().dtype;
      if (dtype == DType::f16) tolerance = std::max(tolerance, 0x1p-7);
      else if (byte_size(dtype) < 4) tolerance = 0x1p-4;
    }
  }
  return tolerance;
}

std::string first_difference(std::span<const RuntimeValue> got, std::span<const RuntimeValue> want, double tolerance) {
  if (got.size() != want.size()) return fmt::format("{} results, not {}", got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i].is_tensor() != want[i].is_tensor()) return fmt::format("result {} is of another kind", i);
    if (!got[i].is_tensor()) continue;
    const Tensor &a = got[i].tensor(), &b = want[i].tensor();
    if (a.dtype() != b.dtype() || a.dims() != b.dims())
      return fmt::format("result {} is {}, not {}", i, a.type().text(), b.type().text());
    if (a.dtype() == DType::string || number_class(a.dtype()) == NumberClass::complex) {
      if (a.dtype() == DType::string ? !std::ranges::equal(a.as<std::string>(), b.as<std::string>()) : !a.identical(b))
        return fmt::format("result {} differs", i);
      continue;
    }
    const double limit = tolerance;
    for (int64_t k = 0; k < a.elements(); ++k) {
      const double x = a.real_at(k), y = b.real_at(k);
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      if (is_float(a.dtype()) && std::abs(x - y) <= limit * std::max(1.0, std::abs(y))) continue;
      return fmt::format("result {}, element {} is {}, not {}", i, k, x, y);
    }
  }
  return {};
}

namespace {

RandomGraph copy(const RandomGraph& from) { return {from.graph->clone(), from.inputs}; }

void tidy(RandomGraph& g) {
  g.graph->remove_dead_nodes();
  for (std::size_t i = g.graph->inputs().size(); i-- > 0;) {
    if (!g.graph->input(i)->unused()) continue;
    g.graph->remove_input(i);
    g.inputs.erase(g.inputs.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// All values of the graph, by name.
std::map<std::string, RuntimeValue> all_values(const RandomGraph& g) {
  auto probe = copy(g);
  probe.graph->clear_outputs();
  std::vector<std::string> names;
  for (const auto& node : probe.graph->nodes())
    for (std::size_t i = 0; i < node->result_count(); ++i)
      if (Value* value = node->result(i)) {
        probe.graph->add_output(value, value->name());
        names.push_back(value->name());
      }
  std::map<std::string, RuntimeValue> values;
  const auto results = interpret(*probe.graph, probe.inputs);
  if (results)
    for (std::size_t i = 0; i < names.size(); ++i) values[names[i]] = (*results)[i];
  return values;
}

}  // namespace

RandomGraph minimise(const RandomGraph& failing, const std::function<bool(const RandomGraph&)>& fails) {
  RandomGraph best = copy(failing);
  for (std::size_t i = 0; i < best.graph->outputs().size() && best.graph->outputs().size() > 1;) {
    RandomGraph smaller = copy(best);
    const auto outputs = smaller.graph->outputs();
    smaller.graph->clear_outputs();
    for (std::size_t k = 0; k < outputs.size(); ++k)
      if (k != i) smaller.graph->add_output(outputs[k].value, outputs[k].name);
    tidy(smaller);
    if (fails(smaller)) best = std::move(smaller);
    else ++i;
  }
  const auto values = all_values(best);
  for (bool again = true; again;) {
    again = false;
    std::vector<std::string> names;
    for (const auto& node : best.graph->nodes())
      if (node->op() != "constant")
        for (std::size_t i = 0; i < node->result_count(); ++i)
          if (node->result(i) != nullptr && !node->result(i)->users().empty()) names.push_back(node->result(i)->name());
    std::ranges::reverse(names);
    for (const std::string& name : names) {
      const auto known = values.find(name);
      if (known == values.end() || !known->second.is_tensor()) continue;
      RandomGraph smaller = copy(best);
      for (const auto& node : smaller.graph->nodes())
        for (std::size_t i = 0; i < node->result_count(); ++i)
          if (node->result(i) != nullptr && node->result(i)->name() == name) {
            Value* input = smaller.graph->add_input(name + "_in", known->second.tensor().type());
            smaller.graph->replace_uses(node->result(i), input);
            smaller.inputs.push_back(known->second);
            goto replaced;
          }
    replaced:
      tidy(smaller);
      if (smaller.graph->node_count() < best.graph->node_count() && fails(smaller)) {
        best = std::move(smaller);
        again = true;
        break;
      }
    }
  }
  return best;
}

}  // namespace burnish::test
