// Sizes that only a run can tell: what fits is computed right, what does not is refused, on kernels as on references.

#include "tests/api/networks.h"

namespace api_test {
namespace {

using burnish::Context;
using burnish::ErrorCode;
using burnish::Graph;
using burnish::Value;

struct Network {
  Graph graph;
  // Both engines' answers to inputs of these shapes; the same, or both refuse, the compiled one with `word`.
  void check(const std::vector<std::vector<int64_t>>& shapes, const std::string& word = {}) const {
    std::string text;
    for (const auto& shape : shapes) {
      text += "[";
      for (const int64_t size : shape) text += std::to_string(size) + " ";
      text += "]";
    }
    SCOPED_TRACE(text);
    std::vector<Tensor> inputs;
    for (const auto& shape : shapes) inputs.push_back(filled(shape, 0.1F));
    Context fast = value(value(burnish::build(graph)).create_context({.threads = 1}));
    Context slow = value(value(burnish::build(graph, {.references = true})).create_context({.threads = 1}));
    const auto actual = fast.run(inputs), expected = slow.run(inputs);
    ASSERT_EQ(actual.has_value(), expected.has_value()) << (actual ? expected.error() : actual.error()).message();
    ASSERT_EQ(actual.has_value(), word.empty()) << (actual ? "" : actual.error().message());
    if (!actual) {
      EXPECT_NE(actual.error().code, ErrorCode::internal);
      EXPECT_NE(actual.error().message().find(word), std::string::npos) << actual.error().message();
      return;
    }
    for (std::size_t o = 0; o < actual->size(); ++o) {
      EXPECT_TRUE(std::ranges::equal((*actual)[o].shape(), (*expected)[o].shape()));
      const auto a = floats((*actual)[o]), e = floats((*expected)[o]);
      ASSERT_EQ(a.size(), e.size());
      for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], e[i], 1e-5) << i;
    }
  }
};

template <class F>
Network network(const std::vector<std::string>& types, F&& f) {
  Network n;
  std::vector<Value> inputs;
  for (const std::string& type : types) inputs.push_back(n.graph.input("x" + std::to_string(inputs.size()), type));
  n.graph.output("y", f(inputs));
  expect_ok(n.graph.status());
  return n;
}

TEST(Sizes, Broadcasting) {
  const Network n = network({"f32[N,3]", "f32[M,3]"}, [](const auto& x) { return relu(x[0] + x[1]); });
  n.check({{2, 3}, {2, 3}});
  n.check({{2, 3}, {1, 3}});
  n.check({{1, 3}, {5, 3}});
  n.check({{0, 3}, {1, 3}});
  n.check({{2, 3}, {4, 3}}, "must be equal unless one is 1");
  n.check({{2, 3}, {0, 3}}, "must be equal unless one is 1");
}

TEST(Sizes, ProductsOfMatrices) {
  const Network inner = network({"f32[2,K]", "f32[L,3]"}, [](const auto& x) { return matmul(x[0], x[1]); });
  inner.check({{2, 5}, {5, 3}});
  inner.check({{2, 5}, {4, 3}}, "columns of a and rows of b");
  const Network batches = network({"f32[N,2,4]", "f32[M,4,3]"}, [](const auto& x) { return matmul(x[0], x[1]); });
  batches.check({{3, 2, 4}, {3, 4, 3}});
  batches.check({{3, 2, 4}, {1, 4, 3}});
  batches.check({{1, 2, 4}, {3, 4, 3}});
  batches.check({{3, 2, 4}, {2, 4, 3}}, "must be equal unless one is 1");
  const Network any = network({"f32[N,S,T]", "f32[M,K,U]"}, [](const auto& x) { return matmul(x[0], x[1]); });
  any.check({{3, 2, 4}, {1, 4, 20}});
  any.check({{1, 7, 4}, {3, 4, 5}});
  any.check({{3, 2, 4}, {3, 5, 3}}, "columns of a and rows of b");
}

TEST(Sizes, Attention) {
  const Network n = network({"f32[N,T,8]", "f32[M,S,8]", "f32[K,L,4]", "f32[B,R,C]"},
                            [](const auto& x) { return attention(x[0], x[1], x[2], x[3]); });
  n.check({{2, 3, 8}, {2, 5, 8}, {2, 5, 4}, {2, 3, 5}});
  n.check({{2, 3, 8}, {1, 5, 8}, {1, 5, 4}, {1, 1, 5}});
  n.check({{1, 3, 8}, {2, 5, 8}, {2, 5, 4}, {2, 3, 1}});
  n.check({{1, 3, 8}, {2, 5, 8}, {2, 4, 4}, {1, 1, 1}}, "must be equal");
  n.check({{1, 3, 8}, {2, 5, 8}, {2, 5, 4}, {1, 2, 1}}, "[1,2,1]");
}

TEST(Sizes, Joining) {
  const Network n = network({"f32[N,2]", "f32[M,3]"}, [](const auto& x) { return burnish::concat({x[0], x[1]}, 1); });
  n.check({{4, 2}, {4, 3}});
  n.check({{0, 2}, {0, 3}});
  n.check({{4, 2}, {5, 3}}, "must be equal");
}

// The indices are all 0.
TEST(Sizes, Lookups) {
  const auto zeros = [](const Value& like) { return cast(like * 0.0F, burnish::DType::i64); };
  const auto call = [](const char* op, const std::vector<Value>& operands, const burnish::Attributes& more = {}) {
    return burnish::detail::apply(op, operands, more, "");
  };
  const Network scatter_nd = network({"f32[N,3]", "f32[M,1]", "f32[K,3]"}, [&](const auto& x) {
    return call("scatter_nd", {x[0], zeros(x[1]), x[2]}, {{"reduction", "add"}});
  });
  scatter_nd.check({{4, 3}, {5, 1}, {5, 3}});
  scatter_nd.check({{4, 3}, {5, 1}, {6, 3}}, "must be equal");
  scatter_nd.check({{4, 3}, {5, 1}, {4, 3}}, "must be equal");
  const Network scatter = network({"f32[N,K]", "f32[M,L]", "f32[M,J]"}, [&](const auto& x) {
    return call("scatter_elements", {x[0], zeros(x[1]), x[2]}, {{"axis", 1}});
  });
  scatter.check({{4, 3}, {2, 5}, {2, 5}});
  scatter.check({{4, 3}, {2, 5}, {2, 4}}, "must be equal");
  scatter.check({{4, 3}, {5, 5}, {5, 5}}, "must not decrease");
  const Network gather_nd = network({"f32[N,3,2]", "f32[M,5,1]"}, [&](const auto& x) {
    return call("gather_nd", {x[0], zeros(x[1])}, {{"batch_dims", 1}});
  });
  gather_nd.check({{4, 3, 2}, {4, 5, 1}});
  gather_nd.check({{4, 3, 2}, {2, 5, 1}}, "must be equal");
  const Network cache = network({"f32[N,K,2]", "f32[M,L,2]", "f32[B]"},
                                [&](const auto& x) { return call("tensor_scatter", {x[0], x[1], zeros(x[2])}); });
  cache.check({{3, 5, 2}, {3, 2, 2}, {3}});
  cache.check({{3, 5, 2}, {2, 2, 2}, {3}}, "must be equal");
  cache.check({{3, 5, 2}, {3, 6, 2}, {3}}, "must not decrease");
  cache.check({{3, 5, 2}, {3, 2, 2}, {2}}, "must be equal");
  const Network reversed =
      network({"f32[T,N,2]", "f32[M]"}, [&](const auto& x) { return call("reverse_sequence", {x[0], zeros(x[1])}); });
  reversed.check({{4, 3, 2}, {3}});
  reversed.check({{4, 3, 2}, {2}}, "must be equal");
}

TEST(Sizes, Slices) {
  const Network n = network({"f32[N,4]"}, [](const auto& x) { return narrow(x[0], 0, 1, 3); });
  n.check({{4, 4}});
  n.check({{9, 4}});
  n.check({{3, 4}}, "last one taken");
  const Network late = network({"f32[N,4]"}, [](const auto& x) { return narrow(x[0], 0, 2, x[0].dim(0) - 2) * 2; });
  late.check({{3, 4}});
  late.check({{2, 4}});
  late.check({{1, 4}}, "size");
}

TEST(Sizes, Padding) {
  for (const char* mode : {"edge", "reflect", "wrap"}) {
    SCOPED_TRACE(mode);
    const Network n = network({"f32[N,4]"}, [&](const auto& x) { return pad(x[0], {2, 0}, {1, 0}, mode); });
    n.check({{3, 4}});
    n.check({{1, 4}});
    n.check({{0, 4}}, "pad");
  }
}

TEST(Sizes, Convolutions) {
  const Network n = network({"f32[N,C,H,6]", "f32[8,4,3,3]"}, [](const auto& x) { return conv(x[0], x[1]); });
  n.check({{2, 4, 6, 6}, {8, 4, 3, 3}});
  n.check({{2, 3, 6, 6}, {8, 4, 3, 3}}, "channels");
}

}  // namespace
}  // namespace api_test
