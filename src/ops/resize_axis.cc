#include "ops/support/axes.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/resampling.h"

namespace burnish {
namespace {

std::size_t axis_of(const NodeView& c) { return idx(ops::normal_axis(c.integer("axis"), c.type(0).rank())); }
bool crops(const NodeView& c) { return c.string("coordinates") == "tf_crop_and_resize"; }
bool is_nearest(const NodeView& c) { return c.string("mode") == "nearest"; }

Status infer(InferContext& c) {
  TRY(check_resampling(c));
  Type y = c.type(0);
  if (c.dims("size").size() != 1 || c.dims("taps").size() != 1) return c.error("size and taps must be one number each");
  for (std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    const bool roi = i == 2;
    if (c.has(i) && c.type(i).ranked &&
        (c.type(i).rank() != (roi ? 1 : 0) || (roi && equal(c.type(i).dims[0], 2) == Truth::no)))
      return c.error(roi ? "the roi must be two numbers" : "the scale must be a scalar");
  }
  if (c.has(2) && c.type(2).ranked)
    c.require(Requirement::Kind::equal, c.type(2).dims[0], 2, "numbers of the roi and 2");
  if (crops(c) && !c.has(2)) return c.error("tf_crop_and_resize needs a roi");
  if (!is_nearest(c) && !is_float(y.dtype)) return c.error("only real numbers are interpolated");
  if (y.ranked) y.dims[idx(TRY(c.axis(c.integer("axis"), y.rank())))] = c.dims("size")[0];
  c.result(0, std::move(y));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const std::size_t axis = idx(TRY(checked_axis(c, c.integer("axis"), x.rank())));
  Resized along{x.dims()[axis], TRY(c.sizes("size"))[0], 0};
  if (c.has(2) && c.in(2).elements() != 2) return c.error("the roi must be two numbers");
  if (along.from == 0 && along.to != 0) return c.error("nothing to resize: x has no elements");
  along.scale = c.has(1) ? c.in(1).real_at(0)
                         : static_cast<double>(along.to) / std::max<double>(1, static_cast<double>(along.from));
  if (!(along.scale >= 1e-7 || along.to == 0) || !std::isfinite(along.scale))
    return c.error("the scale is out of range");
  if (c.has(2)) along.roi_start = c.in(2).real_at(0), along.roi_end = c.in(2).real_at(1);
  Sizes dims = x.dims();
  dims[axis] = along.to;
  Tensor& y = *TRY(c.out(0, dims));
  if (y.elements() == 0) return {};
  const int64_t outer = element_count(std::span(dims).first(axis)),
                inner = element_count(std::span(dims).subspan(axis + 1));
  if (stays(c, along)) {
    copy_elements(x, 0, y, 0, x.elements());
    return {};
  }
  const Taps taps = taps_of(c, along);
  if (is_nearest(c) && !crops(c)) {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < along.to; ++i)
        copy_elements(x, (o * along.from + taps.index[idx(i)]) * inner, y, (o * along.to + i) * inner, inner);
    return {};
  }
  std::vector<double> values(idx(x.elements()));
  for (int64_t i = 0; i < x.elements(); ++i) values[idx(i)] = x.real_at(i);
  const auto extrapolation = crops(c) ? std::optional(c.real("extrapolation")) : std::nullopt;
  values = resampled(values, taps, outer, along.from, inner, along.to, extrapolation);
  visit_number_class(y.dtype(), [&]<class N>(N) {
    if constexpr (std::is_arithmetic_v<N>) {
      const Accessor<N> access(y.dtype());
      for (int64_t i = 0; i < y.elements(); ++i) access.store(y.mutable_data(), i, static_cast<N>(values[idx(i)]));
    }
  });
  return {};
}

// Coordinates and weights are computed in f64, as the reference does.
class Lowering {
 public:
  Lowering(const LowerContext& c, Nest& nest, const Declared& declared, std::span<const int> axes)
      : c_(c), n_(nest), declared_(declared), axes_(axes), axis_(axis_of(c)) {
    from_ = c.type(0).dims[axis_];
    to_ = c.dims("size")[0];
    const auto given = [&](std::size_t operand, std::vector<Index> at) {
      return Term{&n_, n_.cast(n_.load(declared_.operands[operand], std::move(at)), DType::f64)};
    };
    const auto roi = [&](int64_t k) { return crops(c) ? given(2, {Index{{}, Dim(k), -1}}) : Term(); };
    const AxisScale<Term> a{size(from_), size(to_), c.has(1) ? given(1, {}) : size(to_) / size(from_), roi(0), roi(1)};
    scale_ = a.scale;
    position_ = {&n_, axis_value(n_, axes_[axis_], DType::f64)};
    x_ = source_position(c.string("coordinates"), a, position_);
    last_ = size(from_ - 1);
  }

  int result() {
    const DType dtype = c_.type(0).dtype;
    const int value =
        is_nearest(c_) ? load(rounded_position(c_.string("nearest"), x_, scale_)) : n_.cast(interpolated(), dtype);
    if (crops(c_)) {
      const Term outside = is_less(x_, 0).apply(Scalar::logical_or, x_.apply(Scalar::gt, last_));
      const int otherwise = n_.cast(number(c_.real("extrapolation")).value, dtype);
      return n_.apply(Scalar::select, {outside.value, otherwise, value});
    }
    // Where nothing changes, elements that are no numbers must not spread.
    if (is_nearest(c_) || equal(from_, to_) == Truth::no) return value;
    const Term same = is_equal(scale_, 1).apply(Scalar::logical_and, size(from_).apply(Scalar::eq, size(to_)));
    return n_.apply(Scalar::select, {same.value, load(position_), value});
  }

 private:
  Term number(double value) { return {&n_, n_.constant(value, DType::f64)}; }
  Term size(const Dim& d) { return {&n_, size_value(n_, d, DType::f64)}; }

  // x at a position along the axis, brought inside.
  int load(Term position) {
    const Term inside = position.apply(Scalar::min, last_).apply(Scalar::max, number(0));
    std::vector<Index> from = plain_index(axes_);
    from[axis_] = Index{{}, Dim(0), n_.cast(inside.value, DType::i64)};
    return guarded_load(n_, declared_.operands[0], std::move(from));
  }

  Term filter(Term distance) {
    const Term x = distance.apply(Scalar::abs);
    if (c_.string("mode") == "linear") return number(0).apply(Scalar::max, number(1) - x);
    const double a = c_.real("cubic_a");
    const Term far = choose(is_less(x, 2), cubic_far(x, a), number(0));
    return choose(x.apply(Scalar::le, number(1)), cubic_near(x, a), far);
  }

  int interpolated() {
    const DType work = c_.type(0).dtype == DType::f64 ? DType::f64 : DType::f32;
    const bool antialias = c_.integer("antialias") != 0, exclude = c_.integer("exclude_outside") != 0;
    const Dim& taps = c_.dims("taps")[0];
    const int k = n_.add_axis("k", taps);
    // Half of the taps lie left of the position.
    const Term offset = Term{&n_, axis_value(n_, k, DType::f64)} + size(1 - floordiv(taps, 2));
    const Term left = ceil(x_) - 1.0, place = left + offset;
    Term distance = offset - (x_ - left);
    if (antialias) distance = distance * scale_.apply(Scalar::min, number(1));
    Term weight = filter(distance);
    if (exclude) {
      const Term inside = place.apply(Scalar::ge, number(0)).apply(Scalar::logical_and, place.apply(Scalar::le, last_));
      weight = choose(inside, weight, number(0));
    }
    const int element = n_.cast(load(place), work);
    const int sum = n_.reduce(Reduction::sum, {k}, n_.apply(Scalar::mul, {element, n_.cast(weight.value, work)}));
    if (!antialias && !exclude) return sum;
    const int whole = n_.cast(n_.reduce(Reduction::sum, {k}, weight.value), work);
    const int none = n_.apply(Scalar::eq, {whole, n_.constant(0, work)});
    return n_.apply(Scalar::select, {none, sum, n_.apply(Scalar::div, {sum, whole})});
  }

  const LowerContext& c_;
  Nest& n_;
  const Declared& declared_;
  std::span<const int> axes_;
  std::size_t axis_;
  Dim from_, to_;
  Term position_, scale_, x_, last_;
};

Result<Kernel> lower(LowerContext& c) {
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    return Lowering(c, nest, declared, axes).result();
  });
}

constexpr OperandSpec kOperands[] = {{"x", "numeric|bool"},
                                     {"scale", "f64", OperandSpec::Arity::optional},
                                     {"roi", "f64", OperandSpec::Arity::optional}};
constexpr ResultDoc kResults[] = {{"y", "x with `size` elements along the axis"}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeKind::integer, "required", "negative ones count from the end"},
    {"size", AttributeKind::dims, "required", "one number: elements along the axis"},
    {"taps", AttributeKind::dims, "dims[2]",
     "one number, even: elements of x that a result is made of: 2 (linear), 4 (cubic), more with antialias"},
    {"mode", AttributeKind::string, "\"nearest\"", "as resize"},
    {"coordinates", AttributeKind::string, "\"half_pixel\"", "as resize"},
    {"nearest", AttributeKind::string, "\"round_prefer_floor\"", "as resize"},
    {"cubic_a", AttributeKind::real, "-0.75", "as resize"},
    {"exclude_outside", AttributeKind::integer, "0", "as resize"},
    {"extrapolation", AttributeKind::real, "0.0", "as resize"},
    {"antialias", AttributeKind::integer, "0", "as resize"}};
constexpr Sample kSamples[] = {
    {"x: f32[2,5,3]; y = resize_axis(x) {axis = 1, size = dims[8]}"},
    {"x: f32[2,7], s: f64[] = [0.5]; y = resize_axis(x, s) {axis = -1, size = dims[3], mode = \"linear\"}"},
    {"x: f32[2,N]; y = resize_axis(x) {axis = 1, size = dims[2*N], mode = \"linear\"}"},
    {"x: f32[9,2]; y = resize_axis(x) {axis = 0, size = dims[4], taps = dims[8], mode = \"linear\", antialias = 1}"},
    {"x: f32[9,2]; y = resize_axis(x) {axis = 0, size = dims[13], taps = dims[4], mode = \"cubic\", exclude_outside = "
     "1, coordinates = \"align_corners\"}"},
    {"x: f32[9,2], s: f64[] = [0.6]; y = resize_axis(x, s) {axis = 0, size = dims[5], taps = dims[8], mode = "
     "\"cubic\", antialias = 1, coordinates = \"half_pixel_symmetric\"}"},
    {"x: f32[2,4], s: f64[] = [1.5], r: f64[2] = [0.25, 1.25]; y = resize_axis(x, s, r) {axis = 1, size = dims[6], "
     "mode = \"linear\", coordinates = \"tf_crop_and_resize\", extrapolation = 3.0}"},
    {"x: f32[2,7], s: f64[] = [0.6]; y = resize_axis(x, s) {axis = 1, size = dims[4], coordinates = \"asymmetric\", "
     "nearest = \"simple\"}"},
    {"x: f32[2,7], s: f64[] = [1.7]; y = resize_axis(x, s) {axis = 1, size = dims[11], coordinates = "
     "\"tf_half_pixel_for_nn\", mode = \"linear\"}"},
    {"x: f32[5], s: f64[] = [0.5]; y = resize_axis(x, s) {axis = 0, size = dims[2], coordinates = "
     "\"half_pixel_symmetric\", nearest = \"floor\"}"},
};
constexpr Operator kOperator = {
    .name = "resize_axis",
    .doc = "resize along one axis by a scale that is data (size / elements of x when absent), and the roi, too.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {.relative = 1e-5, .absolute = 1e-5},
};

}  // namespace

namespace ops {
extern const OperatorList list_resize_axis;
constinit const OperatorList list_resize_axis = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
