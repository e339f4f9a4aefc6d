#include "ops/support/lowering.h"

namespace burnish {

bool has_kernel_dtype(DType dtype) {
  switch (dtype) {
    case DType::f64:
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::i64:
    case DType::i32:
    case DType::i16:
    case DType::i8:
    case DType::u64:
    case DType::u32:
    case DType::u16:
    case DType::u8:
    case DType::boolean: return true;
    default: return false;
  }
}

Status check_lowerable(const LowerContext& c) {
  const auto check = [&](const Value* value) -> Status {
    if (value == nullptr) return {};
    if (!value->type().is_ranked_tensor() || !has_kernel_dtype(value->type().dtype))
      return c.error("no kernel for " + value->type().text());
    return {};
  };
  for (const Value* value : c.node().operands()) TRY(check(value));
  for (std::size_t i = 0; i < c.node().result_count(); ++i) TRY(check(c.node().result(i)));
  return {};
}

Declared declare_operands(Nest& nest, const LowerContext& c) {
  Declared declared;
  const Node& node = c.node();
  for (std::size_t i = 0; i < node.operand_count(); ++i) {
    const Value* value = node.operand(i);
    declared.operands.push_back(value == nullptr ? -1 : nest.add_operand("x" + std::to_string(i), value->type()));
  }
  for (std::size_t i = 0; i < node.result_count(); ++i) {
    const Value* value = node.result(i);
    declared.results.push_back(value == nullptr ? -1 : nest.add_operand("y" + std::to_string(i), value->type(), true));
  }
  return declared;
}

std::vector<int> add_axes(Nest& nest, std::span<const Dim> dims, bool outer, std::string_view prefix) {
  std::vector<int> axes;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    axes.push_back(nest.add_axis(std::string(prefix) + std::to_string(i), dims[i]));
    if (outer) nest.outer.push_back(axes.back());
  }
  return axes;
}

std::vector<Index> plain_index(std::span<const int> axes) {
  std::vector<Index> index;
  for (int axis : axes) index.push_back(at(axis));
  return index;
}

int guarded_load(Nest& nest, int operand, std::vector<Index> index, double fallback) {
  const int load = nest.load(operand, std::move(index));
  auto& expression = nest.expressions[static_cast<std::size_t>(load)];
  expression.guarded = true;
  expression.fallback = fallback;
  return load;
}

int wrapped_index(Nest& nest, int given, const Dim& size) {
  const int negative = nest.apply(Scalar::lt, {given, nest.constant(0, DType::i64)});
  const int from_end = nest.apply(Scalar::add, {given, size_value(nest, size, DType::i64)});
  return nest.checked(nest.apply(Scalar::select, {negative, from_end, given}), size, given);
}

int load_broadcast(Nest& nest, int operand, std::span<const Dim> result, std::span<const int> axes) {
  const Dims dims = nest.operands[static_cast<std::size_t>(operand)].type.dims;
  const std::size_t offset = result.size() - dims.size();
  std::vector<Index> index(dims.size());
  bool certain = true;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const Dim &own = dims[i], &whole = result[i + offset];
    if (own.constant() == 1) continue;  // coefficient 0
    if (own == whole) {
      index[i] = at(axes[i + offset]);
      continue;
    }
    const bool large = equal(own, 1) == Truth::no;
    index[i] = Index{{{axes[i + offset], large ? Dim(1) : min(own - 1, 1)}}, Dim(0), -1};
    if (less_equal(whole, own) != Truth::yes) certain = false;
  }
  return certain ? nest.load(operand, std::move(index)) : guarded_load(nest, operand, std::move(index));
}

int size_value(Nest& nest, const Dim& dim, DType dtype) {
  if (dim.is_constant()) return nest.constant(static_cast<double>(dim.value()), dtype);
  ScalarExpression e;
  e.kind = ScalarExpression::Kind::size;
  e.dtype = dtype;
  e.dim = dim;
  nest.expressions.push_back(std::move(e));
  return static_cast<int>(nest.expressions.size()) - 1;
}

int axis_value(Nest& nest, int axis, DType dtype) {
  ScalarExpression e;
  e.kind = ScalarExpression::Kind::axis;
  e.dtype = dtype;
  e.axis = axis;
  nest.expressions.push_back(std::move(e));
  return static_cast<int>(nest.expressions.size()) - 1;
}

Result<Kernel> indexed_kernel(
    const LowerContext& c,
    const std::function<int(Nest& nest, const Declared& declared, std::span<const int> axes)>& body) {
  TRY(check_lowerable(c));
  Kernel kernel;
  const Declared declared = declare_operands(kernel.nest, c);
  const std::vector<int> axes = add_axes(kernel.nest, c.node().result(0)->type().dims);
  const int value = body(kernel.nest, declared, axes);
  kernel.nest.store(declared.results[0], plain_index(axes), value);
  return kernel;
}

Result<Kernel> pointwise_kernel(const LowerContext& c,
                                const std::function<int(Nest& nest, std::span<const int> loaded)>& body) {
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    std::vector<int> loaded;
    for (int operand : declared.operands)
      loaded.push_back(operand < 0 ? -1 : load_broadcast(nest, operand, c.node().result(0)->type().dims, axes));
    return body(nest, loaded);
  });
}

Result<Kernel> problem_kernel(const LowerContext& c, std::string_view family, AttributeMap attributes) {
  TRY(check_lowerable(c));
  Kernel kernel;
  Problem problem;
  problem.family = family;
  for (const Value* value : c.node().operands())
    if (value != nullptr) problem.operands.push_back(value->type());
  problem.result = c.node().result(0)->type();
  problem.attributes = std::move(attributes);
  const std::vector<int> axes = add_axes(kernel.nest, problem.result.dims);
  const int output = kernel.nest.add_operand("y0", problem.result, true);
  kernel.nest.store(output, plain_index(axes), kernel.nest.anchor(problem.result.dtype));
  kernel.anchor = std::move(problem);
  return kernel;
}

}  // namespace burnish
