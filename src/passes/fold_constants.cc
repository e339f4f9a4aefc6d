// What can be computed now is: nodes whose operands are all constants, integers whose elements inference knows, branches
// whose condition is known.

#include <algorithm>

#include "base/checked.h"
#include "ir/tensor_limit.h"
#include "passes/match.h"
#include "passes/passes.h"
#include "passes/symbols.h"
#include "runtime/executor.h"

namespace burnish::passes {

namespace {

// Constants may grow by this factor plus a little; more is a bomb (a broadcast scalar, a tiled pattern) that is cheaper
// to compute than to store.
constexpr int64_t kGrowth = 4;
constexpr int64_t kFree = 64 << 10;
// All constants together may grow by the same factor and this much: each of a chain of folds may look harmless.
constexpr int64_t kFreeInSum = int64_t{32} << 20;
// References are slow: a fold may take about this many multiplications.
constexpr int64_t kWork = int64_t{1} << 28;

std::optional<int64_t> bytes_of(const Type& type) {
  if (!type.is_static()) return std::nullopt;
  auto dims = constants(type.dims);
  auto elements = checked_product(*dims);
  return elements ? checked_mul(*elements, static_cast<int64_t>(byte_size(type.dtype))) : std::nullopt;
}

bool affordable(const Node& node, int64_t out_bytes) {
  static constexpr std::string_view kContractions[] = {
      "matmul",    "gemm", "convolution", "conv", "convolution_transpose", "conv_transpose", "einsum",
      "attention", "lstm", "gru",         "rnn"};
  if (std::ranges::find(kContractions, node.op()) == std::end(kContractions)) return true;
  // Every element of the result takes at most one multiplication for each element of the second operand, over the number
  // of its columns where that is known.
  const Tensor* b = constant_of(node.operand(1));
  if (b == nullptr) return false;
  int64_t terms = node.op() == "matmul" ? b->dims()[b->dims().size() - 2] : b->elements();
  auto work = checked_mul(out_bytes / static_cast<int64_t>(byte_size(b->dtype())), terms);
  return work && *work <= kWork;
}

// `left`: bytes that may still be made.
Result<bool> fold_node(Node& node, const BoundSymbols& bound, const PassContext& context, int64_t& left) {
  const Operator* definition = node.definition();
  if (definition == nullptr || definition->random || definition->effectful || node.region_count() > 0) return false;
  if (node.op() == "constant" || node.op() == "dims") return false;
  int64_t in_bytes = 0, out_bytes = 0;
  bool strings = false;
  std::vector<RuntimeValue> inputs(node.operand_count());
  std::vector<const RuntimeValue*> pointers(node.operand_count());
  for (std::size_t i = 0; i < node.operand_count(); ++i) {
    if (node.operand(i) != nullptr) {
      const Tensor* tensor = constant_of(node.operand(i));
      if (tensor == nullptr) return false;
      in_bytes += static_cast<int64_t>(tensor->byte_size());
      inputs[i] = *tensor;
    }
    pointers[i] = &inputs[i];
  }
  for (std::size_t r = 0; r < node.result_count(); ++r) {
    const Value* result = node.result(r);
    if (result == nullptr) continue;
    if (!result->type().is_tensor()) return false;
    // Sizes that depend on data (non_zero) are bounded by their operands, which the growth rule accepted once.
    auto bytes = bytes_of(result->type());
    if (!bytes) {
      if (in_bytes > kFree) return false;
      continue;
    }
    out_bytes += *bytes;
    strings |= result->type().dtype == DType::string;
  }
  // What is not larger than what it is made of takes its place: a transposed weight.
  const int64_t budget = std::max(context.fold_bytes, in_bytes);
  if (strings || out_bytes > std::min(budget, left) || out_bytes > kGrowth * in_bytes + kFree) return false;
  if (!affordable(node, out_bytes)) return false;

  // A node that fails here fails the same way at run time, where it is reported if it is reached at all.
  const TensorLimit limit(std::min(budget, left));  // for sizes that depend on data, too
  auto results = interpret(node, pointers, {});
  if (!results) return false;
  for (std::size_t r = 0; r < node.result_count() && r < results->size(); ++r)
    if (node.result(r) != nullptr && !(*results)[r].is_tensor()) return false;
  Builder builder(*node.graph(), &node, node.source());
  SymbolValues sizes;
  for (std::size_t r = 0; r < node.result_count(); ++r) {
    if (node.result(r) == nullptr || node.result(r)->unused()) continue;
    learn_symbols(bound, node.result(r)->type(), (*results)[r].tensor().type(), sizes);
    left -= static_cast<int64_t>((*results)[r].tensor().byte_size());
    Value* value = builder.constant((*results)[r].tensor());
    TRY(builder.finish());
    node.graph()->replace_uses(node.result(r), value);
  }
  // Sizes that depended on data, and are numbers now.
  if (!sizes.empty()) replace_symbols(node.graph()->root(), sizes);
  return true;
}

// An integer tensor that inference knows element by element becomes `constant` or, with symbols, `dims`.
Result<bool> fold_contents(Node& node, const BoundSymbols& bound) {
  if (node.op() == "constant" || node.op() == "dims" || node.result_count() != 1) return false;
  if (node.definition() != nullptr && (node.definition()->effectful || node.definition()->random)) return false;
  Value* result = node.result();
  if (result == nullptr || !result->contents() || !result->type().is_static()) return false;
  const Dims& contents = *result->contents();
  DType dtype = result->type().dtype;
  Builder builder(*node.graph(), &node, node.source());
  Value* value = nullptr;
  if (auto numbers = constants(contents)) {
    Tensor tensor = TRY(Tensor::allocate(dtype, *constants(result->type().dims)));
    if (tensor.elements() != static_cast<int64_t>(numbers->size())) return false;
    visit_number_class(dtype, [&](auto n) {
      using N = decltype(n);
      if constexpr (!std::is_same_v<N, std::string> && !std::is_same_v<N, std::complex<double>>) {
        Accessor<N> accessor(dtype);
        for (std::size_t i = 0; i < numbers->size(); ++i)
          accessor.store(tensor.mutable_data(), static_cast<int64_t>(i), static_cast<N>((*numbers)[i]));
      }
    });
    value = builder.constant(std::move(tensor));
  } else {
    if (dtype != DType::i64 || result->type().rank() > 1 || !bound.allow(contents)) return false;
    int64_t scalar = result->type().rank() == 0 ? 1 : 0;
    value = builder.op("dims", {}, {{"values", contents}, {"scalar", scalar}});
  }
  TRY(builder.finish());
  return replace(&node, value);
}

// `if` with a known condition: the branch's nodes move in front of it.
Result<bool> fold_if(Node& node, const BoundSymbols& bound) {
  if (node.op() != "if" || node.region_count() != 2) return false;
  auto condition = splat(node.operand(0));
  if (!condition) return false;
  Graph& branch = node.region(*condition != 0 ? 0 : 1);
  if (branch.outputs().size() != node.result_count()) return false;
  // Nodes with regions of their own stay: moving them is rebuilding them.
  for (const auto& inner : branch.nodes())
    if (inner->region_count() > 0) return false;
  std::unordered_map<const Value*, Value*> moved;
  auto outside = [&](Value* v) { return v == nullptr || !moved.contains(v) ? v : moved.at(v); };
  Graph& graph = *node.graph();
  for (const auto& inner : branch.nodes()) {
    std::vector<Value*> operands;
    for (Value* v : inner->operands()) operands.push_back(outside(v));
    std::vector<ResultSpec> results;
    for (std::size_t r = 0; r < inner->result_count(); ++r) {
      const Value* result = inner->result(r);
      results.push_back(result == nullptr ? ResultSpec{.type = {}, .name = {}, .omitted = true}
                                          : ResultSpec{.type = result->type(), .name = {}});
    }
    Node* copy = graph.add_node(inner->op(), operands, inner->attributes(), std::move(results), &node);
    copy->set_definition(inner->definition());
    copy->set_source(inner->source());
    for (std::size_t r = 0; r < inner->result_count(); ++r) {
      if (inner->result(r) == nullptr) continue;
      copy->result(r)->set_contents(inner->result(r)->contents());
      moved.emplace(inner->result(r), copy->result(r));
    }
  }
  SymbolValues sizes;
  for (std::size_t r = 0; r < node.result_count(); ++r) {
    if (node.result(r) == nullptr) continue;
    Value* value = outside(branch.outputs()[r].value);
    learn_symbols(bound, node.result(r)->type(), value->type(), sizes);
    graph.replace_uses(node.result(r), value);
  }
  if (!sizes.empty()) replace_symbols(graph.root(), sizes);
  return true;
}

// A transposed constant of gemm is turned here: after `simplify` its weights are those that the engine packs, and a plan
// that keeps the graph holds them once.
Result<bool> turn_weights(Node& node) {
  if (node.op() != "gemm") return false;
  bool changed = false;
  for (const auto& [operand, flag] : {std::pair<std::size_t, const char*>{0, "trans_a"}, {1, "trans_b"}}) {
    const Attribute* given = node.attribute(flag);
    if (given == nullptr || std::get<int64_t>(*given) == 0 || constant_of(node.operand(operand)) == nullptr) continue;
    Builder builder(*node.graph(), &node, node.source());
    Value* turned = builder.op("transpose", {node.operand(operand)}, {{"permutation", Ints{1, 0}}});
    TRY(builder.finish());
    node.set_operand(operand, turned);
    node.set_attribute(flag, int64_t{0});
    changed = true;
  }
  return changed;
}

}  // namespace

int64_t constant_bytes(const Graph& graph) {
  int64_t bytes = 0;
  walk(graph, [&](Node& node) {
    for (const auto& [name, attribute] : node.attributes())
      if (const Tensor* tensor = std::get_if<Tensor>(&attribute)) bytes += static_cast<int64_t>(tensor->byte_size());
  });
  return bytes;
}

Result<bool> fold_constants(Graph& graph, const PassContext& context) {
  BoundSymbols bound(graph);
  bool changed = false;
  int64_t left = INT64_MAX;
  if (const auto most = checked_mul(context.constant_bytes, kGrowth); context.constant_bytes >= 0 && most)
    left = std::max<int64_t>(checked_add(*most, kFreeInSum).value_or(INT64_MAX) - constant_bytes(graph), 0);
  for (Node* node : all_nodes(graph)) {
    bool used = false;
    for (std::size_t r = 0; r < node->result_count(); ++r)
      used |= node->result(r) != nullptr && !node->result(r)->unused();
    if (!used) continue;
    changed |= TRY(turn_weights(*node));
    if (TRY(fold_contents(*node, bound)) || TRY(fold_node(*node, bound, context, left)) || TRY(fold_if(*node, bound)))
      changed = true;
  }
  return changed;
}

}  // namespace burnish::passes
