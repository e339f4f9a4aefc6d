#include <limits>

#include "ops/support/core.h"
#include "ops/support/reals.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &grid = c.type(1);
  const std::string &mode = c.string("mode"), &padding = c.string("padding");
  if (mode != "linear" && mode != "nearest" && mode != "cubic")
    return c.error("mode must be \"linear\", \"nearest\" or \"cubic\"");
  if (padding != "zeros" && padding != "border" && padding != "reflection")
    return c.error("padding must be \"zeros\", \"border\" or \"reflection\"");
  if (!x.ranked || !grid.ranked) {
    c.result(0, Type::unranked(x.dtype));
    return {};
  }
  const int64_t rank = x.rank();
  if (rank < 3 || rank > 8 || grid.rank() != rank)
    return c.error("x must be [N, C, D...] and grid [N, D..., as many coordinates]");
  if (equal(grid.dims.back(), rank - 2) == Truth::no)
    return c.error("grid has " + grid.dims.back().text() + " coordinates for " + std::to_string(rank - 2) + " axes");
  const auto batch = common_dim(x.dims[0], grid.dims[0]);
  if (!batch) return c.error("x and grid have different batch sizes");
  Dims dims = {*batch, x.dims[1]};
  dims.insert(dims.end(), grid.dims.begin() + 1, grid.dims.end() - 1);
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

// Mirrors v at the borders until it lies between them.
double reflect(double v, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double distance = v < low ? low - v : v > high ? v - high : 0;
  if (distance == 0) return v;
  const double times = std::floor(distance / range), rest = distance - times * range;
  const bool even = std::fmod(times, 2) == 0;
  return (v < low) == even ? low + rest : high - rest;
}

struct Axis {
  int64_t size;
  double low, high;  // the borders
};

// The pixels that a coordinate touches along one axis, and their weights. An index of -1 is a zero outside.
struct Taps {
  int count = 0;
  std::array<int64_t, 4> index{};
  std::array<double, 4> weight{};
};

class Sampler {
 public:
  explicit Sampler(const ReferenceContext& c)
      : mode_(c.string("mode")), padding_(c.string("padding")), corners_(c.integer("align_corners") != 0) {}

  Axis axis(int64_t size) const {
    const auto n = static_cast<double>(size);
    return corners_ ? Axis{size, 0, n - 1} : Axis{size, -0.5, n - 0.5};
  }

  Taps taps(const Axis& axis, double coordinate) const {
    const auto size = static_cast<double>(axis.size);
    // Coordinates are those of f32 whatever the data is: borders are decided by them.
    double v = corners_ ? (coordinate + 1) / 2 * (size - 1) : ((coordinate + 1) * size - 1) / 2;
    v = static_cast<double>(static_cast<float>(v));
    if (mode_ == "nearest") v = std::nearbyint(v);
    if (!(v >= axis.low && v <= axis.high)) {
      if (padding_ == "border") v = std::clamp(std::isnan(v) ? 0 : v, 0.0, size - 1);
      else if (padding_ == "reflection") v = std::isfinite(v) ? reflect(v, axis.low, axis.high) : 0;
    }
    Taps taps;
    if (!std::isfinite(v) || std::abs(v) > 1e15) {
      taps.count = 1;
      taps.index[0] = -1;
      return taps;
    }
    const double floor = std::floor(v), t = v - floor;
    const auto base = static_cast<int64_t>(floor);
    if (mode_ == "nearest") {
      taps = {1, {base}, {1}};
    } else if (mode_ == "linear") {
      taps = {2, {base, base + 1}, {1 - t, t}};
    } else {
      constexpr double a = -0.75;
      const auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
      const auto far = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
      taps = {4, {base - 1, base, base + 1, base + 2}, {far(t + 1), near(t), near(1 - t), far(2 - t)}};
    }
    for (int i = 0; i < taps.count; ++i) taps.index[i] = pixel(axis, taps.index[i]);
    return taps;
  }

 private:
  int64_t pixel(const Axis& axis, int64_t i) const {
    if (i >= 0 && i < axis.size) return i;
    if (padding_ == "zeros" || axis.size == 0) return -1;
    if (padding_ == "border") return std::clamp<int64_t>(i, 0, axis.size - 1);
    const double mirrored = reflect(static_cast<double>(i), axis.low, axis.high);
    return std::clamp<int64_t>(static_cast<int64_t>(mirrored), 0, axis.size - 1);
  }
  const std::string &mode_, &padding_;
  bool corners_;
};

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &grid = c.in(1);
  if (x.rank() < 3 || grid.rank() != x.rank() || grid.dims()[0] != x.dims()[0] || grid.dims().back() != x.rank() - 2)
    return c.error("grid does not fit x");
  const std::size_t spatial = idx(x.rank() - 2);
  Sizes dims = {x.dims()[0], x.dims()[1]};
  dims.insert(dims.end(), grid.dims().begin() + 1, grid.dims().end() - 1);
  Tensor* y = TRY(c.out(0, dims));
  const std::vector<double> pixels = reals(x), coordinates = reals(grid);
  std::vector<double> values(idx(y->elements()));
  const Sampler sampler(c);
  std::vector<Axis> axes;
  for (std::size_t d = 0; d < spatial; ++d) axes.push_back(sampler.axis(x.dims()[d + 2]));
  const Sizes strides = row_major_strides(std::span(x.dims()).subspan(2));
  const int64_t points = element_count(std::span(dims).subspan(2)), channels = dims[1];
  const int64_t plane = element_count(std::span(x.dims()).subspan(2));
  std::vector<Taps> taps(spatial);
  for (int64_t n = 0; n < dims[0]; ++n)
    for (int64_t p = 0; p < points; ++p) {
      // The last coordinate belongs to the first spatial axis.
      for (std::size_t d = 0; d < spatial; ++d)
        taps[d] = sampler.taps(axes[d], coordinates[idx((n * points + p + 1) * static_cast<int64_t>(spatial)) - 1 - d]);
      Sizes counts, position(spatial, 0);
      for (const Taps& t : taps) counts.push_back(t.count);
      for (bool more = true; more; more = next_position(position, counts)) {
        double weight = 1;
        int64_t offset = 0;
        bool inside = true;
        for (std::size_t d = 0; d < spatial; ++d) {
          const int64_t index = taps[d].index[idx(position[d])];
          inside = inside && index >= 0;
          weight *= taps[d].weight[idx(position[d])];
          offset += index * strides[d];
        }
        if (!inside) continue;
        for (int64_t k = 0; k < channels; ++k)
          values[idx((n * channels + k) * points + p)] += weight * pixels[idx((n * channels + k) * plane + offset)];
      }
    }
  store_reals(*y, values);
  return {};
}

// What one coordinate touches along one axis, as nodes of a nest.
class AxisLowering {
 public:
  struct Tap {
    int place, weight;  // weight -1: one
  };

  AxisLowering(const LowerContext& c, Nest& nest, const Dim& size, DType work)
      : mode_(c.string("mode")),
        padding_(c.string("padding")),
        corners_(c.integer("align_corners") != 0),
        n_(nest),
        work_(work),
        size_(size_value(nest, size, DType::f64)),
        last_(size_value(nest, size - 1, DType::i64)) {
    low_ = real(corners_ ? 0 : -0.5);
    high_ = sub(size_, real(corners_ ? 1 : 0.5));
  }

  std::vector<Tap> taps(int coordinate) {
    const int v = place_of(coordinate);
    const int floor = n_.apply(Scalar::floor, {v}), base = n_.cast(floor, DType::i64);
    if (mode_ == "nearest") return {{pixel(base, 0), -1}};
    const int t = n_.cast(sub(v, floor), work_), rest = sub(number(1), t);
    if (mode_ == "linear") return {{pixel(base, 0), rest}, {pixel(base, 1), t}};
    return {{pixel(base, -1), far(add(t, number(1)))},
            {pixel(base, 0), near(t)},
            {pixel(base, 1), near(rest)},
            {pixel(base, 2), far(add(rest, number(1)))}};
  }

 private:
  int real(double value) { return n_.constant(value, DType::f64); }
  int number(double value) { return n_.constant(value, work_); }
  int add(int a, int b) { return n_.apply(Scalar::add, {a, b}); }
  int sub(int a, int b) { return n_.apply(Scalar::sub, {a, b}); }
  int mul(int a, int b) { return n_.apply(Scalar::mul, {a, b}); }
  int less(int a, int b) { return n_.apply(Scalar::lt, {a, b}); }
  int min(int a, int b) { return n_.apply(Scalar::min, {a, b}); }
  int max(int a, int b) { return n_.apply(Scalar::max, {a, b}); }
  int select(int condition, int a, int b) { return n_.apply(Scalar::select, {condition, a, b}); }
  int floor(int a) { return n_.apply(Scalar::floor, {a}); }

  // The coordinate as a place among the pixels, made harmless where it is none.
  int place_of(int coordinate) {
    const int one = real(1), half = real(0.5);
    int v = add(n_.cast(coordinate, DType::f64), one);
    v = corners_ ? mul(mul(v, half), sub(size_, one)) : mul(sub(mul(v, size_), one), half);
    v = n_.cast(v, DType::f32);
    if (mode_ == "nearest") v = n_.apply(Scalar::round_even, {v});
    const int zero = n_.constant(0, DType::f32), extent = n_.apply(Scalar::abs, {v});
    if (padding_ == "border") {
      // Cubic pixels tell a place up to half a pixel outside from the border.
      const int wide = n_.cast(v, DType::f64),
                outside = n_.apply(Scalar::logical_or, {less(wide, low_), less(high_, wide)});
      const int held = select(outside, max(min(v, n_.cast(sub(size_, one), DType::f32)), zero), v);
      return select(n_.apply(Scalar::is_nan, {v}), zero, held);
    }
    if (padding_ == "reflection") {
      const int finite = less(extent, n_.constant(std::numeric_limits<double>::infinity(), DType::f32));
      return select(finite, reflected(n_.cast(v, DType::f64)), real(0));
    }
    return select(less(extent, n_.constant(1e15, DType::f32)), v, n_.constant(-9, DType::f32));
  }

  // As reflect().
  int reflected(int v) {
    const int range = sub(high_, low_), below = less(v, low_);
    const int distance = max(max(sub(low_, v), sub(v, high_)), real(0));
    const int times = floor(n_.apply(Scalar::div, {distance, range}));
    const int rest = sub(distance, mul(times, range));
    const int even = n_.apply(Scalar::eq, {floor(mul(times, real(0.5))), mul(times, real(0.5))});
    const int from_low = n_.apply(Scalar::eq, {below, even});
    const int mirrored = select(from_low, add(low_, rest), sub(high_, rest));
    const int inside = select(n_.apply(Scalar::eq, {distance, real(0)}), v, mirrored);
    return select(n_.apply(Scalar::le, {range, real(0)}), low_, inside);
  }

  int pixel(int base, int64_t offset) {
    const int i = offset == 0 ? base : add(base, n_.constant(static_cast<double>(offset), DType::i64));
    if (padding_ == "zeros" || (padding_ == "border" && mode_ == "nearest")) return i;
    const int from = padding_ == "border" ? i : n_.cast(reflected(n_.cast(i, DType::f64)), DType::i64);
    return max(min(from, last_), n_.constant(0, DType::i64));
  }

  // The cubic filter within one pixel, and between one and two.
  int near(int d) {
    const int inner = sub(mul(number(kA + 2), d), number(kA + 3));
    return add(mul(mul(inner, d), d), number(1));
  }
  int far(int d) {
    const int inner = add(mul(sub(mul(number(kA), d), number(5 * kA)), d), number(8 * kA));
    return sub(mul(inner, d), number(4 * kA));
  }

  static constexpr double kA = -0.75;
  const std::string &mode_, &padding_;
  bool corners_;
  Nest& n_;
  DType work_;
  int size_, last_, low_ = -1, high_ = -1;
};

Result<Kernel> lower(LowerContext& c) {
  // Every tap is code of its own.
  if (c.string("mode") == "cubic" && c.type(0).rank() > 5) return c.error("no kernel for cubic pixels of many axes");
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    const std::size_t spatial = axes.size() - 2;
    const DType work = c.type(0).dtype == DType::f64 ? DType::f64 : DType::f32;
    const auto f = [&](Scalar function, int a, int b) { return nest.apply(function, {a, b}); };
    std::vector<std::vector<AxisLowering::Tap>> taps(spatial);
    for (std::size_t d = 0; d < spatial; ++d) {
      std::vector<Index> where = {at(axes[0])};
      for (std::size_t e = 0; e < spatial; ++e) where.push_back(at(axes[e + 2]));
      where.push_back(Index{{}, Dim(static_cast<int64_t>(spatial - 1 - d)), -1});
      const int coordinate = guarded_load(nest, declared.operands[1], std::move(where));
      taps[d] = AxisLowering(c, nest, c.type(0).dims[d + 2], work).taps(coordinate);
    }
    int sum = -1;
    Sizes counts, position(spatial, 0);
    for (const auto& t : taps) counts.push_back(static_cast<int64_t>(t.size()));
    do {
      std::vector<Index> from = {at(axes[0]), at(axes[1])};
      int weight = -1;
      for (std::size_t d = 0; d < spatial; ++d) {
        const AxisLowering::Tap& tap = taps[d][idx(position[d])];
        from.push_back(Index{{}, Dim(0), tap.place});
        if (tap.weight >= 0) weight = weight < 0 ? tap.weight : f(Scalar::mul, weight, tap.weight);
      }
      int pixel = nest.cast(guarded_load(nest, declared.operands[0], std::move(from)), work);
      if (weight >= 0) pixel = f(Scalar::mul, pixel, weight);
      sum = sum < 0 ? pixel : f(Scalar::add, sum, pixel);
    } while (next_position(position, counts));
    return nest.cast(sum, c.type(0).dtype);
  });
}

constexpr OperandSpec kOperands[] = {{"x", "float"}, {"grid", "float"}};
constexpr ResultDoc kResults[] = {{"y", "[N, C, D...], a pixel per point of the grid"}};
constexpr AttributeSpec kAttributes[] = {
    {"mode", AttributeKind::string, "\"linear\"", "linear, nearest or cubic (a = -0.75)"},
    {"padding", AttributeKind::string, "\"zeros\"", "what lies outside: zeros, border or reflection"},
    {"align_corners", AttributeKind::integer, "0", "1: -1 and 1 are the centres of the outer pixels, not their edges"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,5,9,7], grid: f32[2,6,5,2] in [-1.4, 1.4]; y = grid_sample(x, grid) {padding = \"border\"}"},
    {"x: f32[2,3,4,5], grid: f32[2,3,3,2] in [-1.2, 1.2]; y = grid_sample(x, grid)"},
    {"x: f32[1,2,4,4], grid: f32[1,5,2,2] in [-1.5, 1.5]; y = grid_sample(x, grid) {mode = \"cubic\", padding = "
     "\"reflection\", align_corners = 1}"},
    {"x: f32[2,2,N,6], grid: f32[2,4,3,2] in [-4, 4]; y = grid_sample(x, grid) {padding = \"reflection\"}"},
    {"x: f32[1,2,5,4], grid: f32[1,3,7,2] in [-1.6, 1.6]; y = grid_sample(x, grid) {mode = \"cubic\", padding = "
     "\"border\"}"},
    {"x: f32[1,2,4,5], grid: f32[1,3,7,2] in [-1.6, 1.6]; y = grid_sample(x, grid) {mode = \"cubic\"}"},
    {"x: f32[1,1,3,4,5], grid: f32[1,2,2,2,3] in [-1.1, 1.1]; y = grid_sample(x, grid) {mode = \"nearest\", padding = "
     "\"border\"}"},
};
constexpr Operator kOperator = {
    .name = "grid_sample",
    .doc =
        "Pixels of x [N, C, D...] at the points of grid [N, D'..., coordinates in -1..1, last axis of x first]. "
        "Source: ONNX GridSample 22.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-4, 1e-5},
};

}  // namespace

namespace ops {
extern const OperatorList list_grid_sample;
constinit const OperatorList list_grid_sample = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
