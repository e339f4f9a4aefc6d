#include "kernels/cpu/expand.h"

#include <limits>

#include <fmt/format.h>

#include "kernels/cpu/family.h"

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;
std::size_t u(int i) { return static_cast<std::size_t>(i); }

class Expander {
 public:
  explicit Expander(const Kernel& kernel) : kernel_(kernel), problem_(*kernel.anchor) {}

  Result<Kernel> run() {
    if (static_cast<int64_t>(kernel_.nest.outer.size()) != problem_.result.rank())
      return refused("the nest's outer axes are not the dims of the problem's result");
    if (problem_.before) return refused("its image is not an operand");
    for (const Type& type : problem_.operands) nest_.add_operand("a", type);
    for (const NestOperand& o : kernel_.nest.operands) nest_.add_operand(o.name, o.type, o.output);
    nest_.axes = kernel_.nest.axes;
    nest_.outer = kernel_.nest.outer;
    accumulate_ = problem_.result.dtype;
    if (accumulate_ == DType::f16 || accumulate_ == DType::bf16) accumulate_ = DType::f32;
    int value = -1;
    if (problem_.family == "matmul") value = TRY(matmul());
    else if (problem_.family == "convolution") value = TRY(convolution());
    else if (problem_.family == "pool") value = TRY(pool());
    else return refused("no loops are known for " + problem_.family);
    append(nest_.cast(value, problem_.result.dtype));
    return Kernel{{}, std::move(nest_)};
  }

 private:
  // The kernel's own nest, after the statements that are here.
  void append(int anchor) {
    const int statements = static_cast<int>(nest_.statements.size());
    const int operands = static_cast<int>(problem_.operands.size());
    std::vector<int> place;
    auto move = [&](std::vector<Index>& list) {
      for (Index& index : list)
        if (index.expression >= 0) index.expression = place[u(index.expression)];
    };
    for (ScalarExpression e : kernel_.nest.expressions) {
      if (e.kind == Kind::anchor) {
        place.push_back(anchor);
        continue;
      }
      for (int& a : e.arguments) a = place[u(a)];
      move(e.index);
      if (e.kind == Kind::load) e.operand += operands;
      if (e.kind == Kind::temporary) e.statement += statements;
      place.push_back(static_cast<int>(nest_.expressions.size()));
      nest_.expressions.push_back(std::move(e));
    }
    for (Statement s : kernel_.nest.statements) {
      s.expression = place[u(s.expression)];
      move(s.index);
      if (s.kind == Statement::Kind::store) s.operand += operands;
      nest_.statements.push_back(std::move(s));
    }
  }

  int position(int axis) {
    ScalarExpression e;
    e.kind = Kind::axis;
    e.dtype = DType::i64;
    e.axis = axis;
    nest_.expressions.push_back(std::move(e));
    return static_cast<int>(nest_.expressions.size()) - 1;
  }
  int number(int64_t value) { return nest_.constant(static_cast<double>(value), DType::i64); }

  // Dims aligned right against the result's; those of 1 are repeated.
  Index repeated(const Dim& own, std::size_t axis) {
    if (own == Dim(1)) return {};
    return at(nest_.outer[axis]);
  }

  Result<int> matmul() {
    const Dims &a = problem_.operands[0].dims, &b = problem_.operands[1].dims;
    const std::size_t rank = problem_.result.dims.size();
    if (a.size() < 2 || b.size() < 2 || rank < 2) return refused("a matrix has fewer than two dims");
    const int k = nest_.add_axis("k", a.back());
    auto batch = [&](const Dims& dims) {
      std::vector<Index> index;
      for (std::size_t d = 0; d + 2 < dims.size(); ++d) {
        // What cannot be shown to agree with the result is another kernel's business.
        index.push_back(repeated(dims[d], d + rank - dims.size()));
      }
      return index;
    };
    for (const Dims* dims : {&a, &b})
      for (std::size_t d = 0; d + 2 < dims->size(); ++d)
        if (!((*dims)[d] == Dim(1)) && !((*dims)[d] == problem_.result.dims[d + rank - dims->size()]))
          return refused("it is not known whether a batch dim is repeated");
    if (!(a.back() == b[b.size() - 2])) return refused("it is not known whether the matrices fit");
    std::vector<Index> left = batch(a), right = batch(b);
    left.push_back(at(nest_.outer[rank - 2]));
    left.push_back(at(k));
    right.push_back(at(k));
    right.push_back(at(nest_.outer[rank - 1]));
    return sum_of_products(std::move(left), std::move(right), {k}, false);
  }

  int sum_of_products(std::vector<Index> left, std::vector<Index> right, std::vector<int> axes, bool guarded) {
    const int a = nest_.load(0, std::move(left));
    nest_.expressions[u(a)].guarded = guarded;
    const int b = nest_.load(1, std::move(right));
    const int product = nest_.apply(Scalar::mul, {nest_.cast(a, accumulate_), nest_.cast(b, accumulate_)});
    return nest_.reduce(Reduction::sum, std::move(axes), product);
  }

  // Axes of the taps, and where in the image they look; `taps` gets the axes.
  std::vector<Index> window(const Window& w, std::vector<int>& taps) {
    std::vector<Index> index;
    for (std::size_t d = 0; d < w.rank(); ++d) {
      taps.push_back(nest_.add_axis(fmt::format("t{}", d), w.kernel[d]));
      index.push_back(
          {{{nest_.outer[d + 2], Dim(w.strides[d])}, {taps.back(), Dim(w.dilations[d])}}, Dim(-w.begins[d]), -1});
    }
    return index;
  }
  // Does every window lie inside the image?
  bool inside(const Window& w) const {
    for (std::size_t d = 0; d < w.rank(); ++d) {
      const auto in = problem_.operands[0].dims[d + 2].constant(), out = problem_.result.dims[d + 2].constant();
      if (w.begins[d] != 0 || !in || !out) return false;
      if ((*out - 1) * w.strides[d] + (w.kernel[d] - 1) * w.dilations[d] >= *in) return false;
    }
    return true;
  }

  Result<int> convolution() {
    const Window w = TRY(window_of(problem_));
    const int64_t groups = integer(problem_.attributes, "groups", 1);
    const auto outputs = problem_.operands[1].dims[0].constant(), depth = problem_.operands[1].dims[1].constant();
    if (!outputs || !depth || groups < 1) return refused("the weights' dims are not numbers");
    const int64_t share = *outputs / groups;
    const int channel = nest_.add_axis("c", *depth), out = nest_.outer[1];
    std::vector<int> axes = {channel};
    Index from = at(channel);
    if (groups > 1 && share == 1) from.terms.push_back({out, Dim(*depth)});
    else if (groups > 1)
      from.expression =
          nest_.apply(Scalar::mul, {nest_.apply(Scalar::div, {position(out), number(share)}), number(*depth)});
    std::vector<Index> left = {at(nest_.outer[0]), from}, right = {at(out), at(channel)};
    for (Index& index : window(w, axes)) left.push_back(std::move(index));
    for (std::size_t d = 1; d < axes.size(); ++d) right.push_back(at(axes[d]));
    return sum_of_products(std::move(left), std::move(right), axes, !inside(w));
  }

  Result<int> pool() {
    const Window w = TRY(window_of(problem_));
    std::vector<int> taps;
    std::vector<Index> index = {at(nest_.outer[0]), at(nest_.outer[1])};
    for (Index& i : window(w, taps)) index.push_back(std::move(i));
    const bool guarded = !inside(w), average = string(problem_.attributes, "mode") == "average";
    const int load = nest_.load(0, index);
    nest_.expressions[u(load)].guarded = guarded;
    if (!average) {
      nest_.expressions[u(load)].fallback = -std::numeric_limits<double>::infinity();
      return nest_.reduce(Reduction::max, taps, load);
    }
    if (!is_float(accumulate_)) return refused("averages are of floats");
    const int sum = nest_.reduce(Reduction::sum, taps, nest_.cast(load, accumulate_));
    if (!guarded || integer(problem_.attributes, "count_include_pad", 0) != 0)
      return nest_.apply(Scalar::div, {sum, nest_.constant(static_cast<double>(w.taps()), accumulate_)});
    // Taps that meet the image are counted.
    int valid = -1;
    for (std::size_t d = 0; d < w.rank(); ++d) {
      int place = nest_.apply(Scalar::mul, {position(nest_.outer[d + 2]), number(w.strides[d])});
      place = nest_.apply(Scalar::add, {place, nest_.apply(Scalar::mul, {position(taps[d]), number(w.dilations[d])})});
      place = nest_.apply(Scalar::sub, {place, number(w.begins[d])});
      ScalarExpression size;
      size.kind = Kind::size;
      size.dtype = DType::i64;
      size.dim = problem_.operands[0].dims[d + 2];
      nest_.expressions.push_back(std::move(size));
      const int extent = static_cast<int>(nest_.expressions.size()) - 1;
      const int here = nest_.apply(
          Scalar::logical_and, {nest_.apply(Scalar::ge, {place, number(0)}), nest_.apply(Scalar::lt, {place, extent})});
      valid = valid < 0 ? here : nest_.apply(Scalar::logical_and, {valid, here});
    }
    const int count = nest_.reduce(Reduction::sum, taps, nest_.cast(valid, accumulate_));
    // A window beside the image holds nothing and gives 0.
    return nest_.apply(Scalar::div, {sum, nest_.apply(Scalar::max, {count, nest_.constant(1, accumulate_)})});
  }

  const Kernel& kernel_;
  const Problem& problem_;
  DType accumulate_ = DType::f32;
  Nest nest_;
};

}  // namespace

Result<Kernel> expand_anchor(const Kernel& kernel) {
  Kernel expanded = TRY(Expander(kernel).run());
  TRY(verify(expanded.nest));
  return expanded;
}

Kernel bare_kernel(const Problem& problem) {
  Kernel kernel;
  std::vector<Index> here;
  for (std::size_t i = 0; i < problem.result.dims.size(); ++i) {
    kernel.nest.outer.push_back(kernel.nest.add_axis(fmt::format("i{}", i), problem.result.dims[i]));
    here.push_back(at(kernel.nest.outer.back()));
  }
  const int y = kernel.nest.add_operand("y", problem.result, true);
  kernel.nest.store(y, std::move(here), kernel.nest.anchor(problem.result.dtype));
  kernel.anchor = problem;
  return kernel;
}

bool stores_alone(const Kernel& kernel) {
  const Nest& nest = kernel.nest;
  Kernel bare = bare_kernel(*kernel.anchor);
  // Names say nothing.
  if (nest.operands.size() != 1 || nest.axes.size() != bare.nest.axes.size()) return false;
  bare.nest.operands[0].name = nest.operands[0].name;
  for (std::size_t i = 0; i < nest.axes.size(); ++i) bare.nest.axes[i].name = nest.axes[i].name;
  return nest == bare.nest;
}

}  // namespace burnish
