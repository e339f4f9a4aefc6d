#include <algorithm>
#include <cctype>
#include <map>

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

// Labels are letters; the axes of "..." get labels of their own, aligned right.
using Labels = std::string;
constexpr char kEllipsis = '\1';  // the last axis of "..."; those before it follow upwards
constexpr int kMostEllipsis = 20;

struct Equation {
  std::vector<Labels> operands;
  Labels result;
  std::map<char, Dim> sizes;
};

bool is_ellipsis(char label) { return label >= kEllipsis && label < kEllipsis + kMostEllipsis; }

Result<Equation> equation_of(const NodeView& n) {
  std::string text;
  for (char ch : n.string("equation"))
    if (!std::isspace(static_cast<unsigned char>(ch))) text += ch;
  const auto bad = [&](std::string_view why) { return n.error("equation \"" + text + "\": " + std::string(why)); };
  const std::size_t arrow = text.find("->");
  std::vector<std::string> terms = {""};
  for (char ch : text.substr(0, arrow)) {
    if (ch == ',') terms.emplace_back();
    else terms.back() += ch;
  }
  if (terms.size() != n.operand_count()) return bad("as many terms as operands are needed");

  Equation equation;
  int ellipsis = 0;  // axes that the longest "..." stands for
  std::map<char, int> uses;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const Dims dims = TRY(dims_of(n, i));
    const std::size_t dots = terms[i].find("...");
    const std::size_t letters = terms[i].size() - (dots == std::string::npos ? 0 : 3);
    if (letters > dims.size() || (dots == std::string::npos && letters < dims.size()))
      return bad("term " + std::to_string(i) + " does not fit " + n.type(i).text());
    Labels labels = terms[i];
    if (dots != std::string::npos) {
      const int count = static_cast<int>(dims.size() - letters);
      if (count > kMostEllipsis) return bad("too many axes");
      Labels expanded;
      for (int k = count; k-- > 0;) expanded += static_cast<char>(kEllipsis + k);
      labels.replace(dots, 3, expanded);
      ellipsis = std::max(ellipsis, count);
    }
    for (std::size_t d = 0; d < labels.size(); ++d) {
      const char label = labels[d];
      if (!is_ellipsis(label) && !std::isalpha(static_cast<unsigned char>(label))) return bad("labels are letters");
      ++uses[label];
      auto [known, added] = equation.sizes.emplace(label, dims[d]);
      if (added || known->second == dims[d]) continue;
      if (known->second == Dim(1)) known->second = dims[d];
      else if (!(dims[d] == Dim(1)) && equal(known->second, dims[d]) == Truth::no)
        return bad(std::string("sizes of '") + label + "' differ");
    }
    equation.operands.push_back(std::move(labels));
  }
  Labels dots;
  for (int k = ellipsis; k-- > 0;) dots += static_cast<char>(kEllipsis + k);
  if (arrow == std::string::npos) {
    equation.result = dots;  // then the letters that appear once, in alphabetic order
    for (const auto& [label, count] : uses)
      if (!is_ellipsis(label) && count == 1) equation.result += label;
  } else {
    equation.result = text.substr(arrow + 2);
    if (const std::size_t at = equation.result.find("..."); at != std::string::npos)
      equation.result.replace(at, 3, dots);
    Labels sorted = equation.result;
    std::ranges::sort(sorted);
    if (std::ranges::adjacent_find(sorted) != sorted.end()) return bad("the result names a label twice");
    for (char label : equation.result)
      if (!equation.sizes.contains(label)) return bad("the result names a label that no operand has");
  }
  return equation;
}

Status infer(InferContext& n) {
  for (std::size_t i = 1; i < n.operand_count(); ++i)
    if (n.type(i).dtype != n.type(0).dtype)
      return n.error("operands are of " + std::string(name(n.type(0).dtype)) + " and " +
                     std::string(name(n.type(i).dtype)));
  for (std::size_t i = 0; i < n.operand_count(); ++i) {
    if (n.type(i).is_ranked_tensor()) continue;
    n.result(0, Type::unranked(n.type(0).dtype));
    return {};
  }
  const Equation equation = TRY(equation_of(n));
  Dims dims;
  for (char label : equation.result) dims.push_back(equation.sizes.at(label));
  n.result(0, Type::tensor(n.type(0).dtype, std::move(dims)));
  return {};
}

bool has(const Labels& labels, char label) { return labels.find(label) != Labels::npos; }

// A value whose axes carry labels, all different.
struct Term {
  Value* value;
  Labels labels;
};

class Contraction {
 public:
  Contraction(Compose& c, const Equation& equation) : c_(c), equation_(equation) {}

  // The diagonal where a label repeats: other positions count as 0, then one of the two axes is summed away.
  Term start(Value* value, Labels labels) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const std::size_t j = labels.find(labels[i], i + 1);
      if (j == Labels::npos) continue;
      const int64_t rank = static_cast<int64_t>(labels.size());
      const Dim& size = equation_.sizes.at(labels[i]);
      const auto position = [&](std::size_t axis) {
        return c_.aligned(c_.iota({size}, 0), static_cast<int64_t>(axis), rank);
      };
      Value* diagonal = c_.binary(Scalar::eq, position(i), position(j));
      value = c_.reduce("sum", c_.select(diagonal, value, c_.number(value, 0)), {static_cast<int64_t>(j)}, false);
      labels.erase(j, 1);
      --i;
    }
    return {value, std::move(labels)};
  }

  // Sums away the labels that are not in `kept`.
  Term reduced(Term term, const Labels& kept) {
    Ints axes;
    Labels left;
    for (std::size_t i = 0; i < term.labels.size(); ++i) {
      if (has(kept, term.labels[i])) left += term.labels[i];
      else axes.push_back(static_cast<int64_t>(i));
    }
    if (axes.empty()) return term;
    return {c_.reduce("sum", term.value, axes, false), left};
  }

  Value* ordered(const Term& term, const Labels& order) {
    Ints permutation;
    for (char label : order) permutation.push_back(static_cast<int64_t>(term.labels.find(label)));
    return c_.transpose(term.value, permutation);
  }

  // One matrix product: shared labels that are needed later are its batch, the other shared ones are summed.
  Term multiplied(Term a, Term b, const Labels& kept) {
    a = reduced(a, kept + b.labels);
    b = reduced(b, kept + a.labels);
    Labels batch, summed, rows, columns;
    for (char label : a.labels) (!has(b.labels, label) ? rows : has(kept, label) ? batch : summed) += label;
    for (char label : b.labels)
      if (!has(a.labels, label)) columns += label;
    Value* left = arranged(a, batch, rows, summed);
    Value* right = arranged(b, batch, summed, columns);
    Value* product = c_.op("matmul", {left, right});
    Dims dims;
    for (char label : batch + rows + columns) dims.push_back(equation_.sizes.at(label));
    return {c_.reshape(product, dims), batch + rows + columns};
  }

 private:
  Dim size(const Labels& labels) const {
    Dim product = 1;
    for (char label : labels) product *= equation_.sizes.at(label);
    return product;
  }

  // [batch..., first, second]; a size of 1 that stands for more is repeated first.
  Value* arranged(const Term& term, const Labels& batch, const Labels& first, const Labels& second) {
    Value* value = ordered(term, batch + first + second);
    Dims whole, shape;
    for (char label : batch + first + second) whole.push_back(equation_.sizes.at(label));
    value = c_.broadcast(value, whole);
    for (char label : batch) shape.push_back(equation_.sizes.at(label));
    shape.push_back(size(first));
    shape.push_back(size(second));
    return c_.reshape(value, shape);
  }

  Compose& c_;
  const Equation& equation_;
};

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const Equation equation = TRY(equation_of(n));
  Contraction contraction(c, equation);
  Term term = contraction.start(n.in(0), equation.operands[0]);
  for (std::size_t i = 1; i < n.operand_count(); ++i) {
    Labels kept = equation.result;
    for (std::size_t later = i + 1; later < n.operand_count(); ++later) kept += equation.operands[later];
    term = contraction.multiplied(term, contraction.start(n.in(i), equation.operands[i]), kept);
  }
  term = contraction.reduced(term, equation.result);
  Value* y = contraction.ordered(term, equation.result);
  if (y == n.in(0)) y = c.op("identity", {y});
  return c.done({y});
}

constexpr OperandSpec kOperands[] = {{"x", "numeric|complex", OperandSpec::Arity::variadic}};
constexpr ResultDoc kResults[] = {{"y", "axes as the equation orders them"}};
constexpr AttributeSpec kAttributes[] = {{"equation", AttributeKind::string, "required",
                                          "a label per axis, as in \"bij,bjk->bik\"; \"...\" stands for the others"}};
constexpr Sample kSamples[] = {{"a: f32[2,3,4], b: f32[2,4,5]; y = einsum(a, b) {equation = \"bij,bjk->bik\"}"},
                               {"a: f32[3,4]; y = einsum(a) {equation = \"ij->ji\"}"},
                               {"a: f32[2,3,3]; y = einsum(a) {equation = \"...ii->...i\"}"},
                               {"a: f32[2,3], b: f32[3,4], d: f32[4,2]; y = einsum(a, b, d) {equation = \"ij,jk,kl\"}"},
                               {"a: f32[2,1,3,4], b: f32[5,4]; y = einsum(a, b) {equation = \"...ij, ...j -> ...\"}"}};

constexpr Operator kOperators[] = {
    {.name = "einsum",
     .doc = "Products of the operands' elements, summed over the labels that the result lacks. Source: ONNX Einsum, "
            "numpy.einsum.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-4, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(einsum, kOperators)
