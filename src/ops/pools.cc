// max_pool, average_pool and lp_pool over windows; global_* over all spatial axes.

#include <cmath>
#include <limits>

#include "ops/support/window.h"

namespace burnish::ops {
namespace {

Result<Window> window_of_pool(const NodeView& n) {
  const Dims x = TRY(dims_of(n, 0));
  if (x.size() < 3) return n.error("x needs the dims [batch, channels, spatial...]");
  return window_of(n, std::span(x).subspan(2), n.ints("kernel"), n.integer("ceil") != 0);
}

Status infer_pool(InferContext& n) {
  const Type& x = n.type(0);
  if (!x.is_ranked_tensor()) {
    n.result(0, Type::unranked(x.dtype));
    if (n.result_count() > 1) n.result(1, Type::unranked(DType::i64));
    return {};
  }
  const Window window = TRY(window_of_pool(n));
  Dims dims = {x.dims[0], x.dims[1]};
  dims.insert(dims.end(), window.result.begin(), window.result.end());
  n.result(0, Type::tensor(x.dtype, dims));
  if (n.result_count() > 1) n.result(1, Type::tensor(DType::i64, std::move(dims)));
  return {};
}

AttributeMap pool_attributes(const Window& window, std::string_view mode, int64_t ceil, int64_t count_pads) {
  return {{"mode", std::string(mode)},      {"kernel", window.kernel}, {"strides", window.strides},
          {"dilations", window.dilations},  {"pads", *window.pads()},  {"ceil", ceil},
          {"count_include_pad", count_pads}};
}

double lowest(DType dtype) {
  if (is_float(dtype)) return -std::numeric_limits<double>::infinity();
  if (number_class(dtype) == NumberClass::unsigned_int) return 0;
  return -std::ldexp(1.0, bit_width(dtype) - 1);
}

Result<Values> decompose_max_pool(DecomposeContext& n) {
  Compose c(n.builder);
  Window window = TRY(window_of_pool(n));
  const bool indices = n.node().result(1) != nullptr;
  Value* x = n.in(0);
  if (!window.pads()) {
    if (indices) return n.error("indices with auto_pad need spatial sizes that are numbers");
    x = padded(c, x, window, lowest(n.type(0).dtype));
  }
  AttributeMap attributes = pool_attributes(window, "max", n.integer("ceil"), 0);
  if (indices) {
    attributes.erase("count_include_pad");
    attributes["column_major"] = n.integer("column_major");
    attributes.erase("mode");
    Node* node = c.node("max_pool_with_indices", {x}, std::move(attributes), 2);
    TRY(n.builder.finish());
    return Values{node->result(0), node->result(1)};
  }
  Values results = {c.op("pool", {x}, std::move(attributes))};
  TRY(n.builder.finish());
  results.resize(n.node().result_count());
  return results;
}

Result<Values> decompose_average_pool(DecomposeContext& n) {
  Compose c(n.builder);
  Window window = TRY(window_of_pool(n));
  const int64_t ceil = n.integer("ceil");
  if (window.pads())
    return c.done({c.op("pool", {n.in(0)}, pool_attributes(window, "average", ceil, n.integer("count_include_pad")))});
  Window of_ones = window;
  const DType dtype = n.type(0).dtype;
  Value* y = padded(c, c.cast(n.in(0), wide(dtype)), window, 0);
  y = c.op("pool", {y}, pool_attributes(window, "average", ceil, 1));
  if (n.integer("count_include_pad") != 0) return c.done({c.cast(y, dtype)});
  // The share of each window that is data.
  Dims shape = n.type(0).dims;
  shape[0] = shape[1] = 1;
  Value* share = padded(c, c.broadcast(c.number(y, 1), shape), of_ones, 0);
  share = c.op("pool", {share}, pool_attributes(of_ones, "average", ceil, 1));
  return c.done({c.cast(c.div(y, share), dtype)});
}

// p-norm; as the average of |x|^p times the size of the window, whose padding is made explicit so that it counts.
Value* power(Compose& c, Value* x, double p) {
  Value* magnitude = c.unary(Scalar::abs, x);
  if (p == 1) return magnitude;
  return p == 2 ? c.mul(x, x) : c.binary(Scalar::pow, magnitude, c.number(x, p));
}
Value* root(Compose& c, Value* x, double p) {
  if (p == 1) return x;
  return p == 2 ? c.unary(Scalar::sqrt, x) : c.binary(Scalar::pow, x, c.number(x, 1 / p));
}

Result<Values> decompose_lp_pool(DecomposeContext& n) {
  Compose c(n.builder);
  Window window = TRY(window_of_pool(n));
  const Dims spatial(n.type(0).dims.begin() + 2, n.type(0).dims.end());
  double size = 1;
  for (std::size_t i = 0; i < spatial.size(); ++i) {
    size *= static_cast<double>(window.kernel[i]);
    // What a last window of `ceil` needs beyond the padding.
    const Dim covered = (window.result[i] - 1) * window.strides[i] + (window.kernel[i] - 1) * window.dilations[i] + 1;
    if (n.integer("ceil") != 0) window.after[i] = max(window.after[i], covered - spatial[i] - window.before[i]);
  }
  const DType dtype = wide(n.type(0).dtype);
  const auto p = static_cast<double>(n.integer("p"));
  Value* y = power(c, c.cast(n.in(0), dtype), p);
  if (!window.pads()) y = padded(c, y, window, 0);
  y = c.op("pool", {y}, pool_attributes(window, "average", 0, 1));
  return c.done({c.cast(root(c, c.mul(y, size), p), n.type(0).dtype)});
}

Status infer_lp_pool(InferContext& n) {
  if (n.integer("p") < 1) return n.error("p must be positive");
  return infer_pool(n);
}

// -- global

Status infer_global(InferContext& n) {
  Type type = n.type(0);
  if (type.is_ranked_tensor()) {
    if (type.rank() < 2) return n.error("x needs the dims [batch, channels, spatial...]");
    std::fill(type.dims.begin() + 2, type.dims.end(), Dim(1));
  }
  n.result(0, std::move(type));
  return {};
}

Result<Values> decompose_global_average(DecomposeContext& n) {
  Compose c(n.builder);
  const int64_t rank = static_cast<int64_t>(TRY(dims_of(n, 0)).size());
  Value* y = c.mean(c.cast(n.in(0), wide(n.type(0).dtype)), range_of(2, rank));
  return c.done({c.cast(y, n.type(0).dtype)});
}

Result<Values> decompose_global_max(DecomposeContext& n) {
  Compose c(n.builder);
  const int64_t rank = static_cast<int64_t>(TRY(dims_of(n, 0)).size());
  return c.done({c.reduce("max", n.in(0), range_of(2, rank))});
}

Result<Values> decompose_global_lp(DecomposeContext& n) {
  Compose c(n.builder);
  const int64_t rank = static_cast<int64_t>(TRY(dims_of(n, 0)).size());
  const auto p = static_cast<double>(n.integer("p"));
  Value* x = power(c, c.cast(n.in(0), wide(n.type(0).dtype)), p);
  return c.done({c.cast(root(c, c.reduce("sum", x, range_of(2, rank)), p), n.type(0).dtype)});
}

Status infer_global_lp(InferContext& n) {
  if (n.integer("p") < 1) return n.error("p must be positive");
  return infer_global(n);
}

constexpr OperandSpec kX[] = {{"x", "numeric"}};
constexpr OperandSpec kFloat[] = {{"x", "float"}};
constexpr ResultDoc kY[] = {{"y", "[batch, channels, spatial...]"}};
constexpr ResultDoc kMaxResults[] = {{"y", "[batch, channels, spatial...]"},
                                     {"indices", "where in x, flattened, each maximum is (i64)", true}};

#define POOL_ATTRIBUTES                                                                      \
  WINDOW_ATTRIBUTES, {"kernel", AttributeKind::ints, "required", "window per spatial axis"}, \
      {"ceil", AttributeKind::integer, "0", "1 keeps a last window that is not whole"}
constexpr AttributeSpec kMaxAttributes[] = {
    POOL_ATTRIBUTES,
    {"column_major", AttributeKind::integer, "0", "1: indices count along the first spatial axis first"}};
constexpr AttributeSpec kAverageAttributes[] = {
    POOL_ATTRIBUTES, {"count_include_pad", AttributeKind::integer, "0", "1: padding counts as elements of 0"}};
constexpr AttributeSpec kLpAttributes[] = {POOL_ATTRIBUTES, {"p", AttributeKind::integer, "2", "of the p-norm"}};
constexpr AttributeSpec kP[] = {{"p", AttributeKind::integer, "2", "of the p-norm"}};

constexpr Sample kMaxSamples[] = {
    {"x: f32[1,2,6,7]; y = max_pool(x) {kernel = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]}"},
    {"x: f32[1,2,6,7]; y = max_pool(x) {kernel = [2, 3], strides = [2, 2], ceil = 1}"},
    {"x: f32[2,1,9]; y = max_pool(x) {kernel = [3], strides = [2], auto_pad = \"SAME_UPPER\"}"},
    {"x: f32[1,2,5,5]; y, i = max_pool(x) {kernel = [2, 2], dilations = [2, 2]}"}};
constexpr Sample kAverageSamples[] = {
    {"x: f32[1,2,6,7]; y = average_pool(x) {kernel = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]}"},
    {"x: f32[1,2,6,7]; y = average_pool(x) {kernel = [3, 3], pads = [1, 0, 1, 0], count_include_pad = 1}"},
    {"x: f32[1,1,6,5]; y = average_pool(x) {kernel = [2, 2], strides = [2, 2], auto_pad = \"SAME_LOWER\"}"}};
constexpr Sample kLpSamples[] = {
    {"x: f32[1,2,6,7]; y = lp_pool(x) {kernel = [3, 2], strides = [2, 2], pads = [1, 0, 1, 0]}"},
    {"x: f32[1,2,7]; y = lp_pool(x) {kernel = [2], strides = [2], p = 3}"}};
constexpr Sample kGlobalAverageSamples[] = {{"x: f32[2,3,4,5]; y = global_average_pool(x)"}};
constexpr Sample kGlobalMaxSamples[] = {{"x: f32[2,3,4,5]; y = global_max_pool(x)"}};
constexpr Sample kGlobalLpSamples[] = {{"x: f32[2,3,4,5]; y = global_lp_pool(x)"},
                                       {"x: f32[2,3,4]; y = global_lp_pool(x) {p = 3}"}};

constexpr Operator pool(std::string_view name, std::string_view doc, std::span<const OperandSpec> operands,
                        std::span<const ResultDoc> results, std::span<const AttributeSpec> attributes,
                        Status (*infer)(InferContext&), Result<Values> (*decompose)(DecomposeContext&),
                        std::span<const Sample> samples) {
  return {.name = name,
          .doc = doc,
          .operands = operands,
          .results = results,
          .attributes = attributes,
          .infer = infer,
          .reference = nullptr,
          .decompose = decompose,
          .lower = nullptr,
          .gradient = nullptr,
          .samples = samples,
          .tolerance = {.relative = 1e-5, .absolute = 1e-6}};
}

constexpr Operator kOperators[] = {
    pool("average_pool", "Mean of each window. Source: ONNX AveragePool.", kFloat, kY, kAverageAttributes, infer_pool,
         decompose_average_pool, kAverageSamples),
    pool("global_average_pool", "Mean over all spatial axes. Source: ONNX GlobalAveragePool.", kFloat, kY, {},
         infer_global, decompose_global_average, kGlobalAverageSamples),
    pool("global_lp_pool", "(sum |x|^p)^(1/p) over all spatial axes. Source: ONNX GlobalLpPool.", kFloat, kY, kP,
         infer_global_lp, decompose_global_lp, kGlobalLpSamples),
    pool("global_max_pool", "Maximum over all spatial axes. Source: ONNX GlobalMaxPool.", kX, kY, {}, infer_global,
         decompose_global_max, kGlobalMaxSamples),
    pool("lp_pool", "(sum |x|^p)^(1/p) of each window, padding counting as 0. Source: ONNX LpPool.", kFloat, kY,
         kLpAttributes, infer_lp_pool, decompose_lp_pool, kLpSamples),
    pool("max_pool", "Maximum of each window; padding never wins. Source: ONNX MaxPool.", kX, kMaxResults,
         kMaxAttributes, infer_pool, decompose_max_pool, kMaxSamples),
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(pools, kOperators)
