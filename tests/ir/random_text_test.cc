// Random graphs through their text, and texts that are cut and mangled.

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ir/graph.h"

namespace burnish {
namespace {

class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  std::unique_ptr<Graph> make() {
    auto graph = std::make_unique<Graph>(pick(4) == 0 ? "odd name" : "main");
    fill(*graph, 0);
    return graph;
  }

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }

  std::string name() {
    static constexpr const char* kNames[] = {"", "x", "a/b", "", "0", "é", "", "return", "_", ""};
    return kNames[pick(10)];
  }

  Dim dim() {
    const Dim n = Dim::symbol("N", {1, 64}), h = Dim::symbol("H_0");
    switch (pick(8)) {
      case 0: return n;
      case 1: return floordiv(h - pick(5), pick(3) + 2) + n * h;
      case 2: return min(h, n + 1);
      case 3: return mod(n * 3, 7) - max(h, 5) + 90;
      default: return pick(5);
    }
  }
  Dims dims() {
    Dims all(static_cast<std::size_t>(pick(4)));
    for (Dim& d : all) d = dim();
    return all;
  }
  DType dtype() { return all_dtypes()[static_cast<std::size_t>(pick(kDTypeCount))]; }

  Type type(int depth = 0) {
    switch (depth > 3 ? 9 : pick(10)) {
      case 0: return Type::unranked(dtype());
      case 1: return Type::sequence(type(depth + 1));
      case 2: return Type::optional(type(depth + 1));
      case 3: return Type::map(dtype(), type(depth + 1));
      case 4: return Type::token();
      default: return Type::tensor(dtype(), dims());
    }
  }

  Tensor tensor() {
    std::vector<int64_t> sizes(static_cast<std::size_t>(pick(4)));
    for (int64_t& s : sizes) s = pick(5);
    Tensor t = *Tensor::allocate(dtype(), sizes);
    if (t.dtype() == DType::string) {
      for (std::string& s : t.mutable_as<std::string>()) s = name();
    } else {
      for (std::size_t i = 0; i < t.byte_size(); ++i) t.mutable_data()[i] = static_cast<std::byte>(random_());
    }
    return t;
  }

  Attribute attribute() {
    const auto n = static_cast<std::size_t>(pick(4));
    switch (pick(10)) {
      case 0: return static_cast<int64_t>(random_());
      case 1: return std::bit_cast<double>(random_());
      case 2: return name();
      case 3: return Ints(n, static_cast<int64_t>(random_()));
      case 4: return Floats(n, std::bit_cast<double>(random_()) + pick(2));
      case 5: return Strings(n, name());
      case 6: return dtype();
      case 7: return dims();
      case 8: return tensor();
      default: return type();
    }
  }

  void fill(Graph& graph, int depth) {
    const std::size_t outside = visible_.size();
    for (int i = pick(3); i-- > 0;)
      visible_.push_back(
          graph.add_input(name(), type(), depth > 0 ? InputRole::data : static_cast<InputRole>(pick(3))));
    for (int i = pick(8); i-- > 0;) {
      std::vector<Value*> operands;
      for (int j = pick(4); j-- > 0;) operands.push_back(pick(5) == 0 ? nullptr : value());
      AttributeMap attributes;
      for (int j = pick(4); j-- > 0;) attributes.insert_or_assign(fmt::format("a{}", pick(9)), attribute());
      std::vector<ResultSpec> results;
      for (int j = pick(4); j-- > 0;) results.push_back({type(), name(), pick(5) == 0});
      Node* node = graph.add_node(pick(6) == 0 ? "odd op" : "op", operands, std::move(attributes), std::move(results));
      if (pick(3) == 0) node->set_source("layer \"" + name());
      if (depth < 3 && pick(4) == 0)
        for (int j = pick(3); j-- > 0;) fill(node->add_region(name()), depth + 1);
      for (std::size_t j = 0; j < node->result_count(); ++j)
        if (Value* v = node->result(j)) visible_.push_back(v);
    }
    for (int i = pick(4); i-- > 0;) {
      Value* v = value();
      if (v == nullptr) continue;
      std::string updates;
      if (depth == 0 && !graph.inputs().empty() && graph.input(0)->role == InputRole::state && pick(2) == 0)
        updates = graph.input(0)->name();
      graph.add_output(v, pick(2) == 0 ? v->name() : name(), updates);
    }
    visible_.resize(outside);
  }

  Value* value() {
    return visible_.empty() ? nullptr : visible_[static_cast<std::size_t>(pick(static_cast<int>(visible_.size())))];
  }

  std::mt19937_64 random_;
  std::vector<Value*> visible_;
};

TEST(RandomText, GraphsReadBackAsTheyWere) {
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    const auto graph = Maker(seed).make();
    const Status status = verify_structure(*graph);
    ASSERT_TRUE(status) << seed << ": " << status.error().message();
    const std::string text = print(*graph);
    auto read = parse_graph(text, large_constants(*graph));
    ASSERT_TRUE(read) << seed << ": " << read.error().message() << "\n" << text;
    ASSERT_EQ(difference(*graph, **read, true), "") << seed << "\n" << text;
    ASSERT_EQ(print(**read), text) << seed;
    ASSERT_EQ(difference(*graph, *graph->clone(), true), "") << seed << "\n" << text;
  }
}

TEST(RandomText, MangledTextsAreRefusedOrRead) {
  std::mt19937 random(7);
  int refused = 0, read = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    const std::string text = print(*Maker(seed).make());
    for (int i = 0; i < 10; ++i) {
      std::string mangled = text;
      for (unsigned j = random() % 3 + 1; j-- > 0 && !mangled.empty();) {
        const std::size_t at = random() % mangled.size(), length = random() % 8;
        switch (random() % 4) {
          case 0: mangled.erase(at, length); break;
          case 1: mangled.insert(at, text.substr(random() % text.size(), length)); break;
          case 2: mangled[at] = static_cast<char>(random()); break;
          default: mangled.resize(at + 1); break;
        }
      }
      auto graph = parse_graph(mangled);
      if (!graph) {
        ++refused;
        EXPECT_NE(graph.error().where.find("line "), std::string::npos) << mangled;
        continue;
      }
      ++read;
      const Status status = verify_structure(**graph);
      ASSERT_TRUE(status) << status.error().message() << "\n" << mangled;
      auto again = parse_graph(print(**graph), large_constants(**graph));
      ASSERT_TRUE(again) << again.error().message() << "\n" << mangled;
      ASSERT_EQ(difference(**graph, **again, true), "") << mangled;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(read, 50);
}

}  // namespace
}  // namespace burnish
