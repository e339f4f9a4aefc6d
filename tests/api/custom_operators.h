#pragma once
// Operators of users in C++, as the tests have them, and graphs of one node of them.

#include <atomic>
#include <cmath>

#include "tests/api/networks.h"

namespace api_test {

using namespace burnish;

inline std::atomic<int> reference_calls = 0;

// y = x * by + plus, out of other operators.
inline CustomOperator affine() {
  CustomOperator op;
  op.name = "acme.Affine";
  op.doc = "x * by + plus";
  op.operands = {{"x", "float"}};
  op.results = {{"y"}};
  op.attributes = {{"by", AttributeKind::real, "2.0"}, {"plus", AttributeKind::real, "0.0"}};
  op.infer = [](Inference& n) { n.result(0, n.type(0)); };
  op.decompose = [](Decomposition& n) { n.result(0, n.operand(0) * n.real("by") + n.real("plus")); };
  return op;
}

// The sum of coefficients[k] * x^k, by calling back.
inline CustomOperator polynomial() {
  CustomOperator op;
  op.name = "acme.Polynomial";
  op.operands = {{"x", "f32"}};
  op.results = {{"y"}};
  op.attributes = {{"coefficients", AttributeKind::reals}};
  op.infer = [](Inference& n) {
    if (n.reals("coefficients").empty()) return n.fail("a polynomial of nothing", "give coefficients");
    n.result(0, n.type(0));
  };
  op.reference = [](Evaluation& n) {
    ++reference_calls;
    const Tensor x = n.operand(0);
    Tensor y = n.result(0, x.shape());
    const std::vector<double> c = n.reals("coefficients");
    for (std::size_t i = 0; i < y.mutable_values<float>().size(); ++i) {
      double sum = 0;
      for (std::size_t k = c.size(); k-- > 0;) sum = sum * double{x.values<float>()[i]} + c[k];
      y.mutable_values<float>()[i] = static_cast<float>(sum);
    }
  };
  return op;
}

// Rows less their mean over their deviation: both ways.
inline CustomOperator standardise() {
  CustomOperator op;
  op.name = "acme.Standardise";
  op.operands = {{"x", "f32"}};
  op.results = {{"y"}};
  op.attributes = {{"epsilon", AttributeKind::real, "1e-3"}};
  op.infer = [](Inference& n) {
    if (n.is_ranked(0) && n.rank(0) < 1) return n.fail("x needs rows");
    n.result(0, n.type(0));
  };
  op.reference = [](Evaluation& n) {
    const Tensor x = n.operand(0);
    Tensor y = n.result(0, x.shape());
    const auto width = static_cast<std::size_t>(x.shape().back());
    for (std::size_t row = 0; width > 0 && row < x.values<float>().size(); row += width) {
      double mean = 0, square = 0;
      for (std::size_t i = 0; i < width; ++i) mean += double{x.values<float>()[row + i]} / static_cast<double>(width);
      for (std::size_t i = 0; i < width; ++i)
        square += std::pow(double{x.values<float>()[row + i]} - mean, 2) / static_cast<double>(width);
      for (std::size_t i = 0; i < width; ++i)
        y.mutable_values<float>()[row + i] =
            static_cast<float>((double{x.values<float>()[row + i]} - mean) / std::sqrt(square + n.real("epsilon")));
    }
  };
  op.decompose = [](Decomposition& n) {
    const Value x = n.operand(0);
    const Value centred = x - reduce_mean(x, {-1}, true);
    n.result(0, centred / sqrt(reduce_mean(centred * centred, {-1}, true) + n.real("epsilon")));
  };
  return op;
}

// The values above a limit, and how many: sizes that only a run can tell.
inline CustomOperator above() {
  CustomOperator op;
  op.name = "acme.Above";
  op.operands = {{"x", "f32"}, {"limit", "f32", Arity::optional}};
  op.results = {{"values"}, {"count", "", Arity::optional}};
  op.infer = [](Inference& n) {
    n.result(0, DType::f32, {n.fresh()});
    n.result(1, DType::i64, {});
  };
  op.reference = [](Evaluation& n) {
    const Tensor x = n.operand(0), limit = n.operand(1);
    std::vector<float> kept;
    for (const float v : x.values<float>())
      if (v > (limit ? limit.values<float>()[0] : 0.0F)) kept.push_back(v);
    const auto count = static_cast<int64_t>(kept.size());
    std::ranges::copy(kept, n.result(0, {count}).mutable_values<float>().begin());
    if (Tensor total = n.result(1, {})) total.mutable_values<int64_t>()[0] = count;
  };
  return op;
}

// a and b side by side; they must be as long as each other.
inline CustomOperator zip() {
  CustomOperator op;
  op.name = "acme.Zip";
  op.operands = {{"a", "any"}, {"b", "same"}};
  op.results = {{"pairs"}};
  op.infer = [](Inference& n) {
    n.require(Requirement::equal, n.dim(0, 0), n.dim(1, 0), "lengths of a and b");
    n.result(0, n.dtype(0).value_or(DType::f32), {n.dim(0, 0), 2});
  };
  op.decompose = [](Decomposition& n) {
    n.result(0, concat({unsqueeze(n.operand(0), {1}), unsqueeze(n.operand(1), {1})}, 1));
  };
  return op;
}

// Zeros of the shape that an operand names, where that is known; else as many axes as it has elements.
inline CustomOperator grid() {
  CustomOperator op;
  op.name = "acme.Grid";
  op.operands = {{"shape", "i64"}};
  op.results = {{"y"}, {"same", "", Arity::optional}};
  op.infer = [](Inference& n) {
    const auto known = n.contents(0);
    if (known) n.result(0, DType::f32, *known);
    else n.result(0, "f32[*]");
    n.result(1, n.type(0));
    if (known) n.result_contents(1, *known);
  };
  op.reference = [](Evaluation& n) {
    const Tensor shape = n.operand(0);
    n.result(0, shape.values<int64_t>());
    if (Tensor same = n.result(1, shape.shape()))
      std::ranges::copy(shape.values<int64_t>(), same.mutable_values<int64_t>().begin());
  };
  return op;
}

// Each element of 4 bits with its sign changed: DLPack packs two a byte.
inline CustomOperator negate4() {
  CustomOperator op;
  op.name = "acme.Negate4";
  op.operands = {{"x", "i4"}};
  op.results = {{"y"}};
  op.infer = [](Inference& n) { n.result(0, n.type(0)); };
  op.reference = [](Evaluation& n) {
    const Tensor x = n.operand(0);
    Tensor y = n.result(0, x.shape());
    const auto* from = static_cast<const uint8_t*>(x.data());
    auto* to = static_cast<uint8_t*>(y.mutable_data());
    for (int64_t i = 0; i < x.elements(); ++i) {
      const unsigned value = from[i / 2] >> (i % 2 * 4) & 15U;
      to[i / 2] = static_cast<uint8_t>(to[i / 2] | ((16U - value) & 15U) << (i % 2 * 4));
    }
  };
  return op;
}

// y = x, and what it read of its attributes.
inline std::string seen;
inline CustomOperator kinds() {
  CustomOperator op;
  op.name = "acme.Kinds";
  op.operands = {{"x", "f32", Arity::variadic}};
  op.results = {{"y"}};
  using enum AttributeKind;
  op.attributes = {{"i", integer, "7"},
                   {"r", real, "0.5"},
                   {"s", AttributeKind::string, "\"a b\""},
                   {"is", integers, "[1, 2]"},
                   {"rs", reals, "[0.5, 2.0]"},
                   {"ss", strings, "[\"a\", \"b\"]"},
                   {"d", AttributeKind::dtype, "i8"},
                   {"ds", dims, "[3, 4]"},
                   {"t", tensor, "tensor(f32[2] [1, 2])"},
                   {"ty", type, "type(f32[5])"},
                   {"o", integer, "optional"}};
  op.infer = [](Inference& n) { n.result(0, n.type(0)); };
  op.reference = [](Evaluation& n) {
    std::ostringstream text;
    text << n.operand_count() << ' ' << n.integer("i") << ' ' << n.real("r") << ' ' << n.string("s");
    for (const int64_t v : n.integers("is")) text << ' ' << v;
    for (const double v : n.reals("rs")) text << ' ' << v;
    for (const std::string& v : n.strings("ss")) text << ' ' << v;
    text << ' ' << name(n.dtype_attribute("d"));
    for (const Dim& v : n.sizes("ds")) text << ' ' << v.text();
    for (const float v : n.tensor("t").values<float>()) text << ' ' << v;
    text << ' ' << n.type_attribute("ty") << ' ' << n.has_attribute("o");
    seen = text.str();
    const Tensor x = n.operand(0);
    std::ranges::copy(x.values<float>(), n.result(0, x.shape()).mutable_values<float>().begin());
  };
  return op;
}

inline CustomOperator identity(const std::string& name) {
  CustomOperator op;
  op.name = name;
  op.operands = {{"x"}};
  op.results = {{"y"}};
  op.infer = [](Inference& n) { n.result(0, n.type(0)); };
  op.decompose = [](Decomposition& n) { n.result(0, n.operand(0)); };
  return op;
}

class Custom : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (CustomOperator& op :
         std::vector{affine(), polynomial(), standardise(), above(), zip(), grid(), negate4(), kinds()})
      expect_ok(register_operator(std::move(op)));
  }
  // A graph of one node: inputs of these types, outputs of all results.
  static Graph graph_of(const std::string& op, const std::vector<std::string>& types, const Attributes& attributes = {},
                        std::size_t results = 1) {
    Graph g("g");
    std::vector<Value> operands;
    for (std::size_t i = 0; i < types.size(); ++i) operands.push_back(g.input("x" + std::to_string(i), types[i]));
    const std::vector<Value> made = g.ops(op, operands, attributes, results, "layer");
    for (std::size_t i = 0; i < results; ++i) g.output("y" + std::to_string(i), made[i]);
    return g;
  }
  static std::vector<Tensor> run(const Engine& engine, const std::vector<Tensor>& inputs) {
    Context context = value(engine.create_context());
    return value(context.run(inputs));
  }
  static Engine engine_of(const Graph& graph, bool references = false) {
    return value(build(graph, {.fallback = Fallback::allow, .references = references}));
  }
};

}  // namespace api_test
