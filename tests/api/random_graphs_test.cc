// Graphs made at random through the C table, then built and run: whatever comes of it is a result that the references
// share, or an error that says what is wrong.

#include <cmath>
#include <random>

#include "tests/api/networks.h"

namespace api_test {
namespace {

using burnish::Attributes;
using burnish::Context;
using burnish::Engine;
using burnish::ErrorCode;
using burnish::Graph;
using burnish::Ints;
using burnish::Value;

class RandomGraph {
 public:
  explicit RandomGraph(uint32_t seed) : random_(seed) {
    const int inputs = 1 + number(2);
    for (int i = 0; i < inputs; ++i) {
      std::string type = "f32[";
      const int rank = pick({0, 1, 2, 2, 3, 4, 4});
      for (int d = 0; d < rank; ++d)
        type +=
            (d > 0 ? "," : "") + (number(6) == 0 ? std::string("N") : std::to_string(pick({1, 1, 2, 3, 4, 7, 8, 0})));
      type += "]";
      values_.push_back(graph_.input("x" + std::to_string(i), type));
    }
    const int nodes = 1 + number(8);
    for (int i = 0; i < nodes; ++i) add_node();
    const std::size_t outputs = std::min<std::size_t>(values_.size(), 2);
    for (std::size_t i = 0; i < outputs; ++i) graph_.output("y" + std::to_string(i), values_[values_.size() - 1 - i]);
  }
  Graph& graph() { return graph_; }

 private:
  int number(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  template <class T>
  T pick(std::initializer_list<T> list) {
    return list.begin()[number(static_cast<int>(list.size()))];
  }
  Value any() { return values_[static_cast<std::size_t>(number(static_cast<int>(values_.size())))]; }
  Ints axes(int64_t rank) {
    Ints result;
    for (int64_t a = 0; a < rank; ++a)
      if (number(2) == 0) result.push_back(a);
    return result;
  }
  Value constant(const Value& like) {
    std::vector<int64_t> shape;
    for (const burnish::Dim& d : like.dims()) shape.push_back(number(3) == 0 ? 1 : d.number().value_or(1));
    return graph_.constant(filled(std::move(shape), 0.1F));
  }
  static int64_t size(const Value& v, int64_t axis) { return v.dim(axis).number().value_or(1); }

  // A node that may or may not be right: a wrong one is refused and leaves the graph as it was.
  void add_node() {
    const Value a = any(), b = number(3) == 0 ? constant(a) : any();
    const int64_t rank = a.rank();
    const int64_t axis = rank == 0 ? 0 : number(static_cast<int>(rank));
    switch (number(22)) {
      case 0:
        return add(pick({"relu", "tanh", "neg", "sigmoid", "exp", "abs", "gelu", "silu", "softplus", "erf"}), {a});
      case 1:
      case 2:
      case 3: return add(pick({"add", "sub", "mul", "div", "min", "max"}), {a, b});
      case 4: return add("matmul", {a, b});
      case 5: {
        if (rank < 2) return;
        return add("matmul", {a, graph_.constant(filled({size(a, -1), number(20) + 1}, 0.1F))});
      }
      case 6: return add(pick({"softmax", "log_softmax"}), {a}, {{"axis", axis - (number(2) == 0 ? rank : 0)}});
      case 7: return add("concat", {a, b}, {{"axis", axis}});
      case 8: {
        Ints order(static_cast<std::size_t>(rank));
        std::iota(order.begin(), order.end(), 0);
        std::shuffle(order.begin(), order.end(), random_);
        return add("transpose", {a}, {{"permutation", order}});
      }
      case 9:
        return add("reduce", {a}, {{"kind", pick({"sum", "max", "min"})}, {"axes", axes(rank)}, {"keep", number(2)}});
      case 10: return add("reduce_mean", {a}, {{"axes", axes(rank)}, {"keep", number(2)}});
      case 11: {
        const int64_t c = rank < 3 ? 1 : size(a, 1), o = pick({1, 3, 8, 17}), k = pick({1, 2, 3});
        const Value w = graph_.constant(filled({o, c, k, k}, 0.1F));
        return add("conv", {a, w}, {{"pads", Ints(4, number(2))}, {"strides", Ints(2, 1 + number(2))}});
      }
      case 12:
        return add(pick({"max_pool", "average_pool"}), {a},
                   {{"kernel", Ints(2, 1 + number(3))}, {"pads", Ints(4, number(2))}, {"ceil", number(2)}});
      case 13: {
        burnish::Dims before, after;
        for (int64_t d = 0; d < rank; ++d) before.emplace_back(number(2)), after.emplace_back(number(3));
        return add("pad", {a}, {{"before", before}, {"after", after}, {"mode", pick({"constant", "edge", "reflect"})}});
      }
      case 14: {
        burnish::Dims starts, sizes;
        for (int64_t d = 0; d < rank; ++d) starts.emplace_back(number(2)), sizes.emplace_back(number(4));
        return add("slice", {a}, {{"starts", starts}, {"sizes", sizes}, {"steps", Ints(starts.size(), 1 + number(2))}});
      }
      case 15: return add("reshape", {a}, {{"shape", burnish::Dims{a.rank() == 0 ? burnish::Dim(1) : product(a)}}});
      case 16: return add("flatten", {a}, {{"axis", axis}});
      case 17: return add("unsqueeze", {a}, {{"axes", Ints{axis}}});
      case 18: return add("broadcast", {a}, {{"shape", burnish::Dims{2, 3}}});
      case 19: {
        const auto indices = Tensor::from<int64_t>({0, -1, 0}, {3});
        return add("gather", {a, graph_.constant(indices)}, {{"axis", axis}});
      }
      case 20: return add("layer_norm", {a, graph_.constant(filled({rank == 0 ? 1 : size(a, -1)}, 0.5F))});
      default: return add("cumulative", {a}, {{"axis", axis}});
    }
  }
  static burnish::Dim product(const Value& v) {
    burnish::Dim result = 1;
    for (const burnish::Dim& d : v.dims()) result = result * d;
    return result;
  }
  // In a copy first: errors stick to a graph.
  void add(const std::string& op, const std::vector<Value>& operands, const Attributes& attributes = {}) {
    Graph trial = value(graph_.clone());
    std::vector<Value> copies;
    for (const Value& operand : operands) copies.push_back(trial.find(operand.name()));
    trial.op(op, copies, attributes);
    if (const auto status = trial.status(); !status) {
      EXPECT_TRUE(status.error().code == ErrorCode::usage || status.error().code == ErrorCode::refused)
          << status.error().message();
      return;
    }
    values_.push_back(graph_.op(op, operands, attributes));
  }

  std::mt19937 random_;
  Graph graph_;
  std::vector<Value> values_;
};

bool is_honest(const burnish::Error& e) { return e.code == ErrorCode::usage || e.code == ErrorCode::refused; }

void check(uint32_t seed) {
  RandomGraph made(seed);
  const std::string text = value(made.graph().text());
  SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + text);
  const auto engine = burnish::build(made.graph(), {.fallback = burnish::Fallback::allow, .threads = 1});
  const auto references = burnish::build(made.graph(), {.references = true});
  ASSERT_TRUE(references) << references.error().message();
  ASSERT_TRUE(engine) << engine.error().message();
  Context fast = value(engine->create_context({.threads = 2})), slow = value(references->create_context());
  for (const int64_t n : {3, 1}) {
    std::vector<Tensor> inputs;
    for (const Value& input : made.graph().inputs()) {
      std::vector<int64_t> shape;
      for (const burnish::Dim& d : input.dims()) shape.push_back(d.number().value_or(n));
      inputs.push_back(filled(std::move(shape), 0.1F));
    }
    const auto expected = slow.run(inputs), actual = fast.run(inputs);
    if (!expected) {
      EXPECT_TRUE(is_honest(expected.error())) << expected.error().message();
      EXPECT_TRUE(actual || is_honest(actual.error())) << actual.error().message();
      continue;
    }
    ASSERT_TRUE(actual) << actual.error().message();
    for (std::size_t o = 0; o < expected->size(); ++o) {
      const auto e = floats((*expected)[o]), a = floats((*actual)[o]);
      ASSERT_TRUE(std::ranges::equal((*expected)[o].shape(), (*actual)[o].shape()));
      for (std::size_t i = 0; i < e.size(); ++i) {
        if (std::isnan(e[i]) || std::isinf(e[i])) continue;  // rewrites may lose those
        ASSERT_NEAR(e[i], a[i], 1e-4 * std::max(1.0F, std::abs(e[i]))) << "output " << o << " element " << i;
      }
    }
  }
}

TEST(RandomGraphs, BuildAndAgree) {
  const char* first = std::getenv("BURNISH_SEED");
  const char* count = std::getenv("BURNISH_SEEDS");
  const auto from = static_cast<uint32_t>(first == nullptr ? 1 : std::atoi(first));
  const auto seeds = static_cast<uint32_t>(count == nullptr ? 120 : std::atoi(count));
  for (uint32_t seed = from; seed < from + seeds; ++seed) check(seed);
}

}  // namespace
}  // namespace api_test
