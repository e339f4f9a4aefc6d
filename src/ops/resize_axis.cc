#include "ops/support/core.h"
#include "ops/support/resampling.h"

namespace burnish {
namespace {

std::size_t axis_of(const NodeView& c) {
  return idx(c.integer("axis") < 0 ? c.integer("axis") + c.type(0).rank() : c.integer("axis"));
}
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
  if (crops(c) && !c.has(2)) return c.error("tf_crop_and_resize needs a roi");
  if (!is_nearest(c) && !is_float(y.dtype)) return c.error("only real numbers are interpolated");
  if (y.ranked) y.dims[idx(TRY(c.axis(c.integer("axis"), y.rank())))] = c.dims("size")[0];
  c.result(0, std::move(y));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  if (c.integer("axis") < -x.rank() || c.integer("axis") >= x.rank()) return c.error("axis out of range");
  const std::size_t axis = idx(c.integer("axis") < 0 ? c.integer("axis") + x.rank() : c.integer("axis"));
  Resized along{x.dims()[axis], TRY(c.sizes("size"))[0], 0};
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
    scale_ = c.has(1) ? n_.cast(n_.load(declared.operands[1], {}), DType::f64) : divide(size(to_), size(from_));
    x_ = source();
    last_ = size(from_ - 1);
  }

  int result() {
    const DType dtype = c_.type(0).dtype;
    int value = is_nearest(c_) ? load(rounded()) : n_.cast(interpolated(), dtype);
    if (crops(c_)) {
      const int outside =
          n_.apply(Scalar::logical_or, {n_.apply(Scalar::lt, {x_, number(0)}), n_.apply(Scalar::gt, {x_, last_})});
      const int otherwise = n_.cast(number(c_.real("extrapolation")), dtype);
      return n_.apply(Scalar::select, {outside, otherwise, value});
    }
    // Where nothing changes, elements that are no numbers must not spread.
    if (is_nearest(c_) || equal(from_, to_) == Truth::no) return value;
    const int same = n_.apply(Scalar::logical_and, {n_.apply(Scalar::eq, {scale_, number(1)}),
                                                    n_.apply(Scalar::eq, {size(from_), size(to_)})});
    return n_.apply(Scalar::select, {same, load(axis_value(n_, axes_[axis_], DType::f64)), value});
  }

 private:
  int number(double value) { return n_.constant(value, DType::f64); }
  int size(const Dim& d) { return size_value(n_, d, DType::f64); }
  int add(int a, int b) { return n_.apply(Scalar::add, {a, b}); }
  int subtract(int a, int b) { return n_.apply(Scalar::sub, {a, b}); }
  int times(int a, int b) { return n_.apply(Scalar::mul, {a, b}); }
  int divide(int a, int b) { return n_.apply(Scalar::div, {a, b}); }

  int source() {
    const std::string& coordinates = c_.string("coordinates");
    const int i = axis_value(n_, axes_[axis_], DType::f64), from = size(from_), one = number(1), half = number(0.5);
    if (coordinates == "asymmetric") return divide(i, scale_);
    if (coordinates == "tf_half_pixel_for_nn") return divide(add(i, half), scale_);
    const int length = times(scale_, from), last = subtract(from, one), is_one = n_.apply(Scalar::eq, {length, one});
    if (coordinates == "align_corners")
      return n_.apply(Scalar::select, {is_one, number(0), divide(times(i, last), subtract(length, one))});
    if (coordinates == "tf_crop_and_resize") {
      const auto roi = [&](int64_t k) {
        return n_.cast(n_.load(declared_.operands[2], {Index{{}, Dim(k), -1}}), DType::f64);
      };
      const int span = times(subtract(roi(1), roi(0)), last);
      const int way = divide(times(i, span), subtract(length, one));
      return add(times(roi(0), last), n_.apply(Scalar::select, {is_one, divide(span, number(2)), way}));
    }
    const int x = subtract(divide(add(i, half), scale_), half);
    if (coordinates == "pytorch_half_pixel") return n_.apply(Scalar::select, {is_one, number(-0.5), x});
    if (coordinates != "half_pixel_symmetric") return x;
    return add(times(divide(from, number(2)), subtract(one, divide(size(to_), length))), x);
  }

  int rounded() {
    const std::string& mode = c_.string("nearest");
    if (mode == "simple")
      return n_.apply(Scalar::select, {n_.apply(Scalar::lt, {scale_, number(1)}), n_.apply(Scalar::ceil, {x_}),
                                       n_.apply(Scalar::floor, {x_})});
    if (mode == "floor") return n_.apply(Scalar::floor, {x_});
    if (mode == "ceil") return n_.apply(Scalar::ceil, {x_});
    if (mode == "round_prefer_floor") return n_.apply(Scalar::ceil, {subtract(x_, number(0.5))});
    return n_.apply(Scalar::floor, {add(x_, number(0.5))});
  }

  // x at a position along the axis, brought inside.
  int load(int position) {
    const int inside = n_.apply(Scalar::max, {n_.apply(Scalar::min, {position, last_}), number(0)});
    std::vector<Index> from = plain_index(axes_);
    from[axis_] = Index{{}, Dim(0), n_.cast(inside, DType::i64)};
    return guarded_load(n_, declared_.operands[0], std::move(from));
  }

  int filter(int distance) {
    const int x = n_.apply(Scalar::abs, {distance});
    if (c_.string("mode") == "linear") return n_.apply(Scalar::max, {number(0), subtract(number(1), x)});
    const double a = c_.real("cubic_a");
    const int near = add(times(times(subtract(times(number(a + 2), x), number(a + 3)), x), x), number(1));
    int far = add(times(subtract(times(number(a), x), number(5 * a)), x), number(8 * a));
    far = subtract(times(far, x), number(4 * a));
    far = n_.apply(Scalar::select, {n_.apply(Scalar::lt, {x, number(2)}), far, number(0)});
    return n_.apply(Scalar::select, {n_.apply(Scalar::le, {x, number(1)}), near, far});
  }

  int interpolated() {
    const DType work = c_.type(0).dtype == DType::f64 ? DType::f64 : DType::f32;
    const bool antialias = c_.integer("antialias") != 0, exclude = c_.integer("exclude_outside") != 0;
    const Dim& taps = c_.dims("taps")[0];
    const int k = n_.add_axis("k", taps);
    // Half of the taps lie left of the position.
    const int offset = add(axis_value(n_, k, DType::f64), size(1 - floordiv(taps, 2)));
    const int left = subtract(n_.apply(Scalar::ceil, {x_}), number(1)), place = add(left, offset);
    int distance = subtract(offset, subtract(x_, left));
    if (antialias) distance = times(distance, n_.apply(Scalar::min, {scale_, number(1)}));
    int weight = filter(distance);
    if (exclude) {
      const int inside = n_.apply(Scalar::logical_and,
                                  {n_.apply(Scalar::ge, {place, number(0)}), n_.apply(Scalar::le, {place, last_})});
      weight = n_.apply(Scalar::select, {inside, weight, number(0)});
    }
    const int element = n_.cast(load(place), work);
    int sum = n_.reduce(Reduction::sum, {k}, times(element, n_.cast(weight, work)));
    if (!antialias && !exclude) return sum;
    const int whole = n_.cast(n_.reduce(Reduction::sum, {k}, weight), work);
    const int none = n_.apply(Scalar::eq, {whole, n_.constant(0, work)});
    return n_.apply(Scalar::select, {none, sum, divide(sum, whole)});
  }

  const LowerContext& c_;
  Nest& n_;
  const Declared& declared_;
  std::span<const int> axes_;
  std::size_t axis_;
  Dim from_, to_;
  int scale_ = -1, x_ = -1, last_ = -1;
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
