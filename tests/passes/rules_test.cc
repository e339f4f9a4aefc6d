// Every rule of the algebra table, on random operands and on the numbers where arithmetic is delicate: what it makes
// computes what it came from.

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "ops/support/strided.h"
#include "passes/algebra_rules.h"
#include "passes/runner.h"
#include "tests/passes/graphs.h"

namespace burnish::test {
namespace {

using passes::AlgebraRule;
using passes::Match;
using passes::Pattern;

constexpr int kOrdinary = 60, kDelicate = 240;

// What an inexact rule may change beside rounding. None else may change the sign of a zero.
const std::set<std::string_view> kSignsOfZero = {
    "add_zero_floats",  // -0 + 0 is 0
    "zero_sub_floats",  // 0 - 0 is 0
    "add_add_floats",   // a constant may be 0, which is add_zero_floats' case
};
// Sums in another order are right to the rounding of their largest summand.
const std::set<std::string_view> kReassociated = {"add_add_floats"};

// Rules about values of which something must be known: half of the time, the operand is made so.
struct Known {
  std::string_view rule, operand;
  enum class Made : uint8_t { magnitude, normal } made;
};
constexpr Known kKnown[] = {{"square_root", "x", Known::Made::magnitude},
                            {"inverse_square_root", "x", Known::Made::magnitude},
                            {"sqrt_of_reciprocal", "x", Known::Made::magnitude},
                            {"divide_by_smaller", "y", Known::Made::normal}};

// -- numbers

struct Format {
  int bits;  // of the significand
  double smallest, smallest_normal, largest;
  double epsilon() const { return std::ldexp(1.0, 1 - bits); }
};
Format format_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return {11, 0x1p-24, 0x1p-14, 65504};
    case DType::bf16: return {8, 0x1p-133, 0x1p-126, 0x1.fep127};
    case DType::f32: return {24, 0x1p-149, 0x1p-126, 0x1.fffffep127};
    default: return {53, 0x1p-1074, 0x1p-1022, 0x1.fffffffffffffp1023};
  }
}

double delicate(const Format& f, std::mt19937& random) {
  const double numbers[] = {0,
                            1,
                            2,
                            0.5,
                            f.smallest,
                            f.smallest_normal - f.smallest,
                            f.smallest_normal,
                            f.smallest_normal * 3,
                            1 / f.smallest_normal,
                            f.largest,
                            f.largest * 0.75,
                            f.largest / 3,
                            1 / f.largest,
                            std::sqrt(f.largest) * 1.1,
                            std::sqrt(f.smallest_normal) * 0.9,
                            std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN()};
  double number;
  if (random() % 2 == 0) {
    number = numbers[random() % std::size(numbers)];
  } else {  // of any magnitude
    std::uniform_real_distribution<double> exponent(std::log2(f.smallest), std::log2(f.largest));
    number = std::exp2(exponent(random));
  }
  return random() % 2 == 0 ? number : -number;
}

Tensor delicate_tensor(DType dtype, std::vector<int64_t> dims, std::mt19937& random) {
  Tensor tensor = random_tensor(dtype, std::move(dims), random);
  if (is_float(dtype)) {
    Accessor<double> accessor(dtype);
    for (int64_t i = 0; i < tensor.elements(); ++i)
      accessor.store(tensor.mutable_data(), i, delicate(format_of(dtype), random));
  } else if (number_class(dtype) == NumberClass::signed_int) {
    Accessor<int64_t> accessor(dtype);
    const int64_t lowest = std::numeric_limits<int64_t>::min() >> (64 - bit_width(dtype));
    const int64_t numbers[] = {lowest, lowest + 1, ~lowest, ~lowest - 1, 0, 1, -1};
    for (int64_t i = 0; i < tensor.elements(); ++i)
      if (random() % 2 == 0) accessor.store(tensor.mutable_data(), i, numbers[random() % std::size(numbers)]);
  }
  return tensor;
}

// -- what a pattern means, computed in long double: wider than any dtype, in range and in precision

using Leaf = std::function<long double(const std::string&)>;

// With `magnitudes`, sums are those of absolute values.
long double evaluate(const Pattern& p, const Leaf& leaf, bool magnitudes) {
  if (p.kind == Pattern::Kind::number) return magnitudes ? std::abs(p.number) : p.number;
  if (p.kind != Pattern::Kind::node) return magnitudes ? std::abs(leaf(p.label)) : leaf(p.label);
  std::vector<long double> v;
  for (const Pattern& operand : p.operands) v.push_back(evaluate(operand, leaf, magnitudes));
  if (p.op == "add") return v[0] + v[1];
  if (p.op == "sub") return magnitudes ? v[0] + v[1] : v[0] - v[1];
  if (p.op == "mul") return v[0] * v[1];
  if (p.op == "div") return v[0] / v[1];
  if (p.op == "neg") return magnitudes ? v[0] : -v[0];
  if (p.op == "pow") return std::pow(v[0], v[1]);
  if (p.op == "exp") return std::exp(v[0]);
  if (p.op == "sqrt") return std::sqrt(v[0]);
  if (p.op == "reciprocal") return 1 / v[0];
  ADD_FAILURE() << "nothing says what " << p.op << " is";
  return 0;
}

// To `slack`, a few of the smallest denormals, and, at the end of the range, infinity for the largest number.
bool near(long double found, long double wanted, long double slack, const Format& f) {
  if (std::isnan(found) || std::isnan(wanted)) return std::isnan(found) && std::isnan(wanted);
  if (found == wanted) return true;
  const long double largest = f.largest;
  found = std::clamp(found, -largest, largest);
  wanted = std::clamp(wanted, -largest, largest);
  return std::abs(found - wanted) <= slack + 2 * f.smallest;
}

void collect(const Pattern& p, std::map<std::string, const Pattern*>* leaves) {
  if ((p.kind == Pattern::Kind::value || p.kind == Pattern::Kind::constant) && !p.label.empty())
    leaves->emplace(p.label, &p);
  for (const Pattern& operand : p.operands) collect(operand, leaves);
}

// Dims that broadcast to `full`; `full` itself as often as not.
std::vector<int64_t> broadcastable(const std::vector<int64_t>& full, std::mt19937& random) {
  std::vector<int64_t> dims = full;
  if (random() % 2 == 0) return dims;
  dims.erase(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(random() % (dims.size() + 1)));
  for (int64_t& d : dims)
    if (random() % 2 == 0) d = 1;
  return dims;
}

class Rule : public testing::TestWithParam<AlgebraRule> {
 protected:
  // One graph of the pattern; false where the rule does not apply. What is wrong is a failure of the test.
  bool try_once(DType dtype, bool special) {
    std::vector<int64_t> full(random_() % 4);
    for (int64_t& d : full) d = static_cast<int64_t>(random_() % 3) + 1;
    Graph graph;
    Builder builder(graph);
    Match match;
    for (const auto& [label, leaf] : leaves_) {
      const DType own = label == "p" || label == "q" ? DType::boolean : dtype;
      std::vector<int64_t> dims = broadcastable(full, random_);
      match.values[label] = leaf->kind == Pattern::Kind::constant ? builder.constant(constant(own, dims, special))
                                                                  : operand(graph, builder, label, own, dims);
    }
    Value* root = passes::build(pattern_, match, builder, dtype);
    Status built = builder.finish();
    EXPECT_TRUE(built.has_value()) << built.error().message();
    graph.add_output(root, "y");
    for (const auto& [label, value] : match.values) graph.add_output(value, label);
    std::unique_ptr<Graph> original = graph.clone();
    ops::bind_operators(*original);
    // Only the result counts as a reader.
    graph.clear_outputs();
    graph.add_output(root, "y");

    // With other exact rules an exact one gives the same bits; with inexact ones it need not.
    auto changed = passes::algebra(graph, {.exact = rule_.exact});
    EXPECT_TRUE(changed.has_value()) << changed.error().message();
    if (!changed || !*changed) return false;
    Status inferred = ops::infer(graph);
    EXPECT_TRUE(inferred.has_value()) << inferred.error().message();
    Status verified = ops::verify(graph);
    EXPECT_TRUE(verified.has_value()) << verified.error().message();
    std::vector<RuntimeValue> inputs;
    for (const auto& input : original->inputs()) {
      std::vector<int64_t> dims = *constants(input->type().dims);
      inputs.emplace_back(special ? delicate_tensor(input->type().dtype, dims, random_)
                                  : random_tensor(input->type().dtype, dims, random_));
    }
    auto before = interpret(*original, inputs), after = interpret(graph, inputs);
    EXPECT_TRUE(before.has_value()) << before.error().message();
    EXPECT_TRUE(after.has_value()) << after.error().message();
    if (!before || !after) return true;
    std::map<std::string, const Tensor*> leaves;
    for (std::size_t i = 1; i < before->size(); ++i) leaves[original->outputs()[i].name] = &(*before)[i].tensor();
    const std::string what = compare((*before)[0].tensor(), (*after)[0].tensor(), leaves);
    if (!what.empty()) ADD_FAILURE() << what << "\n" << print(*original) << print(graph);
    return true;
  }

  const AlgebraRule& rule_ = GetParam();
  Pattern pattern_ = passes::parse_pattern(rule_.pattern);
  std::map<std::string, const Pattern*> leaves_ = [this] {
    std::map<std::string, const Pattern*> leaves;
    collect(pattern_, &leaves);
    return leaves;
  }();
  std::mt19937 random_{static_cast<uint32_t>(std::hash<std::string_view>()(rule_.name))};

 private:
  Tensor constant(DType dtype, std::vector<int64_t> dims, bool special) {
    Tensor tensor =
        special ? delicate_tensor(dtype, std::move(dims), random_) : random_tensor(dtype, std::move(dims), random_);
    // Conditions that random numbers would rarely meet.
    if (is_float(dtype) && random_() % 2 == 0) {
      Accessor<double> accessor(dtype);
      const bool power = rule_.name == "divide_by_power_of_two", sign = rule_.name == "factor";
      const double largest = std::log2(format_of(dtype).largest) - 2;
      for (int64_t i = 0; i < tensor.elements(); ++i) {
        const double v = accessor.load(tensor.data(), i);
        if (power)
          accessor.store(tensor.mutable_data(), i,
                         std::exp2(std::round(std::uniform_real_distribution<double>(-largest, largest)(random_))));
        if (sign && v < 0) accessor.store(tensor.mutable_data(), i, -v);
      }
    }
    return tensor;
  }

  Value* operand(Graph& graph, Builder& builder, const std::string& label, DType dtype,
                 const std::vector<int64_t>& dims) {
    Value* input = graph.add_input(label + "_in", Type::tensor(dtype, to_dims(dims)));
    for (const Known& known : kKnown) {
      if (known.rule != rule_.name || known.operand != label || random_() % 2 == 0) continue;
      if (known.made == Known::Made::magnitude) return builder.op("abs", {input});
      return builder.op("max", {input, builder.scalar(dtype, format_of(dtype).smallest_normal)});
    }
    return input;
  }

  // Empty when the result may stand for the other.
  std::string compare(const Tensor& before, const Tensor& after, const std::map<std::string, const Tensor*>& leaves) {
    if (before.type().text() != after.type().text()) return before.type().text() + " became " + after.type().text();
    const std::size_t size = byte_size(before.dtype());
    for (int64_t e = 0; e < before.elements(); ++e) {
      const std::size_t at = static_cast<std::size_t>(e) * size;
      if (std::memcmp(before.data() + at, after.data() + at, size) == 0) continue;
      const double u = before.real_at(e), v = after.real_at(e);
      if (std::isnan(u) && std::isnan(v)) continue;
      if (!rule_.exact && fits(before, e, u, v, leaves)) continue;
      return fmt::format("element {}: {} became {}", e, u, v);
    }
    return {};
  }

  // An inexact rule's number is near the original's, or nearer the truth.
  bool fits(const Tensor& before, int64_t element, double u, double v,
            const std::map<std::string, const Tensor*>& leaves) {
    if (u == 0 && v == 0) return kSignsOfZero.contains(rule_.name);
    const Format f = format_of(before.dtype());
    const Leaf leaf = [&](const std::string& label) -> long double {
      const Tensor& tensor = *leaves.at(label);
      const Sizes steps = broadcast_strides(tensor.dims(), before.dims());
      int64_t at = 0, rest = element;
      for (std::size_t i = steps.size(); i-- > 0; rest /= before.dims()[i]) at += rest % before.dims()[i] * steps[i];
      return tensor.real_at(at);
    };
    const auto slack = [&](long double wanted) {
      const bool sum = kReassociated.contains(rule_.name);
      return 4 * f.epsilon() *
             std::min<long double>(std::abs(sum ? evaluate(pattern_, leaf, true) : wanted), f.largest);
    };
    const long double truth = evaluate(pattern_, leaf, false);
    return near(v, u, slack(u), f) || near(v, truth, slack(truth), f);
  }
};

TEST_P(Rule, KeepsTheResults) {
  int applied = 0, tried = 0;
  for (DType dtype :
       {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i32, DType::i64, DType::i8, DType::boolean}) {
    if (!passes::dtype_allowed(rule_.numbers, dtype)) continue;
    for (int i = 0; i < kOrdinary + kDelicate && !HasFailure(); ++i) {
      const bool did = try_once(dtype, i >= kOrdinary);
      if (i < kOrdinary) applied += did, ++tried;
    }
  }
  // A rule that never applies is not tested (nor of use).
  EXPECT_GE(applied * 20, tried);
}

INSTANTIATE_TEST_SUITE_P(Algebra, Rule,
                         testing::ValuesIn(passes::algebra_rules().begin(), passes::algebra_rules().end()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace burnish::test
