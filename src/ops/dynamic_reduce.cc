#include "ops/support/axes.h"
#include "ops/support/core.h"
#include "ops/support/reduction.h"

namespace burnish {
namespace {

Result<std::vector<bool>> dropped(const NodeView& c, std::size_t rank, const std::optional<Sizes>& axes) {
  if (!axes || axes->empty()) return std::vector<bool>(rank, c.integer("noop_with_empty_axes") == 0);
  std::vector<bool> drop(rank);
  for (int64_t axis : *axes) drop[idx(TRY(checked_axis(c, axis, static_cast<int64_t>(rank))))] = true;
  return drop;
}

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  const auto kind = parse_reduction(c.string("kind"));
  if (!kind) return c.error("kind '" + c.string("kind") + "' is unknown");
  const bool logical = *kind == Reduction::logical_and || *kind == Reduction::logical_or;
  const bool extreme = *kind == Reduction::min || *kind == Reduction::max;
  if (logical != (x.dtype == DType::boolean) && !(x.dtype == DType::boolean && extreme))
    return c.error(c.string("kind") + " is not for " + std::string(name(x.dtype)));
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  const bool keep = c.integer("keep") != 0;
  const auto axes = c.has(1) ? known_numbers(c, 1) : std::nullopt;
  const bool none = !c.has(1) || (c.type(1).ranked && c.type(1).rank() == 1 && c.type(1).dims[0] == Dim(0));
  if (!axes && !none) {
    const auto count = c.type(1).ranked && c.type(1).rank() == 1 ? c.type(1).dims[0].constant() : std::nullopt;
    if (!keep && !(count && *count > 0 && *count <= x.rank())) {
      c.result(0, Type::unranked(x.dtype));
      return {};
    }
    Dims dims(idx(keep ? x.rank() : x.rank() - *count));
    for (Dim& d : dims) d = c.fresh();
    c.result(0, Type::tensor(x.dtype, std::move(dims)));
    return {};
  }
  const std::vector<bool> drop = TRY(dropped(c, x.dims.size(), axes));
  Dims dims;
  for (std::size_t i = 0; i < drop.size(); ++i) {
    if (!drop[i]) dims.push_back(x.dims[i]);
    else if (keep) dims.push_back(1);
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const auto axes = c.has(1) ? std::optional(integers(c.in(1))) : std::nullopt;
  const std::vector<bool> drop = TRY(dropped(c, x.dims().size(), axes));
  Tensor* y = TRY(c.out(0, reduced_sizes(x.dims(), drop, c.integer("keep") != 0)));
  reduce_tensor(x, *parse_reduction(c.string("kind")), drop, *y);
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "numeric|bool"}, {"axes", "i64", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "x without the axes, or with 1 in their place"}};
constexpr AttributeSpec kAttributes[] = {
    {"kind", AttributeKind::string, "required", "as of reduce"},
    {"keep", AttributeKind::integer, "1", "1: reduced axes stay with size 1"},
    {"noop_with_empty_axes", AttributeKind::integer, "0", "1: without axes y = x; 0: all are reduced"},
};
constexpr Sample kSamples[] = {
    {"x: f32[3,4], axes: i64[1] = [-1]; y = dynamic_reduce(x, axes) {kind = \"sum\"}"},
    {"x: i32[N,4]; y = dynamic_reduce(x) {kind = \"max\", keep = 0}"},
};
constexpr Operator kOperator = {
    .name = "dynamic_reduce",
    .doc = "reduce over axes that are data. ONNX ReduceSum and its kin.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-5, 1e-5},
};

}  // namespace

namespace ops {
extern const OperatorList list_dynamic_reduce;
constinit const OperatorList list_dynamic_reduce = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
