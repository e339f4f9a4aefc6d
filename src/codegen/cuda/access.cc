#include "codegen/cuda/access.h"

#include <fmt/format.h>

#include "codegen/cuda/expression.h"

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;
std::size_t u(int i) { return static_cast<std::size_t>(i); }

bool is_zero(const std::string& index) { return index == "0" || index == "0ll"; }

}  // namespace

std::string CudaAccess::linear(const std::vector<Dim>& coefficients, const Dim& offset, const CudaPlace& at) {
  std::string sum;
  auto add = [&](const std::string& term) { sum += sum.empty() ? term : " + " + term; };
  for (std::size_t a = 0; a < coefficients.size(); ++a) {
    if (coefficients[a] == Dim(0) || at.index[a].empty()) continue;
    add(coefficients[a] == Dim(1) ? at.index[a] : fmt::format("{} * {}", at.index[a], text_.index(coefficients[a])));
  }
  if (offset != Dim(0) || sum.empty()) add(text_.index(offset));
  return sum;
}

std::string CudaAccess::offset(const Access& access, const CudaPlace& at, const Names& names) {
  std::string sum = linear(access.steps, access.offset, at);
  if (!access.computed.empty() && is_zero(sum)) sum.clear();
  for (const ComputedDim& dim : access.computed) {
    std::string index = linear(dim.index.coefficients, dim.index.offset, at);
    if (dim.index.expression >= 0) {
      const DType dtype = form_.nest.expressions[u(dim.index.expression)].dtype;
      std::string computed = convert_text(names[u(dim.index.expression)], dtype, DType::i64);
      index = is_zero(index) ? computed : fmt::format("{} + {}", index, computed);
      // Before it is known to be inside it may be any number.
      if (dim.clamp) index = fmt::format("clamped({}, {} - 1)", index, text_.number(dim.extent));
      index = fmt::format("({})({})", text_.index_type(), index);
    }
    std::string part;
    if (dim.block > 1) {
      const std::string block = text_.index(dim.block);
      part = fmt::format("quotient({}, {}) * {} + remainder_of({}, {}) * {}", index, block, text_.index(dim.stride),
                         index, block, text_.index(dim.inner));
    } else if (dim.stride == Dim(1)) {
      part = index;
    } else {
      part = fmt::format("({}) * {}", index, text_.index(dim.stride));
    }
    sum += sum.empty() ? part : " + " + part;
  }
  return sum;
}

std::string CudaAccess::guard(const Access& access, const CudaPlace& at, const Names& names) {
  std::string all;
  for (const Guard& guard : access.guards) {
    std::string index = linear(guard.index.coefficients, guard.index.offset, at), extent = text_.index(guard.extent);
    if (guard.index.expression >= 0) {
      const DType dtype = form_.nest.expressions[u(guard.index.expression)].dtype;
      std::string computed = convert_text(names[u(guard.index.expression)], dtype, DType::i64);
      // The sum of two numbers of which one may be anything wraps.
      index = is_zero(index) ? computed : fmt::format("wrap_add((long long)({}), {})", index, computed);
      extent = text_.number(guard.extent);
    }
    all += fmt::format("{}inside({}, {})", all.empty() ? "" : " && ", index, extent);
  }
  return all;
}

void CudaAccess::check(int expression, const CudaPlace& at, const Names& names) {
  const auto& e = form_.nest.expressions[u(expression)];
  const std::string index =
      convert_text(names[u(e.arguments[0])], form_.nest.expressions[u(e.arguments[0])].dtype, DType::i64);
  const std::string given =
      convert_text(names[u(e.arguments[1])], form_.nest.expressions[u(e.arguments[1])].dtype, DType::i64);
  const std::string extent = text_.number(e.dim);
  text_.line(fmt::format("check({}inside({}, {}), failure, {}, {}, {} - 1, {});",
                         at.active.empty() ? "" : "!" + at.active + " || ", index, extent, given,
                         e.from_end() ? "-" + extent : "0", extent, only_operand(form_.nest, e.arguments[1])));
}

std::string CudaAccess::value(int expression, const CudaPlace& at, const Names& names) {
  const auto& e = form_.nest.expressions[u(expression)];
  switch (e.kind) {
    case Kind::size: return convert_text(text_.number(e.dim), DType::i64, e.dtype);
    case Kind::axis: {
      const std::string& index = at.index[u(e.axis)];
      if (index.empty()) return constant_text(0, e.dtype);
      return convert_text("(long long)" + index, DType::i64, e.dtype);
    }
    case Kind::load: {
      const Access& access = *form_.loads[u(expression)];
      std::string read = from_memory(fmt::format("p{}[{}]", access.operand, offset(access, at, names)), access.dtype);
      const std::string inside = guard(access, at, names);
      if (inside.empty()) return read;
      return fmt::format("{} ? {} : {}", inside, read, constant_text(access.fallback, access.dtype));
    }
    case Kind::cast:
      return convert_text(names[u(e.arguments[0])], form_.nest.expressions[u(e.arguments[0])].dtype, e.dtype);
    case Kind::apply: {
      std::vector<std::string> arguments;
      for (int a : e.arguments) arguments.push_back(names[u(a)]);
      return apply_text(form_.nest, e, arguments);
    }
    default: break;
  }
  CHECK(false, "an anchor outside an epilogue");
}

void CudaAccess::define(int expression, const CudaPlace& at, Names& names) {
  const auto& e = form_.nest.expressions[u(expression)];
  std::string& name = names[u(expression)];
  if (!name.empty()) return;
  if (e.kind == Kind::constant) {
    name = constant_text(e.value, e.dtype);
  } else if (e.kind == Kind::checked) {
    check(expression, at, names);
    name = convert_text(names[u(e.arguments[0])], form_.nest.expressions[u(e.arguments[0])].dtype, e.dtype);
  } else {
    text_.line(fmt::format("const {} e{} = {};", register_type(e.dtype), expression, value(expression, at, names)));
    name = fmt::format("e{}", expression);
  }
}

std::vector<bool> CudaAccess::needed(std::span<const int> expressions, const std::vector<bool>& ready) const {
  std::vector<bool> seen(form_.nest.expressions.size());
  for (int e : expressions) seen[u(e)] = true;
  for (std::size_t i = seen.size(); i-- > 0;) {
    if (!seen[i] || ready[i]) continue;
    for (int a : form_.nest.expressions[i].arguments) seen[u(a)] = true;
    // Of the places that it is read at, only those that memory's form still asks for.
    if (!form_.loads[i]) continue;
    for (const auto& c : form_.loads[i]->computed)
      if (c.index.expression >= 0) seen[u(c.index.expression)] = true;
    for (const auto& g : form_.loads[i]->guards)
      if (g.index.expression >= 0) seen[u(g.index.expression)] = true;
  }
  return seen;
}

}  // namespace burnish
