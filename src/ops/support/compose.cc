#include "ops/support/compose.h"

#include <algorithm>

#include <fmt/format.h>

#include "ops/support/sizes.h"

namespace burnish::ops {

Value* Compose::op(std::string_view name, std::initializer_list<Value*> operands, AttributeMap attributes) {
  return builder_.op(name, operands, std::move(attributes));
}

Node* Compose::node(std::string_view name, std::initializer_list<Value*> operands, AttributeMap attributes,
                    std::size_t results) {
  std::vector<std::string> names(results);
  return builder_.node(name, std::span(operands.begin(), operands.size()), std::move(attributes), names, results);
}

Value* Compose::number(const Value* like, double value) {
  return like == nullptr ? nullptr : builder_.scalar(like->type().dtype, value);
}

Value* Compose::size(const Dim& dim, DType dtype) {
  if (auto number = dim.constant()) return builder_.scalar(dtype, static_cast<double>(*number));
  return cast(op("dims", {}, {{"values", Dims{dim}}, {"scalar", int64_t{1}}}), dtype);
}

Value* Compose::cast(Value* x, DType dtype) {
  if (x == nullptr || x->type().dtype == dtype) return x;
  return op("cast", {x}, {{"dtype", dtype}});
}

Value* Compose::reshape(Value* x, Dims shape) {
  if (x != nullptr && x->type().dims == shape) return x;
  return op("reshape", {x}, {{"shape", std::move(shape)}});
}

Value* Compose::broadcast(Value* x, Dims shape) {
  if (x != nullptr && x->type().dims == shape) return x;
  return op("broadcast", {x}, {{"shape", std::move(shape)}});
}

Value* Compose::transpose(Value* x, Ints permutation) {
  if (std::ranges::is_sorted(permutation)) return x;
  return op("transpose", {x}, {{"permutation", std::move(permutation)}});
}

Value* Compose::slice(Value* x, int64_t axis, Dim start, Dim size) {
  if (x == nullptr) return nullptr;
  Dims sizes = x->type().dims;
  Dims starts(sizes.size(), Dim(0));
  if (start == Dim(0) && sizes[axis] == size) return x;
  starts[axis] = std::move(start);
  sizes[axis] = std::move(size);
  Ints steps(sizes.size(), 1);
  return op("slice", {x}, {{"starts", std::move(starts)}, {"sizes", std::move(sizes)}, {"steps", std::move(steps)}});
}

Value* Compose::reduce(std::string_view kind, Value* x, Ints axes, bool keep) {
  return op("reduce", {x},
            {{"kind", std::string(kind)}, {"axes", std::move(axes)}, {"keep", static_cast<int64_t>(keep)}});
}

Value* Compose::mean(Value* x, Ints axes, bool keep) {
  if (x == nullptr) return nullptr;
  Dim count = 1;
  for (int64_t axis : axes) count *= x->type().dims[axis];
  const DType dtype = x->type().dtype;
  Value* total = reduce("sum", cast(x, wide(dtype)), std::move(axes), keep);
  return cast(div(total, size(count, wide(dtype))), dtype);
}

Value* Compose::concat(std::span<Value* const> parts, int64_t axis) {
  if (parts.size() == 1) return parts[0];
  return builder_.op("concat", parts, {{"axis", axis}});
}

Value* Compose::iota(Dims shape, int64_t axis, DType dtype) {
  return op("iota", {}, {{"shape", std::move(shape)}, {"axis", axis}, {"dtype", dtype}});
}

Value* Compose::aligned(Value* x, int64_t axis, int64_t rank) {
  if (x == nullptr) return nullptr;
  Dims shape(static_cast<std::size_t>(axis), Dim(1));
  shape.insert(shape.end(), x->type().dims.begin(), x->type().dims.end());
  // Trailing dims of 1 matter only after x's own; leading ones are implied by broadcasting.
  shape.resize(static_cast<std::size_t>(rank), Dim(1));
  return reshape(x, std::move(shape));
}

Result<Values> Compose::done(std::initializer_list<Value*> values) {
  TRY(builder_.finish());
  return Values(values);
}

Result<Dims> dims_of(const NodeView& context, std::size_t operand) {
  if (!context.has(operand)) return context.error(fmt::format("operand {} is missing", operand));
  const Type& type = context.type(operand);
  if (!type.is_ranked_tensor())
    return context.error(fmt::format("operand {} of type {} must be a tensor of known rank", operand, type.text()));
  return type.dims;
}

Result<Ints> normal_axes(const NodeView& context, const Ints& axes, int64_t rank) {
  Ints result;
  for (int64_t axis : axes) {
    if (axis < -rank || axis >= rank)
      return context.error(fmt::format("axis {} is out of range for rank {}", axis, rank));
    result.push_back(normal_axis(axis, rank));
  }
  std::ranges::sort(result);
  if (std::ranges::adjacent_find(result) != result.end()) return context.error("an axis is named twice");
  return result;
}

Status infer_same(InferContext& context) {
  if (!context.has(0)) return context.error("operand 0 is missing");
  context.result(0, context.type(0));
  return {};
}

Status infer_broadcast(InferContext& context) {
  DType dtype = context.type(0).dtype;
  Dims dims;
  for (std::size_t i = 0; i < context.operand_count(); ++i) {
    if (!context.has(i)) continue;
    if (!context.type(i).is_ranked_tensor()) {
      context.result(0, Type::unranked(dtype));
      return {};
    }
    dims = TRY(context.broadcast(dims, context.type(i).dims));
    shorten(context, dims);
  }
  context.result(0, Type::tensor(dtype, std::move(dims)));
  return {};
}

}  // namespace burnish::ops
