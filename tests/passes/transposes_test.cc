// Random graphs of what move_transposes moves through: the results stay, and no transpose is added.

#include <algorithm>
#include <numeric>

#include "passes/runner.h"
#include "tests/passes/graphs.h"

namespace burnish::test {
namespace {

std::size_t count(const Graph& graph, std::string_view op) {
  std::size_t n = 0;
  walk(graph, [&](Node& node) { n += node.op() == op ? 1 : 0; });
  return n;
}

class Maker {
 public:
  Maker(Graph& graph, std::mt19937& random) : builder_(graph), random_(random) {
    std::vector<int64_t> dims{2, 3, 1, 4};
    dims.resize(2 + pick(3));
    for (int i = 0; i < 2; ++i)
      values_.push_back(graph.add_input(graph.fresh_name("x"), Type::tensor(DType::f32, to_dims(dims))));
  }

  void add_node() {
    Value* x = any();
    const Dims& dims = x->type().dims;
    auto rank = x->type().rank();
    Value* y = nullptr;
    switch (pick(11)) {
      case 0:
      case 1:
      case 2: {
        Ints p(dims.size());
        std::iota(p.begin(), p.end(), 0);
        std::ranges::shuffle(p, random_);
        y = builder_.op("transpose", {x}, {{"permutation", p}});
        break;
      }
      case 3: y = builder_.op("tanh", {x}); break;
      case 4:
      case 5:
        for (Value* other : values_)
          if (other != x && other->type() == x->type()) y = builder_.op("add", {x, other});
        if (y == nullptr) y = builder_.op("neg", {x});
        break;
      case 6: {  // a constant for the last axis
        auto size = dims.back().constant();
        y = builder_.op("mul", {x, builder_.constant(random_tensor(DType::f32, {*size}, random_))});
        break;
      }
      case 7:
        y = builder_.op("reduce", {x},
                        {{"kind", std::string("max")},
                         {"axes", Ints{static_cast<int64_t>(pick(dims.size()))}},
                         {"keep", static_cast<int64_t>(rank > 2 ? pick(2) : 1)}});
        break;
      case 8: y = builder_.op("concat", {x, x}, {{"axis", static_cast<int64_t>(pick(dims.size()))}}); break;
      case 9: {
        Dims starts(dims.size(), Dim(0)), sizes = dims;
        std::size_t axis = pick(dims.size());
        sizes[axis] = Dim(1 + static_cast<int64_t>(pick(static_cast<std::size_t>(*dims[axis].constant()))));
        y = builder_.op("slice", {x}, {{"starts", starts}, {"sizes", sizes}, {"steps", Ints(dims.size(), 1)}});
        break;
      }
      case 10: {
        Dims shape = dims;
        if (pick(2) == 0) shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(pick(shape.size())), Dim(1));
        else std::ranges::shuffle(shape, random_);
        if (shape.size() > 5) shape = dims;
        y = builder_.op("reshape", {x}, {{"shape", shape}});
        break;
      }
    }
    Status status = builder_.finish();
    ASSERT_TRUE(status.has_value()) << status.error().message();
    if (y->type().element_count().constant().value_or(0) <= 600) values_.push_back(y);
  }

  void finish(Graph& graph) {
    for (std::size_t i = 0; i < 2; ++i) graph.add_output(values_[values_.size() - 1 - i], "y" + std::to_string(i));
  }

 private:
  std::size_t pick(std::size_t n) { return random_() % n; }
  Value* any() {  // recent ones more often
    std::size_t back = std::min(pick(values_.size()), pick(values_.size()));
    return values_[values_.size() - 1 - back];
  }
  Builder builder_;
  std::mt19937& random_;
  std::vector<Value*> values_;
};

TEST(MoveTransposes, KeepsTheResultsOfRandomGraphs) {
  constexpr PassRow kPass{"test", "move_transposes", true, passes::move_transposes};
  std::size_t before = 0, after = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    Graph graph;
    Maker maker(graph, random);
    for (int i = 0; i < 14; ++i) {
      maker.add_node();
      if (HasFatalFailure()) return;
    }
    maker.finish(graph);
    graph.remove_dead_nodes();
    std::unique_ptr<Graph> original = graph.clone();
    ops::bind_operators(*original);
    auto changed = PassRunner({}, {}).run(graph, kPass);
    ASSERT_TRUE(changed.has_value()) << seed << ": " << changed.error().message() << "\n" << print(*original);
    before += count(*original, "transpose");
    after += count(graph, "transpose");
    EXPECT_LE(count(graph, "transpose"), count(*original, "transpose")) << seed << "\n"
                                                                        << print(*original) << print(graph);
    ASSERT_EQ(compare_results(*original, graph, random, 1e-6), "") << seed << "\n" << print(*original) << print(graph);
  }
  EXPECT_LT(after * 4, before * 3);
}

}  // namespace
}  // namespace burnish::test
