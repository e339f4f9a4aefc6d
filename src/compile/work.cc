#include "compile/work.h"

#include <algorithm>
#include <set>
#include <vector>

namespace burnish {
namespace {

using Axes = std::set<int>;

std::size_t idx(int i) { return static_cast<std::size_t>(i); }

// Which axes each expression of a nest depends on.
class NestWork {
 public:
  explicit NestWork(const Nest& nest) : nest_(nest) {
    for (const ScalarExpression& e : nest.expressions) {
      Axes& axes = axes_.emplace_back();
      switch (e.kind) {
        case ScalarExpression::Kind::constant:
        case ScalarExpression::Kind::size: break;
        case ScalarExpression::Kind::axis: axes.insert(e.axis); break;
        case ScalarExpression::Kind::load: axes = axes_of(e.index); break;
        case ScalarExpression::Kind::anchor:
        case ScalarExpression::Kind::temporary: axes.insert(nest.outer.begin(), nest.outer.end()); break;
        case ScalarExpression::Kind::apply:
        case ScalarExpression::Kind::cast:
        case ScalarExpression::Kind::checked:
          for (const int argument : e.arguments) axes.insert(axes_[idx(argument)].begin(), axes_[idx(argument)].end());
          break;
      }
    }
  }

  // A gather reads no more of its operand than there are places that it reads for.
  Dim bytes() const {
    std::vector<Dim> touched(nest_.operands.size(), Dim(0));
    for (const ScalarExpression& e : nest_.expressions)
      if (e.kind == ScalarExpression::Kind::load) touched[idx(e.operand)] += extent(axes_of(e.index));
    for (const Statement& s : nest_.statements)
      if (s.kind == Statement::Kind::store) touched[idx(s.operand)] += extent(axes_of(s.index));
    Dim bytes = 0;
    for (std::size_t i = 0; i < touched.size(); ++i) {
      const Type& type = nest_.operands[i].type;
      bytes += min(type.element_count(), touched[i]) * Dim(static_cast<int64_t>(byte_size(type.dtype)));
    }
    return bytes;
  }

  Dim macs() const {
    Dim macs = 0;
    for (const Statement& s : nest_.statements) {
      if (s.kind != Statement::Kind::reduce || s.reduction != Reduction::sum || !is_product(s.expression)) continue;
      Axes axes(nest_.outer.begin(), nest_.outer.end());
      axes.insert(s.axes.begin(), s.axes.end());
      macs += extent(axes);
    }
    return macs;
  }

 private:
  Axes axes_of(const std::vector<Index>& index) const {
    Axes axes;
    for (const Index& i : index) {
      for (const Index::Term& term : i.terms) axes.insert(term.axis);
      if (i.expression >= 0) axes.insert(axes_[idx(i.expression)].begin(), axes_[idx(i.expression)].end());
    }
    return axes;
  }
  Dim extent(const Axes& axes) const {
    Dim extent = 1;
    for (const int axis : axes) extent *= nest_.axes[idx(axis)].extent;
    return extent;
  }
  bool is_product(int expression) const {
    const ScalarExpression* e = &nest_.expressions[idx(expression)];
    while (e->kind == ScalarExpression::Kind::cast) e = &nest_.expressions[idx(e->arguments[0])];
    return e->kind == ScalarExpression::Kind::apply && e->function == Scalar::mul;
  }

  const Nest& nest_;
  std::vector<Axes> axes_;
};

Dim anchor_macs(const Problem& p) {
  if (p.family == "matmul" && p.operands.size() >= 2 && !p.operands[0].dims.empty())
    return p.result.element_count() * p.operands[0].dims.back();
  if (p.family == "convolution" && p.operands.size() >= 2 && !p.operands[1].dims.empty())
    return p.result.element_count() * product(std::span(p.operands[1].dims).subspan(1)) +
           (p.before ? anchor_macs(*p.before->anchor) : Dim(0));
  if (p.family == "separable" && p.before && p.operands.back().dims.size() >= 2)
    return p.result.element_count() * p.operands.back().dims[1] + anchor_macs(*p.before->anchor);
  if (p.family == "pool" && p.before) return anchor_macs(*p.before->anchor);
  if (p.family == "attention" && p.operands.size() >= 3 && p.operands[1].dims.size() >= 2) {
    const Dims& keys = p.operands[1].dims;
    return (p.operands[0].element_count() + p.result.element_count()) * keys[keys.size() - 2];
  }
  return 0;
}

// Windows that are apart leave some of the image out.
Dim image_bytes(const Problem& p) {
  const Type& x = p.operands[0];
  std::vector<Dim> window;
  if (p.family == "convolution") {
    window.assign(p.operands[1].dims.begin() + 2, p.operands[1].dims.end());
  } else if (const auto found = p.attributes.find("kernel"); found != p.attributes.end()) {
    if (const auto* kernel = std::get_if<Ints>(&found->second)) window.assign(kernel->begin(), kernel->end());
  }
  Dim elements = 1;
  for (std::size_t d = 0; d < x.dims.size(); ++d) {
    const bool seen = d >= 2 && d - 2 < window.size() && d < p.result.dims.size();
    elements *= seen ? min(x.dims[d], p.result.dims[d] * window[d - 2]) : x.dims[d];
  }
  return elements * Dim(static_cast<int64_t>(byte_size(x.dtype)));
}

Dim anchor_bytes(const Problem& p, const Tactic& tactic) {
  Dim bytes = 0;
  for (std::size_t i = 0; i < p.operands.size(); ++i) {
    const int64_t derived = i < tactic.ports.size() ? tactic.ports[i].derived_bytes : 0;
    if (derived > 0) bytes += derived;
    else if (i == 0 && !p.before && (p.family == "convolution" || p.family == "pool")) bytes += image_bytes(p);
    else bytes += dense_bytes(p.operands[i]);
  }
  return bytes;
}

}  // namespace

Dim dense_bytes(const Type& type) { return type.element_count() * Dim(static_cast<int64_t>(byte_size(type.dtype))); }

Work work_of(const Kernel& kernel, const Tactic& tactic) {
  Work work;
  const NestWork nest(kernel.nest);
  work.macs = nest.macs();
  work.bytes = nest.bytes();
  for (const NestOperand& operand : kernel.nest.operands)
    if (operand.output) work.dtype = operand.type.dtype;
  if (!kernel.anchor) return work;
  const Problem& p = *kernel.anchor;
  work.dtype = p.result.dtype;
  work.macs += anchor_macs(p);
  if (p.family.starts_with("scatter") && p.operands.size() >= 3) {
    // What it scatters into may be there already.
    work.bytes = dense_bytes(p.operands[1]) + Dim(2) * dense_bytes(p.operands[2]);
    return work;
  }
  work.bytes += anchor_bytes(p, tactic);
  const auto share = tactic.parameters.find("multiplications");
  if (const auto* value = share == tactic.parameters.end() ? nullptr : std::get_if<double>(&share->second))
    work.multiplications = *value;
  return work;
}

}  // namespace burnish
