#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

// A vector on the left is a row, on the right a column.
Dims matrix_of(Dims dims, bool left) {
  if (dims.size() == 1) dims.insert(left ? dims.begin() : dims.end(), Dim(1));
  return dims;
}

Status infer(InferContext& n) {
  const Type &a = n.type(0), &b = n.type(1);
  if (!a.is_ranked_tensor() || !b.is_ranked_tensor()) {
    n.result(0, Type::unranked(a.dtype));
    return {};
  }
  if (a.rank() < 1 || b.rank() < 1) return n.error("a and b must have an axis");
  const Dims left = matrix_of(a.dims, true), right = matrix_of(b.dims, false);
  const Dim &columns = left.back(), &rows = right[right.size() - 2];
  if (equal(columns, rows) == Truth::no)
    return n.error("a has " + columns.text() + " columns and b " + rows.text() + " rows");
  n.require(Requirement::Kind::equal, columns, rows, "columns of a and rows of b");
  Dims dims = TRY(n.broadcast(Dims(left.begin(), left.end() - 2), Dims(right.begin(), right.end() - 2)));
  if (a.rank() > 1) dims.push_back(left[left.size() - 2]);
  if (b.rank() > 1) dims.push_back(right.back());
  n.result(0, Type::tensor(a.dtype, std::move(dims)));
  return {};
}

Result<Values> decompose(DecomposeContext& n) {
  Compose c(n.builder);
  const auto a = static_cast<int64_t>(TRY(dims_of(n, 0)).size()), b = static_cast<int64_t>(TRY(dims_of(n, 1)).size());
  Value* left = a == 1 ? c.op("unsqueeze", {n.in(0)}, {{"axes", Ints{0}}}) : n.in(0);
  Value* right = b == 1 ? c.op("unsqueeze", {n.in(1)}, {{"axes", Ints{1}}}) : n.in(1);
  AttributeMap attributes;
  if (n.integer("exact") != 0) attributes.emplace("exact", int64_t{1});
  Value* y = c.op("matmul", {left, right}, std::move(attributes));
  const int64_t rank = std::max<int64_t>({a, b, 2});
  Ints axes;
  if (a == 1) axes.push_back(rank - 2);
  if (b == 1) axes.push_back(rank - 1);
  return c.done({axes.empty() ? y : c.op("squeeze", {y}, {{"axes", axes}})});
}

constexpr OperandSpec kOperands[] = {{"a", "numeric"}, {"b", "same"}};
constexpr ResultDoc kResults[] = {{"y", "[..., M, N], without M or N where a or b is a vector"}};
constexpr AttributeSpec kAttributes[] = {{"exact", AttributeKind::integer, "0", "as of convolution"}};
constexpr Sample kSamples[] = {{"a: f32[2,3,4], b: f32[4,5]; y = numpy_matmul(a, b)"},
                               {"a: f32[4], b: f32[2,4,5]; y = numpy_matmul(a, b)"},
                               {"a: f32[2,3,4], b: f32[4]; y = numpy_matmul(a, b)"},
                               {"a: i32[4], b: i32[4]; y = numpy_matmul(a, b)"}};

constexpr Operator kOperators[] = {
    {.name = "numpy_matmul",
     .doc = "matmul, but a may be a vector, a row, and b one, a column: for operands whose rank comes with the data. "
            "Source: ONNX MatMul.",
     .operands = kOperands,
     .results = kResults,
     .attributes = kAttributes,
     .infer = infer,
     .reference = nullptr,
     .decompose = decompose,
     .lower = nullptr,
     .gradient = nullptr,
     .samples = kSamples,
     .tolerance = {.relative = 1e-5, .absolute = 1e-5}},
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(numpy_matmul, kOperators)
