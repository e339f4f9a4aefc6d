#include "tests/support/random_graph.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>

#include <fmt/format.h>

#include "ops/operator.h"
#include "ops/support/samples.h"

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
                                           "arg_sort",
                                           "top_k",
                                           "mod_floor",
                                           "mod_trunc",
                                           "quantize",
                                           "unique",
                                           "hardmax",
                                           "max_pool",
                                           "max_pool_with_indices",
                                           "atan2",
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
  explicit Maker(uint64_t seed) : random_(seed), dynamic_(chance(0.4)) { made_.graph = std::make_unique<Graph>(); }

  RandomGraph run() {
    const double part = static_cast<double>(pick(1000)) / 1000;
    const int nodes = 1 + static_cast<int>(30 * part * part);
    for (int i = 0; i < nodes; ++i) {
      if (!pool_.empty() && chance(0.1)) add_control_flow();
      else add_sample(samples()[pick(samples().size())]);
    }
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
  using Bindings = std::map<std::string, Dim, std::less<>>;

  std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }
  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }
  std::vector<int64_t> sizes(const Value* value) { return burnish::evaluate(value->type().dims, sizes_).value(); }

  void add_sample(const Entry& entry) {
    auto parsed = ops::parse_sample(entry.text);
    if (!parsed) return;
    auto data = ops::sample_inputs({entry.text}, random_());
    if (!data) return;
    SymbolTable own;  // the sizes that the sample's data has
    std::size_t next = 0;
    for (const auto& input : parsed->inputs) {
      if (input.constant) continue;
      const Tensor& tensor = (*data)[next++].tensor();
      for (std::size_t d = 0; d < input.type.dims.size(); ++d)
        if (const auto name = input.type.dims[d].symbol_name()) own[std::string(*name)] = tensor.dims()[d];
    }
    // An lstm that rounds its operands to integers is one of them, too.
    const bool jumpy = kJumpy.contains(entry.op->name) || entry.text.find("rounded = 1") != entry.text.npos;
    std::map<std::string, Value*> values;
    Bindings bound;
    Builder builder(*made_.graph);
    next = 0;
    for (const auto& input : parsed->inputs) {
      if (input.constant) {
        values[input.name] = builder.constant(*input.constant);
        continue;
      }
      const Tensor& tensor = (*data)[next++].tensor();
      const bool smooth = !input.limits && !jumpy && is_float(tensor.dtype());
      Value* value = smooth && !pool_.empty() && chance(0.8) ? earlier(builder, input.type, tensor, bound) : nullptr;
      values[input.name] = value != nullptr ? value : fresh(input.type, tensor, own, bound);
    }
    std::vector<Value*> operands;
    for (const std::string& name : parsed->operands) operands.push_back(name == "_" ? nullptr : values[name]);
    for (const auto& [name, size] : own) bound.emplace(name, size);
    for (auto& [name, attribute] : parsed->attributes)
      if (auto* dims = std::get_if<Dims>(&attribute))
        for (Dim& d : *dims) d = d.substitute(bound);
    Node* node = builder.node(entry.op->name, operands, parsed->attributes, parsed->results, parsed->results.size());
    if (!builder.finish() || node == nullptr) return;
    node->set_source(fmt::format("{}_{}", entry.op->name, count_++));
    for (std::size_t i = 0; i < node->result_count(); ++i) offer(node->result(i));
  }

  // A value that later nodes may read.
  void offer(Value* value) {
    if (value == nullptr || !value->type().is_ranked_tensor() || !is_float(value->type().dtype)) return;
    const auto known = burnish::evaluate(value->type().dims, sizes_);
    if (known && std::ranges::all_of(*known, [](int64_t d) { return d > 0; })) pool_.push_back(value);
  }

  // Symbols without a size so far become symbols of the graph, or numbers.
  Value* fresh(const Type& type, const Tensor& tensor, const SymbolTable& own, Bindings& bound) {
    Dims dims;
    for (const Dim& dim : type.dims) {
      for (const std::string& name : dim.symbols()) {
        if (bound.contains(name) || !own.contains(name)) continue;
        const int64_t size = own.find(name)->second;
        const bool open = dynamic_ && dim.symbol_name().has_value();
        const std::string symbol = fmt::format("N{}", sizes_.size());
        bound.emplace(name, open ? Dim::symbol(symbol, {0, 1 << 20}) : Dim(size));
        if (open) sizes_.emplace(symbol, size);
      }
      dims.push_back(dim.substitute(bound));
    }
    Value* value = made_.graph->add_input(fmt::format("in{}", made_.inputs.size()), Type::tensor(type.dtype, dims));
    made_.inputs.emplace_back(tensor);
    return value;
  }

  // A result of an earlier node where the sample wants an operand; null when its sizes speak against it.
  Value* earlier(Builder& builder, const Type& type, const Tensor& like, Bindings& bound) {
    for (int i = 0; i < 6; ++i) {
      Value* value = pool_[pick(pool_.size())];
      if (value->type().dtype != like.dtype() || sizes(value) != like.dims()) continue;
      if (auto then = unify(type.dims, value->type().dims, bound)) {
        bound = *std::move(then);
        return builder.op("tanh", {value});
      }
    }
    auto then = unify(type.dims, to_dims(like.dims()), bound);
    Value* value = then ? adapted(builder, pool_[pick(pool_.size())], like) : nullptr;
    if (value != nullptr) bound = *std::move(then);
    return value;
  }

  static std::optional<Bindings> unify(std::span<const Dim> wanted, std::span<const Dim> given, Bindings bound) {
    for (std::size_t d = 0; d < wanted.size(); ++d) {
      if (const auto name = wanted[d].symbol_name()) bound.emplace(std::string(*name), given[d]);
      if (wanted[d].substitute(bound) != given[d]) return std::nullopt;
    }
    return bound;
  }

  // Another value in the dtype and dims of `like`, with numbers of the same order.
  Value* adapted(Builder& builder, Value* value, const Tensor& like) {
    int64_t have = 1;
    for (const int64_t d : sizes(value)) have *= d;
    const int64_t want = like.elements();
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

  // A branch, or a loop that carries a value and collects it, around an earlier result.
  void add_control_flow() {
    Value* value = pool_[pick(pool_.size())];
    Value* other = pool_[pick(pool_.size())];
    if (!(other->type() == value->type())) other = value;
    Builder builder(*made_.graph);
    Node* node = chance(0.5) ? branch(builder, value, other) : loop(builder, value, other);
    if (!builder.finish() || node == nullptr) return;
    node->set_source(fmt::format("{}_{}", node->op(), count_++));
    for (std::size_t i = 0; i < node->result_count(); ++i) offer(node->result(i));
  }

  Node* branch(Builder& builder, Value* value, Value* other) {
    Value* condition =
        made_.graph->add_input(fmt::format("in{}", made_.inputs.size()), Type::tensor(DType::boolean, {}));
    Tensor choice = Tensor::allocate(DType::boolean, {}).value();
    *reinterpret_cast<bool*>(choice.mutable_data()) = chance(0.5);
    made_.inputs.emplace_back(std::move(choice));
    Node* node = builder.begin("if", std::vector<Value*>{condition}, {}, {}, 1);
    if (node == nullptr) return nullptr;
    for (const char* name : {"then", "else"}) {
      Graph& region = node->add_region(name);
      Builder inside(region);
      Value* y = inside.op("tanh", {*name == 't' ? value : other});
      if (chance(0.5)) y = inside.op("mul", {y, inside.op("neg", {value})});
      if (!inside.finish()) return nullptr;
      region.add_output(y, "y");
    }
    return builder.complete(node);
  }

  Node* loop(Builder& builder, Value* value, Value* other) {
    Value* trips = builder.constant(Tensor::scalar(DType::i64, static_cast<double>(pick(4))));
    Node* node = builder.begin("loop", std::vector<Value*>{trips, nullptr, value}, {}, {}, 2);
    if (node == nullptr) return nullptr;
    Graph& region = node->add_region("body");
    region.add_input("", Type::tensor(DType::i64, {}));
    Value* condition = region.add_input("", Type::tensor(DType::boolean, {}));
    Value* carried = region.add_input("", value->type());
    Builder inside(region);
    Value* next = inside.op("tanh", {inside.op("add", {carried, other})});
    Value* collected = inside.op("sigmoid", {carried});
    if (!inside.finish()) return nullptr;
    region.add_output(condition, "condition");
    region.add_output(next, "next");
    region.add_output(collected, "collected");
    return builder.complete(node);
  }

  std::mt19937_64 random_;
  bool dynamic_;  // inputs keep their symbols
  RandomGraph made_;
  std::vector<Value*> pool_;
  SymbolTable sizes_;  // of the graph's symbols, in the data that was made
  int count_ = 0;
};

}  // namespace

RandomGraph random_graph(uint64_t seed) { return Maker(seed).run(); }

}  // namespace burnish::test
