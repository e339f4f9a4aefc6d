#include "tests/support/random_graph.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>

#include <fmt/format.h>

#include "ops/operator.h"
#include "ops/support/samples.h"
#include "runtime/executor.h"

namespace burnish::test {
namespace {

// A small difference of an operand becomes a large one of the result: their operands are not the results of others.
const std::set<std::string_view> kJumpy = {"floor",
                                           "ceil",
                                           "round_even",
                                           "trunc",
                                           "sign",
                                           "eq",
                                           "ne",
                                           "lt",
                                           "le",
                                           "gt",
                                           "ge",
                                           "is_nan",
                                           "is_inf",
                                           "cast",
                                           "arg_max",
                                           "arg_min",
                                           "top_k",
                                           "mod_floor",
                                           "mod_trunc",
                                           "quantize",
                                           "unique",
                                           "hardmax",
                                           "max_pool_with_indices",
                                           "non_zero",
                                           "bitcast",
                                           "scatter_elements",
                                           "scatter_nd",
                                           "non_max_suppression",
                                           "roi_align",
                                           "grid_sample",
                                           "resize",
                                           "tan",
                                           "dynamic_quantize_linear",
                                           "thresholded_relu",
                                           "shrink",
                                           "det",
                                           "adagrad",
                                           "adam",
                                           "momentum",
                                           "pow",
                                           "batch_norm_training",
                                           "max_unpool",
                                           "tree_ensemble",
                                           "label_encoder",
                                           "binarizer",
                                           "deform_conv",
                                           "affine_grid",
                                           "reciprocal",
                                           "rsqrt",
                                           "div",
                                           "lp_normalize",
                                           "log",
                                           "layer_norm",
                                           "instance_norm",
                                           "group_norm",
                                           "mean_variance_norm",
                                           "rms_norm"};

struct Entry {
  const Operator* op;
  std::string_view text;
};

const std::vector<Entry>& samples() {
  static const std::vector<Entry> list = [] {
    std::vector<Entry> found;
    for (const Operator* op : ops::all()) {
      if (op->random || op->effectful || op->regions > 0) continue;
      for (const Sample& sample : op->samples)
        if (!sample.text.starts_with("graph")) found.push_back({op, sample.text});
    }
    return found;
  }();
  return list;
}

class Maker {
 public:
  Maker(uint64_t seed) : random_(seed) { made_.graph = std::make_unique<Graph>(); }

  RandomGraph run(int nodes) {
    for (int i = 0; i < nodes; ++i) add_sample(samples()[pick(samples().size())]);
    // What nobody reads is a result, and now and then something else.
    Graph& graph = *made_.graph;
    int outputs = 0;
    for (const auto& node : graph.nodes())
      for (std::size_t i = 0; i < node->result_count(); ++i)
        if (Value* value = node->result(i);
            value != nullptr && node->op() != "constant" && (value->unused() || chance(0.1)))
          graph.add_output(value, fmt::format("out{}", outputs++));
    graph.remove_dead_nodes();
    for (std::size_t i = graph.inputs().size(); i-- > 0;) {
      if (!graph.input(i)->unused()) continue;
      graph.remove_input(i);
      made_.inputs.erase(made_.inputs.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return std::move(made_);
  }

 private:
  std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }
  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }

  void add_sample(const Entry& entry) {
    auto parsed = ops::parse_sample(entry.text);
    if (!parsed) return;
    auto data = ops::sample_inputs({entry.text}, random_());
    if (!data) return;
    // Symbols get the sizes that the sample's data has.
    std::map<std::string, Dim, std::less<>> sizes;
    std::size_t next = 0;
    for (const auto& input : parsed->inputs) {
      if (input.constant) continue;
      const Tensor& tensor = (*data)[next++].tensor();
      for (std::size_t d = 0; d < input.type.dims.size(); ++d)
        if (const auto name = input.type.dims[d].symbol_name()) sizes[std::string(*name)] = tensor.dims()[d];
    }
    std::map<std::string, Value*> values;
    next = 0;
    Builder builder(*made_.graph);
    for (const auto& input : parsed->inputs) {
      if (input.constant) {
        values[input.name] = builder.constant(*input.constant);
        continue;
      }
      const Tensor& tensor = (*data)[next++].tensor();
      Value* value = nullptr;
      const bool smooth = !input.limits && !kJumpy.contains(entry.op->name) && is_float(tensor.dtype());
      if (smooth && !pool_.empty() && chance(0.8)) value = adapted(builder, pool_[pick(pool_.size())], tensor);
      if (value == nullptr) {
        value = made_.graph->add_input(fmt::format("in{}", made_.inputs.size()), tensor.type());
        made_.inputs.emplace_back(tensor);
      }
      values[input.name] = value;
    }
    std::vector<Value*> operands;
    for (const std::string& name : parsed->operands) operands.push_back(name == "_" ? nullptr : values[name]);
    for (auto& [name, attribute] : parsed->attributes)
      if (auto* dims = std::get_if<Dims>(&attribute))
        for (Dim& d : *dims) d = d.substitute(sizes);
    Node* node = builder.node(entry.op->name, operands, parsed->attributes, parsed->results, parsed->results.size());
    if (!builder.finish() || node == nullptr) return;
    node->set_source(fmt::format("{}_{}", entry.op->name, count_++));
    for (std::size_t i = 0; i < node->result_count(); ++i) {
      Value* value = node->result(i);
      if (value == nullptr || !value->type().is_ranked_tensor() || !is_float(value->type().dtype)) continue;
      const auto dims = constants(value->type().dims);
      if (dims && product(value->type().dims) != Dim(0)) pool_.push_back(value);
    }
  }

  // Another value in the dtype and dims of `like`, with numbers of the same order.
  Value* adapted(Builder& builder, Value* value, const Tensor& like) {
    const int64_t have = product(value->type().dims).value(), want = like.elements();
    if (want == 0 || have == 0 || have > 100'000) return nullptr;
    const DType dtype = like.dtype();
    if (value->type().dtype != dtype) value = builder.op("cast", {value}, {{"dtype", dtype}});
    if (value != nullptr && constants(value->type().dims) != like.dims()) {
      if (value->type().rank() == 2 && chance(0.5))
        value = builder.op("transpose", {value}, {{"permutation", Ints{1, 0}}});
      value = builder.op("reshape", {value}, {{"shape", Dims{have}}});
      if (have < want) {
        std::vector<Value*> copies(static_cast<std::size_t>((want + have - 1) / have), value);
        value = builder.op("concat", copies, {{"axis", int64_t{0}}});
      }
      const int64_t total = have < want ? (want + have - 1) / have * have : have;
      if (total > want)
        value =
            builder.op("slice", {value}, {{"starts", Dims{total - want}}, {"sizes", Dims{want}}, {"steps", Ints{1}}});
      value = builder.op("reshape", {value}, {{"shape", to_dims(like.dims())}});
    }
    // Inside [-1, 1]; never far from a number that a sample expects.
    if (value != nullptr) value = builder.op("tanh", {value});
    return value;
  }

  std::mt19937_64 random_;
  RandomGraph made_;
  std::vector<Value*> pool_;
  int count_ = 0;
};

}  // namespace

RandomGraph random_graph(uint64_t seed, int nodes) { return Maker(seed).run(nodes); }

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
