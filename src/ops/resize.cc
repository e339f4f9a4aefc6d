#include "ops/support/core.h"
#include "ops/support/resampling.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  TRY(check_resampling(c));
  const Type& x = c.type(0);
  const Dims& sizes = c.dims("sizes");
  const std::size_t rank = sizes.size();
  if (x.ranked && x.dims.size() != rank) return c.error("sizes needs one entry per dim of x");
  if (!c.reals("scales").empty() && c.reals("scales").size() != rank)
    return c.error("scales needs one entry per dim of x");
  for (double scale : c.reals("scales"))
    if (!(scale > 0) || !std::isfinite(scale)) return c.error("a scale is not positive");
  const bool crop = c.string("coordinates") == "tf_crop_and_resize";
  if (crop && c.reals("roi").size() != 2 * rank)
    return c.error("tf_crop_and_resize needs a roi of two numbers per dim of x");
  for (const Dim& size : sizes)
    if (size.range().high < 0) return c.error("a size is negative");
  c.result(0, Type::tensor(x.dtype, sizes));
  return {};
}

Result<std::vector<Resized>> axes_of(const ReferenceContext& c, const Sizes& to) {
  const Tensor& x = c.in(0);
  if (x.dims().size() != to.size()) return c.error("sizes needs one entry per dim of x");
  std::vector<Resized> axes;
  for (std::size_t d = 0; d < to.size(); ++d) {
    Resized axis{x.dims()[d], to[d], 0};
    if (axis.from == 0 && axis.to != 0) return c.error("nothing to resize: x has no elements");
    axis.scale = c.reals("scales").empty()
                     ? static_cast<double>(axis.to) / std::max<double>(1, static_cast<double>(axis.from))
                     : c.reals("scales")[d];
    if (c.reals("roi").size() == 2 * to.size()) {
      axis.roi_start = c.reals("roi")[d];
      axis.roi_end = c.reals("roi")[d + to.size()];
    }
    // The filter's width and all products with it stay in range.
    if (axis.scale != 0 && axis.scale < 1e-7) return c.error("a scale is too small");
    axes.push_back(axis);
  }
  return axes;
}

Status reference(ReferenceContext& c) {
  const Sizes to = TRY(c.sizes("sizes"));
  const std::vector<Resized> axes = TRY(axes_of(c, to));
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0, to));
  if (y.elements() == 0) return {};
  const bool crop = c.string("coordinates") == "tf_crop_and_resize";
  if (c.string("mode") == "nearest" && !crop) {  // elements move as they are
    Sizes position(to.size(), 0);
    std::vector<Taps> taps;
    for (const Resized& axis : axes) taps.push_back(nearest_taps(c, axis));
    const Sizes strides = row_major_strides(x.dims());
    int64_t n = 0;
    do {
      int64_t from = 0;
      for (std::size_t d = 0; d < position.size(); ++d)
        from += strides[d] * (stays(c, axes[d]) ? position[d] : taps[d].index[idx(position[d])]);
      copy_elements(x, from, y, n++, 1);
    } while (next_position(position, to));
    return {};
  }
  std::vector<double> values(idx(x.elements()));
  for (int64_t i = 0; i < x.elements(); ++i) values[idx(i)] = x.real_at(i);
  Sizes dims = x.dims();
  for (std::size_t d = 0; d < to.size(); ++d) {
    if (stays(c, axes[d])) continue;
    const int64_t outer = element_count(std::span(dims).first(d)),
                  inner = element_count(std::span(dims).subspan(d + 1));
    if (!checked_product(Sizes{outer, to[d], inner})) return c.error("too many elements");
    const std::optional<double> extrapolation = crop ? std::optional(c.real("extrapolation")) : std::nullopt;
    values = resampled(values, taps_of(c, axes[d]), outer, dims[d], inner, to[d], extrapolation);
    dims[d] = to[d];
  }
  visit_number_class(y.dtype(), [&]<class N>(N) {
    if constexpr (std::is_arithmetic_v<N>) {
      const Accessor<N> access(y.dtype());
      for (int64_t i = 0; i < y.elements(); ++i) access.store(y.mutable_data(), i, static_cast<N>(values[idx(i)]));
    }
  });
  return {};
}

// -- as a nest: coordinates are computed in f64, exactly as the reference does

class Lowering {
 public:
  Lowering(const LowerContext& c, Nest& nest) : c_(c), nest_(nest) {}

  struct Tap {
    Index index;
    int weight = -1;  // -1: 1
  };

  // The elements of x that the position of `axis` reads, and their weights in f64.
  std::vector<Tap> taps(int axis, std::size_t d) {
    const Dim &from = c_.type(0).dims[d], &to = c_.dims("sizes")[d];
    const Floats& scales = c_.reals("scales");
    const bool same = from == to && (scales.empty() || scales[d] == 1);
    if (same) return {{at(axis)}};
    const auto size = [&](const Dim& dim) { return Term{&nest_, size_value(nest_, dim, DType::f64)}; };
    const AxisScale<Term> a{size(from), size(to), scales.empty() ? size(to) / size(from) : number(scales[d]), {}, {}};
    const Term x = source_position(c_.string("coordinates"), a, Term{&nest_, axis_value(nest_, axis, DType::f64)});
    const Term last = a.from - 1.0;
    if (c_.string("mode") == "nearest") return {{clamped(rounded_position(c_.string("nearest"), x, a.scale), last)}};
    const Term left = ceil(x) - 1.0, ratio = x - left;
    std::vector<Tap> result;
    const bool is_cubic = c_.string("mode") == "cubic";
    for (int k = is_cubic ? -1 : 0; k <= (is_cubic ? 2 : 1); ++k) {
      const Term offset = number(k);
      result.push_back({clamped(left + offset, last), weight((offset - ratio).apply(Scalar::abs), k).value});
    }
    return result;
  }

 private:
  Term number(double value) { return {&nest_, nest_.constant(value, DType::f64)}; }

  Index clamped(Term x, Term last) {
    const Term inside = x.apply(Scalar::min, last).apply(Scalar::max, number(0));
    return Index{{}, Dim(0), nest_.cast(inside.value, DType::i64)};
  }

  // Of a tap k places from the left one, at `distance` from the position: which branch of the filter is known from k.
  Term weight(Term distance, int k) {
    if (c_.string("mode") == "linear") return number(1) - distance;
    const double a = c_.real("cubic_a");
    return k == 0 || k == 1 ? cubic_near(distance, a) : cubic_far(distance, a);
  }

  const LowerContext& c_;
  Nest& nest_;
};

Result<Kernel> lower(LowerContext& c) {
  const std::string& coordinates = c.string("coordinates");
  if (coordinates == "tf_crop_and_resize" || c.integer("antialias") != 0 || c.integer("exclude_outside") != 0)
    return c.error("no kernel for " + coordinates + ", antialiasing or exclude_outside");
  const DType dtype = c.type(0).dtype;
  const bool nearest = c.string("mode") == "nearest";
  if (!nearest && !is_float(dtype)) return c.error("no kernel that interpolates " + std::string(name(dtype)));
  const DType work = dtype == DType::f64 ? DType::f64 : DType::f32;
  return indexed_kernel(c, [&](Nest& nest, const Declared& declared, std::span<const int> axes) {
    Lowering lowering(c, nest);
    // Sums of products, the axes' taps combined from the last axis on.
    struct Combined {
      std::vector<Index> index;
      int weight = -1;
    };
    std::vector<Combined> all = {{}};
    for (std::size_t d = 0; d < axes.size(); ++d) {
      std::vector<Combined> next;
      const auto taps = lowering.taps(axes[d], d);
      for (const Combined& head : all)
        for (const auto& tap : taps) {
          Combined one = head;
          one.index.push_back(tap.index);
          if (tap.weight >= 0) {
            const int weight = nest.cast(tap.weight, work);
            one.weight = one.weight < 0 ? weight : nest.apply(Scalar::mul, {one.weight, weight});
          }
          next.push_back(std::move(one));
        }
      all = std::move(next);
    }
    int sum = -1;
    for (Combined& one : all) {
      int value = guarded_load(nest, declared.operands[0], std::move(one.index));
      if (!nearest) value = nest.cast(value, work);
      if (one.weight >= 0) value = nest.apply(Scalar::mul, {value, one.weight});
      sum = sum < 0 ? value : nest.apply(Scalar::add, {sum, value});
    }
    return nest.cast(sum, dtype);
  });
}

constexpr OperandSpec kOperands[] = {{"x", "numeric|bool"}};
constexpr ResultDoc kResults[] = {{"y", "x resampled to `sizes`"}};
constexpr AttributeSpec kAttributes[] = {
    {"sizes", AttributeKind::dims, "required", "dims of y"},
    {"scales", AttributeKind::reals, "[]", "per axis, where they are not sizes / dims of x"},
    {"roi", AttributeKind::reals, "[]", "starts, then ends, as parts of x; for tf_crop_and_resize"},
    {"mode", AttributeKind::string, "\"nearest\"", "\"nearest\", \"linear\" or \"cubic\""},
    {"coordinates", AttributeKind::string, "\"half_pixel\"",
     "\"half_pixel\", \"half_pixel_symmetric\", \"pytorch_half_pixel\", \"align_corners\", \"asymmetric\", "
     "\"tf_half_pixel_for_nn\", \"tf_crop_and_resize\""},
    {"nearest", AttributeKind::string, "\"round_prefer_floor\"",
     "\"round_prefer_floor\", \"round_prefer_ceil\", \"floor\", \"ceil\" or \"simple\": ceil along axes that shrink, "
     "else floor"},
    {"cubic_a", AttributeKind::real, "-0.75", "the cubic filter's coefficient"},
    {"exclude_outside", AttributeKind::integer, "0", "1: what lies outside x weighs nothing"},
    {"extrapolation", AttributeKind::real, "0.0", "result outside x; for tf_crop_and_resize"},
    {"antialias", AttributeKind::integer, "0", "1: the filter is stretched where x is scaled down"}};
constexpr Sample kSamples[] = {
    {"x: f32[1,2,3,4]; y = resize(x) {sizes = dims[1, 2, 6, 8]}"},
    {"x: f32[1,2,5,4]; y = resize(x) {sizes = dims[1, 2, 3, 9], mode = \"linear\"}"},
    {"x: f32[1,1,4,4]; y = resize(x) {sizes = dims[1, 1, 3, 3], mode = \"linear\", coordinates = \"align_corners\"}"},
    {"x: f32[1,1,4,4]; y = resize(x) {sizes = dims[1, 1, 9, 9], mode = \"cubic\", coordinates = \"asymmetric\"}"},
    {"x: f32[1,1,6,6]; y = resize(x) {sizes = dims[1, 1, 3, 3], mode = \"linear\", antialias = 1}"},
    {"x: f32[2,N]; y = resize(x) {sizes = dims[2, 2*N], coordinates = \"asymmetric\", nearest = \"floor\"}"},
    {"x: f32[1,1,5,4]; y = resize(x) {sizes = dims[1, 1, 2, 9], coordinates = \"asymmetric\", nearest = \"simple\"}"},
    {"x: f32[1,1,5,4]; y = resize(x) {sizes = dims[1, 1, 2, 9], coordinates = \"tf_half_pixel_for_nn\", nearest = "
     "\"floor\"}"},
    {"x: f32[5]; y = resize(x) {sizes = dims[2], scales = [0.5], coordinates = \"half_pixel_symmetric\", nearest = "
     "\"floor\"}"},
};
constexpr Operator kOperator = {
    .name = "resize",
    .doc = "x resampled along each axis with a filter (nearest, linear, cubic). Source: ONNX Resize.",
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
extern const OperatorList list_resize;
constinit const OperatorList list_resize = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
