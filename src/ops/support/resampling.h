#pragma once
// Resampling along one axis, for `resize` and `resize_axis`: both have the attributes mode, coordinates, nearest, cubic_a,
// exclude_outside, extrapolation and antialias.

#include <cmath>
#include <optional>
#include <vector>

#include "ops/operator.h"
#include "ops/support/strided.h"

namespace burnish {

// How one axis is resampled: result position i sums `taps` elements of x, clamped to it.
struct Taps {
  int64_t count = 1;
  Sizes index;                 // [result, taps]
  std::vector<double> weight;  // [result, taps]
  std::vector<bool> outside;   // tf_crop_and_resize: the position lies outside x
};

struct Resized {
  int64_t from, to;
  double scale;
  double roi_start = 0, roi_end = 1;
};

// -- formulas, for numbers in references and for expressions of a nest in kernels

// An expression in f64.
struct Term {
  Nest* nest = nullptr;
  int value = -1;

  Term number(double v) const { return {nest, nest->constant(v, DType::f64)}; }
  Term apply(Scalar f) const { return {nest, nest->apply(f, {value})}; }
  Term apply(Scalar f, Term b) const { return {nest, nest->apply(f, {value, b.value})}; }
};
inline Term operator+(Term a, Term b) { return a.apply(Scalar::add, b); }
inline Term operator-(Term a, Term b) { return a.apply(Scalar::sub, b); }
inline Term operator*(Term a, Term b) { return a.apply(Scalar::mul, b); }
inline Term operator/(Term a, Term b) { return a.apply(Scalar::div, b); }
inline Term operator+(Term a, double b) { return a + a.number(b); }
inline Term operator-(Term a, double b) { return a - a.number(b); }
inline Term operator*(Term a, double b) { return a * a.number(b); }
inline Term operator/(Term a, double b) { return a / a.number(b); }
inline Term floor(Term a) { return a.apply(Scalar::floor); }
inline Term ceil(Term a) { return a.apply(Scalar::ceil); }
inline Term is_equal(Term a, double b) { return a.apply(Scalar::eq, a.number(b)); }
inline Term is_less(Term a, double b) { return a.apply(Scalar::lt, a.number(b)); }
inline Term choose(Term condition, Term a, Term b) {
  return {a.nest, a.nest->apply(Scalar::select, {condition.value, a.value, b.value})};
}
inline Term choose(Term condition, double a, Term b) { return choose(condition, b.number(a), b); }
inline bool is_equal(double a, double b) { return a == b; }
inline bool is_less(double a, double b) { return a < b; }
inline double choose(bool condition, double a, double b) { return condition ? a : b; }

template <class T>
struct AxisScale {
  T from, to, scale, roi_start, roi_end;  // the last two for tf_crop_and_resize alone
};

// Where result position i lies in x. Follows onnx's reference evaluator, which keeps scale * size unrounded.
template <class T>
T source_position(const std::string& coordinates, const AxisScale<T>& a, T i) {
  if (coordinates == "asymmetric") return i / a.scale;
  if (coordinates == "tf_half_pixel_for_nn") return (i + 0.5) / a.scale;
  if (coordinates == "half_pixel") return (i + 0.5) / a.scale - 0.5;
  const T length = a.scale * a.from;
  // Exact where the sizes are: a quotient of both would round.
  if (coordinates == "half_pixel_symmetric") return (length - a.to) / (a.scale * 2.0) + (i + 0.5) / a.scale - 0.5;
  const auto is_one = is_equal(length, 1.0);
  if (coordinates == "pytorch_half_pixel") return choose(is_one, -0.5, (i + 0.5) / a.scale - 0.5);
  const T last = a.from - 1.0;
  if (coordinates == "align_corners") return choose(is_one, 0.0, i * last / (length - 1.0));
  const T span = (a.roi_end - a.roi_start) * last;
  return a.roi_start * last + choose(is_one, span / 2.0, i * span / (length - 1.0));
}

// The nearest whole position, as the attribute `nearest` wants it.
template <class T>
T rounded_position(const std::string& nearest, T x, T scale) {
  using std::ceil, std::floor;
  if (nearest == "simple") return choose(is_less(scale, 1.0), ceil(x), floor(x));
  if (nearest == "ceil") return ceil(x);
  if (nearest == "round_prefer_floor") return ceil(x - 0.5);
  if (nearest == "round_prefer_ceil") return floor(x + 0.5);
  return floor(x);
}

// The cubic filter at a distance up to 1, and from 1 to 2.
template <class T>
T cubic_near(T x, double a) {
  return (x * (a + 2) - (a + 3)) * x * x + 1.0;
}
template <class T>
T cubic_far(T x, double a) {
  return ((x * a - 5 * a) * x + 8 * a) * x - 4 * a;
}

// -- on tensors

Status check_resampling(const NodeView& c);
Taps nearest_taps(const NodeView& c, const Resized& axis);
// Of any mode.
Taps taps_of(const NodeView& c, const Resized& axis);
// The axis is left alone.
bool stays(const NodeView& c, const Resized& axis);
// One axis of `from`, seen as [outer, axis, inner].
std::vector<double> resampled(const std::vector<double>& from, const Taps& taps, int64_t outer, int64_t length,
                              int64_t inner, int64_t to, std::optional<double> extrapolation);

}  // namespace burnish
